// Test support: hardware in the catalog of scenarios whose profiles are of form linear, so that
// none of its speeds matters.
#pragma once

#include <string>

namespace plimsoll::test {

/// `kernels` of a catalog: the entry plain.
inline const std::string plain_kernels = R"(
  kernels:
    plain:
      {gemm: {efficiency: 0.8, read_efficiency: 0.8}, gemm_8bit: {efficiency: 0.8,
       read_efficiency: 0.8}, attention_efficiency: 0.5, kv_read_efficiency: 0.9,
       nccl_efficiency: 0.7, custom_efficiency: 0.5, send_efficiency: 0.7, source: a test})";

/// `kernels` and `gpus` of a catalog: the GPU one, in nodes of `gpus_per_node`.
inline std::string plain_gpu(int gpus_per_node = 8) {
  return plain_kernels + R"(
  gpus:
    one:
      {memory: 80GB, memory_bandwidth: 2TB/s, fp16: 300TFLOPS, tdp: 400W, nvlink: 300GB/s,
       pcie: 32GB/s, nic: 25GB/s, node_hop_bandwidth: 10GB/s, node_hop_latency: 10us, ssd: 3GB/s,
       host_memory: 1TiB, kernels: plain, gpus_per_node: )" +
         std::to_string(gpus_per_node) + ", source: a test}";
}

}  // namespace plimsoll::test
