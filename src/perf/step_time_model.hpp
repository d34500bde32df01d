// How long one iteration of a replica takes: pure functions of the work in it, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// Integer femtoseconds: the unit of time inside a replica, so that k equal steps add exactly.
using Femtoseconds = std::int64_t;

/// What one micro-batch computes in one step (one forward pass).
struct StepWork {
  std::int64_t tokens = 0;           // new tokens: one per decoding sequence + prompt chunk tokens
  std::int64_t samples = 0;          // sequences that emit a token at the end of the step
  std::int64_t kv_tokens = 0;        // KV tokens read: decode contexts + contexts before chunks
  std::int64_t attention_pairs = 0;  // sum over chunks c at context s of c (2 s + c): twice the
                                     // query-key pairs of causal attention
};

/// Where the time of a step goes, in seconds, summed over the pipeline's stages for one
/// micro-batch. `device` terms add; `host` overlaps with them; `serial` adds to either.
struct StepBreakdown {
  double serial = 0;
  double host = 0;
  double weights = 0;      // reading weights
  double gemm = 0;         // computing with them
  double attention = 0;    // prefill attention
  double kv = 0;           // KV reads
  double collectives = 0;  // tensor-parallel all-reduces
  double hops = 0;         // pipeline send/recv, part of the latency only
};

/// The cost of a step of one pool's replicas. Stages differ in layers and in the LM head.
/// Everything is in seconds, >= 0, and non-decreasing in its argument. All functions are pure.
class StepTimeModel {
 public:
  virtual ~StepTimeModel() = default;
  /// Pipeline stages (pp).
  virtual int stages() const = 0;
  /// Device time of `tokens` new tokens in `stage`, without attention; tokens >= 1.
  virtual double device_seconds(int stage, std::int64_t tokens) const = 0;
  /// Device time per KV token read in `stage`.
  virtual double kv_token_seconds(int stage) const = 0;
  /// Device time per unit of StepWork::attention_pairs in `stage`.
  virtual double pair_seconds(int stage) const = 0;
  /// Device time per emitted token (LM head) in `stage`: 0 but in the last.
  virtual double sample_device_seconds(int stage) const = 0;
  /// Host launch time of `stage`, overlapping with the device.
  virtual double host_seconds(int stage) const = 0;
  /// Serial host time per step, and per emitted token.
  virtual double serial_seconds() const = 0;
  virtual double serial_sample_seconds() const = 0;
  /// One hop of `tokens` activations to the next stage; 0 when pp = 1.
  virtual double hop_seconds(std::int64_t tokens) const = 0;
  /// The terms of `work`, for people.
  virtual StepBreakdown breakdown(const StepWork& work) const = 0;
  /// No machine of this kind can run `work` faster (peak FLOPS, weight and KV reads at peak
  /// bandwidth, over all GPUs of the group and stages of one micro-batch), in seconds.
  virtual double roofline_seconds(const StepWork& work) const = 0;
};

/// The model of a pool of `pool`'s kind. Throws ConfigError when GPU and precision do not go
/// together (bf16 or fp8 on V100, fp8 on A100).
std::unique_ptr<StepTimeModel> make_step_time_model(const Config& config, const PoolConfig& pool);

/// One column of tabulated cost:
///   serial + samples x serial_sample
///   + max(host, device[tokens] + kv x kv_tokens + pair x attention_pairs + samples x sample)
/// All in femtoseconds. Affine in KV tokens at a fixed batch on either side of one breakpoint.
struct CostColumn {
  std::vector<Femtoseconds> device;  // by tokens, 0 .. the token budget
  Femtoseconds kv_token = 0;
  Femtoseconds pair = 0;
  Femtoseconds sample_device = 0;
  Femtoseconds host = 0;
  Femtoseconds serial = 0;
  Femtoseconds serial_sample = 0;

  Femtoseconds device_cost(const StepWork& w) const {
    return device[static_cast<std::size_t>(w.tokens)] + kv_token * w.kv_tokens +
           pair * w.attention_pairs + sample_device * w.samples;
  }
  Femtoseconds serial_cost(const StepWork& w) const { return serial + serial_sample * w.samples; }
  Femtoseconds cost(const StepWork& w) const {
    const Femtoseconds on_device = device_cost(w);
    return serial_cost(w) + (on_device > host ? on_device : host);
  }
};

/// A pool's step costs, tabulated at load: `latency` is one micro-batch through all stages and
/// hops, `bottleneck` its stay in the slowest stage. With pp = 1 they are the same and only
/// `latency` is filled.
struct StepCostTable {
  int stages = 1;
  CostColumn latency;
  CostColumn bottleneck;
};

/// The time that a tabulated step of `work` may take at most, in seconds: all stages as slow as the
/// slowest, nothing overlapping.
double longest_step_seconds(const StepTimeModel& model, const StepWork& work);

/// Tabulates `model` for up to `max_tokens` new tokens in a step. Every entry is rounded up to the
/// next femtosecond, so that no tabulated step beats the model. The caller has made sure that
/// longest_step_seconds() is within 9,000 s.
StepCostTable tabulate(const StepTimeModel& model, std::int64_t max_tokens);

}  // namespace plimsoll
