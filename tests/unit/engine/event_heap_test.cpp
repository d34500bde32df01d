// The heap's total order against a sorted set that is obviously right.
#include "engine/event_heap.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace plimsoll {
namespace {

SimTime at_ns(std::int64_t ns) {
  return SimTime{Duration{ns}};
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_{seed} {}
  std::uint64_t below(std::uint64_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state_ >> 33) % n;
  }

 private:
  std::uint64_t state_;
};

/// (time, priority, 0 timer / 1 event, order of creation, id): what the header promises.
using Key = std::tuple<std::int64_t, int, int, std::uint64_t, TimerId>;

class HeapAndOracle {
 public:
  void make(int priority, bool event) {
    const auto p = static_cast<EventPriority>(priority);
    const std::uint64_t argument = made_;
    const TimerId id = event ? heap.make_event(p, nullptr, nullptr, argument)
                             : heap.make_timer(p, nullptr, nullptr, argument);
    timers_[id] = Key{0, priority, event ? 1 : 0, made_++, id};
  }
  void arm(TimerId id, std::int64_t t) {
    oracle.erase(timers_.at(id));
    std::get<0>(timers_.at(id)) = t;
    oracle.insert(timers_.at(id));
    heap.arm(id, at_ns(t));
  }
  void disarm(TimerId id) {
    oracle.erase(timers_.at(id));
    heap.disarm(id);
  }
  void free(TimerId id) {
    disarm(id);
    heap.free_timer(id);
    timers_.erase(id);
  }
  /// Pops both; false when they differ.
  bool pop_is_right(TimerId& popped) {
    const Key least = *oracle.begin();
    oracle.erase(oracle.begin());
    popped = std::get<4>(least);
    const bool same_time = heap.head_time() == at_ns(std::get<0>(least));
    return heap.pop().argument == std::get<3>(least) && same_time;
  }
  TimerId any(Dice& dice) const {
    auto it = timers_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(dice.below(timers_.size())));
    return it->first;
  }

  EventHeap heap;
  std::set<Key> oracle;

 private:
  std::map<TimerId, Key> timers_;
  std::uint64_t made_ = 0;
};

TEST(EventHeap, AgreesWithASortedSetOverRandomOperations) {
  for (const std::uint64_t timers : {1U, 2U, 5U, 60U}) {
    Dice dice{timers};
    HeapAndOracle both;
    for (std::uint64_t i = 0; i < timers; ++i) {
      both.make(static_cast<int>(dice.below(7)), dice.below(2) == 0);
    }
    std::int64_t now = 0;
    for (int step = 0; step < 100'000; ++step) {
      const std::uint64_t what = dice.below(10);
      const TimerId id = both.any(dice);
      // Few distinct times, so that most comparisons are ties.
      const std::int64_t t = now + static_cast<std::int64_t>(dice.below(4));
      if (what < 5) {
        both.arm(id, t);
      } else if (what < 6) {
        both.disarm(id);
      } else if (what < 7) {
        both.free(id);
        both.make(static_cast<int>(dice.below(7)), dice.below(2) == 0);
      } else if (!both.oracle.empty()) {
        now = std::get<0>(*both.oracle.begin());
        TimerId popped = 0;
        ASSERT_TRUE(both.pop_is_right(popped)) << "step " << step;
        if (what < 9) {
          both.arm(popped, now + static_cast<std::int64_t>(dice.below(4)));
        }
      }
      ASSERT_EQ(both.heap.empty(), both.oracle.empty());
      ASSERT_EQ(both.heap.size(), both.oracle.size());
      ASSERT_EQ(both.heap.armed(id), both.heap.armed(id) && !both.oracle.empty());
    }
  }
}

