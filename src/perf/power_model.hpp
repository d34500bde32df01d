// What the GPUs of a replica draw, from the work in its steps: pure functions, no clock.
#pragma once

#include <cstdint>
#include <vector>

#include "fleet/model_shape.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// Power of a replica (tp x pp GPUs, all stages), after docs/step_time.md:
///   without work  idle_power_share x TDP per GPU
///   in a step     (active_power_share + compute_power_share x c + memory_power_share x m) x TDP
///                 per GPU, TDP at most
/// where c is the share of peak FLOPS and m the share of peak bandwidth that the step uses: its
/// operations and bytes (weights, KV, LM head) at peak rates over its time. So the energy of a step
/// is affine in its time and its counts until it meets the limit. All functions are pure and
/// non-decreasing in every count.
class PowerModel {
 public:
  /// `pool` must be runnable (require_runnable).
  PowerModel(const Config& config, const PoolConfig& pool);

  /// Watts of the whole replica: without work, in a step that moves nothing, and at most.
  double idle_watts() const { return idle_watts_; }
  double active_watts() const { return active_watts_; }
  double limit_watts() const { return limit_watts_; }

  /// GPU-seconds that the operations of one micro-batch's step need at peak FLOPS: of the weights'
  /// precision for products with weights, of 16 bits for attention. 0 without tokens.
  double compute_seconds(const StepWork& work) const;
  /// GPU-seconds that the bytes of one micro-batch's step need at peak bandwidth: weights (of an
  /// MoE those that it meets), the LM head, KV reads. 0 without tokens.
  double memory_seconds(const StepWork& work) const;

  /// Joules of one micro-batch's step beyond active_watts() x time, without the limit, over all
  /// GPUs.
  double work_joules(const StepWork& work) const {
    return compute_watts_ * compute_seconds(work) + memory_watts_ * memory_seconds(work);
  }

  /// Mean watts of the replica when it passes `micro_batches` micro-batches of `work` each in
  /// `seconds` > 0; at most limit_watts().
  double watts(const StepWork& work, double seconds, int micro_batches = 1) const;

 private:
  ModelShape shape_;
  double layers_ = 0;
  double idle_watts_ = 0;
  double active_watts_ = 0;
  double limit_watts_ = 0;
  double compute_watts_ = 0;        // of one GPU at peak FLOPS, beyond active
  double memory_watts_ = 0;         // of one GPU at peak bandwidth, beyond active
  double parameter_operation_ = 0;  // GPU-seconds per parameter and token
  double pair_operation_ = 0;       // GPU-seconds per unit of attention_pairs
  double parameter_read_ = 0;       // GPU-seconds per parameter
  double kv_token_read_ = 0;        // GPU-seconds per KV token, all layers and GPUs
};

/// Mean watts of one GPU of `pool` while its replica passes `micro_batches` micro-batches of `work`
/// each in `seconds` > 0. `pool` must be runnable.
double step_power_watts(const Config& config, const PoolConfig& pool, const StepWork& work,
                        double seconds, int micro_batches = 1);

/// What a GPU without work draws, to the nearest milliwatt.
std::int64_t idle_milliwatts(const GpuSpec& gpu);

/// A pool's energy in integers, tabulated at load, for the hot path. Powers are of a whole replica,
/// in milliwatts, so that power x femtoseconds is whole attojoules; energies are in picojoules
/// (10^6 aJ), of a whole replica and beyond the active power.
struct EnergyTable {
  std::int64_t idle_mw = 0;
  std::int64_t active_mw = 0;
  std::int64_t limit_mw = 0;
  std::vector<std::int64_t> tokens;  // by new tokens of a micro-batch, 0 .. the token budget
  std::int64_t kv_token = 0;         // per KV token read
  std::int64_t pair = 0;             // per unit of StepWork::attention_pairs
  std::int64_t sample = 0;           // per token emitted
};

/// Tabulates `model` for up to `max_tokens` new tokens in a step, each entry to the nearest
/// picojoule. Entries are kept within what sums of 128 bits bear: 9 MJ per pass of a micro-batch,
/// 1 J per KV token, pair or sample.
EnergyTable tabulate_energy(const PowerModel& model, std::int64_t max_tokens);

}  // namespace plimsoll
