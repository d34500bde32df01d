// Metrics room: which parts of a run are measured when only windows of it are played.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/money.hpp"

namespace plimsoll {

class CoveredSpans {
 public:
  explicit CoveredSpans(const HorizonConfig& horizon) : windows_{horizon.windows} {}

  /// Some of the horizon is not measured.
  bool partial() const { return !windows_.empty(); }
  bool covers(SimTime t) const { return windows_.empty() || of(t) >= 0; }
  /// The window that `t` lies in, by position; -1: none.
  int of(SimTime t) const;
  /// The next begin or end of a window after `t`; never: there is none.
  SimTime boundary_after(SimTime t) const;
  /// Time in windows before `end`.
  Duration covered_until(SimTime end) const;

 private:
  std::vector<PlayedWindow> windows_;
};

/// What rates and shares of GPU time are over: the time of arrivals. The drain after it, in which
/// nobody comes and those under way end, says nothing of either.
class ArrivalSpan {
 public:
  explicit ArrivalSpan(const Config& config);

  /// The last arrival, as the scenario says it; never: the run ends when all have ended.
  SimTime end() const { return end_; }
  /// Whether what completed at `finished` is in the rates; of windows, what was `measured` is.
  bool rates(SimTime finished, bool measured) const {
    return spans_.partial() ? measured : finished >= warm_up_end_ && finished <= end_;
  }
  /// What rates of a run that ended at `run_end` are over: from the warm-up to the last arrival, or
  /// the windows.
  double seconds(SimTime run_end) const;

 private:
  CoveredSpans spans_;
  SimTime warm_up_end_;
  SimTime end_;
};

/// What arrived in a window, and what became of it.
struct CoveredCounts {
  struct OfClass {
    std::int64_t arrived = 0;
    std::int64_t ended = 0;
    std::int64_t completed = 0;
    std::int64_t cached = 0;
  };
  struct OfPool {  // replica-nanoseconds within the window
    std::int64_t busy_ns = 0;
    std::int64_t idle_ns = 0;
  };
  std::int64_t arrived = 0;
  std::int64_t completed = 0;
  std::int64_t cached = 0;
  std::int64_t good = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cached_output_tokens = 0;
  std::vector<TokenCell> cells;  // by class and pool, also those in which nothing completed
  std::vector<OfClass> classes;
  std::vector<OfPool> pools;
};

}  // namespace plimsoll
