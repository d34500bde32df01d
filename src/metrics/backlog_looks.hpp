// Metrics room: when a run with few windows is looked at, for overload to show.
#pragma once

#include "metrics/covered_spans.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Overload is judged from points in time. Ends of windows are such points, but how long a window
/// is says what a reader wants to see, not what there is to find; where they are few there are
/// looks between them. Evenly over the time that is played and measured, `looks` of them; of a
/// trace, whose end is not known, each comes 1/64 of the time so far after the one before, so that
/// at its end every quarter but the first has at least 16, in O(log time) looks.
class BacklogLooks {
 public:
  static constexpr int looks = 64;
  /// That many ends of windows make looks needless: with fewer they would see less.
  static constexpr std::size_t enough_windows = looks;

  explicit BacklogLooks(const Config& config);

  /// The first look after `now`; never: there is none.
  SimTime after(SimTime now) const;

 private:
  CoveredSpans spans_;
  SimTime end_;    // of the arrivals, as the scenario says it; never: it does not
  Duration step_;  // zero: windows are enough
};

}  // namespace plimsoll
