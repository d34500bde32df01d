// The library's entry: one configuration in, numbers and files out.
#include "plimsoll/run_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "cost/arm_costs.hpp"
#include "cost/cost.hpp"
#include "metrics/verdict.hpp"
#include "plimsoll/report.hpp"
#include "simulation/fleet_operations.hpp"
#include "simulation/horizon.hpp"
#include "simulation/simulation.hpp"

namespace plimsoll {
namespace {

bool autoscales(const Config& config) {
  const bool pools = std::any_of(config.pools.begin(), config.pools.end(),
                                 [](const PoolConfig& pool) { return pool.autoscale.has_value(); });
  if (pools || !config.path) {
    return pools;
  }
  const PathConfig& path = *config.path;
  return (path.api_tier && path.api_tier->autoscale) ||
         (path.response_cache && path.response_cache->autoscale) ||
         (path.conversation_cache && path.conversation_cache->cache.autoscale);
}

/// monitoring.csv, and metrics.om where it is asked for.
class MonitoringFiles {
 public:
  MonitoringFiles(const std::string& folder, const Config& config)
      : rows_{folder + "/monitoring.csv"} {
    if (config.monitoring->open_metrics) {
      open_metrics_.emplace(folder + "/metrics.om", config.start);
    }
  }

  void write(const MonitoringRow& row) {
    rows_.write(row);
    if (open_metrics_) {
      open_metrics_->write(row);
    }
  }

  void close() {
    rows_.close();
    if (open_metrics_) {
      open_metrics_->close();
    }
  }

 private:
  MonitoringWriter rows_;
  std::optional<OpenMetricsWriter> open_metrics_;
};

void write_files(const std::string& folder, const RunResult& result, const Config& config) {
  write_result_json(folder + "/result.json", result, config);
  write_requests_csv(folder + "/requests.csv", result, config);
  write_cost_csv(folder + "/cost.csv", result, config);
  if (std::any_of(config.pools.begin(), config.pools.end(), has_offers)) {
    write_offers_csv(folder + "/offers.csv", result);
  }
  write_run_json(folder + "/run.json", result, run_facts(result));
}

}  // namespace

RunResult run_scenario(const Config& config, const RunOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const int n = config.horizon.sample;
  const Config cell = n > 1 ? sampled(config) : Config{};
  Simulation simulation{n > 1 ? cell : config, options};
  std::optional<TimeseriesWriter> timeseries;
  if (!options.out_folder.empty()) {
    timeseries.emplace(options.out_folder + "/timeseries.csv");
    simulation.set_window_writer([&](const WindowSummary& window) {
      WindowSummary whole = window;
      scale_back(whole, n);
      timeseries->write(whole);
    });
  }
  std::optional<ScalingWriter> scaling;
  if (!options.out_folder.empty() && autoscales(config)) {
    scaling.emplace(options.out_folder + "/scaling.csv");
    simulation.set_scaling_writer([&](const ScalingRow& row) { scaling->write(row); });
  }
  std::optional<IncidentWriter> incidents;
  if (!options.out_folder.empty() && has_incidents(config)) {
    incidents.emplace(options.out_folder + "/incidents.csv");
    simulation.set_incident_writer([&](const IncidentRow& row) { incidents->write(row); });
  }
  std::optional<MonitoringFiles> monitoring;
  if (!options.out_folder.empty() && config.monitoring) {
    monitoring.emplace(options.out_folder, config);
    simulation.set_monitoring_writer([&](const MonitoringRow& row) { monitoring->write(row); });
  }
  RunResult result = simulation.play();
  if (incidents) {
    incidents->close();
  }
  if (timeseries) {
    timeseries->close();
  }
  if (scaling) {
    scaling->close();
  }
  if (monitoring) {
    monitoring->close();
  }
  if (n > 1) {
    scale_back(result, n);
  }
  tell_bottleneck(result);
  result.cost = summarize_cost(result, config, result.notes);
  add_arm_costs(result, config);
  for (std::string& note : horizon_notes(config, result)) {
    result.notes.push_back(std::move(note));
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  result.wall_seconds = wall.count();
  if (!options.out_folder.empty()) {
    write_files(options.out_folder, result, config);
  }
  return result;
}

}  // namespace plimsoll
