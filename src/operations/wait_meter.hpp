// How long several that wait have waited, added up.
#pragma once

#include <cstdint>

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

}  // namespace plimsoll
