// Monitoring of whole runs: it disturbs nothing, counts exactly, and its alerts see the spike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "plimsoll/report.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

constexpr const char* scenario = "tiny/monitored.yaml";

RunResult play(const Config& config, const std::string& folder) {
  RunOptions options;
  options.out_folder = folder;
  return run_scenario(config, options);
}

TEST(Monitoring, DisturbsNothing) {
  const LoadedScenario loaded = test::load_shipped(scenario, {});
  const auto without_monitoring = [&](bool monitored) {
    return test::in_child([&] {
      Config config = loaded.config;
      if (!monitored) {
        config.monitoring.reset();
      }
      RunResult result = run_scenario(config, {});
      result.monitoring.reset();
      return result_json(result, config);
    });
  };
  const std::string with = without_monitoring(true);
  EXPECT_GT(with.size(), 1000U);
  EXPECT_TRUE(with == without_monitoring(false));
}

TEST(Monitoring, CountsEverySampleAndCompletedRequest) {
  const LoadedScenario loaded = test::load_shipped(scenario, {});
  const test::TemporaryFolder folder;
  const std::string text = test::in_child([&] {
    const RunResult result = play(loaded.config, folder.path());
    const MonitoringSummary& monitoring = *result.monitoring;
    // Three replicas serve all the time; 104 series of the engine and 20 others.
    EXPECT_EQ(monitoring.samples, monitoring.scrapes * 3 * 124);
    EXPECT_EQ(monitoring.instances_max, 3);
    // 372 samples each 2.5 s are 149/s, and some billing: 100/s fall behind, scrape after scrape.
    const double over = static_cast<double>(monitoring.samples + monitoring.billing_records) / 100 -
                        2.5 * static_cast<double>(monitoring.scrapes - 1);
    EXPECT_NEAR(to_seconds(monitoring.lag_max), over, 1e-6);
    // All requests completed before the last scrape, or in what follows it.
    const auto completed = result.slices.front().outcomes[0];
    EXPECT_LE(monitoring.billing_records, completed);
    EXPECT_EQ(monitoring.billing_bytes, 400.0 * static_cast<double>(monitoring.billing_records));
    return std::string{::testing::Test::HasFailure() ? "failed" : "good"};
  });
  EXPECT_EQ(text, "good");
  const test::CsvTable rows{test::bytes_of_file(folder.path() + "/monitoring.csv")};
  const auto last = [&](const std::string& metric, const std::string& pool) {
    const auto metrics = rows.column("metric");
    const auto pools = rows.column("pool");
    const auto values = rows.numbers("value");
    double value = -1;
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      value = metrics[i] == metric && pools[i] == pool ? values[i] : value;
    }
    return value;
  };
  for (const char* pool : {"large", "small"}) {
    const double completed = last("vllm:request_success_total", pool);
    EXPECT_GT(completed, 20);
    EXPECT_EQ(last("vllm:e2e_request_latency_seconds_count", pool), completed);
    EXPECT_GE(last("vllm:time_to_first_token_seconds_count", pool), completed);
  }
}

TEST(Monitoring, ItsAlertFiresInTheSpikeAndResolvesAfterIt) {
  const LoadedScenario loaded =
      test::load_shipped(scenario, {{"monitoring.database.ingest_capacity", "none"}});
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    for (const AlertSummary& alert : result.monitoring->alerts) {
      if (alert.name == "queue" && alert.pool == "large") {
        if (alert.episodes.empty()) {
          return std::string{"it never fired"};
        }
        const AlertEpisode& episode = alert.episodes.front();
        EXPECT_GT(to_seconds(episode.since.time_since_epoch()), 30);  // when the spike begins
        EXPECT_LT(to_seconds(episode.since.time_since_epoch()), 55);
        EXPECT_EQ(episode.fired - episode.since, std::chrono::seconds{5});
        EXPECT_EQ(episode.since - episode.clear, std::chrono::milliseconds{2500});
        EXPECT_EQ(alert.state, "inactive");
        return std::string{::testing::Test::HasFailure() ? "failed" : "good"};
      }
    }
    return std::string{"there is no such alert"};
  });
  EXPECT_EQ(text, "good");
}

/// "NAME POOL firings" of every alert of the scenario with `overrides`.
std::string alerts_of(std::vector<std::pair<std::string, std::string>> overrides,
                      const std::string& folder = "") {
  overrides.emplace_back("monitoring.database", "null");
  const LoadedScenario loaded = test::load_shipped(scenario, overrides);
  return test::in_child([&] {
    const RunResult result =
        folder.empty() ? run_scenario(loaded.config, {}) : play(loaded.config, folder);
    std::string told;
    for (const AlertSummary& alert : result.monitoring->alerts) {
      told += alert.name + " " + alert.pool + (alert.firings > 0 ? " fired\n" : " silent\n");
    }
    return told;
  });
}

TEST(Monitoring, ALineInTheGatewayIsSeenThere) {
  // 12 requests a replica at most, so that the line is central.
  const std::string told =
      alerts_of({{"workload.arrivals", "{rate: 15/s}"},
                 {"service.queue.max_outstanding", "12"},
                 {"monitoring.alerts",
                  "{gateway: {metric: inference_extension_flow_control_queue_size, above: 50, for: "
                  "5s}, replicas: {metric: \"vllm:num_requests_waiting\", above: 8, for: 5s}}"}});
  EXPECT_THAT(told, HasSubstr("gateway  fired\n"));
  EXPECT_THAT(told, HasSubstr("replicas large silent\nreplicas small silent\n"));
}

TEST(Monitoring, NobodyAnswersIsSeenByTheGatewayAndByNoSeriesOfTheDead) {
  const test::TemporaryFolder folder;
  const std::string told = alerts_of(
      {{"faults", "{reload: 5s, processes: {z: {scope: zone, law: timeline, at: 20s, for: 40s}}}"},
       {"monitoring.alerts",
        "{idle: {metric: \"vllm:num_requests_running\", below: 0.5, for: 10s}, nobody: "
        "{metric: inference_pool_ready_pods, below: 0.5, for: 10s}}"}},
      folder.path());
  EXPECT_THAT(told, HasSubstr("idle large silent\nidle small silent\n"));
  EXPECT_THAT(told, HasSubstr("nobody large fired\nnobody small fired\n"));
  const test::CsvTable rows{test::bytes_of_file(folder.path() + "/monitoring.csv")};
  const auto metrics = rows.column("metric");
  const auto times = rows.numbers("at_s");
  const auto values = rows.numbers("value");
  int ready = 0;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (times[i] > 25 && times[i] < 60) {
      EXPECT_NE(metrics[i].substr(0, 5), "vllm:") << times[i];
      if (metrics[i] == "inference_pool_ready_pods") {
        EXPECT_EQ(values[i], 0);
        ++ready;
      }
    }
  }
  EXPECT_GT(ready, 20);
}

}  // namespace
}  // namespace plimsoll
