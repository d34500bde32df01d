// Evaluations and totals of a scaling loop as results have them.
#include "simulation/scaling_rows.hpp"

namespace plimsoll {

ScalingRow scaling_row(const std::string& target, const ScalingStep& step) {
  ScalingRow row;
  row.at = step.at;
  row.pool = target;
  row.measured = step.signal.has_value();
  row.signal = step.signal.value_or(0);
  row.ready = step.before.ready;
  row.loading = step.before.loading;
  row.draining = step.before.draining;
  row.from = step.before.current();
  row.to = step.decided;
  row.reason = scaling_reason_name(step.reason);
  return row;
}

ScalingSummary scaling_summary(const std::string& target, const std::string& policy,
                               const ScalingLoop& loop, double mean) {
  const ScalingTotals& totals = loop.totals();
  ScalingSummary summary;
  summary.pool = target;
  summary.policy = policy;
  summary.evaluations = totals.evaluations;
  summary.scale_ups = totals.scale_ups;
  summary.scale_downs = totals.scale_downs;
  summary.replicas_min = totals.least;
  summary.replicas_max = totals.most;
  summary.replicas_mean = mean;
  if (const auto error = loop.policy().forecast_error()) {
    summary.forecasts = true;
    summary.forecasts_compared = error->compared;
    summary.forecast_mape = error->mape;
    summary.forecast_bias = error->bias;
  }
  return summary;
}

}  // namespace plimsoll
