// Simulation room: how much of their capacities the stages of a path used.
#pragma once

#include <array>

#include "metrics/covered_spans.hpp"
#include "plimsoll/config.hpp"
#include "service/request_path.hpp"

namespace plimsoll {

/// Used shares over what the rows of stages measure: from the warm-up to the last arrival of the
/// workload, in windows of the horizon where only these are played. The drain is not in them: a
/// stage that was full until the last arrival says 1.
class StageUse {
 public:
  /// Both outlive it.
  StageUse(const Config& config, const RequestPath& path);

  /// A window of the metrics ends at `now`: all of it is before or after the warm-up, within or
  /// outside a window of the horizon.
  void close_window(SimTime now);
  /// The last request has arrived; what follows is not measured.
  void end_arrivals(SimTime now);

  /// Of the measured span; how full it was at its end, of a cache. Negative without a capacity.
  double mean(Stage stage) const;
  /// Of the busiest whole window in it; mean() when it holds none.
  double busiest(Stage stage) const;

 private:
  struct Account {
    CapacityUse last;   // reading
    CapacityUse total;  // of the measured span
    double busiest = -1;
  };

  const RequestPath& path_;
  CoveredSpans spans_;
  SimTime warm_up_end_;
  Duration window_;
  SimTime begin_{};  // of the current window
  bool over_ = false;
  std::array<Account, stage_count> accounts_{};
};

}  // namespace plimsoll
