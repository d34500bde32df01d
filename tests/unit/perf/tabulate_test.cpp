// The integer tables say what the model says, rounded up, and compose stages as documented.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "perf/step_time_model.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

std::unique_ptr<StepTimeModel> model_of(const ModelSpec& model, const EngineProfile& profile,
                                        int tp, int pp) {
  const Config config = test::one_pool(test::a100_80gb(), model, profile, tp, pp);
  return make_step_time_model(config, config.pools[0]);
}

double seconds(Femtoseconds fs) {
  return static_cast<double>(fs) * 1e-15;
}

TEST(Tabulate, OneStageIsTheModelRoundedUp) {
  const auto model = model_of(test::llama2_70b(), test::eager_2023(), 4, 1);
  const StepCostTable table = tabulate(*model, 2048);
  EXPECT_EQ(table.stages, 1);
  EXPECT_EQ(table.latency.device.size(), 2049U);
  EXPECT_TRUE(table.bottleneck.device.empty());
  for (const StepWork& work : {StepWork{1, 1, 512, 0}, StepWork{64, 64, 64 * 4000, 0},
                               StepWork{2048, 3, 512, 2048 * 2048}}) {
    const StepBreakdown b = model->breakdown(work);
    const double device = b.weights + b.gemm + b.attention + b.kv + b.collectives;
    const double expected = b.serial + std::max(b.host, device);
    const double tabulated = seconds(table.latency.cost(work));
    EXPECT_GE(tabulated, expected * (1 - 1e-12));
    EXPECT_NEAR(tabulated, expected, 1e-6);
    // Nothing overlaps in the bound.
    EXPECT_NEAR(longest_step_seconds(*model, work), b.serial + b.host + device, 1e-6);
  }
}

TEST(Tabulate, TwoEqualStagesTakeHalfEachAndHopBetween) {
  EngineProfile profile = test::eager_2023();
  // Device-bound: the part of a hop that grows with tokens hides behind a host that is slower.
  profile.host_per_layer = Duration{};
  profile.host_per_step = Duration{};
  profile.host_per_sequence = Duration{};
  const auto whole = model_of(test::gpt3_175b(), profile, 8, 1);
  const auto halves = model_of(test::gpt3_175b(), profile, 8, 2);
  const StepCostTable one = tabulate(*whole, 256);
  const StepCostTable two = tabulate(*halves, 256);
  ASSERT_EQ(two.stages, 2);
  for (const StepWork& work : {StepWork{1, 1, 1000, 0}, StepWork{128, 128, 128'000, 0}}) {
    const double alone = seconds(one.latency.cost(work));
    const double stage = seconds(two.bottleneck.cost(work));
    const double through = seconds(two.latency.cost(work));
    EXPECT_GE(longest_step_seconds(*halves, work), through - 1e-9);
    // The last stage has the LM head beside its 48 layers: 0.7 % of its parameters.
    EXPECT_NEAR(stage, alone / 2, 0.01 * alone);
    EXPECT_NEAR(through - 2 * stage, halves->hop_seconds(work.tokens), 1e-9);
    // 24 us + tokens x 12,288 x 2 B / 7.6 GB/s.
    const double hop = 24e-6 + static_cast<double>(work.tokens) * 12288 * 2 / 7.6e9;
    EXPECT_NEAR(halves->hop_seconds(work.tokens), hop, 1e-12);
  }
}

TEST(Tabulate, ThroughAllStagesIsNeverLessThanTheirSum) {
  for (int pp = 2; pp <= 7; ++pp) {
    const auto model = model_of(test::llama2_70b(), test::eager_2023(), 4, pp);
    const StepCostTable table = tabulate(*model, 512);
    for (std::int64_t tokens = 1; tokens <= 512; tokens *= 2) {
      const StepWork work{tokens, tokens, tokens * 1000, 0};
      double sum =
          model->serial_seconds() + model->serial_sample_seconds() * static_cast<double>(tokens);
      double most = 0;
      for (int stage = 0; stage < pp; ++stage) {
        const double device = model->device_seconds(stage, tokens) +
                              model->kv_token_seconds(stage) * static_cast<double>(work.kv_tokens) +
                              model->sample_device_seconds(stage) * static_cast<double>(tokens);
        const double cost = std::max(model->host_seconds(stage), device);
        sum += cost;
        most = std::max(most, cost);
      }
      const double through = seconds(table.latency.cost(work));
      EXPECT_GE(through, sum * (1 - 1e-12)) << "pp " << pp << ", tokens " << tokens;
      EXPECT_GE(seconds(table.bottleneck.cost(work)), most * (1 - 1e-12));
      // At most one layer of 11 and the head (0.26 of 69 B parameters) more than the true stages.
      EXPECT_LE(through, 1.2 * sum + (pp - 1) * model->hop_seconds(tokens));
    }
  }
}

TEST(Tabulate, CostsNeverFallWithTokens) {
  const auto model = model_of(test::mixtral_8x7b(), test::eager_2023(), 2, 2);
  const StepCostTable table = tabulate(*model, 4096);
  for (std::size_t tokens = 1; tokens <= 4096; ++tokens) {
    ASSERT_GE(table.latency.device[tokens], table.latency.device[tokens - 1]);
    ASSERT_GE(table.bottleneck.device[tokens], table.bottleneck.device[tokens - 1]);
    ASSERT_GE(table.latency.device[tokens], table.bottleneck.device[tokens]);
  }
}

}  // namespace
}  // namespace plimsoll
