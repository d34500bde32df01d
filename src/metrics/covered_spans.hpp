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

/// What arrived in a window, and what became of it.
struct CoveredCounts {
  std::int64_t arrived = 0;
  std::int64_t completed = 0;
  std::int64_t cached = 0;
  std::int64_t good = 0;
  std::int64_t output_tokens = 0;
  std::vector<TokenCell> cells;  // by class and pool, also those in which nothing completed
};

}  // namespace plimsoll
