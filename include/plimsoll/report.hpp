// The way out: a finished run as files and as text for a terminal. Definitions: docs/metrics.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// What run.json says beside the result: of this machine and this moment, hence not compared.
struct RunFacts {
  double wall_seconds = 0;
  std::uint64_t events = 0;
  std::int64_t peak_rss_bytes = 0;
  std::string version;
  std::string compiler;
};

/// Version, compiler and peak resident memory of this process, events and wall time of `result`.
RunFacts run_facts(const RunResult& result);

// Every writer below writes to `path`.tmp and renames it, so that a reader never sees half a file.
// All throw IoError naming the file when the machine refuses (unwritable folder, full disk).

/// result.json: fixed order, no paths, no wall clock: equal runs give equal bytes.
void write_result_json(const std::string& path, const RunResult& result, const Config& config);
/// The same as a text.
std::string result_json(const RunResult& result, const Config& config);

/// run.json: how fast this run was on this machine.
void write_run_json(const std::string& path, const RunResult& result, const RunFacts& facts);

/// requests.csv: the sampled requests, one a row.
void write_requests_csv(const std::string& path, const RunResult& result, const Config& config);

/// cost.csv: the cost lines under FOCUS column names.
void write_cost_csv(const std::string& path, const RunResult& result, const Config& config);

/// offers.csv: what each pool with offers had from each of them, and what that cost.
void write_offers_csv(const std::string& path, const RunResult& result);

/// timeseries.csv from windows that are held in memory.
void write_timeseries_csv(const std::string& path, const std::vector<WindowSummary>& windows);

/// scenario.resolved.yaml.
void write_resolved_scenario(const std::string& path, const std::string& text);

/// timeseries.csv row by row, for MetricsCollector::set_window_writer: memory does not grow with
/// the horizon.
class TimeseriesWriter {
 public:
  explicit TimeseriesWriter(const std::string& path);
  ~TimeseriesWriter();
  TimeseriesWriter(const TimeseriesWriter&) = delete;
  TimeseriesWriter& operator=(const TimeseriesWriter&) = delete;

  void write(const WindowSummary& window);
  /// Flushes and gives the file its name. Without it the file keeps its temporary name.
  void close();

 private:
  class File;
  std::unique_ptr<File> file_;
};

/// scaling.csv row by row: every evaluation of every autoscaler.
class ScalingWriter {
 public:
  explicit ScalingWriter(const std::string& path);
  ~ScalingWriter();
  ScalingWriter(const ScalingWriter&) = delete;
  ScalingWriter& operator=(const ScalingWriter&) = delete;

  void write(const ScalingRow& row);
  /// As TimeseriesWriter::close.
  void close();

 private:
  class File;
  std::unique_ptr<File> file_;
};

/// incidents.csv row by row: faults, dead replicas, rollouts, in order of time.
class IncidentWriter {
 public:
  explicit IncidentWriter(const std::string& path);
  ~IncidentWriter();
  IncidentWriter(const IncidentWriter&) = delete;
  IncidentWriter& operator=(const IncidentWriter&) = delete;

  void write(const IncidentRow& row);
  /// As TimeseriesWriter::close.
  void close();

 private:
  class File;
  std::unique_ptr<File> file_;
};

/// monitoring.csv row by row: every scrape of every series.
class MonitoringWriter {
 public:
  explicit MonitoringWriter(const std::string& path);
  ~MonitoringWriter();
  MonitoringWriter(const MonitoringWriter&) = delete;
  MonitoringWriter& operator=(const MonitoringWriter&) = delete;

  void write(const MonitoringRow& row);
  /// As TimeseriesWriter::close.
  void close();

 private:
  class File;
  std::unique_ptr<File> file_;
};

/// metrics.om: the same rows as an OpenMetrics 1.0 exposition with timestamps, as
/// `promtool tsdb create-blocks-from openmetrics` takes it. An exposition keeps every series
/// together, so rows wait in `path`.rows until close; each costs eight bytes of memory.
class OpenMetricsWriter {
 public:
  /// `start`: the date of t = 0; the Unix epoch when there is none.
  OpenMetricsWriter(const std::string& path, std::optional<UtcTime> start);
  ~OpenMetricsWriter();
  OpenMetricsWriter(const OpenMetricsWriter&) = delete;
  OpenMetricsWriter& operator=(const OpenMetricsWriter&) = delete;

  /// Rows of a series come in order of time. InternalError for an unknown metric.
  void write(const MonitoringRow& row);
  /// As TimeseriesWriter::close.
  void close();

 private:
  class Rows;
  std::string path_;
  std::optional<UtcTime> start_;
  std::unique_ptr<Rows> rows_;
};

/// One sentence for each figure behind `config`'s pools that is assumed, a rumour or extrapolated;
/// result.json and the terminal summary tell them beside RunResult::notes.
std::vector<std::string> provenance_notes(const Config& config);

struct SummaryStyle {
  int width = 100;      // columns
  bool colour = false;  // ANSI colours
};

/// What a planner asks first: does it hold, what does it cost, what breaks next; then the tables.
std::string terminal_summary(const RunResult& result, const Config& config,
                             const SummaryStyle& style);

/// Variants side by side, from (variant name, path of its result.json). Throws IoError for a file
/// that cannot be read, ConfigError for one that is not a result.
std::string compare_summary(const std::vector<std::pair<std::string, std::string>>& variants,
                            const SummaryStyle& style);

}  // namespace plimsoll
