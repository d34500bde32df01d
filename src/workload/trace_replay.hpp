// Workload: requests as a trace holds them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/workload.hpp"
#include "workload/arrival_limits.hpp"
#include "workload/request_maker.hpp"
#include "workload/trace_keys.hpp"
#include "workload/trace_lineage.hpp"
#include "workload/trace_reader.hpp"
#include "workload/trace_sessions.hpp"

namespace plimsoll {

/// The rows of `config.workload.trace`, one request each. What a row does not say is drawn: its
/// class by share, its key by popularity (in the request path), what its prompt begins with.
class TraceReplay final : public RequestSource {
 public:
  /// Throws ConfigError when the trace cannot be read, or lacks what the scenario asks of it.
  TraceReplay(const Config& config, const SourceOptions& options);

  bool next(Arrival& out) override;
  void on_finished(SimTime) override {}
  bool closed_loop() const override { return false; }
  std::int64_t skipped_rows() const override { return reader_.skipped_rows(); }
  std::vector<std::string> notes() const override;

 private:
  void check_columns(const Config& config) const;
  void require_rows() const;
  /// Who sends it: its class and key. False: the row is bad, and skipped.
  bool identify(const TraceRow& row, Arrival& out);
  ClassIndex class_of(const TraceRow& row) const;
  void fill_prefix(const TraceRow& row, Arrival& out);
  Duration scaled(Duration at) const;

  ArrivalLimits limits_;
  RequestMaker maker_;
  std::string path_;
  double speed_;
  TraceReader reader_;
  std::vector<std::string> classes_;
  std::optional<TraceKeys> keys_;          // rows name keys or tenants, and there are limits
  std::optional<TraceSessions> sessions_;  // rows name sessions
  std::optional<TraceLineage> lineage_;    // conversations are guessed
  RequestId id_ = 0;
  bool ended_ = false;
};

}  // namespace plimsoll
