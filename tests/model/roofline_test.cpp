// No step beats peak FLOPS or the bytes it must read: over random models, layouts and work.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "perf/step_time_model.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/rng.hpp"
#include "support/hardware.hpp"

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

StepWork random_work(Draws& draws) {
  StepWork work;
  const auto decoding = static_cast<std::int64_t>(draws.below(257));
  const auto context = static_cast<std::int64_t>(draws.below(8192));
  const auto chunk =
      static_cast<std::int64_t>(draws.below(2)) * static_cast<std::int64_t>(draws.below(1792));
  const auto before = static_cast<std::int64_t>(draws.below(8192));
  work.tokens = std::max<std::int64_t>(1, decoding + chunk);
  work.samples = decoding;
  work.kv_tokens = decoding * context + (chunk > 0 ? before : 0);
  work.attention_pairs = chunk * (2 * before + chunk);
  return work;
}

double efficiency(Draws& draws) {
  return 0.05 + 0.95 * draws.uniform();
}

EngineProfile random_profile(Draws& draws) {
  if (draws.below(3) == 0) {
    return test::ideal_profile();  // the hardest case: nothing is lost anywhere
  }
  EngineProfile profile;
  profile.name = "random";
  profile.gemm_efficiency = efficiency(draws);
  profile.gemm_half_tokens = draws.below(200);
  profile.weight_read_efficiency = efficiency(draws);
  profile.kv_read_efficiency = efficiency(draws);
  profile.attention_efficiency = efficiency(draws);
  profile.collective_efficiency = efficiency(draws);
  profile.collective_latency = Duration{draws.below(50'000)};
  profile.host_per_layer = Duration{draws.below(500'000)};
  return profile;
}

Config random_config(Draws& draws) {
  const std::array<GpuSpec, 4> gpus = {test::v100_32gb(), test::a100_40gb(), test::a100_80gb(),
                                       test::h100_80gb()};
  const std::array<ModelSpec, 4> models = {test::llama2_7b(), test::llama2_70b(), test::gpt3_175b(),
                                           test::mixtral_8x7b()};
  const std::array<Precision, 4> precisions = {Precision::fp16, Precision::bf16, Precision::fp8,
                                               Precision::int8};
  const GpuSpec& gpu = gpus[draws.below(4)];
  const ModelSpec& model = models[draws.below(4)];
  const int tp = 1 << draws.below(4);
  const int pp = 1 + static_cast<int>(draws.below(4));
  const EngineProfile profile = random_profile(draws);
  Config config = test::one_pool(gpu, model, profile, tp, pp);
  config.pools[0].weight_precision = precisions[draws.below(4)];
  config.pools[0].kv_precision = draws.below(2) == 0 ? Precision::fp16 : Precision::int8;
  return config;
}

double device_terms(const StepBreakdown& b) {
  return b.weights + b.gemm + b.attention + b.kv + b.collectives;
}

void expect_above_roofline(const Config& config, const StepTimeModel& model,
                           const StepCostTable& table, const StepWork& work) {
  // Sums in another order differ in the last bits of a double.
  const double slack = 1 - 1e-12;
  const double roofline = model.roofline_seconds(work);
  ASSERT_GE(roofline, bound_by_hand(config, work) * (1 - 0.005));
  ASSERT_GE(device_terms(model.breakdown(work)), roofline * slack);
  ASSERT_GE(static_cast<double>(table.latency.device_cost(work)) * 1e-15, roofline * slack)
      << config.models[0].name << " on " << config.gpus[0].name << ", tp " << config.pools[0].tp
      << ", pp " << config.pools[0].pp << ": " << work.tokens << " tokens, " << work.kv_tokens
      << " KV tokens, " << work.attention_pairs << " pairs";
  if (table.stages > 1) {
    ASSERT_GE(static_cast<double>(table.bottleneck.device_cost(work)) * 1e-15 * table.stages,
              roofline * slack);
  }
}

TEST(Roofline, NoStepBeatsTheHardware) {
  const RandomStream stream{20'230'315, "roofline"};
  int points = 0;
  for (std::uint64_t trial = 0; points < 12'000; ++trial) {
    ASSERT_LT(trial, 2000U);
    Draws draws = stream.of(trial);
    const Config config = random_config(draws);
    std::unique_ptr<StepTimeModel> model;
    try {
      model = make_step_time_model(config, config.pools[0]);
    } catch (const ConfigError&) {
      continue;  // this GPU has no such precision
    }
    const StepCostTable table = tabulate(*model, 2048);
    for (int i = 0; i < 30; ++i) {
      expect_above_roofline(config, *model, table, random_work(draws));
      ++points;
    }
  }
}

TEST(Roofline, AnIdealEngineReachesIt) {
  // Decoding one token without KV on one GPU: nothing but the weight read, and 2 operations per
  // parameter: 13.21 GB / 2.039 TB/s = 6.48 ms + 0.04 ms.
  const Config config =
      test::one_pool(test::a100_80gb(), test::llama2_7b(), test::ideal_profile(), 1, 1);
  const auto model = make_step_time_model(config, config.pools[0]);
  const StepWork work{1, 1, 0, 0};
  const double parameters = 6738415616.0 - 32000.0 * 4096;  // the embedding is looked up
  EXPECT_NEAR(model->roofline_seconds(work), parameters * 2 / 2.039e12, 1e-9);
  EXPECT_NEAR(device_terms(model->breakdown(work)),
              parameters * 2 / 2.039e12 + 2 * parameters / 312e12, 1e-9);
}

TEST(StepTime, Llama70bOnFourA100DecodesIn45ms) {
  const Config config =
      test::one_pool(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), 4, 1);
  const auto model = make_step_time_model(config, config.pools[0]);
  const StepCostTable table = tabulate(*model, 2048);
  const double tpot_ms = static_cast<double>(table.latency.cost(StepWork{1, 1, 576, 0})) * 1e-12;
  EXPECT_NEAR(tpot_ms, 45.0, 0.15 * 45.0);
  const double ttft_ms =
      static_cast<double>(table.latency.cost(StepWork{1020, 1, 0, 1020 * 1020})) * 1e-12;
  EXPECT_NEAR(ttft_ms, 290.0, 0.20 * 290.0);
}

}  // namespace
}  // namespace plimsoll
