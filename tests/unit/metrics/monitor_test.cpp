// Scrapes, quantiles from buckets, the database as a fluid queue: by hand.
#include "metrics/monitor.hpp"

#include <gtest/gtest.h>

#include <map>

#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SimTime at(double second) {
  return sim_start + Duration{static_cast<std::int64_t>(second * 1e9)};
}

MetricsDatabaseConfig database_of(double capacity, Duration retention = std::chrono::hours{1}) {
  MetricsDatabaseConfig config;
  config.ingest_capacity = Frequency::of(capacity);
  config.retention = retention;
  return config;
}

TEST(LatencyHistogram, BoundsAreWithinTheirBuckets) {
  LatencyHistogram histogram{ttft_bounds_ms};
  histogram.add(milliseconds{1});                // le 0.001
  histogram.add(milliseconds{1} + Duration{1});  // le 0.005
  histogram.add(milliseconds{2'560'000});        // the last bound
  histogram.add(milliseconds{2'560'000} + Duration{1});
  EXPECT_EQ(histogram.counts()[0], 1);
  EXPECT_EQ(histogram.counts()[1], 1);
  EXPECT_EQ(histogram.counts()[21], 1);
  EXPECT_EQ(histogram.counts()[22], 1);
  EXPECT_TRUE(histogram.sum_ns() == Int128{5'120'002'000'002});
}

TEST(LatencyHistogram, QuantilesAreLinearWithinABucket) {
  const std::array<std::int64_t, 3> bounds{100, 200, 400};
  const auto quantile = [&](double q, std::vector<std::int64_t> counts) {
    return bucket_quantile(q, bounds, counts);
  };
  // 10 values: 4 up to 0.1 s, 4 up to 0.2, 2 up to 0.4. The 5th of 10 is a quarter into the second
  // bucket, the 9th half into the third.
  EXPECT_NEAR(quantile(0.5, {4, 4, 2, 0}), 0.125, 1e-12);
  EXPECT_NEAR(quantile(0.9, {4, 4, 2, 0}), 0.3, 1e-12);
  EXPECT_NEAR(quantile(0.2, {4, 4, 2, 0}), 0.05, 1e-12);
  EXPECT_NEAR(quantile(0.99, {0, 0, 1, 99}), 0.4, 1e-12);  // the highest bound is all one knows
  EXPECT_LT(quantile(0.5, {0, 0, 0, 0}), 0);
}

TEST(MetricsDatabase, BelowItsCapacityItIsBehindByOneScrape) {
  MetricsDatabase database{database_of(100)};
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(database.ingest(at(10.0 * i), 500, 0), seconds{5});  // 500 / 100
  }
  EXPECT_EQ(database.lag(at(52)), seconds{3});
  EXPECT_EQ(database.lag(at(55)), Duration::zero());
}

