// Power of a step against arithmetic by hand.
#include "perf/power_model.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/hardware.hpp"

namespace plimsoll {
namespace {

/// A 400 W GPU that draws 0.2 of it idle, 0.3 in a step, 1.0 and 0.5 on top at peak rates.
GpuSpec gpu_400w() {
  GpuSpec gpu = test::a100_80gb();
  gpu.tdp = Watts::of(400);
  gpu.idle_power_share = 0.2;
  gpu.active_power_share = 0.3;
  gpu.compute_power_share = 1.0;
  gpu.memory_power_share = 0.5;
  return gpu;
}

PowerModel model_of(const GpuSpec& gpu, const ModelSpec& model, int tp, int pp = 1) {
  const Config config = test::ideal_pool(gpu, model, tp, pp);
  return PowerModel{config, config.pools[0]};
}

// Llama-2-7B: layers hold all parameters but an embedding and a head of 32,000 x 4,096 each.
constexpr double head_7b = 32000.0 * 4096;
constexpr double layers_7b = 6738415616.0 - 2 * head_7b;

TEST(PowerModel, PowersOfTheReplicaAreThoseOfItsGpus) {
  const PowerModel power = model_of(gpu_400w(), test::llama2_70b(), 4, 2);
  EXPECT_DOUBLE_EQ(power.idle_watts(), 8 * 80);
  EXPECT_DOUBLE_EQ(power.active_watts(), 8 * 120);
  EXPECT_DOUBLE_EQ(power.limit_watts(), 8 * 400);
}

TEST(PowerModel, ADecodeStepReadsWeightsAndKv) {
  const PowerModel power = model_of(gpu_400w(), test::llama2_7b(), 1);
  const StepWork work{8, 8, 8 * 1000, 0};
  // KV of a token: K and V x 32 layers x 4,096 x 2 B.
  const double bytes = 2 * (layers_7b + head_7b) + 8000.0 * 2 * 32 * 4096 * 2;
  EXPECT_NEAR(power.memory_seconds(work), bytes / 2.039e12, 1e-12);
  const double operations = 2 * 8 * (layers_7b + head_7b);
  EXPECT_NEAR(power.compute_seconds(work), operations / 312e12, 1e-12);
  const double joules = 400 * 1.0 * operations / 312e12 + 400 * 0.5 * bytes / 2.039e12;
  EXPECT_NEAR(power.work_joules(work), joules, 1e-9);
  EXPECT_NEAR(power.watts(work, 0.02), 120 + joules / 0.02, 1e-6);
}

TEST(PowerModel, APromptCostsItsPairs) {
  const PowerModel power = model_of(gpu_400w(), test::llama2_7b(), 1);
  const StepWork with{1000, 1, 0, 1'000'000};
  const StepWork without{1000, 1, 0, 0};
  // 1000^2 / 2 pairs x 4 x 32 heads x 128 x 32 layers.
  const double operations = 1e6 / 2 * 4 * 32 * 128 * 32;
  EXPECT_NEAR(power.work_joules(with) - power.work_joules(without), 400 * operations / 312e12,
              1e-9);
}

TEST(PowerModel, AtPeakBandwidthItDrawsTheActiveAndTheMemoryShare) {
  GpuSpec gpu = gpu_400w();
  gpu.compute_power_share = 0;
  const PowerModel power = model_of(gpu, test::llama2_7b(), 1);
  const StepWork work{1, 1, 0, 0};
  EXPECT_NEAR(power.watts(work, power.memory_seconds(work)), (0.3 + 0.5) * 400, 1e-9);
}

TEST(PowerModel, TheLimitHolds) {
  const PowerModel power = model_of(gpu_400w(), test::llama2_7b(), 1);
  const StepWork prompt{8192, 1, 0, 0};
  EXPECT_DOUBLE_EQ(power.watts(prompt, power.compute_seconds(prompt)), 400);
}

TEST(PowerModel, WorkIsTheSameEnergyInAnyLayoutThatDoesNotCopyKvHeads) {
  const StepWork work{64, 16, 30'000, 48 * 48};
  const double one_stage = model_of(gpu_400w(), test::llama2_70b(), 8).work_joules(work);
  EXPECT_NEAR(model_of(gpu_400w(), test::llama2_70b(), 4, 2).work_joules(work), one_stage, 1e-9);
  EXPECT_NEAR(model_of(gpu_400w(), test::llama2_70b(), 2).work_joules(work), one_stage, 1e-9);
  // 16 GPUs for 8 KV heads: each head is kept, and read, twice.
  const StepWork kv{1, 0, 1'000'000, 0};
  const StepWork none{1, 0, 0, 0};
  const PowerModel wide = model_of(gpu_400w(), test::llama2_70b(), 16);
  const PowerModel narrow = model_of(gpu_400w(), test::llama2_70b(), 8);
  EXPECT_NEAR(wide.work_joules(kv) - wide.work_joules(none),
              2 * (narrow.work_joules(kv) - narrow.work_joules(none)), 1e-9);
}

TEST(PowerModel, MicroBatchesAddAndGpusShare) {
  const Config config = test::ideal_pool(gpu_400w(), test::llama2_70b(), 4, 2);
  const PowerModel power{config, config.pools[0]};
  const StepWork work{8, 8, 8000, 0};
  const double watts = 8 * 120 + 2 * power.work_joules(work) / 0.05;
  EXPECT_NEAR(power.watts(work, 0.05, 2), watts, 1e-9);
  EXPECT_NEAR(step_power_watts(config, config.pools[0], work, 0.05, 2), watts / 8, 1e-9);
}

TEST(PowerModel, NarrowWeightsCostFewerBytesAndCheaperOperations) {
  Config config = test::ideal_pool(gpu_400w(), test::llama2_7b());
  const StepWork work{4, 4, 0, 0};
  const double wide = PowerModel{config, config.pools[0]}.work_joules(work);
  config.pools[0].weight_precision = Precision::int8;
  EXPECT_NEAR(PowerModel(config, config.pools[0]).work_joules(work), wide / 2, 1e-9);
}

TEST(PowerModel, MoreWorkIsNotLessEnergy) {
  const PowerModel dense = model_of(gpu_400w(), test::llama2_7b(), 1);
  const PowerModel experts = model_of(gpu_400w(), test::mixtral_8x7b(), 2);
  const StepWork base{16, 4, 4000, 100};
  const std::vector<StepWork> more = {
      {17, 4, 4000, 100}, {16, 5, 4000, 100}, {16, 4, 4001, 100}, {16, 4, 4000, 101}};
  for (const PowerModel* power : {&dense, &experts}) {
    for (const StepWork& work : more) {
      EXPECT_GT(power->work_joules(work), power->work_joules(base));
    }
  }
}

TEST(EnergyTable, IsTheModelInIntegers) {
  const PowerModel power = model_of(gpu_400w(), test::mixtral_8x7b(), 2);
  const EnergyTable table = tabulate_energy(power, 512);
  EXPECT_EQ(table.idle_mw, 160'000);
  EXPECT_EQ(table.active_mw, 240'000);
  EXPECT_EQ(table.limit_mw, 800'000);
  ASSERT_EQ(table.tokens.size(), 513U);
  EXPECT_EQ(table.tokens[0], 0);
  for (const StepWork& work :
       {StepWork{1, 1, 500, 0}, StepWork{300, 7, 20'000, 90'000}, StepWork{512, 0, 0, 512 * 512}}) {
    const double picojoules = static_cast<double>(
        table.tokens[static_cast<std::size_t>(work.tokens)] + table.sample * work.samples +
        table.kv_token * work.kv_tokens + table.pair * work.attention_pairs);
    EXPECT_NEAR(picojoules / 1e12 / power.work_joules(work), 1, 1e-6);
  }
}

}  // namespace
}  // namespace plimsoll
