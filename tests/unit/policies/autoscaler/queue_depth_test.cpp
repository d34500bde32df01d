// Autoscaler queue_depth: as many instances as take up the line.
#include <gtest/gtest.h>

#include "unit/policies/autoscaler/autoscaler_harness.hpp"

namespace plimsoll {
namespace {

using testing::AutoscalerHarness;

AutoscalerHarness queue_depth(std::int64_t replicas) {
  return {
      "queue_depth",
      replicas,
      {{"waiting_per_replica", 2}, {"requests_per_replica", 30}, {"idle_for", 60e9}, {"step", 1}}};
}

TEST(QueueDepth, AddsWhatTakesUpTheLineBeyondWhatIsTolerated) {
  EXPECT_EQ(queue_depth(5).ask(10).desired, 5);
  EXPECT_EQ(queue_depth(5).ask(11).desired, 6);
  EXPECT_EQ(queue_depth(5).ask(70).desired, 7);  // 60 beyond 10
  EXPECT_EQ(queue_depth(5).ask(71).desired, 8);
}

TEST(QueueDepth, LoadingInstancesTakeUpTheirPart) {
  AutoscalerHarness harness = queue_depth(5);
  harness.snapshot.loading = 2;
  EXPECT_EQ(harness.ask(70).desired, 7);
  EXPECT_EQ(harness.ask(70).reason, ScalingReason::stabilizing);
  EXPECT_EQ(harness.ask(100).desired, 8);
}

TEST(QueueDepth, TakesAStepAwayWheneverNobodyHasWaitedForSoLong) {
  AutoscalerHarness harness = queue_depth(5);
  EXPECT_EQ(harness.obey(1), 5);  // 15 s
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(harness.obey(0), 5);
  }
  EXPECT_EQ(harness.obey(0), 4) << "60 s after the last that waited";
  EXPECT_EQ(harness.obey(0), 4) << "and 60 s more for the next";
  EXPECT_EQ(harness.obey(3), 4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(harness.obey(0), 4);
  }
  EXPECT_EQ(harness.obey(0), 3);
}

}  // namespace
}  // namespace plimsoll
