// Metrics room: from exact energies to joules per token, request and second.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/thresholds.hpp"
#include "plimsoll/energy_summary.hpp"
#include "serving/events.hpp"

namespace plimsoll {

inline EnergyGauges operator+(const EnergyGauges& a, const EnergyGauges& b) {
  return {a.steps + b.steps, a.idle + b.idle, a.loading + b.loading, a.unallocated + b.unallocated};
}
inline EnergyGauges operator-(const EnergyGauges& a, const EnergyGauges& b) {
  return {a.steps - b.steps, a.idle - b.idle, a.loading - b.loading, a.unallocated - b.unallocated};
}

/// Each figure formed once from integers. What failed, was preempted or waited for is borne by the
/// requests that completed: `requests` of them with `output_tokens`, in `elapsed`.
EnergySummary summarize_energy(const EnergyGauges& energy, Duration elapsed, std::int64_t requests,
                               std::int64_t output_tokens);

/// Whether energy_value() knows that metric of metric_docs.
bool is_energy_metric(const std::string& metric);
/// Not measured where nothing was drawn, or nothing completed that it could be related to.
MetricValue energy_value(const std::string& metric, const EnergySummary& energy);

}  // namespace plimsoll
