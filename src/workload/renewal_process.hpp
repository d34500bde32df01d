// Workload: open-loop arrival times, a renewal process on a clock that runs at the arrival rate.
#pragma once

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/rng.hpp"
#include "workload/rate_schedule.hpp"

namespace plimsoll {

/// The n-th arrival is where the integral of the rate reaches the sum of n gaps of mean 1:
/// exponential (Poisson process) or gamma with the given coefficient of variation. So a schedule
/// modulates both alike, and the expected count over a span is the integral of the rate (for
/// gamma: after the first few gaps, since the process starts anew at t = 0).
class RenewalProcess {
 public:
  /// Outside `played` nothing arrives; none: everywhere something may.
  RenewalProcess(const ArrivalConfig& arrivals, std::uint64_t seed,
                 std::vector<PlayedWindow> played = {});

  /// The arrival of request `id`, not before the last one; false when the rate is 0 from here on.
  /// Call with 0, 1, 2, ...: the gap before `id` depends on (seed, id) alone.
  bool next(RequestId id, SimTime& at);

 private:
  double draw_gap(RequestId id) const;
  bool advance(double need);

  ArrivalProcess process_;
  double cv_;
  RandomStream stream_;
  boost::random::exponential_distribution<double> exponential_{1.0};
  boost::random::gamma_distribution<double> gamma_;
  RateSchedule schedule_;
  RatePiece piece_;
  // The last arrival: whole nanoseconds and the rest in [0, 1), so that rounding does not add up.
  std::int64_t ns_ = 0;
  double fraction_ = 0.0;
};

}  // namespace plimsoll
