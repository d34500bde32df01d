// Workload: what a request is (class, lengths), apart from when it comes.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/workload.hpp"
#include "workload/length_sampler.hpp"
#include "workload/prefix_sampler.hpp"

namespace plimsoll {

/// Draws the class and the lengths of a request from streams of their own, so that changing one
/// law leaves all other draws as they were.
class RequestMaker {
 public:
  RequestMaker(const WorkloadConfig& workload, std::uint64_t seed);

  ClassIndex draw_class(RequestId id) const;
  /// Sets the class, both lengths and the prefix.
  void fill(RequestId id, Arrival& out) const;
  /// Sets the prefix of a request whose class and lengths are known, when there are such laws.
  void fill_prefix(RequestId id, Arrival& out) const {
    if (!prefixes_.empty()) {
      draw_prefix(id, out);
    }
  }
  /// Sets both lengths by the class that `out` has.
  void fill_lengths(RequestId id, Arrival& out) const;

 private:
  static constexpr std::size_t no_law = ~std::size_t{0};
  struct Lengths {
    LengthSampler prompt;
    LengthSampler output;
  };

  void draw_prefix(RequestId id, Arrival& out) const;

  RandomStream class_stream_;
  RandomStream prompt_stream_;
  RandomStream output_stream_;
  RandomStream prefix_stream_;
  std::vector<double> cumulative_share_;  // by class, not normalized
  std::vector<Lengths> lengths_;          // by class
  std::vector<PrefixSampler> prefixes_;   // the workload's law, and classes' own
  std::vector<std::size_t> prefix_of_;    // by class, into prefixes_; no_law: none
};

}  // namespace plimsoll
