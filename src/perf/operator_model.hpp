// Step times from operators: the kernels of a GPU, composed as an engine composes them.
#pragma once

#include <memory>

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// The model of docs/step_time.md. `pool` must be runnable.
std::unique_ptr<StepTimeModel> make_operator_model(const Config& config, const PoolConfig& pool);

}  // namespace plimsoll
