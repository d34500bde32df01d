// Autoscaler target_utilization: Kubernetes' HPA v2, rule by rule.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/policies/autoscaler/autoscaler_harness.hpp"

namespace plimsoll {
namespace {

using testing::AutoscalerHarness;
using testing::Numbers;
using testing::Texts;

/// Kubernetes' defaults, a target of 50 %, and what a case changes of them.
AutoscalerHarness hpa(std::int64_t replicas, const Numbers& changes = {},
                      const Texts& select = {}) {
  Numbers numbers{{"target", 0.5}, {"tolerance", 0.1}};
  for (const std::string direction : {"up", "down"}) {
    const std::string prefix = "behavior.scale_" + direction + ".";
    numbers.push_back({prefix + "stabilization", direction == "up" ? 0 : 300e9});
    numbers.push_back({prefix + "pods", direction == "up" ? 4 : 0});
    numbers.push_back({prefix + "pods_period", 15e9});
    numbers.push_back({prefix + "percent", 1.0});
    numbers.push_back({prefix + "percent_period", 15e9});
  }
  numbers.insert(numbers.end(), changes.begin(), changes.end());
  Texts texts{{"scale_metric", "gpu_utilization"},
              {"behavior.scale_up.select", "max"},
              {"behavior.scale_down.select", "max"}};
  texts.insert(texts.end(), select.begin(), select.end());
  return {"target_utilization", replicas, numbers, texts};
}

const Numbers no_wait{{"behavior.scale_down.stabilization", 0}};

TEST(TargetUtilization, IsTheCeilingOfReadyTimesMetricOverTarget) {
  EXPECT_EQ(hpa(10).ask(0.75).desired, 15);
  EXPECT_EQ(hpa(10).ask(0.71).desired, 15);  // 14.2
  EXPECT_EQ(hpa(10, no_wait).ask(0.3).desired, 6);
  EXPECT_EQ(hpa(10, no_wait).ask(0.31).desired, 7);  // 6.2
}

TEST(TargetUtilization, ToleratesATenth) {
  EXPECT_EQ(hpa(100).ask(0.55).desired, 100);
  EXPECT_EQ(hpa(100).ask(0.55).reason, ScalingReason::tolerated);
  EXPECT_EQ(hpa(100).ask(0.56).desired, 100) << "112 are wanted; the maximum is 100";
  EXPECT_EQ(hpa(50).ask(0.56).desired, 56);
  EXPECT_EQ(hpa(50, no_wait).ask(0.45).desired, 50);
  EXPECT_EQ(hpa(50, no_wait).ask(0.44).desired, 44);
}

TEST(TargetUtilization, LoadingInstancesAreTheAnswerToWhatIsSeen) {
  AutoscalerHarness harness = hpa(10);
  harness.snapshot.loading = 6;
  EXPECT_EQ(harness.ask(0.8).desired, 16) << "10 x 0.8 / 0.5 are there already";
  EXPECT_EQ(harness.ask(0.9).desired, 18);
}

TEST(TargetUtilization, GoesUpByFourOrByDoublingWhicheverIsMore) {
  EXPECT_EQ(hpa(2).ask(1.0).desired, 4);
  EXPECT_EQ(hpa(1).ask(50.0).desired, 5) << "four pods";
  EXPECT_EQ(hpa(1).ask(50.0).reason, ScalingReason::rate_limited);
  EXPECT_EQ(hpa(10).ask(50.0).desired, 20) << "100 %";
  EXPECT_EQ(hpa(10, {}, {{"behavior.scale_up.select", "min"}}).ask(50.0).desired, 14);
  EXPECT_EQ(hpa(10, {}, {{"behavior.scale_up.select", "disabled"}}).ask(50.0).desired, 10);
}

TEST(TargetUtilization, APeriodCountsWhatWasAddedInIt) {
  // 10 % per minute, asked every 15 s: 20 grow to 22 and no further until a minute has passed.
  AutoscalerHarness harness = hpa(20, {{"behavior.scale_up.pods", 0},
                                       {"behavior.scale_up.percent", 0.1},
                                       {"behavior.scale_up.percent_period", 60e9}});
  std::vector<std::int64_t> replicas;
  for (int i = 0; i < 9; ++i) {
    replicas.push_back(harness.obey(1.0));
  }
  EXPECT_EQ(replicas, (std::vector<std::int64_t>{22, 22, 22, 22, 25, 25, 25, 25, 28}));
}

TEST(TargetUtilization, GoesDownOnlyToTheMostThatWasRecommendedInFiveMinutes) {
  AutoscalerHarness harness = hpa(10);
  EXPECT_EQ(harness.obey(0.4), 10) << "8 are wanted, but 10 were there";
  for (int i = 0; i < 18; ++i) {
    EXPECT_EQ(harness.ask(0.4).reason, ScalingReason::stabilizing);
  }
  EXPECT_EQ(harness.obey(0.4), 10);
}

TEST(TargetUtilization, AfterTheWindowItGoesDownToTheHighestOfIt) {
  // Tolerated at first (10 recommended), then 6 wanted for all but one moment of 8.
  AutoscalerHarness harness = hpa(10);
  harness.obey(0.5);
  int asked = 0;
  while (harness.snapshot.ready == 10 && asked < 40) {
    ++asked;
    harness.obey(asked == 10 ? 0.4 : 0.3);
  }
  EXPECT_EQ(asked, 20) << "the 10 of t = 15 s is 300 s old at t = 315 s";
  EXPECT_EQ(harness.snapshot.ready, 8);
}

TEST(TargetUtilization, AStabilizationWindowHoldsScalingUpToo) {
  AutoscalerHarness harness = hpa(10, {{"behavior.scale_up.stabilization", 45e9}});
  harness.obey(0.5);
  EXPECT_EQ(harness.obey(0.75), 10);
  EXPECT_EQ(harness.obey(0.75), 10);
  EXPECT_EQ(harness.obey(0.75), 15) << "the 10 is 45 s old";
}

TEST(TargetUtilization, DownByPodsPerPeriod) {
  AutoscalerHarness harness = hpa(20, {{"behavior.scale_down.stabilization", 0},
                                       {"behavior.scale_down.pods", 2},
                                       {"behavior.scale_down.percent", 0},
                                       {"behavior.scale_down.pods_period", 30e9}});
  std::vector<std::int64_t> replicas;
  for (int i = 0; i < 5; ++i) {
    replicas.push_back(harness.obey(0.01));
  }
  EXPECT_EQ(replicas, (std::vector<std::int64_t>{18, 18, 16, 16, 14}));
}

}  // namespace
}  // namespace plimsoll
