// Autoscaler threshold: the seed's form, in steps or by a factor.
#include <gtest/gtest.h>

#include "unit/policies/autoscaler/autoscaler_harness.hpp"

namespace plimsoll {
namespace {

using testing::AutoscalerHarness;

AutoscalerHarness threshold(std::int64_t replicas, double up, double down, double step = 1,
                            double factor = 1) {
  return {"threshold",
          replicas,
          {{"scale_up_threshold", up},
           {"scale_down_threshold", down},
           {"step", step},
           {"expansion_factor", factor}},
          {{"scale_metric", "queue_depth"}}};
}

TEST(ThresholdAutoscaler, MoreAboveFewerBelowNothingBetween) {
  AutoscalerHarness harness = threshold(50, 1000, 100, 5);
  EXPECT_EQ(harness.ask(1000).desired, 50) << "at the mark, not above";
  EXPECT_EQ(harness.ask(1001).desired, 55);
  EXPECT_EQ(harness.ask(1001).reason, ScalingReason::above);
  EXPECT_EQ(harness.ask(100).desired, 50);
  EXPECT_EQ(harness.ask(99).desired, 45);
  EXPECT_EQ(harness.ask(99).reason, ScalingReason::below);
}

TEST(ThresholdAutoscaler, WaitsForWhatIsLoadingBeforeItAddsMore) {
  AutoscalerHarness harness = threshold(10, 100, 10);
  harness.snapshot.loading = 2;
  EXPECT_EQ(harness.ask(5000).desired, 12);
  EXPECT_EQ(harness.ask(5000).reason, ScalingReason::stabilizing);
  EXPECT_EQ(harness.ask(5).desired, 11) << "but takes away";
}

TEST(ThresholdAutoscaler, ACacheGrowsByHalf) {
  // 85 % of memory used: 1.5 times as much; below 60 %: back.
  AutoscalerHarness harness = threshold(8, 0.85, 0.60, 1, 1.5);
  EXPECT_EQ(harness.obey(0.9), 12);
  EXPECT_EQ(harness.obey(0.9), 18);
  EXPECT_EQ(harness.obey(0.7), 18);
  EXPECT_EQ(harness.obey(0.5), 12);
  EXPECT_EQ(harness.obey(0.5), 8);
}

TEST(ThresholdAutoscaler, HoldsWhereNothingIsKnown) {
  AutoscalerHarness harness = threshold(7, 100, 10);
  EXPECT_EQ(harness.ask(std::nullopt).desired, 7);
  EXPECT_EQ(harness.ask(std::nullopt).reason, ScalingReason::no_signal);
}

}  // namespace
}  // namespace plimsoll
