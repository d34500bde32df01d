// Cold starts of the replicas of a pool whose size is given.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

class ColdStarts {
 public:
  /// `pool` and `weights` outlive this; `weights` is null when no slot ever starts cold.
  ColdStarts(const PoolConfig& pool, Engine& engine, WeightSource* weights, std::size_t slots);

  /// Waits for `pool.provision`, brings the weights to the slot, waits for `pool.warm_up`, then
  /// calls `ready` as an event; `entered` is told of each phase after the first. GPUs keep nothing
  /// from before. Takes the place of a start that is under way.
  void begin(std::size_t slot, WeightsVersion version, std::function<void(StartPhase)> entered,
             std::function<void()> ready);
  /// Ends the start that is under way, and what its GPUs hold. No news without either.
  void give_up(std::size_t slot);

 private:
  void after(std::size_t slot, Duration delay, std::function<void()> then);

  const PoolConfig& pool_;
  Engine& engine_;
  WeightSource* weights_;
  std::vector<std::optional<TimerId>> next_;  // by slot: the event that ends its phase
};

}  // namespace plimsoll
