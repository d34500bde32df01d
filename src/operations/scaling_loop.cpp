// The loop that scrapes a target, asks a policy and acts.
#include "operations/scaling_loop.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll {

ScalingLoop::ScalingLoop(Engine& engine, ScalableTarget& target, std::unique_ptr<Autoscaler> policy,
                         Duration interval, Duration delay)
    : engine_{engine},
      target_{target},
      policy_{std::move(policy)},
      interval_{interval},
      delay_{delay},
      timer_{engine.make_timer(EventPriority::window, &ScalingLoop::on_timer, this, 0)} {
}

void ScalingLoop::tell(std::optional<Duration> provisioning, SimTime measured_from) {
  lead_ = provisioning ? std::optional{*provisioning + delay_ + interval_} : std::nullopt;
  measured_from_ = measured_from;
}

void ScalingLoop::set_observer(std::function<void(const ScalingStep&)> observer) {
  observer_ = std::move(observer);
}

void ScalingLoop::start() {
  totals_.least = target_.instances().current();
  totals_.most = totals_.least;
  engine_.arm(timer_, engine_.now() + interval_);
}

void ScalingLoop::on_timer(void* loop, std::uint64_t) {
  static_cast<ScalingLoop*>(loop)->evaluate();
}

std::optional<double> ScalingLoop::seen_signal() {
  if (policy_->signal() == ScalingSignal::none) {
    return std::nullopt;
  }
  const SimTime now = engine_.now();
  samples_.push_back({now, target_.scrape(policy_->signal(), interval_)});
  while (samples_.size() > 1 && samples_[1].at <= now - delay_) {
    samples_.pop_front();
  }
  return samples_.front().at <= now - delay_ ? samples_.front().value : std::nullopt;
}

void ScalingLoop::evaluate() {
  ScalingStep step;
  step.at = engine_.now();
  step.signal = seen_signal();
  step.before = target_.instances();
  ScalingSnapshot snapshot;
  snapshot.now = step.at;
  snapshot.interval = interval_;
  snapshot.signal = step.signal;
  snapshot.ready = step.before.ready;
  snapshot.loading = step.before.loading;
  snapshot.draining = step.before.draining;
  snapshot.minimum = target_.minimum();
  snapshot.maximum = target_.maximum();
  snapshot.dollars_per_hour = target_.dollars_per_hour();
  snapshot.lead = lead_;
  snapshot.measured = step.at - delay_ - interval_ >= measured_from_;
  const ScalingDecision decision = policy_->decide(snapshot);
  step.decided = std::clamp(decision.desired, snapshot.minimum, snapshot.maximum);
  step.reason = decision.desired < snapshot.minimum   ? ScalingReason::at_minimum
                : decision.desired > snapshot.maximum ? ScalingReason::at_maximum
                                                      : decision.reason;
  const std::int64_t current = step.before.current();
  ++totals_.evaluations;
  totals_.scale_ups += step.decided > current ? 1 : 0;
  totals_.scale_downs += step.decided < current ? 1 : 0;
  if (step.decided != current) {
    target_.scale_to(step.decided);
  }
  const std::int64_t after = target_.instances().current();
  totals_.least = std::min(totals_.least, after);
  totals_.most = std::max(totals_.most, after);
  if (observer_) {
    observer_(step);
  }
  engine_.arm(timer_, engine_.now() + interval_);
}

}  // namespace plimsoll
