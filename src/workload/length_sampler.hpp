// Workload: token counts drawn from a law.
#pragma once

#include <cstdint>

#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// A LengthLaw made ready to draw from.
class LengthSampler {
 public:
  explicit LengthSampler(const LengthLaw& law);

  /// Tokens: the draw rounded to the nearest integer (halves up), clamped to the law's range.
  std::int32_t draw(Draws& draws) const;

 private:
  double draw_real(Draws& draws) const;
  double quantile(double probability) const;

  LengthLaw law_;
  double mu_ = 0.0;  // of the logarithm; lognormal
  double sigma_ = 0.0;
};

}  // namespace plimsoll
