// Cold starts of the replicas of a pool whose size is given.
#include "operations/cold_starts.hpp"

#include <utility>

namespace plimsoll {

ColdStarts::ColdStarts(const PoolConfig& pool, Engine& engine, WeightSource* weights,
                       std::size_t slots)
    : pool_{pool}, engine_{engine}, weights_{weights}, next_(slots) {
}

void ColdStarts::after(std::size_t slot, Duration delay, std::function<void()> then) {
  next_[slot] =
      engine_.at(engine_.now() + delay, EventPriority::fleet, [this, slot, then = std::move(then)] {
        next_[slot].reset();
        then();
      });
}

void ColdStarts::begin(std::size_t slot, WeightsVersion version,
                       std::function<void(StartPhase)> entered, std::function<void()> ready) {
  PLIMSOLL_CHECK(weights_ != nullptr, "who starts cold has weights to pull");
  give_up(slot);
  after(slot, pool_.provision,
        [this, slot, version, entered = std::move(entered), ready = std::move(ready)] {
          entered(StartPhase::pull);
          weights_->bring(
              slot, version, [entered] { entered(StartPhase::load); },
              [this, slot, entered, ready] {
                entered(StartPhase::warm_up);
                after(slot, pool_.warm_up, ready);
              });
        });
}

void ColdStarts::give_up(std::size_t slot) {
  if (next_[slot]) {
    engine_.cancel(*next_[slot]);
    next_[slot].reset();
  }
  if (weights_ != nullptr) {
    weights_->give_up(slot);
  }
}

}  // namespace plimsoll
