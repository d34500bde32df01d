// Fits give back the profile and the kernels that made the data.
#include "perf/profile_fit.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "perf/closed_loop.hpp"
#include "perf/kernel_fit.hpp"
#include "perf/kernel_times.hpp"
#include "perf/static_batch.hpp"
#include "plimsoll/errors.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

EngineProfile true_profile() {
  EngineProfile profile;
  profile.name = "true";
  profile.gemm_share = 0.7;
  profile.activation_passes = 12;
  profile.host_per_layer = FineDuration{300e3};
  profile.host_per_sequence = FineDuration{200e3};
  return profile;
}

MeasuredPoints measured(const EngineProfile& profile) {
  MeasuredPoints points;
  for (const int tp : {2, 8}) {
    Config config = test::one_pool(test::a100_80gb(), test::llama2_70b(), profile, tp);
    config.pools[0].max_num_batched_tokens = 65536;
    const auto model = make_step_time_model(config, config.pools[0]);
    for (const std::int64_t batch : {1, 4, 16, 64}) {
      MeasuredPoint point;
      point.replica = points.replicas.size();
      point.load = {batch, 512, 64};
      const StaticBatch made = predict_static_batch(*model, config.pools[0], point.load);
      point.ttft = made.ttft;
      point.tpot = made.tpot;
      points.points.push_back(point);
    }
    points.replicas.push_back(std::move(config));
  }
  return points;
}

std::vector<ProfileCoefficient> chosen(const std::vector<std::string>& keys) {
  std::vector<ProfileCoefficient> coefficients;
  for (const ProfileCoefficient& one : profile_coefficients({})) {
    for (const std::string& key : keys) {
      if (one.range.name == key) {
        coefficients.push_back(one);
      }
    }
  }
  return coefficients;
}

TEST(ProfileFit, GivesBackTheProfileThatMadeTheRows) {
  const auto coefficients =
      chosen({"gemm_share", "activation_passes", "host_per_layer", "host_per_sequence"});
  ASSERT_EQ(coefficients.size(), 4U);
  const MeasuredPoints points = measured(true_profile());
  const ProfileFit fit = fit_profile(points, EngineProfile{}, coefficients);
  // Held to what was expected as strongly as by 2 % of an e-fold, so not exactly.
  EXPECT_NEAR(fit.profile.gemm_share, 0.7, 0.02);
  EXPECT_NEAR(fit.profile.host_per_layer.count(), 300e3, 6e3);
  EXPECT_NEAR(fit.profile.host_per_sequence.count(), 200e3, 10e3);
  EXPECT_LT(cross_validated_error(points, fit, coefficients), 0.02);
}

TEST(ProfileFit, CopiesOfRowsChangeNothing) {
  const auto coefficients =
      chosen({"gemm_share", "activation_passes", "host_per_layer", "host_per_sequence"});
  const MeasuredPoints points = measured(true_profile());
  MeasuredPoints copied = points;
  for (int copy = 0; copy < 3; ++copy) {
    copied.points.insert(copied.points.end(), points.points.begin(), points.points.end());
  }
  const ProfileFit once = fit_profile(points, EngineProfile{}, coefficients);
  const ProfileFit often = fit_profile(copied, EngineProfile{}, coefficients);
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    const FittedParameter& a = once.fit.parameters[i];
    const FittedParameter& b = often.fit.parameters[i];
    EXPECT_NEAR(a.value, b.value, 1e-6 * a.value) << coefficients[i].range.name;
    EXPECT_NEAR(a.standard_error, b.standard_error, 1e-4 * a.standard_error);
    EXPECT_GT(a.standard_error, 1e-3 * a.value) << "met exactly, but not known exactly";
  }
  EXPECT_NEAR(cross_validated_error(points, once, coefficients),
              cross_validated_error(copied, often, coefficients), 1e-6);
  EXPECT_EQ(often.residuals.size(), 4 * once.residuals.size()) << "errors are told of all rows";
}

TEST(ProfileFit, OnePointHowEverOftenDeterminesNoMoreThanItsTimes) {
  MeasuredPoints one = measured(true_profile());
  one.points.resize(1);
  for (int copy = 0; copy < 30; ++copy) {
    one.points.push_back(one.points.front());
  }
  EXPECT_EQ(distinct_points(one).points.size(), 1U);
  EXPECT_THROW(
      fit_profile(one, EngineProfile{}, chosen({"gemm_share", "host_per_layer", "kv_share"})),
      ConfigError)
      << "two times, three coefficients";
}

