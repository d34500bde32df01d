// Autoscaler `queue_depth`: as many instances as take up the line.
#include <algorithm>
#include <cmath>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class QueueDepth final : public Autoscaler {
 public:
  explicit QueueDepth(const PolicyParams& params)
      : tolerated_{params.ratio("waiting_per_replica")},
        taken_{params.ratio("requests_per_replica")},
        idle_for_{params.duration("idle_for")},
        step_{params.count("step")} {}

  ScalingSignal signal() const override { return ScalingSignal::queue_depth; }

  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    const std::int64_t current = snapshot.current();
    if (!snapshot.signal) {
      return {current, ScalingReason::no_signal};
    }
    if (*snapshot.signal > 0 || snapshot.loading > 0) {
      empty_since_ = snapshot.now;
    }
    const double surplus = *snapshot.signal - tolerated_ * static_cast<double>(snapshot.ready);
    if (surplus > 0) {
      const double more = std::ceil(std::min(surplus / taken_, 1e12) - 1e-9);
      const std::int64_t desired = snapshot.ready + static_cast<std::int64_t>(more);
      return desired > current ? ScalingDecision{desired, ScalingReason::above}
                               : ScalingDecision{current, ScalingReason::stabilizing};
    }
    if (snapshot.now - empty_since_ >= idle_for_) {
      empty_since_ = snapshot.now;
      return {current - step_, ScalingReason::below};
    }
    return {current, ScalingReason::steady};
  }

 private:
  double tolerated_;
  double taken_;
  Duration idle_for_;
  std::int64_t step_;
  SimTime empty_since_{};
};

}  // namespace

PolicyEntry<Autoscaler> queue_depth_entry() {
  return {{"queue_depth",
           "Adds what takes up the requests that wait beyond a tolerated line, loading instances "
           "counted in; takes a step away whenever nobody has waited for some time.",
           {{"waiting_per_replica", ParamKind::ratio, "2", "Waiting requests that are tolerated.",
             0, 1e9},
            {"requests_per_replica", ParamKind::ratio, "32",
             "Waiting requests that an added instance takes up.", 1e-3, 1e9},
            {"idle_for", ParamKind::duration, "5min", "Nobody waited so long: a step down.", 0,
             8.64e13},
            {"step", ParamKind::count, "1", "Instances taken away at a time.", 1, 1e6}}},
          [](const PolicyParams& params) { return std::make_unique<QueueDepth>(params); }};
}

}  // namespace plimsoll
