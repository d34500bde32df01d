// Fits what the kernels of a GPU reach to measurements of single kernels.
#include "perf/kernel_fit.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "perf/kernel_times.hpp"
#include "perf/roofline_bound.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// Kernels of one kind are measured to some per cent; beyond, a sample weighs less.
constexpr double loss_scale = 0.1;

/// Nor is any kernel measured better than to this share.
constexpr ResidualFacts measured_only{0, 0.02};

/// One coefficient: where it stands in KernelSpec, and its range. Latencies are in nanoseconds.
struct Coefficient {
  FitParameter range;
  std::function<void(KernelSpec&, double)> set;
};

Coefficient share(std::string name, double KernelSpec::*member, double start) {
  return {{std::move(name), start, 0.02, 1.0},
          [member](KernelSpec& spec, double value) { spec.*member = value; }};
}

Coefficient latency(std::string name, FineDuration KernelSpec::*member, FineDuration start) {
  return {{std::move(name), start.count(), 0.0, 200e3},
          [member](KernelSpec& spec, double value) { spec.*member = FineDuration{value}; }};
}

/// `most_read` bounds the share of the bandwidth.
std::vector<Coefficient> gemm_coefficients(const std::string& name, GemmKernels KernelSpec::*part,
                                           double most_read) {
  const auto set = [part](auto member) {
    return [part, member](KernelSpec& spec, double value) { spec.*part.*member = value; };
  };
  return {{{name + ".efficiency", 0.8, 0.05, 1.0}, set(&GemmKernels::efficiency)},
          {{name + ".read_efficiency", std::min(0.85, most_read), 0.05, most_read},
           set(&GemmKernels::read_efficiency)},
          {{name + ".overlap", 3.0, 1.0, 20.0}, set(&GemmKernels::overlap)},
          {{name + ".latency", 5000.0, 0.0, 200e3},
           [part](KernelSpec& spec, double value) { (spec.*part).latency = FineDuration{value}; }}};
}

template <class Sample>
std::vector<Sample> chosen(const std::vector<Sample>& samples,
                           const std::function<bool(const Sample&)>& wanted) {
  std::vector<Sample> kept;
  for (const Sample& sample : samples) {
    if (wanted(sample)) {
      kept.push_back(sample);
    }
  }
  return kept;
}

/// Bytes of the K and V that a decode attention reads, in 16 bits.
double kv_bytes(const AttentionSample& s) {
  return 2.0 * 2.0 * s.kv_heads * s.head_dim * s.batch * s.context;
}

/// What no kernel on `gpu` can beat: operations at its peak rate, weights or KV at its peak
/// bandwidth, the bytes that a GPU has to send over its links.
double least_seconds(const GpuSpec& gpu, const GemmSample& s) {
  return std::max(2.0 * s.m * s.n * s.k / peak_rate(gpu, s.precision).count(),
                  s.n * s.k * bytes_of(s.precision) / gpu.memory_bandwidth.count());
}
double least_seconds(const GpuSpec& gpu, const AttentionSample& s) {
  const double pairs = s.batch * s.context * s.context / 2;
  return s.prefill ? 4.0 * s.heads * s.head_dim * pairs / peak_rate(gpu, Precision::fp16).count()
                   : kv_bytes(s) / gpu.memory_bandwidth.count();
}
double least_seconds(const GpuSpec& gpu, const CollectiveSample& s) {
  const double share =
      s.kind == CollectiveSample::Kind::send ? 1 : 2.0 * (s.gpus - 1) / static_cast<double>(s.gpus);
  return share * s.bytes / gpu.nvlink.count();
}

class KernelFitter {
 public:
  KernelFitter(const GpuSpec& gpu, const KernelSpec& start) : gpu_{gpu} { result_.kernels = start; }

  /// `seconds` predicts one sample with given kernels.
  template <class Sample, class Seconds>
  void fit(const std::string& what, const std::vector<Sample>& all,
           const std::vector<Coefficient>& coefficients, Seconds seconds) {
    if (all.empty()) {
      return;
    }
    const std::vector<Sample> samples = chosen<Sample>(
        all, [this](const Sample& s) { return s.seconds >= least_seconds(gpu_, s); });
    if (samples.size() <= coefficients.size()) {
      throw ConfigError{
          {Diagnostic{"", 0, 0, what,
                      fmt::format("{} possible samples cannot determine {} coefficients",
                                  samples.size(), coefficients.size()),
                      "give more rows, or leave them out"}}};
    }
    KernelFitPart part;
    part.what = what;
    part.impossible = all.size() - samples.size();
    for (const Coefficient& coefficient : coefficients) {
      part.parameters.push_back(coefficient.range);
    }
    const auto with = [&](const std::vector<double>& values) {
      KernelSpec kernels = result_.kernels;
      for (std::size_t i = 0; i < values.size(); ++i) {
        coefficients[i].set(kernels, values[i]);
      }
      return kernels;
    };
    const Residuals residuals = [&](const std::vector<double>& values) {
      const KernelSpec kernels = with(values);
      std::vector<double> logs;
      logs.reserve(samples.size());
      const auto predicted = seconds(kernels);
      for (const Sample& sample : samples) {
        logs.push_back(std::log(predicted(sample) / sample.seconds));
      }
      return logs;
    };
    part.fit = fit_least_squares(part.parameters, residuals, loss_scale, 0, measured_only);
    std::vector<double> values;
    for (const FittedParameter& parameter : part.fit.parameters) {
      values.push_back(parameter.value);
    }
    result_.kernels = with(values);
    result_.parts.push_back(std::move(part));
  }

