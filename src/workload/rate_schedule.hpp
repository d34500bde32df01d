// Workload: the arrival rate over time, cut into linear pieces one after the other.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// The rate goes linearly from `rate_begin` to `rate_end` (requests/s) over [begin, end). A piece
/// that ends at `never` is constant.
struct RatePiece {
  SimTime begin{};
  SimTime end = never;
  double rate_begin = 0;
  double rate_end = 0;
};

/// The base rate times all shapes; factors below 0 count as 0. Piecewise and spike shapes alone
/// are exact; a cosine is cut into 1,024 chords a period (its mean stays exact, its values within
/// 5e-6), a product of several shapes into chords that end at all of their corners.
class RateSchedule {
 public:
  explicit RateSchedule(const ArrivalConfig& arrivals);
  /// The rate is 0 outside `played`, spans in order of time; none: it is what it is.
  RateSchedule(const ArrivalConfig& arrivals, std::vector<PlayedWindow> played);

  /// The piece that begins at `t`, which is >= sim_start.
  RatePiece piece_at(SimTime t) const;
  /// The rate at and just after `t`, without chords.
  double rate_at(SimTime t) const { return rate_after(t.time_since_epoch()); }
  /// Expected arrivals in [from, to).
  double integral(SimTime from, SimTime to) const;

 private:
  /// Linear between points, constant outside; two points at one time are a step.
  struct Line {
    std::vector<RateShape::Point> points;
    double factor_before(Duration t) const;
    double factor_after(Duration t) const;
    Duration next_corner(Duration t, bool refine) const;
    bool zero_from(Duration t) const;
  };
  struct Wave {
    Duration period{};
    Duration peak_at{};
    double amplitude = 0;
    double factor(Duration t) const;
    Duration next_corner(Duration t) const;
  };

  RatePiece unbroken_piece_at(SimTime t) const;
  double rate_before(Duration t) const;
  double rate_after(Duration t) const;

  double base_rate_;  // requests/s
  std::vector<Line> lines_;
  std::vector<Wave> waves_;
  std::vector<PlayedWindow> played_;
};

}  // namespace plimsoll
