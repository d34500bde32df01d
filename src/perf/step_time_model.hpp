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
  double weights = 0;      // matrix products, as far as they wait for weights and activations
  double gemm = 0;         // matrix products, as far as they compute
  double attention = 0;    // prefill attention
  double kv = 0;           // KV reads
  double collectives = 0;  // tensor-parallel all-reduces
  double elementwise = 0;  // activations through memory between products
  double latency = 0;      // of kernels, however little they do
  double hops = 0;         // pipeline send/recv, part of the latency only

  /// All of the device but the hops.
  double device() const {
    return weights + gemm + attention + kv + collectives + elementwise + latency;
  }
};

/// The cost of a step of one pool's replicas. Stages differ in layers and in the LM head.
/// Everything is in seconds, >= 0, and non-decreasing in its argument. All functions are pure.
class StepTimeModel {
 public:
  virtual ~StepTimeModel() = default;
  /// Pipeline stages (pp).
  virtual int stages() const = 0;
  /// Device time of `tokens` new tokens in `stage`, without reading KV, without what depends on
  /// query-key pairs and without the LM head; tokens >= 1.
  virtual double device_seconds(int stage, std::int64_t tokens) const = 0;
  /// Device time of the LM head for `samples` emitted tokens in `stage`: 0 but in the last, and
  /// for none.
  virtual double head_seconds(int stage, std::int64_t samples) const = 0;
  /// Device time per KV token read in `stage`, and of reading any at all.
  virtual double kv_token_seconds(int stage) const = 0;
  virtual double kv_read_seconds(int stage) const = 0;
  /// Device time per unit of StepWork::attention_pairs in `stage`, and of having any at all.
  virtual double pair_seconds(int stage) const = 0;
  virtual double chunk_seconds(int stage) const = 0;
  /// Host launch time of `stage`, overlapping with the device.
  virtual double host_seconds(int stage) const = 0;
  /// The same in a step with any query-key pair; host_seconds() at least.
  virtual double prompt_host_seconds(int stage) const = 0;
  /// Serial host time per step, and per emitted token.
  virtual double serial_seconds() const = 0;
  virtual double serial_sample_seconds() const = 0;
  /// Prompt tokens of one pass where prompts are computed apart from decodes (PoolConfig::
  /// prompt_pass_tokens); 0: all tokens of a step pass together.
  virtual std::int64_t prompt_pass_tokens() const { return 0; }
  /// One hop of `tokens` activations to the next stage; 0 when pp = 1.
  virtual double hop_seconds(std::int64_t tokens) const = 0;
  /// The terms of `work`, for people.
  virtual StepBreakdown breakdown(const StepWork& work) const = 0;
  /// No machine of this kind can run `work` faster (peak FLOPS, weight and KV reads at peak
  /// bandwidth, over all GPUs of the group and stages of one micro-batch), in seconds.
  virtual double roofline_seconds(const StepWork& work) const = 0;
};

/// Device time of `work` in `stage`, in seconds: the sum of the model's terms.
double stage_device_seconds(const StepTimeModel& model, int stage, const StepWork& work);

/// Host launch time of `work` in `stage`, in seconds.
double stage_host_seconds(const StepTimeModel& model, int stage, const StepWork& work);

/// The model of a pool of `pool`'s kind. Throws ConfigError when GPU and precision do not go
/// together (bf16 or fp8 on V100, fp8 on A100).
std::unique_ptr<StepTimeModel> make_step_time_model(const Config& config, const PoolConfig& pool);

/// How the tokens of `w` pass, where prompts have passes of their own of at most `pass` tokens:
/// `whole` passes of so many, one of `rest` tokens (if any), and one of `last` tokens.
struct Passes {
  std::int64_t whole = 0;
  std::int64_t rest = 0;
  std::int64_t last = 0;
};

