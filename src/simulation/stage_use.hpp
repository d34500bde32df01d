// Simulation room: how much of their capacities the stages of a path used.
#pragma once

#include <vector>

#include "metrics/covered_spans.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"
#include "service/request_path.hpp"

namespace plimsoll {

/// Used shares over what the rows of stages measure: from the warm-up to the last arrival of the
/// workload, in windows of the horizon where only these are played. The drain is not in them: a
/// stage that was full until the last arrival says 1.
class StageUse {
 public:
  /// The path outlives it, with the capacities that it has.
  StageUse(const Config& config, const RequestPath& path);

  /// A window of the metrics ends at `now`: all of it is before or after the warm-up, within or
  /// outside a window of the horizon.
  void close_window(SimTime now);
  /// The last request has arrived; what follows is not measured.
  void end_arrivals(SimTime now);

  /// Sets what `row` says of the capacities of its stage. Where the measured span holds no whole
  /// window, the busiest one is the span.
  void tell(StageSummary& row) const;

 private:
  struct Account {
    const StageCapacity* capacity = nullptr;
    CapacityUse last;   // reading
    CapacityUse total;  // of the measured span
    double busiest = -1;
  };

  CoveredSpans spans_;
  SimTime warm_up_end_;
  Duration window_;
  SimTime begin_{};  // of the current window
  bool over_ = false;
  std::vector<Account> accounts_;  // by capacity of the path
};

/// Sets the utilization of the row of `serving`: that of the pool whose sequence slots are used
/// most, on average over the run.
void tell_slots(const std::vector<PoolSummary>& pools, StageSummary& row);

}  // namespace plimsoll
