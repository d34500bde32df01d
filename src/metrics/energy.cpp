// Metrics room: from exact energies to joules per token, request and second.
#include "metrics/energy.hpp"

#include <algorithm>
#include <iterator>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

// Whole joules and the rest by themselves, so that a sum of whole joules stays one.
double joules(Int128 attojoules) {
  constexpr Int128 parts = 1'000'000'000'000'000'000;
  return static_cast<double>(attojoules / parts) + static_cast<double>(attojoules % parts) / 1e18;
}

struct EnergyMetric {
  const char* name;
  double EnergySummary::*figure;
};

constexpr EnergyMetric energy_metrics[] = {
    {"energy_kwh", &EnergySummary::kwh},
    {"mean_power_watts", &EnergySummary::mean_watts},
    {"energy_per_output_token_joules", &EnergySummary::joules_per_output_token},
    {"energy_per_request_joules", &EnergySummary::joules_per_request},
};

const EnergyMetric* find_energy_metric(const std::string& name) {
  const auto* const found =
      std::find_if(std::begin(energy_metrics), std::end(energy_metrics),
                   [&](const EnergyMetric& metric) { return name == metric.name; });
  return found == std::end(energy_metrics) ? nullptr : found;
}

double per(double amount, std::int64_t count) {
  return count > 0 ? amount / static_cast<double>(count) : 0.0;
}

}  // namespace

EnergySummary summarize_energy(const EnergyGauges& energy, Duration elapsed, std::int64_t requests,
                               std::int64_t output_tokens) {
  constexpr double joules_per_kwh = 3.6e6;
  EnergySummary summary;
  summary.steps_joules = joules(energy.steps);
  summary.idle_joules = joules(energy.idle);
  summary.loading_joules = joules(energy.loading);
  summary.unallocated_joules = joules(energy.unallocated);
  summary.joules = joules(energy.steps + energy.idle + energy.loading + energy.unallocated);
  summary.kwh = summary.joules / joules_per_kwh;
  summary.mean_watts = elapsed > Duration::zero() ? summary.joules / to_seconds(elapsed) : 0.0;
  summary.joules_per_output_token = per(summary.joules, output_tokens);
  summary.joules_per_request = per(summary.joules, requests);
  return summary;
}

bool is_energy_metric(const std::string& metric) {
  return find_energy_metric(metric) != nullptr;
}

MetricValue energy_value(const std::string& metric, const EnergySummary& energy) {
  const EnergyMetric* const known = find_energy_metric(metric);
  PLIMSOLL_CHECK(known != nullptr, "whoever asks for an energy has found that it is one");
  const double value = energy.*known->figure;
  return {value > 0, value};
}

}  // namespace plimsoll
