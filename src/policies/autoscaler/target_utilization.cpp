// Autoscaler `target_utilization`: the Kubernetes Horizontal Pod Autoscaler, v2, with its behavior
// block (kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale).
#include <algorithm>
#include <cmath>
#include <deque>
#include <string>

#include "policies/autoscaler/scale_metric.hpp"
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// One direction of the behavior block: how fast, and how soon.
struct Rules {
  Duration stabilization{};
  std::int64_t pods = 0;  // 0: no such rule
  Duration pods_period{};
  double percent = 0;  // as a share; 0: no such rule
  Duration percent_period{};
  std::string select;  // "max", "min", "disabled"
};

Rules rules_of(const PolicyParams& params, const std::string& prefix) {
  Rules rules;
  rules.stabilization = params.duration(prefix + "stabilization");
  rules.pods = params.count(prefix + "pods");
  rules.pods_period = params.duration(prefix + "pods_period");
  rules.percent = params.ratio(prefix + "percent");
  rules.percent_period = params.duration(prefix + "percent_period");
  rules.select = params.text(prefix + "select");
  return rules;
}

/// What was recommended or changed, as far back as some rule looks.
class History {
 public:
  struct Entry {
    SimTime at{};
    std::int64_t count = 0;
  };

  void add(SimTime now, std::int64_t count, Duration longest) {
    entries_.push_back({now, count});
    while (entries_.front().at < now - longest) {
      entries_.pop_front();
    }
  }
  /// Of the last `window`, the moment that it began excluded, as in Kubernetes.
  template <class Combine>
  std::int64_t over(SimTime now, Duration window, std::int64_t start, Combine combine) const {
    std::int64_t result = start;
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->at > now - window;
         ++entry) {
      result = combine(result, entry->count);
    }
    return result;
  }

 private:
  std::deque<Entry> entries_;
};

/// desired = ceil(ready x metric / target), unless the ratio is within the tolerance of 1. Loading
/// instances count as if they took no load when more are wanted: they are the answer to what is
/// seen, so only what exceeds them is added.
class TargetUtilization final : public Autoscaler {
 public:
  explicit TargetUtilization(const PolicyParams& params)
      : signal_{scale_metric_of(params)},
        target_{params.ratio("target")},
        tolerance_{params.ratio("tolerance")},
        up_{rules_of(params, "behavior.scale_up.")},
        down_{rules_of(params, "behavior.scale_down.")} {}

