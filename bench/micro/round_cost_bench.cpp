// The cost of one step in the hot path: a round of a replica on a tabulated pool.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/errors.hpp"
#include "serving/round_cost.hpp"

namespace {

using plimsoll::AffineCost;
using plimsoll::Config;
using plimsoll::Femtoseconds;
using plimsoll::StepCostTable;
using plimsoll::StepWork;

constexpr std::int64_t budget = 2048;

/// Llama-2-70B on GPUs of about an A100, 4 a stage: 80 layers, an LM head in the last stage.
Config pool_of(int pp) {
  plimsoll::GpuSpec gpu;
  gpu.name = "gpu";
  gpu.memory = plimsoll::Bytes::of(85'000'000'000);
  gpu.memory_bandwidth = plimsoll::BytesPerSecond::of(2e12);
  gpu.fp16 = plimsoll::FlopRate::of(312e12);
  gpu.nvlink = plimsoll::BytesPerSecond::of(300e9);
  gpu.node_hop_bandwidth = plimsoll::BytesPerSecond::of(8e9);
  plimsoll::ModelSpec model;
  model.name = "model";
  model.parameters = 68'976'648'192;
  model.active_parameters = model.parameters;
  model.layers = 80;
  model.hidden = 8192;
  model.heads = 64;
  model.kv_heads = 8;
  model.head_dim = 128;
  model.ffn = 28'672;
  model.vocab = 32'000;
  model.max_context = 4096;
  model.gated_mlp = true;
  plimsoll::EngineProfile profile;
  profile.host_per_layer = plimsoll::Duration{100'000};
  plimsoll::PoolConfig pool;
  pool.name = "pool";
  pool.tp = 4;
  pool.pp = pp;
  Config config;
  config.kernels.resize(1);
  config.gpus = {gpu};
  config.models = {model};
  config.profiles = {profile};
  config.pools = {pool};
  return config;
}

/// As many different steps as a replica meets before one comes again: tables lie in the cache as
/// they do in a run.
constexpr std::size_t steps = 1024;

/// A round of pp micro-batches that decode, every second step with a prompt's chunk.
void round_cost(benchmark::State& state) {
  const auto pp = static_cast<int>(state.range(0));
  const Config config = pool_of(pp);
  const StepCostTable table =
      plimsoll::tabulate(*plimsoll::make_step_time_model(config, config.pools[0]), budget);
  PLIMSOLL_CHECK(table.stages() == pp, "a column for every stage");
  std::array<std::array<StepWork, 8>, steps> works;
  std::array<std::array<std::int64_t, 8>, steps> growth{};
  std::uint64_t random = 1;
  const auto below = [&random](std::int64_t bound) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::int64_t>(random >> 33) % bound;
  };
  for (std::size_t i = 0; i < steps; ++i) {
    for (std::size_t m = 0; m < 8; ++m) {
      const std::int64_t decoding = 1 + below(256);
      const std::int64_t context = 1 + below(4000);
      const std::int64_t chunk = i % 2 == 0 ? 0 : below(budget - decoding);
      works[i][m] = {decoding + chunk, decoding, decoding * context, chunk * chunk};
      growth[i][m] = chunk > 0 ? 0 : decoding;
    }
  }
  std::size_t next = 0;
  for (auto _ : state) {
    const AffineCost cost =
        plimsoll::round_cost(table, works[next].data(), growth[next].data(), pp);
    benchmark::DoNotOptimize(cost);
    next = (next + 1) % steps;
  }
  // A round is one step of each micro-batch.
  state.counters["step"] = benchmark::Counter(
      pp, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(round_cost)->Arg(1)->Arg(2)->Arg(4)->Arg(8);

}  // namespace
