// Draws of a latency law: one stream per stage, one entity per attempt of a request.
#pragma once

#include <cstdint>

#include "plimsoll/path_config.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// A LatencyLaw made ready to draw from. Fixed laws draw nothing.
class LatencySampler {
 public:
  LatencySampler() = default;
  explicit LatencySampler(const LatencyLaw& law);

  /// The nearest nanosecond, halves up; at most ten years.
  Duration draw(Draws& draws) const { return fixed_ ? value_ : draw_random(draws); }
  /// The first draw of `id` in `stream`.
  Duration draw(const RandomStream& stream, std::uint64_t id) const {
    if (fixed_) {
      return value_;
    }
    Draws draws = stream.of(id);
    return draw_random(draws);
  }
  Duration mean() const;

 private:
  Duration draw_random(Draws& draws) const;

  bool fixed_ = true;
  Duration value_{};
  double scale_ns_ = 0;  // mean of an exponential, median of a lognormal
  double sigma_ = 0;     // of the logarithm; 0: exponential
};

}  // namespace plimsoll
