// Autoscaler cost_aware: rent against late answers.
#include <gtest/gtest.h>

#include <cmath>

#include "unit/policies/autoscaler/autoscaler_harness.hpp"

namespace plimsoll {
namespace {

using testing::AutoscalerHarness;

AutoscalerHarness cost_aware(std::int64_t replicas, double loss, double least_saving = 0) {
  AutoscalerHarness harness{"cost_aware",
                            replicas,
                            {{"rate_per_replica", 2},
                             {"patience", 1e9},
                             {"dollars_per_late_request", loss},
                             {"dollars_per_replica_hour", 4},
                             {"least_saving", least_saving}}};
  return harness;
}

/// P(wait > 1 s) in M/M/n at rates lambda and 2, with Erlang C by its sum.
double late(int n, double lambda) {
  const double a = lambda / 2;
  if (n <= a) {
    return 1;
  }
  double term = 1;
  double sum = 0;
  for (int k = 0; k < n; ++k) {
    sum += term;
    term *= a / (k + 1);
  }
  const double tail = term * n / (n - a);
  return tail / (sum + tail) * std::exp(-(n * 2 - lambda));
}

TEST(CostAwareAutoscaler, TakesTheCheapestNumberOfAll) {
  for (const double lambda : {0.5, 7.0, 19.0}) {
    for (const double loss : {1e-5, 0.001, 0.1}) {
      int best = 1;
      const auto cost = [&](int n) { return 4.0 * n + 3600 * lambda * loss * late(n, lambda); };
      for (int n = 1; n <= 100; ++n) {
        best = cost(n) < cost(best) ? n : best;
      }
      const std::int64_t current = best == 50 ? 51 : 50;
      EXPECT_EQ(cost_aware(current, loss).ask(lambda).desired, best) << lambda << ' ' << loss;
    }
  }
}

TEST(CostAwareAutoscaler, HoldsMoreTheMoreALateAnswerCosts) {
  const std::int64_t cheap = cost_aware(1, 0.001).ask(20).desired;
  const std::int64_t dear = cost_aware(1, 1).ask(20).desired;
  EXPECT_GT(cheap, 10) << "20/s at 2/s each";
  EXPECT_GT(dear, cheap);
  EXPECT_EQ(cost_aware(5, 0).ask(20).desired, 1) << "who does not mind late answers rents nothing";
}

/// What is out of reach changes nothing, and looking at a million numbers is one walk: with a walk
/// for each of them this case would take half an hour.
TEST(CostAwareAutoscaler, LooksAtAMillionNumbersInOneWalk) {
  AutoscalerHarness harness = cost_aware(1, 0.1);
  const std::int64_t best = harness.ask(20).desired;
  harness.snapshot.maximum = 1'000'000;
  EXPECT_EQ(harness.ask(20).desired, best);
}

TEST(CostAwareAutoscaler, ThePoolsPriceGoesBeforeTheParameters) {
  AutoscalerHarness harness = cost_aware(1, 0.01);
  const std::int64_t at_four_dollars = harness.ask(20).desired;
  harness.snapshot.dollars_per_hour = 400;
  EXPECT_LT(harness.ask(20).desired, at_four_dollars);
}

TEST(CostAwareAutoscaler, ASmallSavingMovesNothing) {
  const std::int64_t best = cost_aware(1, 0.1).ask(20).desired;
  EXPECT_EQ(cost_aware(best + 1, 0.1, 0.5).ask(20).desired, best + 1);
  EXPECT_EQ(cost_aware(best + 1, 0.1, 0).ask(20).desired, best);
}

}  // namespace
}  // namespace plimsoll
