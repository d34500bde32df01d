// How long several that wait have waited, added up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

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

/// Of one slot: why it has no machines, and why it lacked those that it starts on.
struct SlotLack {
  std::optional<DownCause> lacks;
  std::optional<DownCause> replaces;
};

/// Slots of a pool that lack their machines, or start in place of what was taken away, by cause.
class LackMeter {
 public:
  /// From now on `slot` has no machines, for this cause.
  void lack(SlotLack& slot, DownCause cause, SimTime now) {
    slot.lacks = cause;
    begin_absence(cause, now);
  }
  /// It has some, or wants none any more.
  void end_lack(SlotLack& slot, SimTime now) {
    if (slot.lacks) {
      end_absence(*slot.lacks, now);
      slot.lacks.reset();
    }
  }
  /// It starts on machines in place of those that it lacks.
  void begin_start(SlotLack& slot, SimTime now) {
    slot.replaces = slot.lacks;
    starting_[index(*slot.replaces)].begin(now);
  }
  /// A start in place of what was taken away is over, whatever came of it; or was none.
  void end_start(SlotLack& slot, SimTime now) {
    if (slot.replaces) {
      starting_[index(*slot.replaces)].end(now);
      slot.replaces.reset();
    }
  }
  /// One that nobody's slot stands for.
  void begin_absence(DownCause cause, SimTime now) { absent_[index(cause)].begin(now); }
  void end_absence(DownCause cause, SimTime now) { absent_[index(cause)].end(now); }
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
