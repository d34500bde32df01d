// The cost of one round of a replica: one step of each of its micro-batches.
#pragma once

#include <cstdint>
#include <vector>

#include "perf/step_time_model.hpp"

namespace plimsoll {

/// Step j from now costs value + j * slope, for 0 <= j < steps.
struct AffineCost {
  Femtoseconds value = 0;
  Femtoseconds slope = 0;
  std::int64_t steps = 0;
};

inline constexpr std::int64_t unlimited_steps = INT64_MAX;

/// No step is shorter than this: time always advances.
inline constexpr Femtoseconds least_step = 1'000'000;

/// A stage's cost of `work` when every step adds `growth` KV tokens to it. What grows reads KV from
/// the first step on: work.kv_tokens > 0 where growth > 0.
inline AffineCost affine_cost(const CostColumn& column, const StepWork& work, std::int64_t growth) {
  const Femtoseconds device = column.device_cost(work);
  const Femtoseconds host = column.host_cost(work);
  const Femtoseconds slope = column.kv_token * growth;
  if (device >= host || slope == 0) {
    const Femtoseconds busy = device > host ? device : host;
    return {busy, device >= host ? slope : 0, unlimited_steps};
  }
  // The host bounds the step until the device catches up.
  return {host, 0, (host - device) / slope + 1};
}

/// The round of `count` micro-batches, `work[i]` growing by `growth[i]` KV tokens a step. With one
/// micro-batch it is the step itself. With several (pipeline stages), all of them are in flight:
/// the round lasts as long as the longest passage through all stages, or as the slowest stage
/// needs for all of them, whichever is longer:
///   max(max_i latency_i, sum_i bottleneck_i)
/// which for equal micro-batches is max(sum over stages t_s + hops, m max_s t_s).
AffineCost round_cost(const StepCostTable& table, const StepWork* work, const std::int64_t* growth,
                      int count);

}  // namespace plimsoll
