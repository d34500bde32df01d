// What is nearest to its limit, pools and stages of the path alike.
#include "metrics/verdict.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll {
namespace {

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