/// More timers than stay in caches: some with objects, some whose function begins with its context.
TEST(EventHeap, FetchingAheadChangesNothing) {
  constexpr std::uint64_t timers = 20'000;
  std::vector<std::uint64_t> objects(timers);
  const TimedObjects timed{reinterpret_cast<const std::byte*>(objects.data()), sizeof objects[0]};
  EventHeap fetching;
  EventHeap plain;
  Dice dice{7};
  for (std::uint64_t i = 0; i < timers; ++i) {
    const std::int64_t t = static_cast<std::int64_t>(dice.below(timers / 2));
    for (EventHeap* const heap : {&fetching, &plain}) {
      heap->arm(heap->make_timer(EventPriority::step, nullptr, &objects, i,
                                 i % 2 == 0 ? &timed : nullptr),
                at_ns(t));
    }
  }
  for (int step = 0; step < 60'000; ++step) {
    ASSERT_EQ(fetching.head_time(), plain.head_time());
    const SimTime now = plain.head_time();
    const std::uint64_t due = plain.pop().argument;
    ASSERT_EQ(fetching.pop().argument, due) << "step " << step;
    fetching.fetch_next();
    if (step % 4 != 0) {  // timers are made in order: their numbers are their arguments
      const SimTime next = now + Duration{static_cast<std::int64_t>(dice.below(9000))};
      fetching.arm(static_cast<TimerId>(due), next);
      plain.arm(static_cast<TimerId>(due), next);
    }
  }
  EXPECT_EQ(fetching.size(), 5'000U) << "it was called with many and with few";
}

TEST(EventHeap, EqualTimesGoByPriorityThenCreation) {
  EventHeap heap;
  const TimerId event = heap.make_event(EventPriority::arrival, nullptr, nullptr, 3);
  const TimerId step = heap.make_timer(EventPriority::step, nullptr, nullptr, 4);
  const TimerId first = heap.make_timer(EventPriority::arrival, nullptr, nullptr, 1);
  const TimerId second = heap.make_timer(EventPriority::arrival, nullptr, nullptr, 2);
  const TimerId fleet = heap.make_timer(EventPriority::fleet, nullptr, nullptr, 0);
  for (const TimerId timer : {step, second, event, first, fleet}) {
    heap.arm(timer, at_ns(7));
  }
  for (std::uint64_t expected = 0; expected < 5; ++expected) {
    EXPECT_EQ(heap.head_time(), at_ns(7));
    EXPECT_EQ(heap.pop().argument, expected);
  }
  EXPECT_TRUE(heap.empty());
}

TEST(EventHeap, TimeComesBeforePriority) {
  EventHeap heap;
  heap.arm(heap.make_timer(EventPriority::fleet, nullptr, nullptr, 1), at_ns(2));
  heap.arm(heap.make_timer(EventPriority::window, nullptr, nullptr, 0), at_ns(1));
  EXPECT_EQ(heap.pop().argument, 0U);
  EXPECT_EQ(heap.pop().argument, 1U);
}

TEST(EventHeap, ArmingAgainMoves) {
  EventHeap heap;
  const TimerId a = heap.make_timer(EventPriority::step, nullptr, nullptr, 0);
  const TimerId b = heap.make_timer(EventPriority::step, nullptr, nullptr, 1);
  heap.arm(a, at_ns(10));
  heap.arm(b, at_ns(20));
  heap.arm(a, at_ns(30));
  EXPECT_EQ(heap.head_time(), at_ns(20));
  heap.arm(a, at_ns(5));
  EXPECT_EQ(heap.head_time(), at_ns(5));
  EXPECT_EQ(heap.size(), 2U);
}

TEST(EventHeap, ReusedPlacesTieByTheirNewCreation) {
  EventHeap heap;
  const TimerId old = heap.make_timer(EventPriority::step, nullptr, nullptr, 0);
  const TimerId kept = heap.make_timer(EventPriority::step, nullptr, nullptr, 1);
  heap.free_timer(old);
  const TimerId young = heap.make_timer(EventPriority::step, nullptr, nullptr, 2);
  EXPECT_EQ(young, old);
  heap.arm(young, at_ns(1));
  heap.arm(kept, at_ns(1));
  EXPECT_EQ(heap.pop().argument, 1U);
  EXPECT_EQ(heap.pop().argument, 2U);
}

TEST(EventHeap, AnArmedTimerIsNotFreed) {
  EventHeap heap;
  const TimerId timer = heap.make_timer(EventPriority::step, nullptr, nullptr, 0);
  heap.arm(timer, at_ns(1));
  EXPECT_THROW(heap.free_timer(timer), InternalError);
}

}  // namespace
}  // namespace plimsoll