/// `pass` = 0, or a step without prompts: all tokens in the last pass. Otherwise the tokens of
/// sequences that emit one are in the last pass, those of prompts before.
inline Passes passes_of(const StepWork& w, std::int64_t pass) {
  if (pass == 0 || w.attention_pairs == 0) {
    return {0, 0, w.tokens};
  }
  const std::int64_t prompts = w.tokens - w.samples;
  return {prompts / pass, prompts % pass, w.samples};
}

/// The cost of one stage, tabulated, in femtoseconds:
///   max(host, device[tokens] + head[samples] + kv_token x kv_tokens + pair x attention_pairs
///             + kv_read with any KV token + chunk with any pair)
/// where host is prompt_host with any pair, and device is summed over passes_of().
/// Affine in KV tokens at a fixed batch on either side of one breakpoint.
struct CostColumn {
  std::vector<Femtoseconds> device;  // by tokens, 0 .. the token budget
  std::vector<Femtoseconds> head;    // by samples, 0 .. the token budget
  Femtoseconds kv_token = 0;
  Femtoseconds kv_read = 0;
  Femtoseconds pair = 0;
  Femtoseconds chunk = 0;
  Femtoseconds host = 0;
  Femtoseconds prompt_host = 0;
  std::int64_t prompt_pass = 0;  // see StepTimeModel::prompt_pass_tokens()

  Femtoseconds passes_cost(const StepWork& w) const {
    if (prompt_pass == 0) {
      return device[static_cast<std::size_t>(w.tokens)];
    }
    const Passes passes = passes_of(w, prompt_pass);
    return (passes.whole > 0 ? passes.whole * device[static_cast<std::size_t>(prompt_pass)] : 0) +
           device[static_cast<std::size_t>(passes.rest)] +
           device[static_cast<std::size_t>(passes.last)];
  }
  Femtoseconds device_cost(const StepWork& w) const {
    return passes_cost(w) + head[static_cast<std::size_t>(w.samples)] + kv_token * w.kv_tokens +
           pair * w.attention_pairs + (w.kv_tokens > 0 ? kv_read : 0) +
           (w.attention_pairs > 0 ? chunk : 0);
  }
  Femtoseconds host_cost(const StepWork& w) const {
    return w.attention_pairs > 0 ? prompt_host : host;
  }
  Femtoseconds cost(const StepWork& w) const {
    const Femtoseconds on_device = device_cost(w);
    const Femtoseconds on_host = host_cost(w);
    return on_device > on_host ? on_device : on_host;
  }
};

/// Stages of equal cost.
struct StageCosts {
  CostColumn column;
  int count = 1;
};

/// A pool's step costs, tabulated at load. The stages of a pipeline are of a few kinds (one layer
/// more, the LM head); the sum over kinds is a micro-batch's way through all of them.
struct StepCostTable {
  std::vector<StageCosts> kinds;  // at least one
  Femtoseconds serial = 0;        // per step
  Femtoseconds serial_sample = 0;
  std::vector<Femtoseconds> hops;  // all of them, by tokens; empty with one stage

  int stages() const;
  Femtoseconds serial_cost(const StepWork& w) const { return serial + serial_sample * w.samples; }
  /// One micro-batch through all stages and hops.
  Femtoseconds latency(const StepWork& w) const;
  /// Its stay in the stage that is slowest for it.
  Femtoseconds bottleneck(const StepWork& w) const;
};

/// The time that a tabulated step of `work` may take at most, in seconds: all stages as slow as the
/// slowest, nothing overlapping.
double longest_step_seconds(const StepTimeModel& model, const StepWork& work);

/// Tabulates `model` for up to `max_tokens` new tokens in a step. Every entry is rounded up to the
/// next femtosecond, so that no tabulated step beats the model, nor misses it by more. The caller
/// has made sure that longest_step_seconds() is within 9,000 s.
StepCostTable tabulate(const StepTimeModel& model, std::int64_t max_tokens);

/// The same steps, each taking `share` > 0 of its time, rounded up to the next femtosecond.
StepCostTable scaled(StepCostTable table, double share);

}  // namespace plimsoll
