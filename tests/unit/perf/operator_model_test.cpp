// The terms of a step, each against its formula with round figures.
#include <gtest/gtest.h>

#include "perf/step_time_model.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

std::unique_ptr<StepTimeModel> model_of(const GpuSpec& gpu, const ModelSpec& model,
                                        const EngineProfile& profile, int tp, int pp = 1) {
  const Config config = test::one_pool(gpu, model, profile, tp, pp);
  return make_step_time_model(config, config.pools[0]);
}

double device(const StepBreakdown& b) {
  return b.weights + b.gemm + b.attention + b.kv + b.collectives;
}

TEST(RooflineModel, DeviceTermsAdd) {
  const auto model = model_of(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), 4);
  const StepWork decode{16, 16, 16 * 600, 0};
  const StepWork mixed{16 + 512, 17, 16 * 600, 512 * 512};
  for (const StepWork& work : {decode, mixed}) {
    const double sum = model->device_seconds(0, work.tokens) +
                       model->kv_token_seconds(0) * static_cast<double>(work.kv_tokens) +
                       model->pair_seconds(0) * static_cast<double>(work.attention_pairs) +
                       model->sample_device_seconds(0) * static_cast<double>(work.samples);
    EXPECT_NEAR(device(model->breakdown(work)), sum, 1e-12);
  }
}

TEST(RooflineModel, AMixedStepReadsTheWeightsOnce) {
  const auto model = model_of(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), 4);
  const double decode = model->breakdown(StepWork{16, 16, 9600, 0}).weights;
  const double mixed = model->breakdown(StepWork{528, 17, 9600, 512 * 512}).weights;
  EXPECT_DOUBLE_EQ(decode, mixed);
  // (68,976,648,192 - one embedding of 32,000 x 8,192) x 2 B / 4 / (2.039e12 x 0.9).
  EXPECT_NEAR(decode, (68976648192.0 - 32000.0 * 8192) * 2 / 4 / (2.039e12 * 0.9), 1e-9);
}

