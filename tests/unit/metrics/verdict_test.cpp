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
  pool.usable_slots = 100;
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
  VerdictBasis basis;
  basis.overload = "OVERLOADED: so it is";
  result.verdict = judge(result, basis);
  tell_bottleneck(result);
  EXPECT_THAT(result.verdict.reasons.back(),
              HasSubstr("Nearest to its limit: replicas of pool code"));
}

TEST(Bottleneck, AFewThatAreDownLeaveItWhereItWas) {
  RunResult result;
  result.pools = {pool("chat", 0), pool("code", 99)};
  result.pools[1].down_by_cause[zone] = 99;
  EXPECT_EQ(replicas_down(result), "");
  EXPECT_EQ(bottleneck(result),
            "sequence slots of pool chat (10.0 % of 100 in use on average); nothing is near its "
            "limit");
}

VerdictBasis basis_of(std::int64_t arrived, std::int64_t measured) {
  VerdictBasis basis;
  basis.arrived = arrived;
  basis.measured = measured;
  basis.users_measured = measured;
  return basis;
}

std::int64_t& count_of(VerdictBasis& basis, Outcome outcome) {
  return basis.outcomes[static_cast<std::size_t>(outcome)];
}

TEST(Verdict, WhatWasNotMeasuredDoesNotHold) {
  const Verdict none = judge(RunResult{}, basis_of(0, 0));
  EXPECT_EQ(none.kind, VerdictKind::fails);
  EXPECT_THAT(none.reasons.front(), HasSubstr("no request arrived"));
  const Verdict warm_up = judge(RunResult{}, basis_of(7, 0));
  EXPECT_EQ(warm_up.kind, VerdictKind::fails);
  EXPECT_THAT(warm_up.reasons.front(), HasSubstr("all 7 requests arrived before the end"));
}

TEST(Verdict, WhereNobodyIsAnsweredNothingHolds) {
  VerdictBasis basis = basis_of(600, 600);
  count_of(basis, Outcome::over_context) = 600;
  const Verdict verdict = judge(RunResult{}, basis);
  EXPECT_EQ(verdict.kind, VerdictKind::fails);
  EXPECT_EQ(verdict.reasons[0], "none of the 600 measured requests was answered");
  EXPECT_EQ(verdict.reasons[1],
            "600 of 600 measured requests ended without an answer: over_context 600");
}

TEST(Verdict, AboveATwentiethWithoutAnAnswerIsSaid) {
  VerdictBasis basis = basis_of(1000, 1000);
  count_of(basis, Outcome::completed) = 900;
  count_of(basis, Outcome::cached) = 30;
  count_of(basis, Outcome::degraded) = 20;
  count_of(basis, Outcome::failed) = 50;
  EXPECT_TRUE(judge(RunResult{}, basis).reasons.empty()) << "exactly";
  count_of(basis, Outcome::cached) = 29;
  count_of(basis, Outcome::shed) = 1;
  const Verdict verdict = judge(RunResult{}, basis);
  EXPECT_EQ(verdict.kind, VerdictKind::holds);
  ASSERT_EQ(verdict.reasons.size(), 1U);
  EXPECT_EQ(verdict.reasons[0],
            "51 of 1000 measured requests ended without an answer: shed 1, failed 50");
}

