// Arms of experiments from requests by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/collector.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

using namespace plimsoll::testing;

Config with_experiment(Duration duration, Duration window) {
  Config config = metrics_config();
  config.duration = duration;
  ExperimentConfig experiment;
  experiment.name = "colour";
  experiment.control = "blue";
  experiment.arms = {{"blue", 0.5, {}}, {"green", 0.5, {}}};
  experiment.window = window;
  experiment.least_windows = 2;
  config.experiments.push_back(experiment);
  return config;
}

void play_in(MetricsCollector& collector, ArmIndex arm, RequestRecord record) {
  record.arm = arm;
  collector.on_arrival(record.id, record.request_class, record.arrived);
  if (arm != no_arm) {
    collector.on_assigned(record, record.arrived);
  }
  if (record.first_token != never) {
    collector.on_first_token(record);
  }
  collector.on_end(record);
}

/// Every `step_ms` one of each arm; the treatment's is 40 ms faster, and each fifth is refused.
ExperimentSummary played(const Config& config, int pairs, std::int64_t step_ms) {
  MetricsCollector collector{config};
  RequestId id = 0;
  for (int i = 0; i < pairs; ++i) {
    const std::int64_t at = i * step_ms;
    play_in(collector, 0, served_request(id++, at));
    if (i % 5 == 4) {
      play_in(collector, 1, refused_request(id++, at, Outcome::queue_full));
    } else {
      RequestRecord fast = served_request(id++, at);
      fast.first_token -= std::chrono::milliseconds{40};
      fast.finished -= std::chrono::milliseconds{40};
      play_in(collector, 1, fast);
    }
  }
  play_in(collector, no_arm, served_request(id++, (pairs - 1) * step_ms));
  const SimTime end = at_ms(pairs * step_ms + 1000);
  return collector.finish(end, end, gauges_at(config, end), 0).experiments.at(0);
}

const DifferenceSummary& row(const ExperimentSummary& summary, const std::string& metric) {
  for (const DifferenceSummary& difference : summary.differences) {
    if (difference.metric == metric) {
      return difference;
    }
  }
  throw InternalError{"no such metric"};
}

TEST(ExperimentAccounts, ArmsAddUpToTheTrafficAndDifferByWhatTheyDifferBy) {
  const Config config = with_experiment(std::chrono::seconds{100}, std::chrono::seconds{10});
  const ExperimentSummary found = played(config, 1000, 100);
  EXPECT_EQ(found.windows, 10);
  EXPECT_EQ(found.concerned, 2001);
  EXPECT_EQ(found.outside, 1);
  ASSERT_EQ(found.arms.size(), 2U);
  EXPECT_EQ(found.arms[0].arrived + found.arms[1].arrived + found.outside, found.concerned);
  EXPECT_EQ(found.arms[1].outcomes[static_cast<std::size_t>(Outcome::completed)], 800);
  EXPECT_EQ(found.arms[1].outcomes[static_cast<std::size_t>(Outcome::queue_full)], 200);
  EXPECT_EQ(found.arms[1].in_flight, 0);
  EXPECT_EQ(found.arms[1].answered, 800);
  EXPECT_EQ(found.arms[1].by_pool[0].output_tokens, 800 * 11);

  const DifferenceSummary& ttft = row(found, "mean_ttft_ms");
  EXPECT_DOUBLE_EQ(ttft.control, 100);
  EXPECT_DOUBLE_EQ(ttft.treatment, 60);
  EXPECT_NEAR(ttft.low, -40, 1e-9);
  EXPECT_NEAR(ttft.high, -40, 1e-9);
  EXPECT_EQ(ttft.verdict, ArmVerdict::better);
  EXPECT_NEAR(row(found, "p99_ttft_ms").difference, -40, 0.4);
  const DifferenceSummary& answered = row(found, "answered_share");
  EXPECT_DOUBLE_EQ(answered.difference, -0.2);
  EXPECT_EQ(answered.verdict, ArmVerdict::worse);
  const DifferenceSummary& tpot = row(found, "mean_tpot_ms");
  EXPECT_EQ(tpot.verdict, ArmVerdict::undecided);
  EXPECT_EQ(tpot.reason, "the interval covers 0");
}

TEST(ExperimentAccounts, FewWindowsDecideNothing) {
  Config config = with_experiment(std::chrono::seconds{100}, std::chrono::seconds{10});
  config.experiments[0].least_windows = 11;
  const DifferenceSummary ttft = row(played(config, 1000, 100), "mean_ttft_ms");
  EXPECT_EQ(ttft.verdict, ArmVerdict::undecided);
  EXPECT_EQ(ttft.reason, "only 10 independent windows, 11 are asked for");
  EXPECT_TRUE(ttft.has_interval);
}

TEST(ExperimentAccounts, FewKeysDecideNothing) {
  Config config = with_experiment(std::chrono::seconds{100}, std::chrono::seconds{10});
  config.experiments[0].by = AssignBy::key;
  // All requests are of one group, that is of one key: played() leaves key_group as it is.
  const DifferenceSummary ttft = row(played(config, 1000, 100), "mean_ttft_ms");
  EXPECT_EQ(ttft.verdict, ArmVerdict::undecided);
  EXPECT_THAT(ttft.reason, ::testing::HasSubstr("the keys of an arm are worth 1"));
}

TEST(ExperimentAccounts, TheLastWindowTakesTheRestAndTheWarmUpNone) {
  Config config = with_experiment(std::chrono::seconds{100}, std::chrono::seconds{30});
  config.warm_up = std::chrono::seconds{20};
  const ExperimentSummary found = played(config, 1000, 100);
  EXPECT_EQ(found.windows, 2) << "80 s hold two of 30 s";
  EXPECT_EQ(found.arms[0].measured_arrivals, 800);
  EXPECT_EQ(found.arms[0].arrived, 1000);
}

TEST(ExperimentAccounts, WindowsAreJoinedWhereNobodyKnowsTheEnd) {
  const Config open = with_experiment(Duration::zero(), std::chrono::milliseconds{200});
  const ExperimentSummary found = played(open, 1000, 100);
  // 500 windows of 200 ms are more than 400: 250 of 400 ms.
  EXPECT_EQ(found.windows, 250);
  EXPECT_EQ(found.window, std::chrono::milliseconds{400});
  EXPECT_EQ(found.arms[0].measured_arrivals, 1000);
  EXPECT_DOUBLE_EQ(row(found, "mean_ttft_ms").difference, -40);
}

}  // namespace
}  // namespace plimsoll
