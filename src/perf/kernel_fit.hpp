// Fits what the kernels of a GPU reach to measurements of single kernels.
#pragma once

#include <string>
#include <vector>

#include "perf/least_squares.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// A product of m x k by k x n.
struct GemmSample {
  Precision precision = Precision::bf16;  // of the weights
  double m = 1;
  double n = 1;
  double k = 1;
  double seconds = 0;
};

/// Attention of `batch` sequences over `context` tokens each: all of them prompts, or one new
/// token each.
struct AttentionSample {
  bool prefill = true;
  double heads = 1;  // on this GPU
  double kv_heads = 1;
  double head_dim = 128;
  double batch = 1;
  double context = 1;
  double seconds = 0;
};

/// A message between GPUs of one node.
struct CollectiveSample {
  enum class Kind : std::uint8_t { ring, custom, send };
  Kind kind = Kind::ring;
  int gpus = 2;
  double bytes = 1;
  double seconds = 0;
};

struct KernelSamples {
  std::vector<GemmSample> gemms;
  std::vector<AttentionSample> attentions;
  std::vector<CollectiveSample> collectives;
};

/// A group of coefficients that was fitted together.
struct KernelFitPart {
  std::string what;
  std::vector<FitParameter> parameters;
  Fit fit;                     // residuals: log(predicted / measured)
  std::size_t impossible = 0;  // samples left out: faster than the peak of the hardware allows
};

struct KernelFit {
  KernelSpec kernels;
  std::vector<KernelFitPart> parts;
};

/// Fits by part: products of 16 and of 8 bits, prefill and decode attention, ring, one-shot and
/// send/recv messages. Samples that are faster than their operations at the GPU's peak rate or
/// their bytes at its peak bandwidth are no measurements of what the formulas describe (a part of
/// the data was in a cache, or less was computed than told): they are left out and counted. Parts
/// without samples keep the values of `start`. Errors are relative:
/// residuals are logarithms. Throws ConfigError when a part has fewer samples than it needs.
KernelFit fit_kernels(const GpuSpec& gpu, const KernelSpec& start, const KernelSamples& samples);

}  // namespace plimsoll
