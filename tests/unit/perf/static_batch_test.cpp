// Static batches in closed form against sums done by hand.
#include "perf/static_batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/hardware.hpp"

namespace plimsoll {
namespace {

constexpr double ms = 1e-3;

/// 10 ms a step, 0.1 ms a token, 1 ms a sequence that emits, 1 us a KV token; equal stages, no
/// hops.
Config linear_pool(int pp) {
  EngineProfile profile;
  profile.name = "linear";
  profile.form = StepForm::linear;
  profile.linear_step = Duration{10'000'000};
  profile.linear_token = Duration{100'000};
  profile.linear_sequence = Duration{1'000'000};
  profile.linear_kv_token = Duration{1'000};
  return test::one_pool(test::a100_80gb(), test::llama2_7b(), profile, 1, pp);
}

StaticBatch predict(const Config& config, const StaticLoad& load) {
  const auto model = make_step_time_model(config, config.pools[0]);
  return predict_static_batch(*model, config.pools[0], load);
}

TEST(StaticBatch, OnePassThenDecodeStepsThatReadOneTokenMoreEach) {
  const StaticBatch batch = predict(linear_pool(1), {3, 100, 5});
  // 10 + 300 tokens x 0.1 + 3 x 1.
  EXPECT_NEAR(batch.ttft, 43 * ms, 1e-12);
  EXPECT_EQ(batch.passes, 1);
  EXPECT_EQ(batch.longest_prefill.tokens, 300);
  EXPECT_EQ(batch.longest_prefill.attention_pairs, 3 * 100 * 100);
  // Step j = 0 .. 3: 10 + 0.3 + 3 + 3 x (100 + j) x 0.001.
  const double decode = 4 * 13.3 + 3 * 0.001 * (100 + 101 + 102 + 103);
  EXPECT_NEAR(batch.e2e, (43 + decode) * ms, 1e-12);
  EXPECT_NEAR(batch.tpot, decode / 4 * ms, 1e-12);
  EXPECT_NEAR(batch.throughput, 3 * 5 / batch.e2e, 1e-9);
  EXPECT_EQ(batch.middle_decode.kv_tokens, 3 * 102);
}

TEST(StaticBatch, OneOutputTokenIsPrefillAlone) {
  const StaticBatch batch = predict(linear_pool(1), {3, 100, 1});
  EXPECT_DOUBLE_EQ(batch.e2e, batch.ttft);
  EXPECT_EQ(batch.tpot, 0);
}

TEST(StaticBatch, PromptsAreCutAtTheTokenBudget) {
  Config config = linear_pool(1);
  config.pools[0].max_num_batched_tokens = 128;
  // 300 tokens in passes of 128, 128, 44: the second prompt goes on after 28 tokens, the third
  // after 56. 3 x 10 + 300 x 0.1 + 3 x 1 + (28 + 56) x 0.001.
  const StaticBatch cut = predict(config, {3, 100, 1});
  EXPECT_EQ(cut.passes, 3);
  EXPECT_NEAR(cut.ttft, 63.084 * ms, 1e-12);
  EXPECT_EQ(cut.longest_prefill.tokens, 128);

  // Whole prompts only: one a pass.
  config.pools[0].chunked_prefill = false;
  const StaticBatch whole = predict(config, {3, 100, 1});
  EXPECT_EQ(whole.passes, 3);
  EXPECT_NEAR(whole.ttft, 63 * ms, 1e-12);
}

TEST(StaticBatch, PipelineStagesShareTheBatchAsMicroBatches) {
  // Micro-batches of 2 and 1: the round is the longer one's passage (32 ms); both together keep
  // each of the two stages busy for (32 + 21) / 2 ms only.
  const StaticBatch three = predict(linear_pool(2), {3, 100, 2});
  EXPECT_NEAR(three.ttft, 32 * ms, 1e-12);
  EXPECT_NEAR(three.tpot, (10 + 0.2 + 2 + 2 * 100 * 0.001) * ms, 1e-12);
  // One sequence alone passes both stages; the other micro-batch is empty.
  const StaticBatch one = predict(linear_pool(2), {1, 100, 2});
  EXPECT_NEAR(one.ttft, 21 * ms, 1e-12);
  EXPECT_NEAR(one.tpot, (10 + 0.1 + 1 + 0.1) * ms, 1e-12);
}

TEST(StaticBatch, TheSlowestStageBoundsTheRound) {
  // A vocabulary so large that the last stage, which has the LM head, is by far the slowest.
  ModelSpec model = test::llama2_7b();
  model.vocab = 500'000;
  model.parameters += 2LL * (500'000 - 32'000) * model.hidden;
  const Config config = test::ideal_pool(test::a100_80gb(), model, 2, 2);
  const auto times = make_step_time_model(config, config.pools[0]);
  StepWork decode;
  decode.tokens = decode.samples = 8;
  decode.kv_tokens = 8 * 100;
  const double through = latency_seconds(*times, decode);
  const double both = 2 * bottleneck_seconds(*times, decode);
  ASSERT_GT(both, 1.2 * through);
  EXPECT_NEAR(predict(config, {16, 100, 2}).tpot, both, 1e-12);
}

TEST(StaticBatch, LatencyIsTheBreakdownUnderTensorAndPipelineParallelism) {
  EngineProfile engine = test::eager_2023();
  engine.host_per_layer = Duration{};  // it would overlap with some stages only
  for (const int pp : {1, 2, 3, 4}) {
    const Config config = test::one_pool(test::a100_80gb(), test::llama2_70b(), engine, 4, pp);
    const auto times = make_step_time_model(config, config.pools[0]);
    StepWork prefill;
    prefill.tokens = 1000;
    prefill.samples = 2;
    prefill.attention_pairs = 2 * 500 * 500;
    const StepBreakdown b = times->breakdown(prefill);
    const double sum = b.serial + b.device() + b.hops;
    EXPECT_NEAR(latency_seconds(*times, prefill), sum, 1e-9 * sum) << pp;
    EXPECT_LE(bottleneck_seconds(*times, prefill), latency_seconds(*times, prefill));
    EXPECT_GE(bottleneck_seconds(*times, prefill) * pp, (b.serial + b.device()) * (1 - 1e-9));
  }
}

}  // namespace
}  // namespace plimsoll