TEST(ProfileFit, RowsOfOnePointCountAsTheirGeometricMean) {
  MeasuredPoints points = measured(true_profile());
  MeasuredPoint other = points.points.front();
  points.points.front().tpot = 0.040;
  other.tpot = 0.090;
  points.points.push_back(other);
  const MeasuredPoints distinct = distinct_points(points);
  EXPECT_EQ(distinct.points.size(), points.points.size() - 1);
  EXPECT_NEAR(*distinct.points.front().tpot, 0.060, 1e-12);
}

/// Decode attentions that read KV at `share` of the peak bandwidth, of contexts long and short.
std::vector<AttentionSample> decode_attentions(const GpuSpec& gpu, double share) {
  std::vector<AttentionSample> samples;
  for (const double context : {512.0, 2048.0, 8192.0, 32768.0}) {
    const double bytes = 4.0 * 8 * 128 * 32 * context;
    samples.push_back(
        {false, 64, 8, 128, 32, context, 10e-6 + bytes / (gpu.memory_bandwidth.count() * share)});
  }
  return samples;
}

TEST(KernelFit, LeavesOutWhatBeatsThePeak) {
  const GpuSpec gpu = test::a100_80gb();
  KernelSamples samples;
  samples.attentions = decode_attentions(gpu, 0.8);
  const KernelFit clean = fit_kernels(gpu, KernelSpec{}, samples);
  EXPECT_NEAR(clean.kernels.kv_read_efficiency, 0.8, 1e-6);
  EXPECT_EQ(clean.parts.front().impossible, 0U);
  for (AttentionSample fast : decode_attentions(gpu, 1.0)) {
    fast.seconds -= 20e-6;  // below bytes / bandwidth
    if (fast.seconds > 0) {
      samples.attentions.push_back(fast);
    }
  }
  const std::size_t impossible = samples.attentions.size() - 4;
  ASSERT_GT(impossible, 0U);
  const KernelFit with = fit_kernels(gpu, KernelSpec{}, samples);
  EXPECT_EQ(with.parts.front().impossible, impossible);
  EXPECT_EQ(with.kernels.kv_read_efficiency, clean.kernels.kv_read_efficiency);
}

TEST(KernelFit, GivesBackTheKernelsThatMadeTheSamples) {
  const GpuSpec gpu = test::a100_80gb();
  KernelSpec made;
  made.gemm = {0.75, 0.8, 2.5, FineDuration{6000}};
  const GemmTime time{made, gpu, Precision::bf16, 1, 1, 1};
  KernelSamples samples;
  for (const double m : {1.0, 16.0, 128.0, 512.0, 4096.0}) {
    for (const double n : {1024.0, 8192.0, 28672.0}) {
      samples.gemms.push_back({Precision::bf16, m, n, 8192, time.seconds({n, 8192}, m)});
    }
  }
  const KernelFit fit = fit_kernels(gpu, KernelSpec{}, samples);
  EXPECT_NEAR(fit.kernels.gemm.efficiency, 0.75, 1e-5);
  EXPECT_NEAR(fit.kernels.gemm.read_efficiency, 0.8, 1e-5);
  EXPECT_NEAR(fit.kernels.gemm.overlap, 2.5, 1e-3);
  EXPECT_NEAR(fit.kernels.gemm.latency.count(), 6000, 1);
  EXPECT_EQ(fit.parts.size(), 1U) << "what has no samples is left as it was";
}

TEST(ClosedLoop, AloneItIsTheDecodeStep) {
  // One request in flight: nobody's prompt comes between.
  const Config config =
      test::one_pool(test::a100_80gb(), test::llama2_7b(), test::ideal_profile(), 1);
  const auto model = make_step_time_model(config, config.pools[0]);
  const StaticLoad load{1, 512, 65};
  EXPECT_DOUBLE_EQ(closed_loop_tpot(*model, config.pools[0], load),
                   latency_seconds(*model, StepWork{1, 1, 512 + 32, 0}));
  // Two: each step-time more of the other's prompt once in 64 steps.
  const StaticLoad pair{2, 512, 65};
  const StepWork decode{2, 2, 2 * (512 + 32), 0};
  const StepWork mixed{2 + 512, 2, 2 * (512 + 32), 512 * 512};
  const double alone = latency_seconds(*model, decode);
  EXPECT_NEAR(closed_loop_tpot(*model, config.pools[0], pair),
              alone + (latency_seconds(*model, mixed) - alone) / 64, 1e-12);
}

}  // namespace
}  // namespace plimsoll