TEST(RooflineModel, GemmEfficiencyRisesToHalfAtItsHalfTokens) {
  EngineProfile profile = test::ideal_profile();
  profile.gemm_efficiency = 0.6;
  profile.gemm_half_tokens = 64;
  const auto model = model_of(test::a100_80gb(), test::llama2_7b(), profile, 1);
  const double operations_per_token = 2 * (6738415616.0 - 2 * 32000.0 * 4096);
  const double at_half = model->breakdown(StepWork{64, 0, 0, 0}).gemm;
  EXPECT_NEAR(64 * operations_per_token / at_half / 312e12, 0.3, 1e-9);
  const double at_many = model->breakdown(StepWork{64'000, 0, 0, 0}).gemm;
  EXPECT_NEAR(64'000 * operations_per_token / at_many / 312e12, 0.6, 0.001);
}

TEST(RooflineModel, AttentionCountsFourOperationsPerHeadAndPair) {
  const auto model = model_of(test::a100_80gb(), test::llama2_7b(), test::ideal_profile(), 1);
  // A prompt of 1,000 in one chunk: 1000^2 / 2 pairs x 4 x 32 heads x 128 x 32 layers.
  const double expected = 1e6 / 2 * 4 * 32 * 128 * 32 / 312e12;
  EXPECT_NEAR(model->breakdown(StepWork{1000, 1, 0, 1'000'000}).attention, expected, 1e-12);
}

TEST(RooflineModel, TwoAllReducesPerLayerMoveTwoShares) {
  EngineProfile profile = test::ideal_profile();
  profile.collective_latency = Duration{10'000};
  profile.collective_efficiency = 0.5;
  const auto model = model_of(test::a100_80gb(), test::llama2_70b(), profile, 4);
  // 160 x (10 us + 100 tokens x 8,192 x 2 B x 2 x 3/4 / 150 GB/s).
  const double expected = 160 * (10e-6 + 100 * 8192.0 * 2 * 1.5 / 150e9);
  EXPECT_NEAR(model->breakdown(StepWork{100, 100, 0, 0}).collectives, expected, 1e-12);
  const auto alone = model_of(test::a100_80gb(), test::llama2_7b(), profile, 1);
  EXPECT_EQ(alone->breakdown(StepWork{100, 100, 0, 0}).collectives, 0);
}

TEST(RooflineModel, TheHeadIsComputedForSampledTokensInTheLastStageOnly) {
  const auto model = model_of(test::a100_80gb(), test::llama2_70b(), test::ideal_profile(), 4, 2);
  EXPECT_EQ(model->sample_device_seconds(0), 0);
  EXPECT_NEAR(model->sample_device_seconds(1), 2 * 32000.0 * 8192 / 4 / 312e12, 1e-15);
}

TEST(RooflineModel, HopsUseNvlinkWithinANodeAndTheNetworkBetween) {
  EngineProfile profile = test::ideal_profile();
  profile.collective_latency = Duration{10'000};
  const auto within = model_of(test::a100_80gb(), test::llama2_70b(), profile, 4, 2);
  EXPECT_NEAR(within->hop_seconds(100), 10e-6 + 100 * 8192.0 * 2 / 300e9, 1e-12);
  const auto between = model_of(test::a100_80gb(), test::llama2_70b(), profile, 8, 2);
  EXPECT_NEAR(between->hop_seconds(100), 24e-6 + 100 * 8192.0 * 2 / 7.6e9, 1e-12);
  const auto none = model_of(test::a100_80gb(), test::llama2_70b(), profile, 8, 1);
  EXPECT_EQ(none->hop_seconds(100), 0);
}

TEST(RooflineModel, GroupedKvIsReadByGroupsAndReplicatedBeyondThem) {
  const auto tp4 = model_of(test::a100_80gb(), test::llama2_70b(), test::ideal_profile(), 4);
  const auto tp8 = model_of(test::a100_80gb(), test::llama2_70b(), test::ideal_profile(), 8);
  EXPECT_NEAR(tp4->kv_token_seconds(0), 80 * 1024.0 / 2.039e12, 1e-18);
  EXPECT_NEAR(tp8->kv_token_seconds(0), 80 * 512.0 / 2.039e12, 1e-18);
}

TEST(RooflineModel, NothingFallsWhenWorkGrows) {
  for (const ModelSpec& spec : {test::llama2_70b(), test::mixtral_8x7b()}) {
    const auto model = model_of(test::a100_80gb(), spec, test::eager_2023(), 4, 2);
    for (int stage = 0; stage < 2; ++stage) {
      double before = 0;
      for (std::int64_t tokens = 1; tokens <= 4096; ++tokens) {
        const double now = model->device_seconds(stage, tokens);
        ASSERT_GT(now, before) << spec.name << " at " << tokens;
        before = now;
      }
      EXPECT_GT(model->kv_token_seconds(stage), 0);
      EXPECT_GT(model->pair_seconds(stage), 0);
    }
  }
}

TEST(RooflineModel, ExpertsAreReadAsTokensMeetThem) {
  const auto model = model_of(test::a100_80gb(), test::mixtral_8x7b(), test::ideal_profile(), 4);
  const double one = model->breakdown(StepWork{1, 1, 0, 0}).weights;
  const double many = model->breakdown(StepWork{256, 256, 0, 0}).weights;
  const double embedding = 32000.0 * 4096;
  const double active = 12879925248.0 - embedding;  // with the head, without the embedding
  const double all = 46702792704.0 - embedding;
  EXPECT_NEAR(one, active * 2 / 4 / 2.039e12, 0.001 * one);
  EXPECT_NEAR(many, all * 2 / 4 / 2.039e12, 0.001 * many);
}

}  // namespace
}  // namespace plimsoll
