// Metrics room: is the demand above what the fleet can serve?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// The state of the whole system at the end of a window.
struct BacklogPoint {
  SimTime at{};
  std::int64_t backlog = 0;  // requests waiting, centrally or in replicas; running ones not
  // Of classes that count:
  std::int64_t arrived = 0;  // since t = 0
  std::int64_t refused = 0;  // since t = 0: ended shed, queue_full, timed_out or abandoned
  std::int64_t ended = 0;    // since t = 0, whatever the outcome
};

/// Points in time, never more than a fixed number: when full, every second one is dropped and from
/// then on only every second, fourth, ... is taken.
class BacklogSeries {
 public:
  static constexpr std::size_t most_points = 2048;

  void add(const BacklogPoint& point);
  const std::vector<BacklogPoint>& points() const { return points_; }
  /// How many of them lie at or before `end`.
  std::size_t points_until(SimTime end) const;

 private:
  std::vector<BacklogPoint> points_;
  std::int64_t stride_ = 1;
  std::int64_t offered_ = 0;
};

/// Why a run counts as overloaded; empty when it does not.
///
/// With A arrivals in the second half of the arrivals' time and B(t) the backlog, OVERLOADED means
///  1. growth: B(end) - B(half) > max(50, 2 % of A, 4 sqrt(A)), and B(end) > 1.5 B(half); or
///  2. refusal: more than 5 % of the second half's arrivals (and more than 50) ended shed,
///     queue_full, timed_out or abandoned; or
///  3. standstill: more than 50 requests arrived in the second half and none ended in it, nor did
///     all of them later (`all_ended`: then each was longer than the half, no more); or
///  4. slow growth: with F(q) the least backlog of the q-th quarter of the arrivals' time,
///     F(2) < F(3) < F(4), F(4) - F(2) > max(40, sqrt(A)), and F(4) > 1.5 F(2).
/// 4 sqrt(A) is what a queue at exactly full load may wander; a queue at load rho > 1 grows by
/// A (1 - 1 / rho), which passes it once A is large. A queue below full load comes back to its
/// floor, in A >> 2 rho / (1 - rho)^2 arrivals again and again, and that floor does not rise; one
/// above does not come back, long before its growth passes 4 sqrt(A). At least four points are
/// needed, and for slow growth ten in each quarter.
std::string find_overload(const BacklogSeries& series, SimTime arrivals_end,
                          bool all_ended = false);

/// Why nobody can tell whether a run in which find_overload finds nothing was overloaded: fewer
/// than four points, or no more than 50 arrivals in the second half, of which no sign could come.
/// Empty when one could.
std::string why_overload_is_unknown(const BacklogSeries& series, SimTime arrivals_end);

/// Whether requests that still wait when a run ends, `rest` after its last arrival, count as not
/// answered: the run is overloaded, so that their line does not end; or `rest` is as long as
/// anybody waits, by the deadline of his tier or of the queue, else by his patience (a fixed one,
/// or the p99 of a lognormal one).
bool waits_in_vain(const Config& config, bool overloaded, Duration rest);

}  // namespace plimsoll
