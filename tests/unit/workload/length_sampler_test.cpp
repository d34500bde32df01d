// Laws of token counts: moments, quantiles, rounding and clamping.
#include "workload/length_sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace plimsoll {
namespace {

constexpr std::size_t count = 200000;

std::vector<std::int32_t> draw_all(const LengthLaw& law) {
  const LengthSampler sampler{law};
  const RandomStream stream{5, "lengths"};
  std::vector<std::int32_t> values;
  for (std::uint64_t entity = 0; entity < count; ++entity) {
    Draws draws = stream.of(entity);
    values.push_back(sampler.draw(draws));
  }
  return values;
}

double mean_of(const std::vector<std::int32_t>& values) {
  double sum = 0;
  for (const std::int32_t v : values) {
    sum += v;
  }
  return sum / static_cast<double>(values.size());
}

double variance_of(const std::vector<std::int32_t>& values) {
  const double mean = mean_of(values);
  double squares = 0;
  for (const std::int32_t v : values) {
    squares += (v - mean) * (v - mean);
  }
  return squares / static_cast<double>(values.size());
}

LengthLaw law_of(LengthLaw::Kind kind, double mean, double cv = 1.0) {
  LengthLaw law;
  law.kind = kind;
  law.mean = mean;
  law.cv = cv;
  return law;
}

TEST(LengthSampler, FixedIsRoundedAndClamped) {
  LengthLaw law = law_of(LengthLaw::Kind::fixed, 92.5);
  Draws draws = RandomStream{1, "x"}.of(0);
  EXPECT_EQ(LengthSampler{law}.draw(draws), 93);
  law.maximum = 50;
  EXPECT_EQ(LengthSampler{law}.draw(draws), 50);
  law.mean = 0.1;
  EXPECT_EQ(LengthSampler{law}.draw(draws), 1);
}

TEST(LengthSampler, LognormalHasItsMeanAndCv) {
  for (const double cv : {0.3, 1.0}) {
    SCOPED_TRACE(cv);
    LengthLaw law = law_of(LengthLaw::Kind::lognormal, 812, cv);
    law.maximum = 1 << 30;
    const std::vector<std::int32_t> values = draw_all(law);
    const double sigma = 812 * cv;
    EXPECT_NEAR(mean_of(values), 812, 4 * sigma / std::sqrt(static_cast<double>(count)));
    // The logarithms are normal with variance log(1 + cv^2) and mean log(mean) - variance / 2.
    const double w = 1 + cv * cv;
    const double variance = std::log(w);
    double sum = 0;
    double squares = 0;
    for (const std::int32_t v : values) {
      const double off = std::log(v) - (std::log(812) - variance / 2);
      sum += off;
      squares += off * off;
    }
    const double n = static_cast<double>(count);
    EXPECT_NEAR(sum / n, 0.0, 4 * std::sqrt(variance / n));
    EXPECT_NEAR(squares / n / variance, 1.0, 4 * std::sqrt(2 / n));
    // Half lie below the median exp(mu) = mean / sqrt(1 + cv^2).
    const double median = 812 / std::sqrt(w);
    const auto below = std::count_if(values.begin(), values.end(),
                                     [median](std::int32_t v) { return v < median; });
    EXPECT_NEAR(static_cast<double>(below) / count, 0.5,
                4 * 0.5 / std::sqrt(static_cast<double>(count)) + 1e-3);
  }
}

TEST(LengthSampler, ExponentialHasItsMeanAndVariance) {
  const std::vector<std::int32_t> values = draw_all(law_of(LengthLaw::Kind::exponential, 500));
  const double n = static_cast<double>(count);
  EXPECT_NEAR(mean_of(values), 500, 4 * 500 / std::sqrt(n));
  EXPECT_NEAR(variance_of(values) / (500.0 * 500.0), 1.0, 4 * std::sqrt(8 / n));
}

TEST(LengthSampler, QuantilesAreLinearBetweenPoints) {
  LengthLaw law;
  law.kind = LengthLaw::Kind::quantiles;
  law.quantiles = {{0.0, 100}, {0.5, 200}, {0.9, 1000}, {1.0, 5000}};
  const std::vector<std::int32_t> values = draw_all(law);
  const double n = static_cast<double>(count);
  const std::pair<double, double> share_below[] = {
      {100, 0.0}, {150, 0.25}, {200, 0.5}, {600, 0.7}, {1000, 0.9}, {3000, 0.95}, {5001, 1.0}};
  for (const auto& point : share_below) {
    const double tokens = point.first;
    const double share = point.second;
    const auto below = std::count_if(values.begin(), values.end(),
                                     [tokens](std::int32_t v) { return v < tokens; });
    // Rounding moves at most half a token's probability, 0.5/200.
    EXPECT_NEAR(static_cast<double>(below) / n, share,
                4 * std::sqrt(share * (1 - share) / n) + 0.0026)
        << tokens;
  }
  // 0.5 * 150 + 0.4 * 600 + 0.1 * 3000.
  EXPECT_NEAR(mean_of(values), 615, 4 * std::sqrt(variance_of(values) / n));
}

TEST(LengthSampler, QuantilesOutsideTheListAreItsEnds) {
  LengthLaw law;
  law.kind = LengthLaw::Kind::quantiles;
  law.quantiles = {{0.25, 10}, {0.75, 20}};
  const std::vector<std::int32_t> values = draw_all(law);
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), 10);
  EXPECT_EQ(*std::max_element(values.begin(), values.end()), 20);
  const auto low = std::count(values.begin(), values.end(), 10);
  // A quarter below the first point, and the half token that rounds to 10: 0.5/20.
  const double p = 0.25 + 0.5 * 0.5 / 10;
  EXPECT_NEAR(static_cast<double>(low) / count, p, 4 * std::sqrt(p * (1 - p) / count));
}

TEST(LengthSampler, ClampsToItsRange) {
  LengthLaw law = law_of(LengthLaw::Kind::lognormal, 100, 4.0);
  law.minimum = 16;
  law.maximum = 256;
  const std::vector<std::int32_t> values = draw_all(law);
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), 16);
  EXPECT_EQ(*std::max_element(values.begin(), values.end()), 256);
}

}  // namespace
}  // namespace plimsoll
