// Hardware, models and pools for tests, built in code so that no test depends on a catalog file.
#pragma once

#include <cstdint>
#include <string>

#include "plimsoll/config.hpp"

namespace plimsoll::test {
inline constexpr std::int64_t mib = 1024 * 1024;

inline GpuSpec ampere(const std::string& name, std::int64_t memory, double bandwidth) {
  GpuSpec gpu;
  gpu.name = name;
  gpu.memory = Bytes::of(memory);
  gpu.memory_bandwidth = BytesPerSecond::of(bandwidth);
  gpu.fp16 = FlopRate::of(312e12);
  gpu.int8 = FlopRate::of(624e12);
  gpu.nvlink = BytesPerSecond::of(300e9);
  gpu.pcie = BytesPerSecond::of(32e9);
  gpu.nic = BytesPerSecond::of(200e9);
  gpu.node_hop_bandwidth = BytesPerSecond::of(7.6e9);
  gpu.node_hop_latency = Duration{24'000};
  return gpu;
}

inline ModelSpec dense(const std::string& name, double parameters, int layers, int hidden,
                       int heads, int ffn, int vocab) {
  ModelSpec model;
  model.name = name;
  model.parameters = static_cast<std::int64_t>(parameters);
  model.active_parameters = model.parameters;
  model.layers = layers;
  model.hidden = hidden;
  model.heads = heads;
  model.kv_heads = heads;
  model.head_dim = hidden / heads;
  model.ffn = ffn;
  model.vocab = vocab;
  model.max_context = 2048;
  return model;
}

inline GpuSpec a100_80gb() {
  return ampere("a100-80gb", 81251 * mib, 2.039e12);
}
inline GpuSpec a100_40gb() {
  return ampere("a100-40gb", 40536 * mib, 1.555e12);
}

inline GpuSpec h100_80gb() {
  GpuSpec gpu = ampere("h100-80gb", 81559 * mib, 3.35e12);
  gpu.fp16 = FlopRate::of(989e12);
  gpu.fp8 = FlopRate::of(1979e12);
  gpu.int8 = FlopRate::of(1979e12);
  gpu.nvlink = BytesPerSecond::of(450e9);
  gpu.node_hop_bandwidth = BytesPerSecond::of(35.5e9);
  gpu.node_hop_latency = Duration{17'000};
  return gpu;
}

inline GpuSpec v100_32gb() {
  GpuSpec gpu = ampere("v100-32gb", 32510 * mib, 0.9e12);
  gpu.fp16 = FlopRate::of(125e12);
  gpu.int8 = FlopRate{};
  gpu.bf16 = false;
  gpu.nvlink = BytesPerSecond::of(150e9);
  gpu.node_hop_bandwidth = BytesPerSecond::of(5e9);
  gpu.node_hop_latency = Duration{30'000};
  gpu.decode_extrapolated = true;
  return gpu;
}

inline ModelSpec llama2_70b() {
  ModelSpec model = dense("llama2-70b", 68976648192.0, 80, 8192, 64, 28672, 32000);
  model.kv_heads = 8;
  model.gated_mlp = true;
  model.max_context = 4096;
  return model;
}

inline ModelSpec gpt3_175b() {
  return dense("gpt3-175b", 174.6e9, 96, 12288, 96, 49152, 50257);
}

inline ModelSpec mixtral_8x7b() {
  ModelSpec model = dense("mixtral-8x7b", 46702792704.0, 32, 4096, 32, 14336, 32000);
  model.active_parameters = 12879925248;
  model.kv_heads = 8;
  model.gated_mlp = true;
  model.experts = 8;
  model.experts_per_token = 2;
  return model;
}

inline ModelSpec llama2_7b() {
  ModelSpec model = dense("llama2-7b", 6738415616.0, 32, 4096, 32, 11008, 32000);
  model.gated_mlp = true;
  model.max_context = 4096;
  return model;
}

/// Everything at the hardware's peak and nothing beside: terms add, and hand arithmetic tells them.
inline KernelSpec ideal_kernels() {
  KernelSpec kernels;
  kernels.name = "ideal";
  kernels.gemm.efficiency = 1;
  kernels.gemm.read_efficiency = 1;
  kernels.gemm.overlap = 1;  // reads and operations of a product add
  kernels.gemm_8bit = kernels.gemm;
  kernels.attention_efficiency = 1;
  kernels.attention_extra_keys = 0;
  kernels.kv_read_efficiency = 1;
  kernels.nccl_efficiency = 1;
  kernels.custom_efficiency = 1;
  kernels.send_efficiency = 1;
  return kernels;
}

/// About what kernels reach on A100, in round figures.
inline KernelSpec a100_kernels() {
  KernelSpec kernels;
  kernels.name = "a100";
  kernels.gemm = GemmKernels{0.8, 0.8, 2, Duration{6'000}};
  kernels.gemm_8bit = GemmKernels{0.9, 0.95, 1.2, Duration{14'000}};
  kernels.attention_efficiency = 0.5;
  kernels.attention_extra_keys = 600;
  kernels.attention_latency = Duration{15'000};
  kernels.kv_read_efficiency = 0.9;
  kernels.kv_read_latency = Duration{15'000};
  kernels.nccl_efficiency = 0.7;
  kernels.nccl_latency = Duration{6'000};
  kernels.nccl_latency_per_doubling = Duration{5'000};
  kernels.custom_efficiency = 0.45;
  kernels.custom_latency = Duration{4'000};
  kernels.custom_latency_per_doubling = Duration{500};
  kernels.send_efficiency = 0.7;
  kernels.send_latency = Duration{12'000};
  return kernels;
}

/// An engine with all that an engine may add, in round figures near the shipped profile of the
/// name.
inline EngineProfile eager_2023() {
  EngineProfile profile;
  profile.name = "eager-2023";
  profile.gemm_share = 0.75;
  profile.kv_share = 0.8;
  profile.all_reduce = AllReduce::nccl;
  profile.collective_latency_factor = 5;
  profile.kv_read_latency_factor = 4;
  profile.activation_passes = 30;
  profile.host_per_layer = Duration{550'000};
  profile.host_per_sequence = Duration{350'000};
  profile.large_pass_tokens = 2048;
  MachineSpec a100;
  a100.name = "a100";
  a100.large_pass_bandwidth = BytesPerSecond::of(20e9);
  profile.machines = {a100};
  return profile;
}

/// Adds nothing to the kernels and calls for ring all-reduces, which move the fewest bytes.
inline EngineProfile ideal_profile() {
  EngineProfile profile;
  profile.name = "ideal";
  profile.all_reduce = AllReduce::nccl;
  return profile;
}

/// A configuration of one pool, named "pool", with one replica of tp x pp GPUs.
inline Config one_pool(const GpuSpec& gpu, const ModelSpec& model, const EngineProfile& profile,
                       int tp = 1, int pp = 1, const KernelSpec& kernels = a100_kernels()) {
  Config config;
  config.kernels = {kernels};
  config.gpus = {gpu};
  config.models = {model};
  config.profiles = {profile};
  PoolConfig pool;
  pool.name = "pool";
  pool.tp = tp;
  pool.pp = pp;
  pool.max_context = model.max_context;
  config.pools = {pool};
  return config;
}

/// The same with an ideal engine on ideal kernels.
inline Config ideal_pool(const GpuSpec& gpu, const ModelSpec& model, int tp = 1, int pp = 1) {
  return one_pool(gpu, model, ideal_profile(), tp, pp, ideal_kernels());
}

}  // namespace plimsoll::test
