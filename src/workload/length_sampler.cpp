// Workload: the laws of token counts.
#include "workload/length_sampler.hpp"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

namespace plimsoll {

LengthSampler::LengthSampler(const LengthLaw& law) : law_{law} {
  if (law.kind == LengthLaw::Kind::lognormal) {
    // E = exp(mu + sigma^2 / 2), cv^2 = exp(sigma^2) - 1.
    const double variance = std::log1p(law.cv * law.cv);
    mu_ = std::log(law.mean) - variance / 2.0;
    sigma_ = std::sqrt(variance);
  }
}

std::int32_t LengthSampler::draw(Draws& draws) const {
  const double rounded = std::floor(draw_real(draws) + 0.5);
  const double clamped =
      std::clamp(rounded, static_cast<double>(law_.minimum), static_cast<double>(law_.maximum));
  return static_cast<std::int32_t>(clamped);
}

double LengthSampler::draw_real(Draws& draws) const {
  switch (law_.kind) {
    case LengthLaw::Kind::fixed:
      break;
    case LengthLaw::Kind::lognormal: {
      boost::random::normal_distribution<double> normal;
      const double z = normal(draws);
      return std::exp(mu_ + sigma_ * z);
    }
    case LengthLaw::Kind::exponential: {
      boost::random::exponential_distribution<double> exponential;
      return law_.mean * exponential(draws);
    }
    case LengthLaw::Kind::quantiles:
      return quantile(draws.uniform());
  }
  return law_.mean;
}

double LengthSampler::quantile(double probability) const {
  const auto& points = law_.quantiles;
  const auto next = std::partition_point(
      points.begin(), points.end(),
      [probability](const LengthLaw::Quantile& q) { return q.probability <= probability; });
  if (points.empty()) {
    return law_.mean;
  }
  if (next == points.begin()) {
    return points.front().tokens;
  }
  if (next == points.end()) {
    return points.back().tokens;
  }
  const LengthLaw::Quantile& a = *(next - 1);
  const LengthLaw::Quantile& b = *next;
  return a.tokens +
         (b.tokens - a.tokens) * ((probability - a.probability) / (b.probability - a.probability));
}

}  // namespace plimsoll
