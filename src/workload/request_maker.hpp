// Workload: what a request is (class, lengths), apart from when it comes.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/workload.hpp"
#include "workload/length_sampler.hpp"

namespace plimsoll {

/// Draws the class and the lengths of a request from streams of their own, so that changing one
/// law leaves all other draws as they were.
class RequestMaker {
 public:
  RequestMaker(const WorkloadConfig& workload, std::uint64_t seed);

  ClassIndex draw_class(RequestId id) const;
  /// Sets the class and both lengths.
  void fill(RequestId id, Arrival& out) const;
  /// Sets both lengths by the class that `out` has.
  void fill_lengths(RequestId id, Arrival& out) const;

 private:
  struct Lengths {
    LengthSampler prompt;
    LengthSampler output;
  };

  RandomStream class_stream_;
  RandomStream prompt_stream_;
  RandomStream output_stream_;
  std::vector<double> cumulative_share_;  // by class, not normalized
  std::vector<Lengths> lengths_;          // by class
};

}  // namespace plimsoll