TEST(MetricsDatabase, AboveItTheLagGrowsByWhatIsOver) {
  // 1,500 samples every 10 s at 100/s: the n-th scrape is in after 15 n - 10 (n - 1) s.
  MetricsDatabase database{database_of(100)};
  for (int n = 1; n <= 50; ++n) {
    EXPECT_EQ(database.ingest(at(10.0 * n), 1'400, 100), seconds{15 * n - 10 * (n - 1)});
  }
}

TEST(MetricsDatabase, WithoutALimitItIsNeverBehind) {
  MetricsDatabaseConfig config;
  config.retention = seconds{1};
  MetricsDatabase database{config};
  EXPECT_EQ(database.ingest(at(1), 1'000'000'000, 5), Duration::zero());
}

TEST(MetricsDatabase, KeepsTheSamplesOfTheRetention) {
  MetricsDatabase database{database_of(1e9, seconds{30})};
  std::int64_t expected = 0;
  std::map<int, std::int64_t> scrapes;
  for (int i = 1; i <= 100; ++i) {
    const std::int64_t samples = i / 7 % 3 * 10;  // 0 now and then
    scrapes[5 * i] = samples;
    database.ingest(at(5.0 * i), samples, 1);
    expected = 0;
    for (const auto& scrape : scrapes) {
      expected += scrape.first > 5 * i - 30 ? scrape.second : 0;
    }
    ASSERT_EQ(database.stored(), expected) << i;
  }
  EXPECT_GT(expected, 0);
}

/// One pool of two replicas that serve.
Config monitored_config() {
  Config config = testing::metrics_config();
  MonitoringConfig monitoring;
  monitoring.scrape_interval = seconds{10};
  monitoring.other_series = 20;
  monitoring.database = database_of(4);
  monitoring.database.bytes_per_sample = 2;
  monitoring.database.billing_record = Bytes::of(100);
  config.monitoring = monitoring;
  return config;
}

AlertConfig alert_on(MonitoredMetric metric, double above) {
  AlertConfig alert;
  alert.name = "a";
  alert.metric = metric;
  alert.above = above;
  return alert;
}

PoolGauges two_replicas() {
  PoolGauges gauges;
  gauges.replicas_serving = 2;
  gauges.kv_blocks_total = 100;
  return gauges;
}

RequestRecord answered(double arrived, double scheduled, double finished) {
  RequestRecord record;
  record.replica_assigned = true;
  record.arrived = at(arrived);
  record.scheduled = at(scheduled);
  record.finished = at(finished);
  return record;
}

TEST(Monitor, CountsSeriesTimesInstances) {
  // 3 gauges, 6 counters, 25 + 24 + 24 + 22 series of histograms, 20 others: 124 a replica.
  const Config config = monitored_config();
  Monitor monitor{config};
  monitor.scrape(at(10), {two_replicas()}, {PoolTokens{}}, {});
  monitor.completed(answered(1, 2, 3));
  monitor.completed(answered(1, 2, 3));
  PoolGauges one = two_replicas();
  one.replicas_serving = 1;
  monitor.scrape(at(20), {one}, {PoolTokens{}}, {});
  const MonitoringSummary summary = monitor.summarize(at(25));
  EXPECT_EQ(summary.series_per_instance, 124);
  EXPECT_EQ(summary.scrapes, 2);
  EXPECT_EQ(summary.instances_max, 2);
  EXPECT_EQ(summary.samples, 372);
  EXPECT_EQ(summary.billing_records, 2);
  EXPECT_EQ(summary.billing_bytes, 200);
  EXPECT_EQ(summary.ingest_mean, 374.0 / 25);
  EXPECT_EQ(summary.ingest_max, 24.8);  // 248 samples in 10 s
  // 248 samples at 4/s: 62 s; after 10 s 208 are left and 126 come: 83.5 s.
  EXPECT_EQ(summary.lag_max, milliseconds{83'500});
  EXPECT_EQ(summary.lag_end, milliseconds{78'500});
  EXPECT_EQ(summary.storage_bytes, 744);
  EXPECT_NEAR(summary.storage_bytes_full, 14.88 * 3600 * 2, 1e-6);
}

TEST(Monitor, GaugesAreComparedByValueAndCountersByRate) {
  Config config = monitored_config();
  config.monitoring->database.ingest_capacity.reset();
  config.monitoring->alerts = {alert_on(MonitoredMetric::waiting, 5),
                               alert_on(MonitoredMetric::generation_tokens, 30),
                               alert_on(MonitoredMetric::kv_usage, 0.5)};
  Monitor monitor{config};
  PoolGauges gauges = two_replicas();
  gauges.waiting = 5;  // not above 5
  gauges.kv_blocks_used = 51;
  monitor.scrape(at(10), {gauges}, {PoolTokens{0, 300}}, {});  // 30/s: not above
  gauges.waiting = 6;
  gauges.kv_blocks_used = 50;
  monitor.scrape(at(20), {gauges}, {PoolTokens{0, 601}}, {});  // 30.1/s
  const MonitoringSummary summary = monitor.summarize(at(20));
  EXPECT_EQ(summary.alerts[0].state, "firing");
  EXPECT_EQ(summary.alerts[0].episodes.at(0).since, at(20));
  EXPECT_EQ(summary.alerts[1].state, "firing");
  EXPECT_EQ(summary.alerts[1].episodes.at(0).since, at(20));
  EXPECT_EQ(summary.alerts[2].state, "inactive");
  EXPECT_EQ(summary.alerts[2].episodes.at(0).since, at(10));
  EXPECT_EQ(summary.alerts[0].condition, "vllm:num_requests_waiting > 5 for 0 s");
}

TEST(Monitor, ConditionsTellHoldsAsTheyWereWritten) {
  Config config = monitored_config();
  for (const int hold : {15, 30, 60, 300}) {
    AlertConfig alert = alert_on(MonitoredMetric::waiting, 5);
    alert.hold = seconds{hold};
    config.monitoring->alerts = {alert};
    const MonitoringSummary summary = Monitor{config}.summarize(at(20));
    EXPECT_EQ(summary.alerts[0].condition,
              "vllm:num_requests_waiting > 5 for " + std::to_string(hold) + " s");
  }
}

TEST(Monitor, QuantilesAreThoseOfTheLastInterval) {
  Config config = monitored_config();
  config.monitoring->database.ingest_capacity.reset();
  config.monitoring->alerts = {alert_on(MonitoredMetric::ttft, 1)};
  Monitor monitor{config};
  for (int i = 0; i < 50; ++i) {
    monitor.first_token(0, seconds{4});
  }
  monitor.scrape(at(10), {two_replicas()}, {PoolTokens{}}, {});
  EXPECT_EQ(monitor.summarize(at(10)).alerts[0].state, "firing");
  monitor.first_token(0, milliseconds{30});  // the slow ones are long over
  monitor.scrape(at(20), {two_replicas()}, {PoolTokens{}}, {});
  EXPECT_EQ(monitor.summarize(at(20)).alerts[0].state, "inactive");
  monitor.first_token(0, seconds{4});
  monitor.scrape(at(30), {two_replicas()}, {PoolTokens{}}, {});
  monitor.scrape(at(40), {two_replicas()}, {PoolTokens{}}, {});  // none at all: no value
  const MonitoringSummary summary = monitor.summarize(at(40));
  EXPECT_EQ(summary.alerts[0].state, "inactive");
  EXPECT_EQ(summary.alerts[0].firings, 2);
}

TEST(Monitor, WithoutAPoolAnAlertWatchesEach) {
  Config config = testing::metrics_config(2);
  config.monitoring = monitored_config().monitoring;
  AlertConfig second = alert_on(MonitoredMetric::running, 3);
  second.pool = 1;
  config.monitoring->alerts = {alert_on(MonitoredMetric::running, 3), second};
  Monitor monitor{config};
  PoolGauges first = two_replicas();
  first.running = 4;
  monitor.scrape(at(10), {first, two_replicas()}, {PoolTokens{}, PoolTokens{}}, {});
  const MonitoringSummary summary = monitor.summarize(at(10));
  ASSERT_EQ(summary.alerts.size(), 3U);
  EXPECT_EQ(summary.alerts[0].pool, "pool0");
  EXPECT_EQ(summary.alerts[0].state, "firing");
  EXPECT_EQ(summary.alerts[1].pool, "pool1");
  EXPECT_EQ(summary.alerts[1].state, "inactive");
  EXPECT_EQ(summary.alerts[2].state, "inactive");
}

TEST(Monitor, WritesEverySeriesOfAPoolAndItsBucketsCumulated) {
  const Config config = monitored_config();
  Monitor monitor{config};
  std::vector<MonitoringRow> rows;
  monitor.set_writer([&](const MonitoringRow& row) { rows.push_back(row); });
  monitor.first_token(0, milliseconds{30});
  monitor.first_token(0, milliseconds{90});
  monitor.scrape(at(10), {two_replicas()}, {PoolTokens{7, 9}}, {});
  // Those of one instance, without the others; ready pods; the gateway's own six.
  EXPECT_EQ(rows.size(), 104U + 1 + 6);
  std::map<std::string, double> values;
  for (const MonitoringRow& row : rows) {
    EXPECT_TRUE(values.emplace(row.metric + row.le, row.value).second) << row.metric << row.le;
  }
  EXPECT_EQ(values.at("vllm:prompt_tokens_total"), 7);
  EXPECT_EQ(values.at("vllm:generation_tokens_total"), 9);
  EXPECT_EQ(values.at("vllm:time_to_first_token_seconds_bucket0.02"), 0);
  EXPECT_EQ(values.at("vllm:time_to_first_token_seconds_bucket0.04"), 1);
  EXPECT_EQ(values.at("vllm:time_to_first_token_seconds_bucket0.1"), 2);
  EXPECT_EQ(values.at("vllm:time_to_first_token_seconds_bucket+Inf"), 2);
  EXPECT_EQ(values.at("vllm:time_to_first_token_seconds_sum"), 0.12);
  EXPECT_EQ(values.at("vllm:time_to_first_token_seconds_count"), 2);
  monitor.scrape_replica(at(10), 1, two_replicas());
  EXPECT_EQ(rows.size(), 104U + 1 + 6 + 4);
}

TEST(Monitor, WhatNobodyExposesIsAbsentAndNotZero) {
  const Config config = monitored_config();
  Monitor monitor{config};
  std::map<std::string, double> values;
  monitor.set_writer([&](const MonitoringRow& row) { values[row.metric] = row.value; });
  PoolGauges nobody;
  monitor.scrape(at(10), {nobody}, {PoolTokens{7, 9}}, {41});
  EXPECT_EQ(values.count("vllm:num_requests_running"), 0U);
  EXPECT_EQ(values.count("vllm:prompt_tokens_total"), 0U);
  EXPECT_EQ(values.count("vllm:time_to_first_token_seconds_count"), 0U);
  EXPECT_EQ(values.at("inference_pool_ready_pods"), 0);
  EXPECT_EQ(values.at("inference_extension_flow_control_queue_size"), 41);
}

TEST(Monitor, TheGatewaysOwnMetricsAreOfNoPoolAndHaveOneAlert) {
  Config config = testing::metrics_config(2);
  config.monitoring = monitored_config().monitoring;
  config.monitoring->database.ingest_capacity.reset();
  AlertConfig nobody = alert_on(MonitoredMetric::ready, 0);
  nobody.above.reset();
  nobody.below = 0.5;
  config.monitoring->alerts = {alert_on(MonitoredMetric::gateway_queue, 20),
                               alert_on(MonitoredMetric::gateway_errors, 0.25), nobody};
  Monitor monitor{config};
  const std::vector<PoolTokens> tokens(2);
  PoolGauges serves = two_replicas();
  serves.replicas_ready = 2;
  monitor.ended(Outcome::completed);
  monitor.ended(Outcome::cached);
  monitor.scrape(at(10), {serves, serves}, tokens, {20});
  monitor.ended(Outcome::queue_full);
  monitor.ended(Outcome::timed_out);
  monitor.ended(Outcome::failed);  // 0.3/s
  PoolGauges none;
  monitor.scrape(at(20), {serves, none}, tokens, {21});
  const MonitoringSummary summary = monitor.summarize(at(20));
  ASSERT_EQ(summary.alerts.size(), 4U);
  EXPECT_EQ(summary.alerts[0].pool, "");
  EXPECT_EQ(summary.alerts[0].state, "firing");
  EXPECT_EQ(summary.alerts[1].state, "firing");
  EXPECT_EQ(summary.alerts[2].state, "inactive") << "two replicas of pool0 are ready";
  EXPECT_EQ(summary.alerts[3].state, "firing") << "nobody answers in pool1";
}

TEST(Monitor, PowerIsTheEnergyOfAnIntervalOverItsLength) {
  const Config config = monitored_config();
  Monitor monitor{config};
  std::map<std::string, double> values;
  monitor.set_writer([&](const MonitoringRow& row) { values[row.metric] = row.value; });
  PoolGauges gauges = two_replicas();
  const Int128 joule = Int128{1'000'000'000} * 1'000'000'000;
  gauges.energy.steps = joule * 4000;
  gauges.energy.idle = joule * 1000;
  monitor.scrape(at(10), {gauges}, {PoolTokens{}}, {});
  EXPECT_DOUBLE_EQ(values.at("DCGM_FI_DEV_POWER_USAGE"), 500);
  gauges.energy.steps = joule * 11'000;
  monitor.scrape(at(20), {gauges}, {PoolTokens{}}, {});
  EXPECT_DOUBLE_EQ(values.at("DCGM_FI_DEV_POWER_USAGE"), 700);
}

}  // namespace
}  // namespace plimsoll
