// The total order of a run: (time, priority, tie). An indexed 4-ary heap of timers: arming one
// that is armed already moves it. No SimGrid in here; allocation only when a timer is made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plimsoll/errors.hpp"
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

/// Where the objects of an owner of many timers lie, that of argument n being number n. Its owner
/// keeps `first` up to date; only speed depends on it.
struct TimedObjects {
  const std::byte* first = nullptr;
  std::size_t size = 0;
};

/// Times are >= 0. Every operation is O(log n) over the armed timers, at most one sift; a pop()
/// followed by arm() of any unarmed timer costs one sift for both.
class EventHeap {
 public:
  struct alignas(32) Timer {
    EventFn fn = nullptr;
    void* context = nullptr;
    std::uint64_t argument = 0;
    const TimedObjects* objects = nullptr;  // null: `fn` begins with `context`
  };

  /// Equal (time, priority) go by order of creation, whenever the timers were armed. At most 2^24
  /// timers and events at once, 2^36 in all; more is an InternalError. `objects` outlive it.
  TimerId make_timer(EventPriority priority, EventFn fn, void* context, std::uint64_t argument,
                     const TimedObjects* objects = nullptr) {
    return make(priority, next_timer_tie_++, Timer{fn, context, argument, objects});
  }
  /// Like make_timer(), but sorts after every timer of make_timer() of equal (time, priority).
  TimerId make_event(EventPriority priority, EventFn fn, void* context, std::uint64_t argument) {
    return make(priority, event_tie | next_event_tie_++, Timer{fn, context, argument, nullptr});
  }
  /// Gives a timer's place back; it must not be armed.
  void free_timer(TimerId timer) {
    PLIMSOLL_CHECK(!armed(timer), "a timer is disarmed before its place is given back");
    free_.push_back(timer);
  }

  /// Arms `timer` for `t`, or moves it there.
  void arm(TimerId timer, SimTime t) {
    const Entry entry{static_cast<std::uint64_t>(t.time_since_epoch().count()), orders_[timer]};
    if (positions_[timer] == unarmed) {
      if (hole_) {
        hole_ = false;
        sift_down(root, entry);
      } else {
        sift_up(++last_, entry);
      }
      return;
    }
    close_hole();
    move(positions_[timer], entry);
  }

  /// Does nothing to a timer that is not armed.
  void disarm(TimerId timer) {
    if (positions_[timer] == unarmed) {
      return;
    }
    close_hole();
    const std::size_t position = positions_[timer];
    positions_[timer] = unarmed;
    const Entry moved = take_last();
    if (position <= last_) {
      move(position, moved);
    }
  }

  bool armed(TimerId timer) const { return positions_[timer] != unarmed; }
  bool empty() const { return last_ + 1 == root + (hole_ ? 1U : 0U); }
  std::size_t size() const { return last_ + 1 - root - (hole_ ? 1U : 0U); }

  /// The earliest time; not empty(). Not const: it settles what pop() left open.
  SimTime head_time() {
    close_hole();
    return SimTime{Duration{static_cast<std::int64_t>(at(root).time)}};
  }

  /// Takes the head out and returns it; its time is head_time() before the call.
  Timer pop() {
    close_hole();
    const TimerId timer = at(root).timer();
    positions_[timer] = unarmed;
    hole_ = true;  // most events arm themselves again: that entry takes this place in one sift
    return timers_[timer];
  }

  const Timer& timer(TimerId timer) const { return timers_[timer]; }

  /// Has memory begin to bring what arm(timer) reads.
  void fetch(TimerId timer) const {
    __builtin_prefetch(&orders_[timer]);
    __builtin_prefetch(&positions_[timer], 1);
  }
  /// Called before each event, it has memory begin to bring what the next ones read: most of these
  /// wait right below the root for a few events. Does nothing where the timers are few enough to
  /// stay in a core's own caches.
  void fetch_next() {
    if (size() <= few_timers) {
      return;
    }
    for (const TimerId timer : near_) {
      const Timer& near = timers_[timer];
      if (near.objects == nullptr) {
        fetch_lines(static_cast<const std::byte*>(near.context), 128);
      } else {
        fetch_lines(near.objects->first + near.argument * near.objects->size, near.objects->size);
      }
    }
    const Line& below_root = lines_[1];
    for (std::size_t child = 0; child < near_.size(); ++child) {
      near_[child] = below_root.entries[child].timer();
      __builtin_prefetch(&timers_[near_[child]]);
      fetch(near_[child]);
    }
  }

