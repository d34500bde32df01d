// What no machine can beat: peak rates and the bytes and operations that a step cannot avoid.
#pragma once

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// Peak operations/s of one GPU with weights of `precision`; 0 when it has no such math.
FlopRate peak_rate(const GpuSpec& gpu, Precision precision);

/// Throws ConfigError unless the pool's GPU can compute with its weight and KV precisions and its
/// layout divides the model: no bf16 or fp8 on V100, no fp8 or int8 math without the tensor cores
/// for it, tp a divisor of heads, pp at most the number of layers.
void require_runnable(const Config& config, const PoolConfig& pool);

/// The operations and bytes of one micro-batch, and the seconds they need at peak rates.
class RooflineBound {
 public:
  RooflineBound(const Config& config, const PoolConfig& pool);

  /// Sum over the stages (a micro-batch is in one at a time) of max(operations / peak, bytes /
  /// bandwidth), each over the tp GPUs of the stage. Seconds.
  double seconds(const StepWork& work) const;

 private:
  struct Stage {
    double layers = 0;
    double head = 0;  // parameters of the LM head on one GPU; 0 but in the last
  };
  double layer_operations_ = 0;  // per token, layer and GPU
  double pair_operations_ = 0;   // per attention pair, layer and GPU
  double kv_bytes_ = 0;          // per token, layer and GPU
  double dense_bytes_ = 0;       // read per layer and GPU by every step
  double expert_bytes_ = 0;      // one expert, per layer and GPU
  double experts_ = 0;
  double missed_ = 0;        // share of experts that one token does not use
  double weight_bytes_ = 2;  // of one parameter
  double peak_ = 1;
  double bandwidth_ = 1;
  std::vector<Stage> stages_;
};

}  // namespace plimsoll
