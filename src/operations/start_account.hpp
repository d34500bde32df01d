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

/// Starts that are under way.
struct StartsUnderWay {
  std::int64_t count = 0;
  SimTime oldest = never;  // when it began
  std::size_t slot = 0;    // its
  StartTimes times{};      // its, so far

  /// One more, which began at `began`; of equally old ones the first is the oldest.
  void add(SimTime began, std::size_t its_slot, const StartTimes& its_times);
};

/// At the end of a run, with `serving` replicas: `seen` learns of the next multiple, if `starts`
/// would have reached it. `bound_of` names what has bound the pull or load of the oldest so far.
void note_next_multiple(ElasticitySummary& seen, std::int64_t serving, const StartsUnderWay& starts,
                        const std::function<std::string(StartPhase)>& bound_of);

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

  /// Up to now, when `serving` replicas serve. InternalError unless phases of starts and failures
  /// are the `down_ns` of the pool, and what was rented `rented_ns`.
  ElasticitySummary summary(const WeightSource* weights, std::int64_t serving, std::int64_t down_ns,
                            std::int64_t rented_ns) const;

 private:
  struct Slot {
    StartClock clock;
    SimTime began{};
    std::optional<SimTime> failed;
    std::optional<SimTime> rented;
  };

  void end(Slot& slot);
  static std::string bound_of(std::size_t slot, StartPhase phase, const WeightSource* weights);

  const Engine& engine_;
  std::size_t contract_;
  std::vector<Slot> slots_;
  ElasticitySummary seen_;  // of what is over
};

}  // namespace plimsoll
