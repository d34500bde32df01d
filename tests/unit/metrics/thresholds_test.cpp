// Conditions, their texts and their verdicts.
#include "metrics/thresholds.hpp"

#include <gtest/gtest.h>

#include "metrics/window_log.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

ThresholdConfig condition(const std::string& comparison, double bound) {
  ThresholdConfig threshold;
  threshold.metric = "ttft_ms";
  threshold.statistic = "p";
  threshold.percentile = 99;
  threshold.comparison = comparison;
  threshold.bound = bound;
  threshold.text = "p(99)" + comparison + "3000";
  return threshold;
}

TEST(Thresholds, ComparisonsIncludeTheirBoundOrNot) {
  EXPECT_FALSE(condition_holds(condition("<", 3), 3));
  EXPECT_TRUE(condition_holds(condition("<=", 3), 3));
  EXPECT_FALSE(condition_holds(condition(">", 3), 3));
  EXPECT_TRUE(condition_holds(condition(">=", 3), 3));
  EXPECT_TRUE(condition_holds(condition("<", 3), 2.9));
  EXPECT_TRUE(condition_holds(condition(">", 3), 3.1));
  EXPECT_THROW(condition_holds(condition("==", 3), 3), InternalError);
}

TEST(Thresholds, TextNamesMetricTagAndScope) {
  ThresholdConfig threshold = condition("<", 3000);
  EXPECT_EQ(threshold_text(threshold), "ttft_ms p(99)<3000");
  threshold.tag_key = "tier";
  threshold.tag_value = "plus";
  threshold.text = "p(99)<3000 every window";
  EXPECT_EQ(threshold_text(threshold), "ttft_ms{tier:plus} p(99)<3000 every window");
}

TEST(Thresholds, TheWorstWindowDependsOnTheDirection) {
  const ThresholdConfig below = condition("<", 10);
  const ThresholdConfig above = condition(">", 10);
  ThresholdTracker largest{below}, smallest{above};
  const double values[] = {12, 30, 11};
  for (int i = 0; i < 3; ++i) {
    const SimTime begin = sim_start + std::chrono::seconds{i};
    largest.take_window(begin, MetricValue{true, values[i]});
    smallest.take_window(begin, MetricValue{true, values[i]});
  }
  largest.take_window(sim_start, MetricValue{});  // nothing measured: neither way
  EXPECT_EQ(largest.verdict(MetricValue{true, 9}).worst_window_value, 30);
  EXPECT_EQ(smallest.verdict(MetricValue{true, 11}).worst_window_value, 11);
  EXPECT_TRUE(largest.verdict(MetricValue{true, 9}).holds);  // over the run only
  EXPECT_EQ(largest.verdict(MetricValue{true, 9}).worst_window,
            sim_start + std::chrono::seconds{1});
}

TEST(Thresholds, EveryWindowAndNothingMeasured) {
  ThresholdConfig threshold = condition("<", 10);
  threshold.every_window = true;
  ThresholdTracker tracker{threshold};
  EXPECT_FALSE(tracker.verdict(MetricValue{true, 5}).measured);
  EXPECT_FALSE(tracker.verdict(MetricValue{true, 5}).holds);
  tracker.take_window(sim_start, MetricValue{true, 9});
  EXPECT_TRUE(tracker.verdict(MetricValue{true, 5}).holds);
  tracker.take_window(sim_start, MetricValue{true, 11});
  EXPECT_FALSE(tracker.verdict(MetricValue{true, 5}).holds);
  const ThresholdConfig over_run = condition("<", 10);
  EXPECT_FALSE(ThresholdTracker{over_run}.verdict(MetricValue{}).holds);
  EXPECT_NE(failure_reason(ThresholdTracker{over_run}.verdict(MetricValue{})).find("nothing"),
            std::string::npos);
}

TEST(Thresholds, EveryDocumentedMetricIsFound) {
  for (const MetricDoc& doc : metric_docs) {
    EXPECT_EQ(find_metric(doc.name), &doc);
  }
  EXPECT_EQ(find_metric("ttft"), nullptr);
}

TEST(WindowLog, HoldsABoundedNumberAndTheWorst) {
  WindowLog log;
  for (int i = 0; i < 100'000; ++i) {
    WindowSummary window;
    window.begin = sim_start + std::chrono::seconds{i};
    window.ttft_p99 = i == 77'777 ? 500 : 100;
    log.add(window);
  }
  EXPECT_EQ(log.closed(), 100'000);
  EXPECT_LT(log.held().size(), WindowLog::most_windows);
  ASSERT_EQ(log.worst().size(), 1U);
  EXPECT_EQ(log.worst()[0].window.begin, sim_start + std::chrono::seconds{77'777});
}

}  // namespace
}  // namespace plimsoll
