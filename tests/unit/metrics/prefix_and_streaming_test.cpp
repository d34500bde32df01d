// What a prefix cache found, and what users see without streaming: definitions and conservation.
#include <gtest/gtest.h>

#include "metrics/collector.hpp"
#include "plimsoll/errors.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

using testing::at_ms;
using testing::gauges_at;
using testing::metrics_config;
using testing::play;
using testing::refused_request;
using testing::served_request;

ThresholdConfig threshold(const char* metric, const char* tier, const char* statistic,
                          double bound) {
  ThresholdConfig t;
  t.metric = metric;
  t.tag_key = *tier == 0 ? "" : "tier";
  t.tag_value = tier;
  t.statistic = statistic;
  t.comparison = "<";
  t.bound = bound;
  return t;
}

/// One of tier free, two of tier plus: first tokens after 100 ms, answers after 300 ms; and one of
/// plus that gets no answer.
RunResult play_four(const Config& config) {
  MetricsCollector collector{config};
  play(collector, served_request(0, 0, 0));
  play(collector, served_request(1, 1000, 1));
  play(collector, served_request(2, 2000, 1));
  play(collector, refused_request(3, 3000, Outcome::timed_out, 1));
  return collector.finish(at_ms(5000), at_ms(5000), gauges_at(config, at_ms(5000)), 0);
}

const SliceSummary& tier(const RunResult& result, const std::string& name) {
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind == "tier" && slice.name == name) {
      return slice;
    }
  }
  throw InternalError{"no tier " + name};
}

TEST(Streaming, WithItUsersPerceiveTheFirstToken) {
  const Config config = metrics_config();
  const RunResult result = play_four(config);
  EXPECT_EQ(result.slices.front().perceived.count, 3);
  EXPECT_DOUBLE_EQ(result.slices.front().perceived.max, 100);
}

TEST(Streaming, WithoutItUsersPerceiveTheWholeAnswer) {
  Config config = metrics_config();
  config.tiers[1].stream = false;
  config.thresholds = {threshold("perceived_ms", "plus", "avg", 300),
                       threshold("perceived_ms", "free", "max", 101),
                       threshold("ttft_ms", "plus", "avg", 101)};
  const RunResult result = play_four(config);
  EXPECT_DOUBLE_EQ(tier(result, "free").perceived.mean, 100);
  EXPECT_DOUBLE_EQ(tier(result, "plus").perceived.mean, 300);
  EXPECT_EQ(tier(result, "plus").perceived.count, 2) << "who gets no answer perceives none";
  EXPECT_DOUBLE_EQ(tier(result, "plus").ttft.mean, 100) << "the engine's first token stays";
  EXPECT_NEAR(result.slices.front().perceived.mean, (100 + 300 + 300) / 3.0, 1e-9);
  EXPECT_DOUBLE_EQ(result.thresholds[0].value, 300);
  EXPECT_FALSE(result.thresholds[0].holds);
  EXPECT_TRUE(result.thresholds[1].holds);
  EXPECT_TRUE(result.thresholds[2].holds);
}

TEST(Streaming, AClassOverridesItsTier) {
  Config config = metrics_config();
  config.tiers[1].stream = false;
  config.workload.classes[1].stream = true;
  config.workload.classes[0].stream = false;
  const RunResult result = play_four(config);
  EXPECT_DOUBLE_EQ(tier(result, "free").perceived.mean, 300);
  EXPECT_DOUBLE_EQ(tier(result, "plus").perceived.mean, 100);
}

/// 300 prompt tokens of three requests: 30 + 60 found, 210 computed, as `gauges` should say.
RunResult play_hits(const Config& config, const PrefixCounts& counts) {
  MetricsCollector collector{config};
  for (int i = 0; i < 3; ++i) {
    RequestRecord record = served_request(static_cast<RequestId>(i), i * 1000, i == 0 ? 0 : 1);
    record.prefix_hit_tokens = 30 * i;
    play(collector, record);
  }
  StepRun run;
  run.steps = 1;
  run.prompt_tokens = 210;
  collector.on_steps(run);
  std::vector<PoolGauges> gauges = gauges_at(config, at_ms(5000));
  gauges[0].prefix = counts;
  return collector.finish(at_ms(5000), at_ms(5000), gauges, 0);
}

TEST(PrefixHits, AreSharesOfPromptTokens) {
  Config config = metrics_config();
  config.pools[0].prefix_cache = true;
  config.thresholds = {threshold("prefix_hit_rate", "plus", "value", 0.46),
                       threshold("prefix_hit_rate", "", "value", 0.3)};
  PrefixCounts counts;
  counts.prompt_tokens = 300;
  counts.hit_tokens = 90;
  const RunResult result = play_hits(config, counts);
  EXPECT_EQ(result.slices.front().prefix_hit_tokens, 90);
  EXPECT_DOUBLE_EQ(result.slices.front().prefix_hit_rate, 0.3);
  EXPECT_DOUBLE_EQ(tier(result, "plus").prefix_hit_rate, 0.45);
  EXPECT_DOUBLE_EQ(tier(result, "free").prefix_hit_rate, 0);
  EXPECT_TRUE(result.thresholds[0].holds);
  EXPECT_FALSE(result.thresholds[1].holds);
  ASSERT_TRUE(result.pools[0].prefix);
  EXPECT_DOUBLE_EQ(result.pools[0].prefix->hit_rate, 0.3);
  EXPECT_EQ(result.pools[0].prefix->computed_tokens, 210);
}

TEST(PrefixHits, PromptTokensThatDoNotAddUpAreNoticed) {
  Config config = metrics_config();
  config.pools[0].prefix_cache = true;
  PrefixCounts counts;
  counts.prompt_tokens = 300;
  counts.hit_tokens = 91;
  EXPECT_THROW(play_hits(config, counts), InternalError);
  counts.recompute_tokens = 40;  // preempted ones: 20 of 40 found again, 5 given up, 14 to come
  counts.recompute_hit_tokens = 20;
  counts.given_up_tokens = 5;
  counts.left_tokens = 14;
  EXPECT_NO_THROW(play_hits(config, counts));
}

}  // namespace
}  // namespace plimsoll
