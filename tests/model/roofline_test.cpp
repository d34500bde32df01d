// No step beats peak FLOPS or the bytes it must read: over random models, layouts and work.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "perf/step_time_model.hpp"
#include "plimsoll/errors.hpp"
#include "support/random_hardware.hpp"

namespace plimsoll {
namespace {

/// The bound again, from the specification alone: total operations over the peak of one stage's
/// GPUs, or all bytes over their bandwidth. (A weaker bound than stage by stage, but independent.)
double bound_by_hand(const Config& config, const StepWork& work) {
  const PoolConfig& pool = config.pools[0];
  const GpuSpec& gpu = config.gpus[0];
  const ModelSpec& model = config.models[0];
  const double embedding = static_cast<double>(model.vocab) * model.hidden;
  const double expert = (model.gated_mlp ? 3.0 : 2.0) * model.hidden * model.ffn * model.layers;
  const double matrices =
      2.0 * model.layers * model.hidden * model.head_dim * (model.heads + model.kv_heads);
  const double k = model.experts > 1 ? model.experts_per_token : 1;
  const auto tokens = static_cast<double>(work.tokens);
  const double operations =
      2.0 * (matrices + k * expert) * tokens + 2.0 * embedding * static_cast<double>(work.samples) +
      2.0 * model.layers * model.heads * model.head_dim * static_cast<double>(work.attention_pairs);
  // At least the experts of one token; every head's KV at least once.
  const double bytes = (matrices + k * expert) * bytes_of(pool.weight_precision) +
                       2.0 * model.layers * model.kv_heads * model.head_dim *
                           bytes_of(pool.kv_precision) * static_cast<double>(work.kv_tokens);
  double peak = gpu.fp16.count();
  if (pool.weight_precision == Precision::fp8) {
    peak = gpu.fp8.count();
  } else if (pool.weight_precision == Precision::int8) {
    peak = gpu.int8.count();
  }
  return std::max(operations / (peak * pool.tp), bytes / (gpu.memory_bandwidth.count() * pool.tp));
}

void expect_above_roofline(const Config& config, const StepTimeModel& model,
                           const StepCostTable& table, const StepWork& work) {
  // Sums in another order differ in the last bits of a double.
  const double slack = 1 - 1e-12;
  const double roofline = model.roofline_seconds(work);
  ASSERT_GE(roofline, bound_by_hand(config, work) * (1 - 0.005));
  ASSERT_GE(model.breakdown(work).device(), roofline * slack);
  Femtoseconds device = 0;
  Femtoseconds slowest = 0;
  for (const StageCosts& kind : table.kinds) {
    device += kind.count * kind.column.device_cost(work);
    slowest = std::max(slowest, kind.column.device_cost(work));
  }
  ASSERT_GE(static_cast<double>(device) * 1e-15, roofline * slack)
      << config.models[0].name << " on " << config.gpus[0].name << ", tp " << config.pools[0].tp
      << ", pp " << config.pools[0].pp << ": " << work.tokens << " tokens, " << work.kv_tokens
      << " KV tokens, " << work.attention_pairs << " pairs";
  ASSERT_GE(static_cast<double>(slowest) * 1e-15 * table.stages(), roofline * slack);
}

TEST(Roofline, NoStepBeatsTheHardware) {
  const RandomStream stream{20'230'315, "roofline"};
  int points = 0;
  for (std::uint64_t trial = 0; points < 12'000; ++trial) {
    ASSERT_LT(trial, 2000U);
    Draws draws = stream.of(trial);
    const Config config = test::random_config(draws);
    std::unique_ptr<StepTimeModel> model;
    try {
      model = make_step_time_model(config, config.pools[0]);
    } catch (const ConfigError&) {
      continue;  // this GPU has no such precision
    }
    const StepCostTable table = tabulate(*model, 2048);
    for (int i = 0; i < 30; ++i) {
      expect_above_roofline(config, *model, table, test::random_work(draws));
      ++points;
    }
  }
}

TEST(Roofline, AnIdealEngineReachesIt) {
  // Decoding one token without KV on one GPU: nothing but the weight read, and 2 operations per
  // parameter: 13.21 GB / 2.039 TB/s = 6.48 ms + 0.04 ms.
  const Config config = test::ideal_pool(test::a100_80gb(), test::llama2_7b());
  const auto model = make_step_time_model(config, config.pools[0]);
  const StepWork work{1, 1, 0, 0};
  const double parameters = 6738415616.0 - 32000.0 * 4096;  // the embedding is looked up
  EXPECT_NEAR(model->roofline_seconds(work), parameters * 2 / 2.039e12, 1e-9);
  // Activations of one token pass in and out of products beside: 32 x 86,000 numbers.
  EXPECT_NEAR(model->breakdown(work).device(), parameters * 2 / 2.039e12 + 2 * parameters / 312e12,
              6e-6);
  // Kernels that overlap perfectly take the longer of both.
  Config overlapping = config;
  overlapping.kernels[0].gemm.overlap = 1000;
  EXPECT_NEAR(make_step_time_model(overlapping, overlapping.pools[0])->breakdown(work).device(),
              parameters * 2 / 2.039e12, 6e-6);
}

}  // namespace
}  // namespace plimsoll
