// The total order of a run: (time, priority, tie). An indexed 4-ary heap of timers: arming one
// that is armed already moves it. No SimGrid in here; allocation only when a timer is made.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// What happens first among events of the same nanosecond.
enum class EventPriority : std::uint8_t {
  fleet = 0,       // replicas come and go
  completion = 1,  // SimGrid activities that completed
  arrival = 2,     // requests arrive: a step boundary at the same time sees them
  deadline = 3,    // waiting requests give up
  step = 4,        // a step ends: finishes, schedules the next
  dispatch = 5,    // central queues fill what became free
  window = 6,      // metrics windows close: they see everything up to and including their end
};

using TimerId = std::uint32_t;
using EventFn = void (*)(void* context, std::uint64_t argument);

class EventHeap {
 public:
  struct Timer {
    EventFn fn = nullptr;
    void* context = nullptr;
    std::uint64_t argument = 0;
  };

  TimerId make_timer(EventPriority priority, EventFn fn, void* context, std::uint64_t argument);
  /// Gives a timer's place back; it must not be armed.
  void free_timer(TimerId timer);
  void arm(TimerId timer, SimTime t);
  void disarm(TimerId timer);
  bool armed(TimerId timer) const;
  bool empty() const;
  SimTime head_time() const;  // not empty()
  /// Takes the head out and returns it; its time is head_time() before the call.
  Timer pop();
};

}  // namespace plimsoll