  ScalingSignal signal() const override { return signal_; }

  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    const std::int64_t current = snapshot.current();
    if (!snapshot.signal) {
      return {current, ScalingReason::no_signal};
    }
    if (!started_) {
      started_ = true;  // what was there counts as recommended, as in Kubernetes
      recommended_.add(snapshot.now, current, Duration{});
    }
    const ScalingDecision wanted = bounded(snapshot, recommendation(snapshot));
    const ScalingDecision stable = stabilized(snapshot, wanted);
    ScalingDecision decision = limited(snapshot, stable);
    decision.desired = std::clamp(decision.desired, snapshot.minimum, snapshot.maximum);
    if (decision.desired > current) {
      added_.add(snapshot.now, decision.desired - current, longest_period());
    } else if (decision.desired < current) {
      removed_.add(snapshot.now, current - decision.desired, longest_period());
    }
    return decision;
  }

 private:
  ScalingDecision recommendation(const ScalingSnapshot& snapshot) const {
    const std::int64_t current = snapshot.current();
    const double ratio = *snapshot.signal / target_;
    if (std::abs(ratio - 1) <= tolerance_ + 1e-9) {
      return {current, ScalingReason::tolerated};
    }
    const double needed = std::ceil(static_cast<double>(snapshot.ready) * ratio - 1e-9);
    const auto desired = static_cast<std::int64_t>(std::min(needed, 1e12));
    if (ratio > 1) {
      return desired > current ? ScalingDecision{desired, ScalingReason::above}
                               : ScalingDecision{current, ScalingReason::steady};
    }
    return desired < current ? ScalingDecision{desired, ScalingReason::below}
                             : ScalingDecision{current, ScalingReason::steady};
  }

  static ScalingDecision bounded(const ScalingSnapshot& snapshot, const ScalingDecision& wanted) {
    if (wanted.desired > snapshot.maximum) {
      return {snapshot.maximum, ScalingReason::at_maximum};
    }
    return wanted.desired < snapshot.minimum
               ? ScalingDecision{snapshot.minimum, ScalingReason::at_minimum}
               : wanted;
  }

  /// Up to the least, down to the most that was recommended within the window.
  ScalingDecision stabilized(const ScalingSnapshot& snapshot, const ScalingDecision& wanted) {
    recommended_.add(snapshot.now, wanted.desired,
                     std::max(up_.stabilization, down_.stabilization));
    const std::int64_t current = snapshot.current();
    const std::int64_t least =
        recommended_.over(snapshot.now, up_.stabilization, wanted.desired,
                          [](std::int64_t a, std::int64_t b) { return std::min(a, b); });
    const std::int64_t most =
        recommended_.over(snapshot.now, down_.stabilization, wanted.desired,
                          [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
    const std::int64_t desired = std::min(std::max(current, least), most);
    return {desired, desired == wanted.desired ? wanted.reason : ScalingReason::stabilizing};
  }

  ScalingDecision limited(const ScalingSnapshot& snapshot, const ScalingDecision& stable) const {
    const std::int64_t current = snapshot.current();
    if (stable.desired > current) {
      const std::int64_t limit = std::max(current, limit_of(up_, snapshot, 1));
      return stable.desired > limit ? ScalingDecision{limit, ScalingReason::rate_limited} : stable;
    }
    if (stable.desired < current) {
      const std::int64_t limit = std::min(current, limit_of(down_, snapshot, -1));
      return stable.desired < limit ? ScalingDecision{limit, ScalingReason::rate_limited} : stable;
    }
    return stable;
  }

  /// How far a direction (1: up, -1: down) may go at this moment.
  std::int64_t limit_of(const Rules& rules, const ScalingSnapshot& snapshot, int direction) const {
    const std::int64_t current = snapshot.current();
    if (rules.select == "disabled") {
      return current;
    }
    const auto start_of = [&](Duration period) {
      const auto sum = [](std::int64_t a, std::int64_t b) { return a + b; };
      return current - added_.over(snapshot.now, period, 0, sum) +
             removed_.over(snapshot.now, period, 0, sum);
    };
    constexpr std::int64_t anything = 1'000'000'000'000;
    std::int64_t by_pods = anything;
    if (rules.pods > 0) {
      by_pods = direction * (start_of(rules.pods_period) + direction * rules.pods);
    }
    std::int64_t by_percent = anything;
    if (rules.percent > 0) {
      const double moved =
          static_cast<double>(start_of(rules.percent_period)) * (1 + direction * rules.percent);
      by_percent = direction * static_cast<std::int64_t>(direction > 0 ? std::ceil(moved - 1e-9)
                                                                       : std::floor(moved + 1e-9));
    }
    const bool both = rules.pods > 0 && rules.percent > 0;
    const std::int64_t farthest = both && rules.select == "max" ? std::max(by_pods, by_percent)
                                                                : std::min(by_pods, by_percent);
    return direction * farthest;
  }

  Duration longest_period() const {
    return std::max(std::max(up_.pods_period, up_.percent_period),
                    std::max(down_.pods_period, down_.percent_period));
  }

  ScalingSignal signal_;
  double target_;
  double tolerance_;
  Rules up_;
  Rules down_;
  bool started_ = false;
  History recommended_;
  History added_;
  History removed_;
};

void add_rules(std::vector<ParamDoc>& docs, const std::string& direction,
               const std::string& stabilization, const std::string& pods) {
  const std::string prefix = "behavior.scale_" + direction + ".";
  docs.push_back({prefix + "stabilization", ParamKind::duration, stabilization,
                  "stabilizationWindowSeconds: how long a change must have been wanted.", 0,
                  3.6e12});
  docs.push_back({prefix + "pods", ParamKind::count, pods,
                  "A policy of type Pods: instances per period; 0: no such policy.", 0, 1e6});
  docs.push_back(
      {prefix + "pods_period", ParamKind::duration, "15s", "Its periodSeconds.", 1e9, 1.8e12});
  docs.push_back({prefix + "percent", ParamKind::ratio, "100%",
                  "A policy of type Percent: share of the instances per period; 0: no such policy.",
                  0, 1000});
  docs.push_back(
      {prefix + "percent_period", ParamKind::duration, "15s", "Its periodSeconds.", 1e9, 1.8e12});
  docs.push_back({prefix + "select",
                  ParamKind::text,
                  "max",
                  "selectPolicy: which of the two counts, or none in this direction.",
                  0,
                  0,
                  {"max", "min", "disabled"}});
}

}  // namespace

PolicyEntry<Autoscaler> target_utilization_entry() {
  std::vector<ParamDoc> docs{
      scale_metric_doc("gpu_utilization"),
      {"target", ParamKind::ratio, "0.7", "What the metric should be.", 1e-6, 1e9},
      {"tolerance", ParamKind::ratio, "0.1", "Deviation from it that changes nothing.", 0, 1}};
  add_rules(docs, "up", "0", "4");
  add_rules(docs, "down", "5min", "0");
  return {{"target_utilization",
           "Kubernetes' Horizontal Pod Autoscaler, v2: ceil(ready x metric / target) instances, "
           "with tolerance, stabilization windows and limits per period.",
           std::move(docs)},
          [](const PolicyParams& params) { return std::make_unique<TargetUtilization>(params); }};
}

}  // namespace plimsoll
