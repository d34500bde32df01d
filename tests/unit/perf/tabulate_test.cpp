// The integer tables say what the model says, rounded up, and compose stages as documented.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "perf/static_batch.hpp"
#include "perf/step_time_model.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

std::unique_ptr<StepTimeModel> model_of(const Config& config) {
  return make_step_time_model(config, config.pools[0]);
}

double seconds(Femtoseconds fs) {
  return static_cast<double>(fs) * 1e-15;
}

/// Every entry is rounded up to the next femtosecond: so much may a stage's cost be above the
/// model's, in seconds.
double rounding(const StepWork& work) {
  const std::int64_t entries = 5 + work.kv_tokens + work.attention_pairs + work.samples;
  return seconds(entries);
}

/// The table's passage and bottleneck are the model's, which knows each stage by itself.
void expect_exact(const StepTimeModel& model, const StepCostTable& table, const StepWork& work) {
  const double latency = latency_seconds(model, work);
  const double bottleneck = bottleneck_seconds(model, work);
  const double error = rounding(work);
  const double last_bits = 1e-9;
  EXPECT_GE(seconds(table.latency(work)), latency * (1 - last_bits));
  EXPECT_LE(seconds(table.latency(work)), latency * (1 + last_bits) + model.stages() * error);
  EXPECT_GE(seconds(table.bottleneck(work)), bottleneck * (1 - last_bits));
  EXPECT_LE(seconds(table.bottleneck(work)), bottleneck * (1 + last_bits) + error);
  // The rounding is nothing beside the step.
  EXPECT_NEAR(seconds(table.latency(work)), latency, 1e-4 * latency);
  EXPECT_NEAR(seconds(table.bottleneck(work)), bottleneck, 1e-4 * bottleneck);
}

const std::vector<StepWork> works = {{1, 1, 512, 0},
                                     {7, 0, 0, 49},
                                     {64, 64, 64 * 4000, 0},
                                     {500, 3, 512, 500 * 500},
                                     {2048, 17, 16 * 900, 2000 * 2000},
                                     {2048, 2048, 2048 * 100, 0}};

/// A vocabulary so large that the LM head is worth several layers.
ModelSpec large_vocabulary() {
  ModelSpec model = test::llama2_7b();
  model.vocab = 256'000;
  model.parameters += 2LL * (256'000 - 32'000) * model.hidden;
  return model;
}

class TablesOfStages : public ::testing::TestWithParam<int> {};

