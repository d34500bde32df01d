// A replica that does not serve from the beginning: it is provisioned, pulls its weights, warms up.
#pragma once

#include <functional>

#include "simulation/fleet_builder.hpp"

namespace plimsoll {

/// Starts one replica's life as an actor: waits for `pool.provision`, pulls the weights of its
/// stages from the pool's store to each of its nodes at once (they contend on the store's uplink
/// and the nodes' links), waits for `pool.warm_up`, then calls `ready` as an event.
void start_cold(Engine& engine, const Config& config, const PoolPlan& plan,
                std::size_t replica_in_pool, std::function<void()> ready);

}  // namespace plimsoll
