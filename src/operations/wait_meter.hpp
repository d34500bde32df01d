// How long several that wait have waited, added up.
#pragma once

#include <array>
#include <cstdint>

#include "plimsoll/operations_summary.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

class WaitMeter {
 public:
  /// One more waits from `now` on, or one less. Times do not fall.
  void begin(SimTime now) { change(now, 1); }
  void end(SimTime now) { change(now, -1); }
  /// Nanoseconds of all, up to `now`.
  std::int64_t ns(SimTime now) const { return ns_ + waiting_ * (now - since_).count(); }

 private:
  void change(SimTime now, std::int64_t by) {
    ns_ = ns(now);
    since_ = now;
    waiting_ += by;
  }

  std::int64_t waiting_ = 0;
  std::int64_t ns_ = 0;
  SimTime since_{};
};

/// Slots of a pool that lack their machines, or start in place of what was taken away, by cause.
class LackMeter {
 public:
  /// A slot has no machines, for this cause.
  void begin_absence(DownCause cause, SimTime now) { absent_[index(cause)].begin(now); }
  void end_absence(DownCause cause, SimTime now) { absent_[index(cause)].end(now); }
  /// A slot starts on machines that replace others.
  void begin_start(DownCause cause, SimTime now) { starting_[index(cause)].begin(now); }
  void end_start(DownCause cause, SimTime now) { starting_[index(cause)].end(now); }
  void note_taken_away() { ++taken_away_; }

  PoolLacks lacks(SimTime now) const {
    PoolLacks lacks;
    for (std::size_t cause = 0; cause < down_cause_count; ++cause) {
      lacks.absent[cause] = absent_[cause].ns(now);
      lacks.starting[cause] = starting_[cause].ns(now);
    }
    lacks.taken_away = taken_away_;
    return lacks;
  }

 private:
  static std::size_t index(DownCause cause) { return static_cast<std::size_t>(cause); }

  std::array<WaitMeter, down_cause_count> absent_;
  std::array<WaitMeter, down_cause_count> starting_;
  std::int64_t taken_away_ = 0;
};

}  // namespace plimsoll
