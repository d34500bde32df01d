// The cold start of a replica of a given pool size.
#pragma once

#include <cstddef>
#include <functional>

#include "engine/engine.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// What is to be started, and with which weights.
struct ColdStartOf {
  std::size_t slot = 0;
  WeightsVersion version = 0;
};

/// Waits for `pool.provision`, brings the weights to the slot, waits for `pool.warm_up`, then calls
/// `ready` as an event. GPUs keep nothing from before. A later start of the same slot takes the
/// place of one that is under way.
void start_cold(Engine& engine, const PoolConfig& pool, WeightSource& weights, ColdStartOf start,
                std::function<void()> ready);

}  // namespace plimsoll
