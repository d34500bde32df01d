// The loop that scrapes a target, asks a policy and acts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "engine/engine.hpp"
#include "operations/scalable_target.hpp"

namespace plimsoll {

/// One evaluation, as it was seen and decided.
struct ScalingStep {
  SimTime at{};
  std::optional<double> signal;  // as old as the policy saw it
  InstanceCounts before;
  std::int64_t decided = 0;
  ScalingReason reason = ScalingReason::steady;
};

/// Counts over a run.
struct ScalingTotals {
  std::int64_t evaluations = 0;
  std::int64_t scale_ups = 0;
  std::int64_t scale_downs = 0;
  std::int64_t least = 0;  // ready and loading, at the beginning and after evaluations
  std::int64_t most = 0;
};

/// Evaluates every `interval`, the first time one interval after start(), after all other events of
/// that moment. The policy is shown what was scraped at least `delay` ago.
class ScalingLoop {
 public:
  /// `target` and `engine` outlive the loop.
  ScalingLoop(Engine& engine, ScalableTarget& target, std::unique_ptr<Autoscaler> policy,
              Duration interval, Duration delay);

  /// How long an instance takes to serve, if that is known before, and when the measured part of
  /// the run begins; set before start().
  void tell(std::optional<Duration> provisioning, SimTime measured_from);
  /// Gets every evaluation; set before start().
  void set_observer(std::function<void(const ScalingStep&)> observer);
  void start();

  const ScalingTotals& totals() const { return totals_; }
  const Autoscaler& policy() const { return *policy_; }

 private:
  struct Sample {
    SimTime at{};
    std::optional<double> value;
  };
  static void on_timer(void* loop, std::uint64_t);
  void evaluate();
  /// Scrapes, and takes what is old enough to be seen.
  std::optional<double> seen_signal();

  Engine& engine_;
  ScalableTarget& target_;
  std::unique_ptr<Autoscaler> policy_;
  Duration interval_;
  Duration delay_;
  std::optional<Duration> lead_;
  SimTime measured_from_ = sim_start;
  std::function<void(const ScalingStep&)> observer_;
  TimerId timer_;
  std::deque<Sample> samples_;  // the first is the newest that may be seen, or none may
  ScalingTotals totals_;
};

}  // namespace plimsoll