 private:
  static constexpr unsigned id_bits = 24;
  static constexpr unsigned tie_bits = 37;
  static constexpr unsigned priority_shift = id_bits + tie_bits;
  static constexpr std::uint64_t event_tie = std::uint64_t{1} << (tie_bits - 1);
  static constexpr std::uint32_t unarmed = 0;  // positions begin at `root`
  // The root sits in the last place of the first line, so that four siblings share a cache line:
  // the children of position p fill line p - 2, the parent of p is (p >> 2) + 2.
  static constexpr std::size_t root = 3;
  static constexpr std::size_t few_timers = 8192;

  /// 16 bytes that compare as one number: time, then priority, tie and, to find the way back, id.
  struct Entry {
    std::uint64_t time = ~std::uint64_t{0};  // what fills unused places: after everything
    std::uint64_t order = ~std::uint64_t{0};
    TimerId timer() const {
      return static_cast<TimerId>(order & ((std::uint64_t{1} << id_bits) - 1));
    }
    // Compilers compare 128 bits without a branch; two comparisons of 64 they do not.
    __extension__ using Key = unsigned __int128;
    Key key() const { return (static_cast<Key>(time) << 64) | order; }
    friend bool operator<(const Entry& a, const Entry& b) { return a.key() < b.key(); }
  };
  struct alignas(64) Line {
    std::array<Entry, 4> entries;
  };

  static void fetch_lines(const std::byte* first, std::size_t size) {
    constexpr std::size_t line = 64;
    for (std::size_t offset = 0; offset < size; offset += line) {
      __builtin_prefetch(first + offset);
    }
  }

  Entry& at(std::size_t position) { return lines_[position >> 2].entries[position & 3]; }

  void place(std::size_t position, const Entry& entry) {
    at(position) = entry;
    positions_[entry.timer()] = static_cast<std::uint32_t>(position);
  }

  void sift_up(std::size_t position, const Entry& entry) {
    while (position > root) {
      const std::size_t parent = (position >> 2) + 2;
      if (!(entry < at(parent))) {
        break;
      }
      place(position, at(parent));
      position = parent;
    }
    place(position, entry);
  }

  void sift_down(std::size_t position, const Entry& entry) {
    for (std::size_t line = position - 2; line * 4 <= last_; line = position - 2) {
      const std::array<Entry, 4>& e = lines_[line].entries;
      // Arithmetic, not branches: which child is least cannot be predicted.
      const auto a = static_cast<std::size_t>(e[1] < e[0]);
      const std::size_t b = 2 + static_cast<std::size_t>(e[3] < e[2]);
      const std::size_t least = a ^ ((a ^ b) & -static_cast<std::size_t>(e[b] < e[a]));
      if (!(e[least] < entry)) {
        break;
      }
      place(position, e[least]);
      position = line * 4 + least;
    }
    place(position, entry);
  }

  void move(std::size_t position, const Entry& entry) {
    if (position > root && entry < at((position >> 2) + 2)) {
      sift_up(position, entry);
    } else {
      sift_down(position, entry);
    }
  }

  Entry take_last() {
    Entry& place_of_last = at(last_);
    const Entry entry = place_of_last;
    place_of_last = Entry{};
    --last_;
    return entry;
  }

  void close_hole() {
    if (hole_) {
      hole_ = false;
      const Entry moved = take_last();
      if (last_ >= root) {
        sift_down(root, moved);
      }
    }
  }

  TimerId make(EventPriority priority, std::uint64_t tie, const Timer& made) {
    PLIMSOLL_CHECK((tie & (event_tie - 1)) + 1 < event_tie, "ties of timers must not repeat");
    TimerId timer = 0;
    if (free_.empty()) {
      timer = static_cast<TimerId>(timers_.size());
      PLIMSOLL_CHECK(timer < (TimerId{1} << id_bits), "a timer's id must fit its heap entry");
      timers_.emplace_back();
      orders_.push_back(0);
      positions_.push_back(unarmed);
      lines_.resize((root + timers_.size()) / 4 + 1);
    } else {
      timer = free_.back();
      free_.pop_back();
    }
    timers_[timer] = made;
    orders_[timer] =
        (static_cast<std::uint64_t>(priority) << priority_shift) | (tie << id_bits) | timer;
    return timer;
  }

  std::vector<Line> lines_ = std::vector<Line>(1);
  std::array<TimerId, 4> near_{};  // that fetch_next() has asked for
  std::size_t last_ = root - 1;    // position of the last entry
  bool hole_ = false;              // the root was popped and its place not filled yet
  std::vector<std::uint32_t> positions_;
  std::vector<std::uint64_t> orders_;
  std::vector<Timer> timers_;
  std::vector<TimerId> free_;
  std::uint64_t next_timer_tie_ = 0;
  std::uint64_t next_event_tie_ = 0;
};

}  // namespace plimsoll
