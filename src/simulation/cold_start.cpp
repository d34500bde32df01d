// The cold start of a replica of a given pool size.
#include "simulation/cold_start.hpp"

#include <utility>

namespace plimsoll {

void start_cold(Engine& engine, const PoolConfig& pool, WeightSource& weights, ColdStartOf start,
                std::function<void()> ready) {
  weights.give_up(start.slot);
  engine.at(engine.now() + pool.provision, EventPriority::fleet,
            [&engine, &pool, &weights, start, ready = std::move(ready)] {
              weights.bring(
                  start.slot, start.version, [] {},
                  [&engine, &pool, ready] {
                    engine.at(engine.now() + pool.warm_up, EventPriority::fleet, ready);
                  });
            });
}

}  // namespace plimsoll