TEST(Verdict, OverloadIsFoundHoweverLongAWindowIs) {
  // 100 requests/s, of which each second one is answered, for 30 s within a window of an hour.
  Config config = metrics_config();
  config.duration = std::chrono::seconds{30};
  config.metrics.window = std::chrono::hours{1};
  const auto play = [&config](int answered_of_ten) {
    MetricsCollector collector{config};
    SimTime next = collector.next_look(sim_start);
    RequestId id = 0;
    std::int64_t waiting = 0;
    for (; id < 3000; ++id) {
      const RequestRecord record = served_request(id, static_cast<int>(id) * 10);
      for (; next < record.arrived; next = collector.next_look(next)) {
        collector.look(next, waiting);
      }
      collector.on_arrival(record.id, 0, record.arrived);
      if (id % 10 < static_cast<RequestId>(answered_of_ten)) {
        collector.on_first_token(record);
        collector.on_end(record);
      } else {
        ++waiting;
      }
    }
    std::vector<PoolGauges> gauges = gauges_at(config, at_ms(30'000));
    gauges[0].waiting = waiting;
    return collector.finish(at_ms(30'000), at_ms(30'000), gauges, 0).verdict;
  };
  EXPECT_EQ(play(5).kind, VerdictKind::overloaded);
  EXPECT_EQ(play(10).kind, VerdictKind::holds);
  EXPECT_EQ(play(10).overload_unknown, "");
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
  pool.usable_slots = 100;
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

constexpr const char* far_off =
    "KV memory of pool a100 (at most 20.0 % used, 0 preemptions); nothing is near its limit";

TEST(Bottleneck, IsWhateverIsUsedMost) {
  RunResult result = fleet(0.2, 0.1, 0.5);
  EXPECT_EQ(bottleneck(result), far_off);
  add_stage(result, Stage::wan, 0.15, "turns of datacenter one");
  EXPECT_EQ(bottleneck(result), far_off);
  add_stage(result, Stage::api_tier, 0.999, "workers of api_tier");
  add_stage(result, Stage::broker, 0.7, "turns of broker");
  EXPECT_EQ(bottleneck(result), "workers of api_tier (99.9 % used)");
  result.pools[0].kv_cache_usage_max = 1;
  EXPECT_EQ(bottleneck(result), "KV memory of pool a100 (at most 100.0 % used, 0 preemptions)");
}

// A replica is busy whenever one sequence runs: that says something only where requests pile up and
// nothing else is tight.
TEST(Bottleneck, GpuTimeCountsOnlyWhereLinesGrowAndNothingElseIsTight) {
  RunResult result = fleet(0.2, 0.1, 1);
  EXPECT_EQ(bottleneck(result), far_off);
  result.verdict.kind = VerdictKind::fails;
  EXPECT_THAT(bottleneck(result), HasSubstr("0 preemptions); no resource is near its limit"));
  result.verdict.kind = VerdictKind::overloaded;
  result.pools[0].mean_batch = 7;
  EXPECT_EQ(bottleneck(result), "GPU time of pool a100 (100.0 % busy, 7.0 sequences in a step)");
  add_stage(result, Stage::tokenizer, 0.7, "turns of tokenizer");
  EXPECT_THAT(bottleneck(result), HasSubstr("GPU time of pool a100"));
  add_stage(result, Stage::api_tier, 0.85, "workers of api_tier");
  EXPECT_EQ(bottleneck(result), "workers of api_tier (85.0 % used)");
}

TEST(Bottleneck, SlotsCountAtTheFullestEndOfAWindow) {
  RunResult result = fleet(0.2, 0.3, 1);
  result.pools[0].slot_use_max = 0.96;
  EXPECT_EQ(bottleneck(result),
            "sequence slots of pool a100 (at most 96.0 % in use, 30.0 % of 100 on average)");
  result.pools[0].sequence_slots = 10;
  result.pools[0].usable_slots = 10;
  result.pools[0].running_mean = 3;
  EXPECT_EQ(bottleneck(result),
            "sequence slots of pool a100 (30.0 % of 10 in use on average); nothing is near its "
            "limit")
      << "a reading of so few says nothing of the load";
}

TEST(Bottleneck, PlacesThatTheServiceDoesNotGiveAreNoRoom) {
  RunResult result = fleet(0.2, 0.04, 1);
  result.pools[0].usable_slots = 4;
  EXPECT_EQ(bottleneck(result),
            "places that max_outstanding gives pool a100 (100.0 % of 4 in use on average)");
}

TEST(Bottleneck, AStageCountsAtItsBusiestWindow) {
  RunResult result = fleet(0.2, 0.3, 1);
  add_stage(result, Stage::api_tier, 0.5, "workers of api_tier");
  result.stages.back().busiest_window = 0.99;
  EXPECT_EQ(bottleneck(result), "workers of api_tier (50.0 % used, 99.0 % in the busiest window)");
}

TEST(Bottleneck, APoolThatGrowsIsNotDown) {
  RunResult result = fleet(0.2, 0.8, 1);
  PoolSummary& pool = result.pools[0];
  pool.busy_ns = 50;
  pool.down_ns = 50;
  pool.down_by_cause[static_cast<std::size_t>(DownCause::loading)] = 41;
  EXPECT_THAT(bottleneck(result), HasSubstr("sequence slots"));
  pool.down_by_cause[static_cast<std::size_t>(DownCause::loading)] = 40;
  EXPECT_THAT(bottleneck(result), HasSubstr("replicas of pool a100 that are down (50.0 %"));
}

// 2,000 prompt tokens of 0.3 ns each in 1,000 replica-ns.
TEST(Bottleneck, PromptsTakeTimeThatNoBatchSaves) {
  RunResult result = fleet(0.2, 0.3, 1);
  result.pools[0].busy_ns = 900;
  result.pools[0].idle_ns = 100;
  result.pools[0].token_times = {300, 1};
  result.token_cells.push_back({0, 0, 4, 2000, 4});
  EXPECT_EQ(bottleneck(result), "prompt work of pool a100 (60.0 % of its GPU time)");
  result.pools[0].kv_transfer.emplace();
  EXPECT_EQ(bottleneck(result), "GPU time of pool a100 (100.0 % busy)")
      << "it decodes nothing: prompts are all that it is busy with";
}

ThresholdVerdict threshold(const std::string& metric, const std::string& comparison, double bound,
                           double value) {
  ThresholdVerdict verdict;
  verdict.threshold.metric = metric;
  verdict.threshold.comparison = comparison;
  verdict.threshold.bound = bound;
  verdict.threshold.text = "value" + comparison;
  verdict.measured = true;
  verdict.holds = true;
  verdict.value = value;
  return verdict;
}

TEST(Bottleneck, AThresholdComesNearerAsItsValueGrows) {
  RunResult result = fleet(0.2, 0.1, 1);
  result.thresholds = {threshold("ttft_ms", "<", 1000, 129),
                       threshold("request_throughput", ">", 10, 11)};
  EXPECT_EQ(bottleneck(result), far_off) << "and a least throughput is none: load brings it off";
  result.thresholds[0].value = 400;
  EXPECT_EQ(
      bottleneck(result),
      "ttft_ms value< (400: 40.0 % of its bound); nothing is near its limit; of resources: KV "
      "memory of pool a100 (at most 20.0 % used, 0 preemptions)");
  result.thresholds[0].value = 900;
  EXPECT_THAT(bottleneck(result), HasSubstr("ttft_ms value< (900: 90.0 % of its bound); of reso"));
  result.thresholds.push_back(threshold("availability", ">=", 0.99, 0.9905));
  EXPECT_THAT(bottleneck(result), HasSubstr("availability value>= (0.9905: 95.0 % of what may fa"));
  result.verdict.kind = VerdictKind::fails;
  EXPECT_THAT(bottleneck(result), HasSubstr("KV memory")) << "what fails is told by itself";
}

TEST(Bottleneck, AThresholdOnEveryWindowIsAsNearAsItsWorst) {
  RunResult result = fleet(0.2, 0.1, 1);
  result.thresholds = {threshold("ttft_ms", "<", 1000, 129)};
  result.thresholds[0].worst_window_value = 980;
  EXPECT_EQ(bottleneck(result), far_off);
  result.thresholds[0].threshold.every_window = true;
  EXPECT_THAT(bottleneck(result), HasSubstr("(980: 98.0 % of its bound)"));
}

TEST(Bottleneck, AFullCacheIsNone) {
  RunResult result = fleet(0.2, 0.1, 0.5);
  StageSummary cache;
  cache.stage = Stage::response_cache;
  cache.memory_usage = 1;
  result.stages.push_back(cache);
  EXPECT_EQ(bottleneck(result), far_off);
  result.stages[0].utilization = 0.99;
  result.stages[0].resource = "turns of response_cache";
  EXPECT_EQ(bottleneck(result), "turns of response_cache (99.0 % used)");
}

}  // namespace
}  // namespace plimsoll
