// How the replicas of a pool came to serve, and what their slots were rented for.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "operations/start_clock.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/elasticity_metrics.hpp"

namespace plimsoll {

/// `serving` replicas serve, the last of them after a start of `times`: `seen` learns of the most
/// at once, and of multiples of its base_replicas that are reached. `bound_of` names what bound the
/// pull or load of that start.
void note_serving(ElasticitySummary& seen, std::int64_t serving, const StartTimes& times,
                  SimTime now, const std::function<std::string(StartPhase)>& bound_of);

/// The account of a pool whose slots are rented under one contract.
class StartAccount {
 public:
  /// `engine` outlives it. 1x is `base` replicas.
  StartAccount(std::size_t slots, std::int64_t base, Contract contract, const Engine& engine);

  void rented(std::size_t slot);
  void returned(std::size_t slot);
  /// A start begins; one that is under way came to nothing.
  void begin(std::size_t slot, StartPhase phase);
  void enter(std::size_t slot, StartPhase phase);
  void started(std::size_t slot);
  /// No news when no start is under way.
  void give_up(std::size_t slot);
  /// It breaks, from whatever it did; no news when it is broken.
  void failed(std::size_t slot);
  void repaired(std::size_t slot);
  /// The slot is the last of `serving` that serve.
  void serves(std::size_t slot, std::int64_t serving, const WeightSource* weights);

  /// Up to now. InternalError unless phases of starts and failures are the `down_ns` of the pool,
  /// and what was rented `rented_ns`.
  ElasticitySummary summary(const WeightSource* weights, std::int64_t down_ns,
                            std::int64_t rented_ns) const;

 private:
  struct Slot {
    StartClock clock;
    SimTime began{};
    std::optional<SimTime> failed;
    std::optional<SimTime> rented;
  };

  void end(Slot& slot);

  const Engine& engine_;
  std::size_t contract_;
  std::vector<Slot> slots_;
  ElasticitySummary seen_;  // of what is over
};

}  // namespace plimsoll
