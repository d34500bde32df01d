// Autoscaler `threshold`: more above one mark, fewer below another.
#include <algorithm>
#include <cmath>

#include "policies/autoscaler/scale_metric.hpp"
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// While instances are loading none are added: they are the answer to the signal that is seen.
class Threshold final : public Autoscaler {
 public:
  explicit Threshold(const PolicyParams& params)
      : signal_{scale_metric_of(params)},
        up_{params.ratio("scale_up_threshold")},
        down_{std::min(up_, params.ratio("scale_down_threshold"))},
        step_{params.count("step")},
        factor_{params.ratio("expansion_factor")} {}

  ScalingSignal signal() const override { return signal_; }

  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    const std::int64_t current = snapshot.current();
    if (!snapshot.signal) {
      return {current, ScalingReason::no_signal};
    }
    if (*snapshot.signal > up_) {
      return snapshot.loading > 0 ? ScalingDecision{current, ScalingReason::stabilizing}
                                  : ScalingDecision{grown(current), ScalingReason::above};
    }
    if (*snapshot.signal < down_) {
      return {shrunk(current), ScalingReason::below};
    }
    return {current, ScalingReason::steady};
  }

 private:
  /// 1e-9: a product such as 1.1 x 10 that is a whole number stays one.
  std::int64_t grown(std::int64_t current) const {
    const double expanded = std::ceil(static_cast<double>(current) * factor_ - 1e-9);
    return std::max(current + step_, static_cast<std::int64_t>(expanded));
  }
  std::int64_t shrunk(std::int64_t current) const {
    const double reduced = std::floor(static_cast<double>(current) / factor_ + 1e-9);
    return std::min(current - step_, static_cast<std::int64_t>(reduced));
  }

  ScalingSignal signal_;
  double up_;
  double down_;
  std::int64_t step_;
  double factor_;
};

}  // namespace

PolicyEntry<Autoscaler> threshold_entry() {
  return {{"threshold",
           "Adds a step while the metric is above one threshold, and takes one away while it is "
           "below another; adds nothing while instances are loading.",
           {scale_metric_doc("queue_depth"),
            {"scale_up_threshold", ParamKind::ratio, "1000", "More above it: requests, or a share.",
             0, 1e12},
            {"scale_down_threshold", ParamKind::ratio, "100", "Fewer below it.", 0, 1e12},
            {"step", ParamKind::count, "1", "Instances at a time.", 1, 1e6},
            {"expansion_factor", ParamKind::ratio, "1",
             "Growth at a time, when that is more than `step`; shrinks by the same.", 1, 100}}},
          [](const PolicyParams& params) { return std::make_unique<Threshold>(params); }};
}

}  // namespace plimsoll