  void fit_gemms(const std::vector<GemmSample>& samples, bool narrow) {
    const auto wanted = chosen<GemmSample>(samples, [narrow](const GemmSample& sample) {
      return (bytes_of(sample.precision) == 1) == narrow;
    });
    const std::string name = narrow ? "gemm_8bit" : "gemm";
    const auto member = narrow ? &KernelSpec::gemm_8bit : &KernelSpec::gemm;
    // Narrow weights come from the same memory: they reach no larger share of its bandwidth. Left
    // free, it trades against the latency, which engines save a part of and bandwidth not.
    const double most_read = narrow ? result_.kernels.gemm.read_efficiency : 1.0;
    fit(name, wanted, gemm_coefficients(name, member, most_read), [&](const KernelSpec& kernels) {
      const Precision precision = wanted.front().precision;
      return [time = GemmTime{kernels, gpu_, precision, 1, 1, 1}](const GemmSample& s) {
        return time.seconds({s.n, s.k}, s.m);
      };
    });
  }

  void fit_attentions(const std::vector<AttentionSample>& samples) {
    const auto prefill =
        chosen<AttentionSample>(samples, [](const AttentionSample& s) { return s.prefill; });
    const auto decode =
        chosen<AttentionSample>(samples, [](const AttentionSample& s) { return !s.prefill; });
    const std::vector<Coefficient> prefill_coefficients = {
        share("attention_efficiency", &KernelSpec::attention_efficiency, 0.5),
        {{"attention_extra_keys", 500.0, 0.0, 20'000.0},
         [](KernelSpec& spec, double value) { spec.attention_extra_keys = value; }},
        latency("attention_latency", &KernelSpec::attention_latency, FineDuration{10e3})};
    fit("prefill attention", prefill, prefill_coefficients, [this](const KernelSpec& kernels) {
      return [this, &kernels](const AttentionSample& s) {
        const double tokens = s.batch * s.context;
        return to_seconds(kernels.attention_latency) +
               attention_pair_seconds(kernels, gpu_, s.heads, static_cast<int>(s.head_dim)) *
                   tokens * (s.context + kernels.attention_extra_keys);
      };
    });
    fit("decode attention", decode,
        {share("kv_read_efficiency", &KernelSpec::kv_read_efficiency, 0.8),
         latency("kv_read_latency", &KernelSpec::kv_read_latency, FineDuration{10e3})},
        [this](const KernelSpec& kernels) {
          return [this, &kernels](const AttentionSample& s) {
            return to_seconds(kernels.kv_read_latency) +
                   kv_bytes(s) * kv_byte_seconds(kernels, gpu_);
          };
        });
  }

  void fit_collectives(const std::vector<CollectiveSample>& samples) {
    using Kind = CollectiveSample::Kind;
    const auto of_kind = [&](Kind kind) {
      return chosen<CollectiveSample>(
          samples, [kind](const CollectiveSample& sample) { return sample.kind == kind; });
    };
    const auto all_reduce = [this](AllReduce kind) {
      return [this, kind](const KernelSpec& kernels) {
        return [this, kind, &kernels](const CollectiveSample& s) {
          return AllReduceTime{kernels, gpu_, s.gpus, kind, 1, 1}.seconds(s.bytes);
        };
      };
    };
    fit("ring all-reduce", of_kind(Kind::ring),
        {share("nccl_efficiency", &KernelSpec::nccl_efficiency, 0.6),
         latency("nccl_latency", &KernelSpec::nccl_latency, FineDuration{5e3}),
         latency("nccl_latency_per_doubling", &KernelSpec::nccl_latency_per_doubling,
                 FineDuration{5e3})},
        all_reduce(AllReduce::nccl));
    fit("one-shot all-reduce", of_kind(Kind::custom),
        {share("custom_efficiency", &KernelSpec::custom_efficiency, 0.5),
         latency("custom_latency", &KernelSpec::custom_latency, FineDuration{3e3}),
         latency("custom_latency_per_doubling", &KernelSpec::custom_latency_per_doubling,
                 FineDuration{400})},
        all_reduce(AllReduce::custom));
    fit("send/recv", of_kind(Kind::send),
        {share("send_efficiency", &KernelSpec::send_efficiency, 0.7),
         latency("send_latency", &KernelSpec::send_latency, FineDuration{8e3})},
        [this](const KernelSpec& kernels) {
          return [this, &kernels](const CollectiveSample& s) {
            return to_seconds(kernels.send_latency) +
                   s.bytes / (gpu_.nvlink.count() * kernels.send_efficiency);
          };
        });
  }

  KernelFit take() { return std::move(result_); }

 private:
  const GpuSpec& gpu_;
  KernelFit result_;
};

}  // namespace

KernelFit fit_kernels(const GpuSpec& gpu, const KernelSpec& start, const KernelSamples& samples) {
  KernelFitter fitter{gpu, start};
  fitter.fit_gemms(samples.gemms, false);
  fitter.fit_gemms(samples.gemms, true);
  fitter.fit_attentions(samples.attentions);
  fitter.fit_collectives(samples.collectives);
  return fitter.take();
}

}  // namespace plimsoll
