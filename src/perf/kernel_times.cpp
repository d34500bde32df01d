// Times of single kernels on one GPU.
#include "perf/kernel_times.hpp"

#include <algorithm>
#include <cmath>

#include "perf/roofline_bound.hpp"

namespace plimsoll {
namespace {

constexpr double activation_bytes = 2.0;

/// (a^p + b^p)^(1/p) without overflow; a, b >= 0. max(a, b) at least, a + b at most.
double joined(double a, double b, double p) {
  const double larger = std::max(a, b);
  if (larger <= 0) {
    return 0;
  }
  const double ratio = std::min(a, b) / larger;
  return larger * std::pow(1.0 + std::pow(ratio, p), 1.0 / p);
}

}  // namespace

GemmTime::GemmTime(const KernelSpec& kernels, const GpuSpec& gpu, Precision weights,
                   double gemm_share, double read_share, double latency_factor) {
  const GemmKernels& k = bytes_of(weights) == 1 ? kernels.gemm_8bit : kernels.gemm;
  weight_bytes_ = bytes_of(weights);
  flop_seconds_ = 2.0 / (peak_rate(gpu, weights).count() * k.efficiency * gemm_share);
  byte_seconds_ = 1.0 / (gpu.memory_bandwidth.count() * k.read_efficiency * read_share);
  overlap_ = k.overlap;
  latency_ = to_seconds(k.latency) * latency_factor;
}

double GemmTime::compute_seconds(const GemmShape& shape, double m) const {
  return m * shape.n * shape.k * flop_seconds_;
}

double GemmTime::memory_seconds(const GemmShape& shape, double m, double reads) const {
  const double bytes =
      (reads * shape.n + m) * shape.k * weight_bytes_ + m * shape.n * activation_bytes;
  return bytes * byte_seconds_;
}

double GemmTime::seconds(const GemmShape& shape, double m, double reads) const {
  if (m <= 0) {
    return 0;
  }
  return latency_ + joined(compute_seconds(shape, m), memory_seconds(shape, m, reads), overlap_);
}

AllReduceTime::AllReduceTime(const KernelSpec& kernels, const GpuSpec& gpu, int tp, AllReduce kind,
                             double bandwidth_share, double latency_factor)
    : custom_{kind == AllReduce::custom}, alone_{tp <= 1} {
  const double doublings = std::log2(static_cast<double>(tp));
  const double nvlink = gpu.nvlink.count() * bandwidth_share;
  const auto latency = [&](FineDuration base, FineDuration more) {
    return (to_seconds(base) + doublings * to_seconds(more)) * latency_factor;
  };
  ring_latency_ = latency(kernels.nccl_latency, kernels.nccl_latency_per_doubling);
  ring_byte_ = 2.0 * (tp - 1.0) / tp / (nvlink * kernels.nccl_efficiency);
  shot_latency_ = latency(kernels.custom_latency, kernels.custom_latency_per_doubling);
  shot_byte_ = (tp - 1.0) / (nvlink * kernels.custom_efficiency);
}

double attention_pair_seconds(const KernelSpec& kernels, const GpuSpec& gpu, double heads,
                              int head_dim) {
  return 2.0 * heads * head_dim / (gpu.fp16.count() * kernels.attention_efficiency);
}

double kv_byte_seconds(const KernelSpec& kernels, const GpuSpec& gpu) {
  return 1.0 / (gpu.memory_bandwidth.count() * kernels.kv_read_efficiency);
}

double AllReduceTime::seconds(double bytes) const {
  if (alone_) {
    return 0;
  }
  const double ring = ring_latency_ + ring_byte_ * bytes;
  return custom_ ? std::min(ring, shot_latency_ + shot_byte_ * bytes) : ring;
}

}  // namespace plimsoll
