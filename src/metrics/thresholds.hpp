// Metrics room: does a condition on a metric hold, over the run and in each window?
#pragma once

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// A figure, or that there was nothing to measure.
struct MetricValue {
  bool measured = false;
  double value = 0;  // in the metric's own unit
};

/// `value` `comparison` `bound`.
bool condition_holds(const ThresholdConfig& threshold, double value);

/// "ttft_ms{tier:plus} p(99)<3000 every window": the condition as it was written.
std::string threshold_text(const ThresholdConfig& threshold);

/// Whether it speaks of the users of a region or of a datacenter (RegionAccounts).
bool by_place(const ThresholdConfig& threshold);
/// Its metric is so much a second: there is none once nobody arrives.
bool is_rate(const ThresholdConfig& threshold);

/// The metric's description; nullptr when there is none of this name.
const MetricDoc* find_metric(const std::string& name);

/// Follows one threshold through the windows of a run.
class ThresholdTracker {
 public:
  explicit ThresholdTracker(const ThresholdConfig& threshold) : threshold_{threshold} {}

  /// A window closed; one without measurements counts neither way.
  void take_window(SimTime begin, MetricValue value);

  /// The verdict, given the value over the whole run. `every_window` thresholds hold when every
  /// measured window holds; the others when the run does. Nothing measured: does not hold.
  ThresholdVerdict verdict(MetricValue over_run) const;

 private:
  const ThresholdConfig& threshold_;
  bool any_window_ = false;
  double worst_ = 0;
  SimTime worst_begin_{};
};

/// One sentence on a threshold that does not hold.
std::string failure_reason(const ThresholdVerdict& verdict);

}  // namespace plimsoll
