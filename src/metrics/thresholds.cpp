// Metrics room: evaluating thresholds.
#include "metrics/thresholds.hpp"

#include <fmt/core.h>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// Conditions with < or <= are worst at the largest value.
bool larger_is_worse(const ThresholdConfig& threshold) {
  return threshold.comparison[0] == '<';
}

}  // namespace

bool condition_holds(const ThresholdConfig& threshold, double value) {
  const std::string& comparison = threshold.comparison;
  if (comparison == "<") {
    return value < threshold.bound;
  }
  if (comparison == "<=") {
    return value <= threshold.bound;
  }
  if (comparison == ">") {
    return value > threshold.bound;
  }
  PLIMSOLL_CHECK(comparison == ">=", "comparisons are validated with the scenario");
  return value >= threshold.bound;
}

std::string threshold_text(const ThresholdConfig& threshold) {
  const std::string tag = threshold.tag_key.empty()
                              ? ""
                              : fmt::format("{{{}:{}}}", threshold.tag_key, threshold.tag_value);
  return fmt::format("{}{} {}", threshold.metric, tag, threshold.text);
}

bool by_place(const ThresholdConfig& threshold) {
  return threshold.tag_key == "region" || threshold.tag_key == "datacenter";
}

bool is_rate(const ThresholdConfig& threshold) {
  const std::string& metric = threshold.metric;
  return metric.ends_with("_throughput") || metric.ends_with("_goodput");
}

const MetricDoc* find_metric(const std::string& name) {
  for (const MetricDoc& doc : metric_docs) {
    if (name == doc.name) {
      return &doc;
    }
  }
  return nullptr;
}

void ThresholdTracker::take_window(SimTime begin, MetricValue value) {
  if (!value.measured) {
    return;
  }
  const bool worse = larger_is_worse(threshold_) ? value.value > worst_ : value.value < worst_;
  if (!any_window_ || worse) {
    any_window_ = true;
    worst_ = value.value;
    worst_begin_ = begin;
  }
}

ThresholdVerdict ThresholdTracker::verdict(MetricValue over_run) const {
  ThresholdVerdict verdict;
  verdict.threshold = threshold_;
  verdict.measured = threshold_.every_window ? any_window_ : over_run.measured;
  verdict.value = over_run.value;
  verdict.worst_window_value = worst_;
  verdict.worst_window = worst_begin_;
  verdict.holds = verdict.measured &&
                  condition_holds(threshold_, threshold_.every_window ? worst_ : over_run.value);
  return verdict;
}

std::string failure_reason(const ThresholdVerdict& verdict) {
  if (!verdict.measured) {
    return fmt::format("{} fails: nothing was measured", threshold_text(verdict.threshold));
  }
  return fmt::format("{} fails: {:.6g}; worst window at {:.6g} s with {:.6g}",
                     threshold_text(verdict.threshold), verdict.value,
                     to_seconds(verdict.worst_window.time_since_epoch()),
                     verdict.worst_window_value);
}

}  // namespace plimsoll
