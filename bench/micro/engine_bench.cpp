// The event heap alone: what one event costs before anybody's code runs. No Engine in here.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "engine/event_heap.hpp"

namespace {

using plimsoll::Duration;
using plimsoll::EventHeap;
using plimsoll::EventPriority;
using plimsoll::SimTime;
using plimsoll::TimerId;

class Gaps {
 public:
  /// Uniform in 1..2^20 ns.
  Duration next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return Duration{1 + static_cast<std::int64_t>(state_ >> 44)};
  }

 private:
  std::uint64_t state_ = 1;
};

std::vector<TimerId> arm_all(EventHeap& heap, std::int64_t count, Gaps& gaps) {
  std::vector<TimerId> timers;
  for (std::int64_t i = 0; i < count; ++i) {
    timers.push_back(heap.make_timer(EventPriority::step, nullptr, nullptr, timers.size()));
    heap.arm(timers.back(), SimTime{gaps.next()});
  }
  return timers;
}

/// A step event that arms itself again.
void pop_and_arm_again(benchmark::State& state) {
  EventHeap heap;
  Gaps gaps;
  const std::vector<TimerId> timers = arm_all(heap, state.range(0), gaps);
  for (auto _ : state) {
    const SimTime now = heap.head_time();
    const EventHeap::Timer head = heap.pop();
    heap.arm(timers[head.argument], now + gaps.next());
  }
}
BENCHMARK(pop_and_arm_again)->Arg(15)->Arg(1500)->Arg(15000);

/// An arrival: the next one is nearly always the head again.
void pop_and_arm_soon(benchmark::State& state) {
  EventHeap heap;
  Gaps gaps;
  arm_all(heap, state.range(0), gaps);
  const TimerId arrival = heap.make_timer(EventPriority::arrival, nullptr, nullptr, 0);
  SimTime now{};
  heap.arm(arrival, now);
  for (auto _ : state) {
    heap.pop();
    heap.arm(arrival, now);
    benchmark::DoNotOptimize(heap.head_time());
  }
}
BENCHMARK(pop_and_arm_soon)->Arg(1500);

/// A step that an arrival cuts short: armed already, moved to another time.
void move_armed(benchmark::State& state) {
  EventHeap heap;
  Gaps gaps;
  const std::vector<TimerId> timers = arm_all(heap, state.range(0), gaps);
  std::size_t next = 0;
  for (auto _ : state) {
    heap.arm(timers[next], SimTime{gaps.next()});
    next = next + 1 == timers.size() ? 0 : next + 1;
  }
}
BENCHMARK(move_armed)->Arg(1500);

}  // namespace
