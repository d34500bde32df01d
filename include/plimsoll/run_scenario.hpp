// The library's one entry: play a configuration, get its numbers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

struct RunOptions {
  bool skip_bad_rows = false;
  /// Check every step against the roofline of its hardware; a faster one is an InternalError.
  bool audit_roofline = false;
  /// Called about ten times a wall second with the share of simulated time done (0 .. 1) and the
  /// number of arrivals so far; empty: never.
  std::function<void(double done, std::int64_t arrivals)> on_progress;
  /// Asked now and then; true ends the run at once with what it has.
  std::function<bool()> interrupted;
  /// Where result files go; empty: none are written. The folder exists.
  std::string out_folder;
};

/// Plays `config` to its end. One call per process (see docs/adr/0001-one-process-per-run.md).
/// Throws ConfigError for what only the run can find (a bad trace row, a model that does not fit).
RunResult run_scenario(const Config& config, const RunOptions& options);

}  // namespace plimsoll
