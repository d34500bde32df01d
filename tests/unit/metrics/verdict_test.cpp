// What the verdict names as nearest to its limit.
#include "metrics/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "metrics/collector.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

using namespace plimsoll::testing;
using ::testing::HasSubstr;

constexpr auto zone = static_cast<std::size_t>(DownCause::zone);
constexpr auto loading = static_cast<std::size_t>(DownCause::loading);

/// Busy whenever it serves, with few sequences; down for `down` of 1,000 replica-ns.
PoolSummary pool(const std::string& name, std::int64_t down) {
  PoolSummary pool;
  pool.name = name;
  pool.busy_ns = 990 - down;
  pool.idle_ns = 10;
  pool.down_ns = down;
  pool.gpu_utilization = 0.99;
  pool.running_mean = 10;
  pool.sequence_slots = 100;
  return pool;
}

TEST(Bottleneck, ReplicasThatAreDownComeBeforeTheGpuTimeOfThoseThatAreLeft) {
  RunResult result;
  result.pools = {pool("chat", 0), pool("code", 750)};
  result.pools[1].down_by_cause[loading] = 4;
  result.pools[1].down_by_cause[zone] = 746;
  EXPECT_EQ(
      bottleneck(result),
      "replicas of pool code that are down (75.0 % of their rented time: zone 74.6 %, loading "
      "0.4 %)");
  const Verdict verdict = judge(result, "OVERLOADED: so it is");
  EXPECT_THAT(verdict.reasons.back(), HasSubstr("Nearest to its limit: replicas of pool code"));
}

TEST(Bottleneck, AFewThatAreDownLeaveItWhereItWas) {
  RunResult result;
  result.pools = {pool("chat", 0), pool("code", 99)};
  result.pools[1].down_by_cause[zone] = 99;
  EXPECT_EQ(replicas_down(result), "");
  EXPECT_THAT(bottleneck(result), HasSubstr("GPU time of pool"));
}

TEST(Availability, WhoWaitsAtTheEndOfAnOverloadedRunWasNotAnswered) {
  // 100 requests a window of 10 s, of which each second one is answered; the line grows by 50.
  Config config = metrics_config();
  config.duration = std::chrono::seconds{100};
  config.thresholds.emplace_back();
  config.thresholds[0].metric = "availability";
  config.thresholds[0].comparison = ">=";
  config.thresholds[0].bound = 0.99;
  MetricsCollector collector{config};
  RequestId id = 0;
  std::vector<PoolGauges> gauges;
  for (int i = 0; i < 1000; ++i) {
    const RequestRecord record = served_request(id++, i * 100);
    collector.on_arrival(record.id, 0, record.arrived);
    if (i % 2 == 0) {
      collector.on_first_token(record);
      collector.on_end(record);
    }
    if (i % 100 == 99) {
      gauges = gauges_at(config, at_ms(100 * (i + 1)));
      gauges[0].waiting = id / 2;
      if (i < 999) {
        collector.close_window(at_ms(100 * (i + 1)), gauges, 0);
      }
    }
  }
  const RunResult result = collector.finish(at_ms(100'000), at_ms(100'000), gauges, 0);
  EXPECT_EQ(result.verdict.kind, VerdictKind::overloaded);
  EXPECT_DOUBLE_EQ(result.thresholds[0].value, 0.5) << "500 of 1,000 that came";
  EXPECT_FALSE(result.thresholds[0].holds);
  EXPECT_DOUBLE_EQ(result.slices.front().availability, 0.5);
}

RunResult fleet(double kv, double slots, double gpu) {
  RunResult result;
  PoolSummary pool;
  pool.name = "a100";
  pool.kv_cache_usage_max = kv;
  pool.sequence_slots = 100;
  pool.running_mean = 100 * slots;
  pool.gpu_utilization = gpu;
  result.pools.push_back(pool);
  return result;
}

void add_stage(RunResult& result, Stage stage, double utilization, const std::string& resource) {
  StageSummary row;
  row.stage = stage;
  row.utilization = utilization;
  row.resource = resource;
  result.stages.push_back(row);
}

TEST(Bottleneck, IsWhateverIsUsedMost) {
  RunResult result = fleet(0.2, 0.1, 0.5);
  EXPECT_EQ(bottleneck(result), "KV memory of pool a100 (at most 20.0 % used, 0 preemptions)");
  add_stage(result, Stage::wan, 0.15, "turns of datacenter one");
  EXPECT_EQ(bottleneck(result), "KV memory of pool a100 (at most 20.0 % used, 0 preemptions)");
  add_stage(result, Stage::api_tier, 0.999, "workers of api_tier");
  add_stage(result, Stage::broker, 0.7, "turns of broker");
  EXPECT_EQ(bottleneck(result), "workers of api_tier (99.9 % used)");
  result.pools[0].kv_cache_usage_max = 1;
  EXPECT_EQ(bottleneck(result), "KV memory of pool a100 (at most 100.0 % used, 0 preemptions)");
}

// A replica is busy whenever one sequence runs: that counts where nothing else is tight.
TEST(Bottleneck, GpuTimeCountsWhereNothingElseIsTight) {
  RunResult result = fleet(0.2, 0.3, 0.97);
  EXPECT_EQ(bottleneck(result), "GPU time of pool a100 (97.0 % busy)");
  add_stage(result, Stage::tokenizer, 0.7, "turns of tokenizer");
  EXPECT_EQ(bottleneck(result), "GPU time of pool a100 (97.0 % busy)");
  add_stage(result, Stage::api_tier, 0.85, "workers of api_tier");
  EXPECT_EQ(bottleneck(result), "workers of api_tier (85.0 % used)");
}

TEST(Bottleneck, AFullCacheIsNone) {
  RunResult result = fleet(0.2, 0.1, 0.5);
  StageSummary cache;
  cache.stage = Stage::response_cache;
  cache.memory_usage = 1;
  result.stages.push_back(cache);
  EXPECT_EQ(bottleneck(result), "KV memory of pool a100 (at most 20.0 % used, 0 preemptions)");
  result.stages[0].utilization = 0.99;
  result.stages[0].resource = "turns of response_cache";
  EXPECT_EQ(bottleneck(result), "turns of response_cache (99.0 % used)");
}

}  // namespace
}  // namespace plimsoll
