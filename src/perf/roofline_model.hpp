// Step times from operators: shapes of model and GPU times the efficiencies of an engine profile.
#pragma once

#include <memory>

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// The additive model with overlap of docs/step_time.md. `pool` must be runnable.
std::unique_ptr<StepTimeModel> make_roofline_model(const Config& config, const PoolConfig& pool);

}  // namespace plimsoll
