// The laws of short times.
#include "service/latency_sampler.hpp"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

namespace plimsoll {
namespace {

constexpr double z_of_p99 = 2.3263478740408408;  // the standard normal's 99th percentile
constexpr double longest_ns = 3.2e17;            // about ten years: sums stay within the clock

}  // namespace

LatencySampler::LatencySampler(const LatencyLaw& law)
    : fixed_{law.kind == LatencyLaw::Kind::fixed}, value_{law.mean} {
  if (law.kind == LatencyLaw::Kind::exponential) {
    scale_ns_ = static_cast<double>(law.mean.count());
    fixed_ = law.mean == Duration::zero();
  } else if (law.kind == LatencyLaw::Kind::lognormal) {
    scale_ns_ = static_cast<double>(law.p50.count());
    sigma_ = std::log(static_cast<double>(law.p99.count()) / scale_ns_) / z_of_p99;
    fixed_ = law.p99 == law.p50;
    value_ = law.p50;
  }
}

Duration LatencySampler::draw_random(Draws& draws) const {
  double ns = 0;
  if (sigma_ > 0) {
    boost::random::normal_distribution<double> normal;
    const double z = normal(draws);
    ns = scale_ns_ * std::exp(sigma_ * z);
  } else {
    boost::random::exponential_distribution<double> exponential;
    const double e = exponential(draws);
    ns = scale_ns_ * e;
  }
  return Duration{static_cast<std::int64_t>(std::min(ns, longest_ns) + 0.5)};
}

Duration LatencySampler::mean() const {
  if (fixed_) {
    return value_;
  }
  const double ns = sigma_ > 0 ? scale_ns_ * std::exp(sigma_ * sigma_ / 2) : scale_ns_;
  return Duration{static_cast<std::int64_t>(std::min(ns, longest_ns) + 0.5)};
}

}  // namespace plimsoll
