// Times of single kernels on one GPU: what measurements of kernels determine, before any engine.
#pragma once

#include <cstdint>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// A product of m x k activations by k x n weights. With an MoE's grouped products, `reads` weight
/// matrices of this shape are read, and each of the m rows meets one of them.
struct GemmShape {
  double n = 0;
  double k = 0;
};

/// Seconds of matrix products: latency + (compute^p + memory^p)^(1/p), with
///   compute = 2 m n k / (peak x efficiency),
///   memory = (reads n k weight_bytes + m k weight_bytes + 2 m n) / (bandwidth x read_efficiency).
class GemmTime {
 public:
  /// `weights` is the precision of weights and of the arithmetic; shares multiply the kernels'
  /// efficiencies.
  GemmTime(const KernelSpec& kernels, const GpuSpec& gpu, Precision weights, double gemm_share,
           double read_share, double latency_factor);

  /// m >= 0 rows, reads >= 0 matrices; 0 rows take no time. Non-decreasing in both.
  double seconds(const GemmShape& shape, double m, double reads = 1) const;

  double compute_seconds(const GemmShape& shape, double m) const;
  double memory_seconds(const GemmShape& shape, double m, double reads) const;
  double latency() const { return latency_; }

 private:
  double flop_seconds_ = 0;  // per multiply-add, twice
  double byte_seconds_ = 0;
  double weight_bytes_ = 2;
  double overlap_ = 1;
  double latency_ = 0;
};

/// Seconds of all-reduces over the tp GPUs of a group, message by message.
class AllReduceTime {
 public:
  AllReduceTime(const KernelSpec& kernels, const GpuSpec& gpu, int tp, AllReduce kind,
                double bandwidth_share, double latency_factor);

  /// A message of so many bytes per GPU:
  ///   ring   nccl_latency + doublings x more + bytes 2 (tp - 1)/tp / (NVLink x nccl_efficiency)
  ///   custom the shorter of that and one shot, in which each GPU reads tp - 1 messages:
  ///          custom_latency + doublings x more + bytes (tp - 1) / (NVLink x custom_efficiency)
  /// with log2(tp) doublings. 0 at tp = 1.
  double seconds(double bytes) const;

 private:
  double ring_latency_ = 0;
  double ring_byte_ = 0;
  double shot_latency_ = 0;
  double shot_byte_ = 0;
  bool custom_ = false;
  bool alone_ = true;
};

/// Seconds of prefill attention per unit of StepWork::attention_pairs (query-key pairs counted
/// twice: 4 operations per pair and head dimension), of so many heads on the GPU, fused.
double attention_pair_seconds(const KernelSpec& kernels, const GpuSpec& gpu, double heads,
                              int head_dim);

/// Seconds of decode attention per byte of KV.
double kv_byte_seconds(const KernelSpec& kernels, const GpuSpec& gpu);

}  // namespace plimsoll
