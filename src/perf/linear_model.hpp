// Step times from affine coefficients that a user measured.
#pragma once

#include <memory>

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// linear_step + linear_token tokens + linear_sequence samples + linear_kv_token KV tokens for the
/// whole replica, an equal part of it in each stage. Throws ConfigError when a step that the pool
/// can meet would be faster than its GPUs' roofline. `pool` must be runnable.
std::unique_ptr<StepTimeModel> make_linear_model(const Config& config, const PoolConfig& pool);

}  // namespace plimsoll
