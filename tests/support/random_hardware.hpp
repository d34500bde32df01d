// Random GPUs, kernels, engines, layouts and steps for laws of step times.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"
#include "support/hardware.hpp"

namespace plimsoll::test {

/// Uniform in low .. high.
inline double random_between(Draws& draws, double low, double high) {
  return low + (high - low) * draws.uniform();
}

/// A share of a peak: 0.05 .. 1.
inline double random_share(Draws& draws) {
  return random_between(draws, 0.05, 1);
}

/// Up to `most` nanoseconds; none in one of four cases.
inline Duration random_latency(Draws& draws, std::uint32_t most) {
  const bool none = draws.below(4) == 0;
  const Duration latency{draws.below(most)};
  return none ? Duration{} : latency;
}

inline GemmKernels random_gemm(Draws& draws) {
  GemmKernels gemm;
  gemm.efficiency = random_share(draws);
  gemm.read_efficiency = random_share(draws);
  const std::array<double, 5> overlaps = {1, 1.3, 2, 5, 40};
  gemm.overlap = overlaps[draws.below(5)];
  gemm.latency = random_latency(draws, 30'000);
  return gemm;
}

/// Ideal kernels in one of three cases, the hardest of all: nothing is lost anywhere.
inline KernelSpec random_kernels(Draws& draws) {
  KernelSpec kernels = ideal_kernels();
  if (draws.below(3) == 0) {
    kernels.gemm.overlap = draws.below(2) == 0 ? 1 : 1000;  // the sum, the maximum
    return kernels;
  }
  kernels.name = "random";
  kernels.gemm = random_gemm(draws);
  kernels.gemm_8bit = random_gemm(draws);
  kernels.attention_efficiency = random_share(draws);
  kernels.attention_extra_keys = random_between(draws, 0, 1500);
  kernels.attention_latency = random_latency(draws, 30'000);
  kernels.kv_read_efficiency = random_share(draws);
  kernels.kv_read_latency = random_latency(draws, 30'000);
  kernels.nccl_efficiency = random_share(draws);
  kernels.nccl_latency = random_latency(draws, 20'000);
  kernels.nccl_latency_per_doubling = random_latency(draws, 10'000);
  kernels.custom_efficiency = random_share(draws);
  kernels.custom_latency = random_latency(draws, 10'000);
  kernels.custom_latency_per_doubling = random_latency(draws, 2'000);
  kernels.send_efficiency = random_share(draws);
  kernels.send_latency = random_latency(draws, 20'000);
  return kernels;
}

/// An ideal engine in one of three cases.
inline EngineProfile random_profile(Draws& draws) {
  EngineProfile profile = ideal_profile();
  if (draws.below(3) == 0) {
    return profile;
  }
  profile.name = "random";
  profile.gemm_share = random_share(draws);
  profile.read_share = random_share(draws);
  profile.attention_share = random_share(draws);
  profile.kv_share = random_share(draws);
  profile.collective_share = random_share(draws);
  profile.kernel_latency_factor = random_between(draws, 0, 3);
  profile.quantize_latency_factor = random_between(draws, 0, 3);
  profile.kv_read_latency_factor = random_between(draws, 0, 5);
  profile.collective_latency_factor = random_between(draws, 0, 5);
  profile.all_reduce = draws.below(2) == 0 ? AllReduce::nccl : AllReduce::custom;
  profile.attention = draws.below(2) == 0 ? Attention::flash : Attention::materialized;
  profile.activation_passes = random_between(draws, 0, 60);
  profile.layer_overhead = random_latency(draws, 20'000);
  profile.host = draws.below(2) == 0 ? HostLaunch::overlaps : HostLaunch::adds;
  profile.host_per_layer = random_latency(draws, 600'000);
  profile.host_per_step = random_latency(draws, 3'000'000);
  profile.host_per_sequence = random_latency(draws, 400'000);
  profile.large_pass_tokens = static_cast<int>(draws.below(3000));
  MachineSpec machine;
  machine.name = "random";  // as random kernels
  machine.host_factor = random_between(draws, 0.2, 2);
  machine.large_pass_bandwidth = BytesPerSecond::of(random_between(draws, 5e9, 100e9));
  profile.machines = {machine};
  return profile;
}

inline GpuSpec random_gpu(Draws& draws) {
  const std::array<GpuSpec, 4> gpus = {v100_32gb(), a100_40gb(), a100_80gb(), h100_80gb()};
  return gpus[draws.below(4)];
}

/// One pool of random kind; its GPU need not have its precision.
inline Config random_config(Draws& draws) {
  const std::array<ModelSpec, 4> models = {llama2_7b(), llama2_70b(), gpt3_175b(), mixtral_8x7b()};
  const std::array<Precision, 4> precisions = {Precision::fp16, Precision::bf16, Precision::fp8,
                                               Precision::int8};
  const std::array<double, 3> overlaps = {0, 0.4, 1};
  const GpuSpec gpu = random_gpu(draws);
  const ModelSpec& model = models[draws.below(4)];
  const int tp = 1 << draws.below(4);
  const int pp = 1 + static_cast<int>(draws.below(8));
  const EngineProfile profile = random_profile(draws);
  const KernelSpec kernels = random_kernels(draws);
  Config config = one_pool(gpu, model, profile, tp, pp, kernels);
  PoolConfig& pool = config.pools[0];
  pool.weight_precision = precisions[draws.below(4)];
  pool.kv_precision = draws.below(2) == 0 ? Precision::fp16 : Precision::int8;
  if (draws.below(3) == 0) {
    pool.attention = draws.below(2) == 0 ? Attention::flash : Attention::materialized;
  }
  if (draws.below(3) == 0) {
    pool.collectives.all_reduce = draws.below(2) == 0 ? AllReduce::nccl : AllReduce::custom;
  }
  pool.collectives.precision = draws.below(2) == 0 ? Precision::fp16 : Precision::int8;
  pool.collectives.overlap = overlaps[draws.below(3)];
  return config;
}

/// Up to 256 decoding sequences, up to one chunk of up to 1,791 tokens.
inline StepWork random_work(Draws& draws) {
  const auto decoding = static_cast<std::int64_t>(draws.below(257));
  const auto context = static_cast<std::int64_t>(draws.below(8192));
  const bool prompt = draws.below(2) == 0;
  const auto chunk = static_cast<std::int64_t>(draws.below(1792));
  const auto before = static_cast<std::int64_t>(draws.below(8192));
  StepWork work;
  work.tokens = decoding;
  work.samples = decoding;
  work.kv_tokens = decoding * context;
  if (prompt) {
    work.tokens += chunk;
    work.kv_tokens += chunk > 0 ? before : 0;
    work.attention_pairs = chunk * (2 * before + chunk);
  }
  work.tokens = std::max<std::int64_t>(1, work.tokens);
  return work;
}

}  // namespace plimsoll::test
