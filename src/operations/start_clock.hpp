// The phases that a replica passes before it serves, and how long each took.
#pragma once

#include <numeric>

#include "plimsoll/elasticity_metrics.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// One start: phases follow one another without a gap, so that their sum is the whole of it.
class StartClock {
 public:
  /// Begins at `now`, in `phase`.
  void begin(StartPhase phase, SimTime now) {
    times_ = {};
    phase_ = phase;
    since_ = now;
    running_ = true;
  }
  /// Ends the phase that was and begins the next.
  void enter(StartPhase phase, SimTime now) {
    settle(now);
    phase_ = phase;
  }
  /// The start is over, whatever came of it.
  void end(SimTime now) {
    settle(now);
    running_ = false;
  }

  bool running() const { return running_; }
  bool in(StartPhase phase) const { return running_ && phase_ == phase; }
  /// By phase, up to `now`.
  StartTimes times(SimTime now) const {
    StartTimes times = times_;
    if (running_) {
      times[static_cast<std::size_t>(phase_)] += (now - since_).count();
    }
    return times;
  }

 private:
  void settle(SimTime now) {
    times_ = times(now);
    since_ = now;
  }

  StartTimes times_{};
  StartPhase phase_ = StartPhase::provision;
  SimTime since_{};
  bool running_ = false;
};

inline void add_to(StartTimes& sum, const StartTimes& times) {
  for (std::size_t i = 0; i < times.size(); ++i) {
    sum[i] += times[i];
  }
}
inline std::int64_t total(const StartTimes& times) {
  return std::accumulate(times.begin(), times.end(), std::int64_t{0});
}

/// The phase that took longest; of equal ones the first.
inline StartPhase longest_phase(const StartTimes& times) {
  std::size_t longest = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    longest = times[i] > times[longest] ? i : longest;
  }
  return static_cast<StartPhase>(longest);
}

}  // namespace plimsoll
