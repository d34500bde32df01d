// Times of single kernels against their formulas with round figures.
#include "perf/kernel_times.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/hardware.hpp"

namespace plimsoll {
namespace {

constexpr double us = 1e-6;

/// 100 TFLOPS, 200 in 8 bits, 1 TB/s of memory, 100 GB/s of NVLink.
GpuSpec round_gpu() {
  GpuSpec gpu = test::h100_80gb();
  gpu.fp16 = FlopRate::of(100e12);
  gpu.fp8 = FlopRate::of(200e12);
  gpu.int8 = FlopRate::of(200e12);
  gpu.memory_bandwidth = BytesPerSecond::of(1e12);
  gpu.nvlink = BytesPerSecond::of(100e9);
  return gpu;
}

/// Products at 0.8 of the peak and 0.5 of the bandwidth after 5 us.
KernelSpec round_kernels(double overlap) {
  KernelSpec kernels = test::ideal_kernels();
  kernels.gemm = GemmKernels{0.8, 0.5, overlap, Duration{5'000}};
  kernels.gemm_8bit = GemmKernels{0.4, 0.25, overlap, Duration{9'000}};
  return kernels;
}

GemmTime gemm(double overlap, Precision precision = Precision::fp16) {
  return GemmTime{round_kernels(overlap), round_gpu(), precision, 1, 1, 1};
}

constexpr GemmShape shape{1000, 2000};  // 2 M weights

TEST(GemmTime, OneRowWaitsForTheWeights) {
  // 2e6 weights, 2,000 activations in and 1,000 out, of 2 B each, at 0.5 TB/s.
  const double memory = (2e6 + 2000 + 1000) * 2 / 0.5e12;  // 8.012 us
  const double compute = 2 * 2e6 / 80e12;                  // 0.05 us
  EXPECT_NEAR(gemm(1).memory_seconds(shape, 1, 1), memory, 1e-15);
  EXPECT_NEAR(gemm(1).compute_seconds(shape, 1), compute, 1e-15);
  // Nearly the maximum when kernels overlap well.
  EXPECT_NEAR(gemm(8).seconds(shape, 1), 5 * us + memory, 1e-6 * memory);
}

TEST(GemmTime, ManyRowsCompute) {
  const double compute = 2 * 1e6 * 2e6 / 80e12;  // 50 ms; memory 12 ms
  EXPECT_NEAR(gemm(16).seconds(shape, 1e6), 5 * us + compute, 1e-6 * compute);
}

TEST(GemmTime, TheExponentGoesFromSumToMaximum) {
  // The rows whose operations take as long as their bytes:
  // m 4e6 / 80e12 = (4e6 + m 6,000) / 0.5e12, m = 8 us / (0.05 us - 0.012 us).
  const double m = 8 / (0.05 - 0.012);
  const double each = m * 0.05 * us;
  ASSERT_NEAR(gemm(1).memory_seconds(shape, m, 1), each, 1e-15);
  EXPECT_NEAR(gemm(1).seconds(shape, m), 5 * us + 2 * each, 1e-12);
  EXPECT_NEAR(gemm(2).seconds(shape, m), 5 * us + std::sqrt(2.0) * each, 1e-12);
  EXPECT_NEAR(gemm(1000).seconds(shape, m), 5 * us + each, 1e-3 * each);
  // 3 and 4 join to 5 at an exponent of 2, wherever the two lie.
  const double memory = gemm(1).memory_seconds(shape, 20, 1);
  const double compute = gemm(1).compute_seconds(shape, 20);
  EXPECT_NEAR(gemm(2).seconds(shape, 20), 5 * us + std::hypot(memory, compute), 1e-12);
}

TEST(GemmTime, ATinyProductIsItsLatency) {
  EXPECT_NEAR(gemm(2).seconds({8, 8}, 1), 5 * us, 1e-9);
  const GemmTime launched_faster{round_kernels(2), round_gpu(), Precision::fp16, 1, 1, 0.4};
  EXPECT_NEAR(launched_faster.seconds({8, 8}, 1), 2 * us, 1e-9);
  EXPECT_EQ(gemm(2).seconds(shape, 0), 0) << "no rows, no kernel";
}

TEST(GemmTime, WeightsOf8BitsAreHalfTheBytesAndHaveKernelsOfTheirOwn) {
  const GemmTime narrow = gemm(1, Precision::fp8);
  // Weights and activations of 1 B at 0.25 TB/s, results of 2 B; 0.4 of 200 TFLOPS.
  EXPECT_NEAR(narrow.memory_seconds(shape, 10, 1), (2e6 + 10 * 2000 + 10 * 1000 * 2) / 0.25e12,
              1e-15);
  EXPECT_NEAR(narrow.compute_seconds(shape, 10), 2 * 10 * 2e6 / 80e12, 1e-15);
  EXPECT_NEAR(narrow.latency(), 9 * us, 1e-15);
  EXPECT_EQ(gemm(1, Precision::int8).seconds(shape, 10), narrow.seconds(shape, 10));
  EXPECT_EQ(gemm(1, Precision::bf16).seconds(shape, 10), gemm(1).seconds(shape, 10));
}

TEST(GemmTime, AnEnginesSharesAreOfTheKernelsRates) {
  const GemmTime shared{round_kernels(1), round_gpu(), Precision::fp16, 0.5, 0.8, 1};
  EXPECT_NEAR(shared.compute_seconds(shape, 10), 2 * gemm(1).compute_seconds(shape, 10), 1e-15);
  EXPECT_NEAR(shared.memory_seconds(shape, 10, 1), gemm(1).memory_seconds(shape, 10, 1) / 0.8,
              1e-15);
}

TEST(GemmTime, GroupedProductsReadSeveralMatrices) {
  // 6 experts are read for 10 rows: 6 x 2e6 weights, activations and operations as of one product.
  EXPECT_NEAR(gemm(1).memory_seconds(shape, 10, 6), (6 * 2e6 + 10 * 3000) * 2 / 0.5e12, 1e-15);
  EXPECT_NEAR(gemm(1).seconds(shape, 10, 6),
              5 * us + gemm(1).memory_seconds(shape, 10, 6) + gemm(1).compute_seconds(shape, 10),
              1e-15);
}

TEST(GemmTime, GrowsWithRowsAndReads) {
  for (const double overlap : {1.0, 1.3, 2.0, 4.0, 30.0}) {
    const GemmTime time = gemm(overlap);
    for (double m = 1; m < 20'000; m *= 1.1) {
      ASSERT_LT(time.seconds(shape, m), time.seconds(shape, m * 1.1)) << overlap << ", " << m;
      ASSERT_LE(time.seconds(shape, m, 3), time.seconds(shape, m, 3.3)) << overlap << ", " << m;
      // Between the maximum and the sum of its parts.
      const double compute = time.compute_seconds(shape, m);
      const double memory = time.memory_seconds(shape, m, 1);
      const double joined = time.seconds(shape, m) - time.latency();
      ASSERT_GE(joined, std::max(compute, memory) * (1 - 1e-12));
      ASSERT_LE(joined, (compute + memory) * (1 + 1e-12));
    }
  }
}

/// Rings of 10 us + 2 us per doubling at half of NVLink; one shot of 3 us + 1 us at a quarter.
KernelSpec reducing_kernels() {
  KernelSpec kernels = test::ideal_kernels();
  kernels.nccl_efficiency = 0.5;
  kernels.nccl_latency = Duration{10'000};
  kernels.nccl_latency_per_doubling = Duration{2'000};
  kernels.custom_efficiency = 0.25;
  kernels.custom_latency = Duration{3'000};
  kernels.custom_latency_per_doubling = Duration{1'000};
  return kernels;
}

AllReduceTime all_reduce(int tp, AllReduce kind, double share = 1, double factor = 1) {
  return AllReduceTime{reducing_kernels(), round_gpu(), tp, kind, share, factor};
}

TEST(AllReduceTime, ARingMovesTwoSharesOfTheMessage) {
  // 8 GPUs: 10 + 3 x 2 us, and 1 MB x 2 x 7/8 at 50 GB/s = 35 us.
  EXPECT_NEAR(all_reduce(8, AllReduce::nccl).seconds(1e6), 51 * us, 1e-12);
  // 2 GPUs: 12 us and 1 MB x 2 x 1/2 = 20 us.
  EXPECT_NEAR(all_reduce(2, AllReduce::nccl).seconds(1e6), 32 * us, 1e-12);
  EXPECT_NEAR(all_reduce(8, AllReduce::nccl).seconds(0), 16 * us, 1e-12);
}

TEST(AllReduceTime, OneShotReadsEveryOthersMessage) {
  // 8 GPUs: 3 + 3 x 1 us, and 10 kB x 7 at 25 GB/s = 2.8 us.
  EXPECT_NEAR(all_reduce(8, AllReduce::custom).seconds(10e3), 8.8 * us, 1e-12);
  EXPECT_NEAR(all_reduce(4, AllReduce::custom).seconds(10e3), (5 + 1.2) * us, 1e-12);
}

TEST(AllReduceTime, CustomTakesTheRingBeyondTheCrossing) {
  const AllReduceTime custom = all_reduce(8, AllReduce::custom);
  const AllReduceTime ring = all_reduce(8, AllReduce::nccl);
  // 6 us + x 280 us/MB = 16 us + x 35 us/MB at x = 10/245 MB.
  const double crossing = 1e6 * 10 / 245;
  EXPECT_NEAR(custom.seconds(crossing), 6 * us + 280 * us * 10 / 245, 1e-12);
  EXPECT_NEAR(custom.seconds(crossing), ring.seconds(crossing), 1e-12);
  EXPECT_LT(custom.seconds(0.9 * crossing), ring.seconds(0.9 * crossing));
  EXPECT_EQ(custom.seconds(1.1 * crossing), ring.seconds(1.1 * crossing));
  for (double bytes = 1; bytes < 1e9; bytes *= 1.5) {
    ASSERT_LT(custom.seconds(bytes), custom.seconds(1.5 * bytes));
  }
}

TEST(AllReduceTime, OneGpuReducesForFree) {
  for (const AllReduce kind : {AllReduce::nccl, AllReduce::custom}) {
    EXPECT_EQ(all_reduce(1, kind).seconds(1e9), 0);
  }
}

TEST(AllReduceTime, AnEngineMayWaitLongerAndMoveSlower) {
  // Five times the latency, a quarter of the bandwidth: 5 x 16 us + 4 x 35 us.
  EXPECT_NEAR(all_reduce(8, AllReduce::nccl, 0.25, 5).seconds(1e6), 220 * us, 1e-12);
  EXPECT_NEAR(all_reduce(8, AllReduce::custom, 0.25, 5).seconds(10e3), (5 * 6 + 4 * 2.8) * us,
              1e-12);
}

}  // namespace
}  // namespace plimsoll
