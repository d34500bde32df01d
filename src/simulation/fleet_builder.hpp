// From a configuration to the machines of a run: platform, step tables, replica shapes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/failure_domains.hpp"
#include "fleet/memory_fit.hpp"
#include "fleet/placement.hpp"
#include "perf/power_model.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"
#include "serving/speculation.hpp"

namespace plimsoll {

/// One pool, ready to make replicas of. Never moved once replicas refer to its shape.
struct PoolPlan {
  Placement placement;
  MemoryFit fit;
  std::unique_ptr<StepTimeModel> model;
  StepCostTable costs;
  EnergyTable energy;
  std::optional<EnergyTable> draft_energy;  // with `speculation`
  std::optional<Speculation> speculation;
  ReplicaShape shape;
};

/// Plans of all pools, in their order. Throws ConfigError with the arithmetic for what does not
/// fit or whose steps would take absurdly long, and for faults of what is not there. With `audit`
/// every step of every replica is checked against its roofline.
std::vector<std::unique_ptr<PoolPlan>> plan_pools(const Config& config, bool audit);

/// What breaks together in these pools.
FailureDomains domains_of(const Config& config,
                          const std::vector<std::unique_ptr<PoolPlan>>& plans);

/// What the engine calls a node of a pool: never the same as a store (host_of_store).
std::string host_of_node(const PoolConfig& pool, std::int32_t node);

/// The same for a node of shared GPUs.
std::string host_of_shared_node(const SharedGpusConfig& shared, std::int32_t node);

/// The hosts, links, disks and stores of a run, called as above.
PlatformSpec platform_of(const Config& config, const std::vector<std::unique_ptr<PoolPlan>>& plans);

}  // namespace plimsoll
