// Reports room: timeseries.csv, scaling.csv and requests.csv.
#include <fmt/format.h>

#include <iterator>

#include "plimsoll/report.hpp"
#include "reports/csv_field.hpp"
#include "reports/output_file.hpp"

namespace plimsoll {
namespace {

constexpr const char* timeseries_header =
    "begin_s,end_s,arrived,ended,completed,prompt_tokens,output_tokens,queued,running,"
    "p50_ttft_ms,p99_ttft_ms,p50_tpot_ms,p99_tpot_ms,p50_e2el_ms,p99_e2el_ms,p99_queue_ms,"
    "gpu_utilization,kv_cache_usage\n";

constexpr const char* scaling_header = "at_s,pool,signal,ready,loading,draining,from,to,reason\n";

constexpr const char* requests_header =
    "id,class,tier,model,pool,replica,outcome,prompt_tokens,output_tokens,emitted_tokens,"
    "preemptions,arrived_s,scheduled_s,first_token_s,finished_s,ttft_ms,tpot_ms,e2el_ms,"
    "queue_ms\n";

double seconds(SimTime at) {
  return decimal_seconds(at.time_since_epoch());
}
double milliseconds(Duration span) {
  return static_cast<double>(span.count()) / 1e6;
}

std::string timeseries_row(const WindowSummary& w) {
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", seconds(w.begin),
                     seconds(w.end), w.arrived, w.ended, w.completed, w.prompt_tokens,
                     w.output_tokens, w.queued, w.running, w.ttft_p50, w.ttft_p99, w.tpot_p50,
                     w.tpot_p99, w.e2el_p50, w.e2el_p99, w.queue_p99, w.gpu_utilization,
                     w.kv_cache_usage);
}

std::string scaling_row(const ScalingRow& row) {
  return fmt::format("{},{},{},{},{},{},{},{},{}\n", seconds(row.at), csv_field(row.pool),
                     row.measured ? fmt::format("{}", row.signal) : "", row.ready, row.loading,
                     row.draining, row.from, row.to, row.reason);
}

/// Empty for what never happened.
std::string time_field(SimTime at) {
  return at == never ? "" : fmt::format("{}", seconds(at));
}
std::string span_field(SimTime from, SimTime to) {
  return from == never || to == never ? "" : fmt::format("{}", milliseconds(to - from));
}

std::string request_row(const SampledRequest& r, const Config& config) {
  const RequestClassConfig& request_class = config.workload.classes[r.request_class];
  std::string tpot;
  if (r.outcome == Outcome::completed && r.emitted_tokens > 1 && r.first_token != never) {
    tpot = fmt::format("{}", milliseconds(r.finished - r.first_token) / (r.emitted_tokens - 1));
  }
  const bool answered = r.outcome == Outcome::completed || r.outcome == Outcome::cached;
  return fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", r.id,
      csv_field(request_class.name), csv_field(config.tiers[request_class.tier].name),
      csv_field(config.models[request_class.model].name),
      r.replica_assigned ? csv_field(config.pools[r.pool].name) : "",
      r.replica_assigned ? fmt::format("{}", r.replica) : "", outcome_name(r.outcome),
      r.prompt_tokens, r.output_tokens, r.emitted_tokens, r.preemptions, time_field(r.arrived),
      time_field(r.scheduled), time_field(r.first_token), time_field(r.finished),
      span_field(r.arrived, r.first_token), tpot, answered ? span_field(r.arrived, r.finished) : "",
      span_field(r.arrived, r.scheduled));
}

}  // namespace

class TimeseriesWriter::File : public OutputFile {
 public:
  using OutputFile::OutputFile;
};

TimeseriesWriter::TimeseriesWriter(const std::string& path) : file_{new File{path}} {
  file_->write(timeseries_header);
}
TimeseriesWriter::~TimeseriesWriter() = default;
void TimeseriesWriter::write(const WindowSummary& window) {
  file_->write(timeseries_row(window));
}
void TimeseriesWriter::close() {
  file_->close();
}

class ScalingWriter::File : public OutputFile {
 public:
  using OutputFile::OutputFile;
};

ScalingWriter::ScalingWriter(const std::string& path) : file_{new File{path}} {
  file_->write(scaling_header);
}
ScalingWriter::~ScalingWriter() = default;
void ScalingWriter::write(const ScalingRow& row) {
  file_->write(scaling_row(row));
}
void ScalingWriter::close() {
  file_->close();
}

class IncidentWriter::File : public OutputFile {
 public:
  using OutputFile::OutputFile;
};

IncidentWriter::IncidentWriter(const std::string& path) : file_{new File{path}} {
  file_->write("at_s,what,subject,detail\n");
}
IncidentWriter::~IncidentWriter() = default;
void IncidentWriter::write(const IncidentRow& row) {
  file_->write(fmt::format("{},{},{},{}\n", seconds(row.at), row.what, csv_field(row.subject),
                           csv_field(row.detail)));
}
void IncidentWriter::close() {
  file_->close();
}

void write_timeseries_csv(const std::string& path, const std::vector<WindowSummary>& windows) {
  TimeseriesWriter writer{path};
  for (const WindowSummary& window : windows) {
    writer.write(window);
  }
  writer.close();
}

void write_requests_csv(const std::string& path, const RunResult& result, const Config& config) {
  OutputFile file{path};
  file.write(requests_header);
  for (const SampledRequest& request : result.sample) {
    file.write(request_row(request, config));
  }
  file.close();
}

void write_resolved_scenario(const std::string& path, const std::string& text) {
  write_text_file(path, text);
}

}  // namespace plimsoll