TEST_P(TablesOfStages, AreTheModelsExactStages) {
  const int pp = GetParam();
  // 80 layers are no multiple of 3, 32 none of 3 and 5.
  for (const ModelSpec& spec :
       {test::llama2_70b(), large_vocabulary(), test::mixtral_8x7b(), test::gpt3_175b()}) {
    for (const int tp : {1, 4}) {
      Config eager = test::one_pool(test::a100_80gb(), spec, test::eager_2023(), tp, pp);
      Config busy = eager;  // bound by the device where the other is bound by the host
      busy.profiles[0].host_per_layer = Duration{100'000};
      busy.profiles[0].activation_passes = 0;
      Config ideal = test::ideal_pool(test::a100_80gb(), spec, tp, pp);
      Config apart = busy;  // prompts have passes of their own, and longer launches
      apart.pools[0].prompt_pass_tokens = 300;
      apart.profiles[0].host_per_prompt_layer = Duration{700'000};
      for (Config* config : {&eager, &busy, &ideal, &apart}) {
        SCOPED_TRACE(spec.name + ", tp " + std::to_string(tp) + ", " + config->profiles[0].name);
        const auto model = model_of(*config);
        const StepCostTable table = tabulate(*model, 2048);
        ASSERT_EQ(table.stages(), pp);
        EXPECT_EQ(table.hops.empty(), pp == 1);
        EXPECT_LE(table.kinds.size(), 3U) << "stages differ in a layer and in the LM head only";
        for (const StepWork& work : works) {
          expect_exact(*model, table, work);
          EXPECT_LE(seconds(table.latency(work)), longest_step_seconds(*model, work) * (1 + 1e-4));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PipelineStages, TablesOfStages, ::testing::Values(1, 2, 3, 5, 8));

TEST(Tabulate, StagesOfOneKindAreCounted) {
  // 80 layers over 3 stages: 27, 27, and 26 with the head.
  const auto uneven =
      tabulate(*model_of(test::ideal_pool(test::a100_80gb(), test::llama2_70b(), 4, 3)), 16);
  ASSERT_EQ(uneven.kinds.size(), 2U);
  EXPECT_EQ(uneven.kinds[0].count, 2);
  EXPECT_EQ(uneven.kinds[1].count, 1);
  // Over 7: three of 12, three of 11, and 11 with the head.
  const auto seven =
      tabulate(*model_of(test::ideal_pool(test::a100_80gb(), test::llama2_70b(), 4, 7)), 16);
  ASSERT_EQ(seven.kinds.size(), 3U);
  EXPECT_EQ(seven.kinds[0].count, 3);
  EXPECT_EQ(seven.kinds[1].count, 3);
  EXPECT_EQ(seven.kinds[2].count, 1);
}

TEST(Tabulate, TpotOfAPipelineIsThePassageOrTheSlowestStage) {
  // By the table's own numbers: max(sum of stages + hops, micro-batches x slowest stage).
  for (const int pp : {1, 2, 3, 5, 8}) {
    Config config = test::ideal_pool(test::a100_80gb(), large_vocabulary(), 2, pp);
    const auto model = model_of(config);
    const StepCostTable table = tabulate(*model, 64);
    const std::int64_t sequences = 8;  // of each micro-batch
    const StaticLoad load{sequences * pp, 400, 2};
    const double tpot = predict_static_batch(*model, config.pools[0], load).tpot;
    const StepWork decode{sequences, sequences, sequences * 400, 0};
    Femtoseconds sum = table.serial_cost(decode);
    Femtoseconds slowest = 0;
    for (const StageCosts& kind : table.kinds) {
      sum += kind.count * kind.column.cost(decode);
      slowest = std::max(slowest, kind.column.cost(decode));
    }
    sum += pp > 1 ? table.hops[static_cast<std::size_t>(sequences)] : 0;
    slowest += table.serial_cost(decode);
    EXPECT_EQ(table.latency(decode), sum);
    EXPECT_EQ(table.bottleneck(decode), slowest);
    const double expected = seconds(pp > 1 ? std::max(sum, pp * slowest) : sum);
    EXPECT_NEAR(tpot, expected, 1e-9 * expected + pp * rounding(decode)) << pp;
    if (pp > 1) {
      EXPECT_GT(pp * slowest, sum) << "the LM head makes the last stage the slowest";
    }
  }
}

/// Two layers, no biases: 12 x 1000^2 parameters each, LM head of 5,000 x 1,000.
ModelSpec small_model() {
  return test::dense("small", 2 * 12e6 + 2 * 5e6, 2, 1000, 10, 4000, 5000);
}

/// 100 TFLOPS, 1 TB/s, 100 GB/s, nodes of two GPUs 10 GB/s apart with 20 us.
GpuSpec small_gpu() {
  GpuSpec gpu = test::a100_80gb();
  gpu.fp16 = FlopRate::of(100e12);
  gpu.memory_bandwidth = BytesPerSecond::of(1e12);
  gpu.nvlink = BytesPerSecond::of(100e9);
  gpu.node_hop_bandwidth = BytesPerSecond::of(10e9);
  gpu.node_hop_latency = Duration{20'000};
  gpu.gpus_per_node = 2;
  return gpu;
}

// Activations of a layer's four products, into and out of them, numbers per token and GPU.
constexpr double activations = (1000 + 3000) + (1000 + 1000) + (1000 + 4000) + (4000 + 1000);

TEST(Tabulate, TwoPipelineStagesByHand) {
  const auto model = model_of(test::ideal_pool(small_gpu(), small_model(), 1, 2));
  const StepCostTable table = tabulate(*model, 16);
  const StepWork work{4, 4, 400, 0};
  // A layer: weights and activations of 2 B at 1 TB/s, 2 x 4 x 12e6 operations, KV of 400 x 4 kB.
  const double layer = 2 * (12e6 + 4 * activations) / 1e12 + 96e6 / 100e12 + 400 * 4000 / 1e12;
  // The head: 5e6 parameters, 1,000 numbers in and 5,000 out.
  const double head = 2 * (5e6 + 4 * 6000) / 1e12 + 40e6 / 100e12;
  const double hop = 4 * 2000 / 100e9;  // within the node, no latency
  EXPECT_NEAR(seconds(table.latency(work)), 2 * layer + head + hop, 1e-12);
  EXPECT_NEAR(seconds(table.bottleneck(work)), layer + head, 1e-12);
  ASSERT_EQ(table.kinds.size(), 2U);
  EXPECT_NEAR(seconds(table.kinds[0].column.cost(work)), layer, 1e-12);
}

TEST(Tabulate, TwoTensorParallelGpusByHand) {
  Config config = test::ideal_pool(small_gpu(), small_model(), 2, 1);
  config.kernels[0].nccl_latency = Duration{10'000};
  const StepCostTable table = tabulate(*model_of(config), 16);
  const StepWork work{4, 4, 400, 0};
  // Half of the weights, operations, heads and inner activations; 2 x (10 us + 8 kB / 100 GB/s).
  const double inner = (1000 + 1500) + (500 + 1000) + (1000 + 2000) + (2000 + 1000);
  const double layer = 2 * (6e6 + 4 * inner) / 1e12 + 48e6 / 100e12 + 400 * 2000 / 1e12 +
                       2 * (10e-6 + 4 * 2000 / 100e9);
  const double head = 2 * (2.5e6 + 4 * 3500) / 1e12 + 20e6 / 100e12;
  EXPECT_NEAR(seconds(table.latency(work)), 2 * layer + head, 1e-12);
  EXPECT_EQ(table.latency(work), table.bottleneck(work));
}

TEST(Tabulate, TensorAndPipelineParallelByHand) {
  Config config = test::ideal_pool(small_gpu(), small_model(), 2, 2);
  config.kernels[0].nccl_latency = Duration{10'000};
  const StepCostTable table = tabulate(*model_of(config), 16);
  const Config group = [&] {
    Config one = config;
    one.pools[0].pp = 1;
    return one;
  }();
  const StepWork work{4, 4, 400, 0};
  // The same operators, and one hop to the other node: 20 us + 8 kB / 10 GB/s.
  const double alone = seconds(tabulate(*model_of(group), 16).latency(work));
  EXPECT_NEAR(seconds(table.latency(work)), alone + 20e-6 + 4 * 2000 / 10e9, 1e-12);
}

TEST(Tabulate, CostsNeverFall) {
  const StepCostTable table = tabulate(
      *model_of(test::one_pool(test::a100_80gb(), test::mixtral_8x7b(), test::eager_2023(), 2, 2)),
      4096);
  for (const StageCosts& kind : table.kinds) {
    for (std::size_t tokens = 1; tokens <= 4096; ++tokens) {
      ASSERT_GE(kind.column.device[tokens], kind.column.device[tokens - 1]);
      ASSERT_GE(kind.column.head[tokens], kind.column.head[tokens - 1]);
      ASSERT_GE(table.hops[tokens], table.hops[tokens - 1]);
    }
  }
}

TEST(Scaled, EveryStepTakesItsShareOfTheTime) {
  const Config config =
      test::one_pool(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), 4, 3);
  const auto model = model_of(config);
  const StepCostTable table = tabulate(*model, 2048);
  for (const double share : {0.5, 1.0, 1.7}) {
    const StepCostTable other = scaled(table, share);
    EXPECT_EQ(other.stages(), table.stages());
    for (const StepWork& work : works) {
      const double rounded = rounding(work) + 1e-12 * seconds(table.latency(work));
      EXPECT_NEAR(seconds(other.latency(work)), share * seconds(table.latency(work)),
                  model->stages() * rounded);
      EXPECT_NEAR(seconds(other.bottleneck(work)), share * seconds(table.bottleneck(work)),
                  rounded);
    }
  }
}

}  // namespace
}  // namespace plimsoll
