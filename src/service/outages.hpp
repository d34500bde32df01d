// When a stage does not work: spans of the timeline that the scenario gives.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plimsoll/path_config.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// A few spans; asking costs nothing where there are none.
class Outages {
 public:
  Outages(std::uint64_t seed, std::string_view stream, const std::vector<OutageConfig>& spans)
      : stream_{seed, stream}, spans_{spans} {}

  /// Whether the request `id` that comes at `t` meets one.
  bool hits(std::uint64_t id, SimTime t) const { return !spans_.empty() && end_for(id, t) != t; }

  /// The end of the span that the request meets at `t`; `t` itself when it meets none. The span
  /// that ends last counts.
  SimTime end_for(std::uint64_t id, SimTime t) const {
    SimTime end = t;
    for (const OutageConfig& span : spans_) {
      const SimTime begins = sim_start + span.at;
      if (t >= begins && t < begins + span.lasting && begins + span.lasting > end &&
          met(span, id)) {
        end = begins + span.lasting;
      }
    }
    return end;
  }

  const std::vector<OutageConfig>& spans() const { return spans_; }

 private:
  bool met(const OutageConfig& span, std::uint64_t id) const {
    if (span.share >= 1.0) {
      return true;
    }
    Draws draws = stream_.of(id);
    return draws.uniform() < span.share;
  }

  RandomStream stream_;
  std::vector<OutageConfig> spans_;
};

}  // namespace plimsoll
