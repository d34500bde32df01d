// Laws of short times against their own quantiles.
#include "service/latency_sampler.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr int count = 200'000;

/// Share of the draws below `bound`.
double share_below(const LatencySampler& sampler, Duration bound) {
  const RandomStream stream{7, "test"};
  int below = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    below += sampler.draw(stream, id) < bound ? 1 : 0;
  }
  return below / static_cast<double>(count);
}

/// Four standard deviations of a share of `count` draws.
double tolerance(double p) {
  return 4 * std::sqrt(p * (1 - p) / count);
}

TEST(LatencySampler, LognormalKeepsBothQuantiles) {
  LatencyLaw law;
  law.kind = LatencyLaw::Kind::lognormal;
  law.p50 = 3ms;
  law.p99 = 10ms;
  const LatencySampler sampler{law};
  EXPECT_NEAR(share_below(sampler, 3ms), 0.5, tolerance(0.5));
  EXPECT_NEAR(share_below(sampler, 10ms), 0.99, tolerance(0.99));
}

TEST(LatencySampler, ExponentialKeepsItsMean) {
  LatencyLaw law;
  law.kind = LatencyLaw::Kind::exponential;
  law.mean = 5ms;
  const LatencySampler sampler{law};
  const double e = 1 - std::exp(-1.0);
  EXPECT_NEAR(share_below(sampler, 5ms), e, tolerance(e));
  EXPECT_EQ(sampler.mean(), 5ms);
}

TEST(LatencySampler, FixedDrawsNothing) {
  LatencyLaw law;
  law.mean = 4us;
  const LatencySampler sampler{law};
  const RandomStream stream{1, "test"};
  Draws draws = stream.of(3);
  Draws untouched = stream.of(3);
  EXPECT_EQ(sampler.draw(draws), 4us);
  EXPECT_EQ(draws(), untouched());
}

}  // namespace
}  // namespace plimsoll
