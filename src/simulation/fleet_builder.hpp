// From a configuration to the machines of a run: platform, step tables, replica shapes.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/memory_fit.hpp"
#include "fleet/placement.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"

namespace plimsoll {

/// One pool, ready to make replicas of. Never moved once replicas refer to its shape.
struct PoolPlan {
  Placement placement;
  MemoryFit fit;
  std::unique_ptr<StepTimeModel> model;
  StepCostTable costs;
  ReplicaShape shape;
};

/// Plans of all pools, in their order. Throws ConfigError with the arithmetic for what does not
/// fit. With `audit` every step of every replica is checked against its roofline.
std::vector<std::unique_ptr<PoolPlan>> plan_pools(const Config& config, bool audit);

/// The hosts, links, disks and stores of a run: nodes are called <pool>-0, <pool>-1, ...
PlatformSpec platform_of(const Config& config, const std::vector<std::unique_ptr<PoolPlan>>& plans);

}  // namespace plimsoll
