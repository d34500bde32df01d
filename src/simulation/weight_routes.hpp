// Where the weights of a pool's replicas lie and go, as hosts of the engine.
#pragma once

#include <memory>
#include <vector>

#include "operations/weight_loading.hpp"
#include "simulation/fleet_builder.hpp"

namespace plimsoll {

/// What the engine calls a server of a store.
std::string host_of_store(const StoreConfig& store, int server);

/// Likewise, when it sends to the pools of `region`: behind its wan, when it has one and stands
/// elsewhere.
std::string host_of_store(const StoreConfig& store, int server, const std::string& region);

/// The way of the weights of a pool's replicas.
WeightRoutes weight_routes(const Config& config, const PoolPlan& plan);

/// Adds the stores' servers and, of pools with a `weights` block, what their nodes read from and
/// copy to: SSD and main memory of each node, and of each replica on it what reads and what takes
/// the weights, at the loader's rates. Each hangs on a link of its own, so that reads and copies
/// share them max-min.
void add_weight_hosts(const Config& config, const std::vector<std::unique_ptr<PoolPlan>>& plans,
                      PlatformSpec& platform);

}  // namespace plimsoll
