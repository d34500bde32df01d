// Laws of times up and of repairs: their means, their shapes, and that streams are apart.
#include "operations/fault_draws.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr int draws_made = 20'000;

FaultProcess process_of(FaultLaw law, double shape) {
  FaultProcess process;
  process.law = law;
  process.shape = shape;
  process.mtbf = 1h;
  return process;
}

struct Moments {
  double mean = 0;
  double variance = 0;
  double below_mean = 0;  // share of draws
};

Moments moments_of(const FaultProcess& process) {
  Draws draws = RandomStream{7, "test"}.of(0);
  const double mtbf = to_seconds(process.mtbf);
  Moments m;
  double squares = 0;
  for (int i = 0; i < draws_made; ++i) {
    const double up = to_seconds(draw_time_up(process, draws)) / mtbf;
    m.mean += up / draws_made;
    squares += up * up / draws_made;
    m.below_mean += up < 1 ? 1.0 / draws_made : 0;
  }
  m.variance = squares - m.mean * m.mean;
  return m;
}

TEST(FaultDraws, ExponentialTimesUpHaveTheirMeanAndNoMemory) {
  const Moments m = moments_of(process_of(FaultLaw::exponential, 1));
  // Standard deviation of a mean: 1 / sqrt(n) = 0.0071; of a share p: sqrt(p (1 - p) / n).
  EXPECT_NEAR(m.mean, 1, 4 * 0.0071);
  EXPECT_NEAR(m.variance, 1, 0.1);
  EXPECT_NEAR(m.below_mean, 1 - std::exp(-1.0), 4 * 0.0034);
}

TEST(FaultDraws, WeibullTimesUpHaveTheirMeanWhateverTheShape) {
  for (const double shape : {0.7, 1.0, 3.0}) {
    const Moments m = moments_of(process_of(FaultLaw::weibull, shape));
    const double one = std::tgamma(1 + 1 / shape);
    const double variance = std::tgamma(1 + 2 / shape) / (one * one) - 1;
    EXPECT_NEAR(m.mean, 1, 4 * std::sqrt(variance / draws_made)) << shape;
    EXPECT_NEAR(m.variance, variance, 0.15 * variance) << shape;
    // P(T < mean) = 1 - exp(-(mean / scale)^shape) = 1 - exp(-Gamma(1 + 1 / shape)^shape)
    EXPECT_NEAR(m.below_mean, 1 - std::exp(-std::pow(one, shape)), 4 * 0.0036) << shape;
  }
}

TEST(FaultDraws, RepairsComeFromTheirClassesByShares) {
  FaultProcess process;
  process.repair = {{"hard", 1, 24h, 72h}, {"soft", 3, 1h, 4h}};
  Draws draws = RandomStream{7, "test"}.of(1);
  int hard = 0;
  double sum = 0;
  for (int i = 0; i < draws_made; ++i) {
    const RepairDraw repair = draw_repair(process, draws);
    const bool is_hard = repair.repair_class == 0;
    hard += is_hard ? 1 : 0;
    EXPECT_GE(repair.length, is_hard ? Duration{24h} : Duration{1h});
    EXPECT_LE(repair.length, is_hard ? Duration{72h} : Duration{4h});
    sum += to_seconds(repair.length);
  }
  EXPECT_NEAR(hard / double{draws_made}, 0.25, 4 * 0.0031);
  // (48 h + 3 x 2.5 h) / 4
  EXPECT_EQ(mean_repair(process), Duration{13h + 52min + 30s});
  EXPECT_NEAR(sum / draws_made / to_seconds(mean_repair(process)), 1, 0.05);
}

TEST(FaultDraws, UnitsDrawApart) {
  const FaultProcess process = process_of(FaultLaw::exponential, 1);
  Draws one = RandomStream{7, "faults:gpus"}.of(0);
  Draws other = RandomStream{7, "faults:gpus"}.of(1);
  EXPECT_NE(draw_time_up(process, one), draw_time_up(process, other));
}

}  // namespace
}  // namespace plimsoll
