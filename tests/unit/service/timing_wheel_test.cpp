// The timing wheel plays what the event heap alone would play; one engine and hence one process a
// case.
#include "service/timing_wheel.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/rng.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

using Event = std::pair<SimTime, std::uint64_t>;

/// Sleepers that note when they wake up.
class Sleepers : public WakeUpOwner {
 public:
  explicit Sleepers(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      timers.push_back(engine.make_timer(EventPriority::arrival, &Sleepers::on_wake, this, i));
    }
  }
  virtual ~Sleepers() = default;
  bool wants(std::uint32_t place, std::uint32_t) const override {
    return unwanted.count(place) == 0;
  }
  virtual void wake_up(std::uint64_t sleeper) { played.push_back({engine.now(), sleeper}); }

  Engine engine{PlatformSpec{}};
  TimingWheel wheel{engine, *this};
  std::vector<TimerId> timers;
  std::set<std::uint32_t> unwanted;
  std::vector<Event> played;

 private:
  static void on_wake(void* sleepers, std::uint64_t sleeper) {
    static_cast<Sleepers*>(sleepers)->wake_up(sleeper);
  }
};

/// Naps of very unlike lengths, many of which end at the same nanosecond as others.
class Nappers final : public Sleepers {
 public:
  explicit Nappers(bool with_wheel) : Sleepers{500}, with_wheel_{with_wheel} {}

  /// A digest of who woke up when, in that order.
  std::string play() {
    for (std::size_t i = 0; i < timers.size(); ++i) {
      sleep(i, sim_start + (i % 7) * 1ms);
    }
    engine.run();
    std::uint64_t digest = 0;
    for (const Event& event : played) {
      digest = digest * 1099511628211ULL +
               static_cast<std::uint64_t>(event.first.time_since_epoch().count()) * 31 +
               event.second;
    }
    return fmt::format("{} {}", played.size(), digest);
  }
  void wake_up(std::uint64_t sleeper) override {
    Sleepers::wake_up(sleeper);
    if (played.size() > 20'000) {
      return;
    }
    Draws draws = stream_.of(played.size());
    constexpr std::int64_t units[] = {1, 100'000, 10'000'000, 300'000'000};  // ns; up to 5 min
    const std::int64_t unit = units[draws.below(4)];
    const std::int64_t nap = std::int64_t{draws.below(1000)} + 1;
    sleep(sleeper, engine.now() + Duration{nap * unit});
  }

 private:
  void sleep(std::uint64_t sleeper, SimTime until) {
    if (with_wheel_) {
      wheel.wake(until, timers[sleeper]);
    } else {
      engine.arm(timers[sleeper], until);
    }
  }
  bool with_wheel_;
  RandomStream stream_{4, "naps"};
};

TEST(TimingWheel, PlaysWhatTheHeapAlonePlays) {
  const std::vector<std::string> digests = test::in_children(
      {[] { return Nappers{false}.play(); }, [] { return Nappers{true}.play(); }});
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0].substr(0, 6), "20500 ");
}

TEST(TimingWheel, WakesNobodyWhoIsNotWantedAnyMore) {
  Sleepers sleepers{5};
  for (std::uint32_t i = 0; i < 4; ++i) {
    sleepers.wheel.wake(sim_start + 10s, sleepers.timers[i], i, 1);
  }
  sleepers.wheel.wake(sim_start + 10s, sleepers.timers[4]);
  sleepers.unwanted = {1, 3};
  sleepers.engine.run();
  EXPECT_EQ(sleepers.played,
            (std::vector<Event>{{sim_start + 10s, 0}, {sim_start + 10s, 2}, {sim_start + 10s, 4}}));
}

TEST(TimingWheel, ForgetsWhatWasTakenBackLongBeforeItIsDue) {
  Sleepers sleepers{100};
  for (std::uint32_t i = 0; i < 100; ++i) {
    sleepers.wheel.wake(sim_start + 10min + i * 1ms, sleepers.timers[i], i, 1);
  }
  sleepers.engine.run_until(sim_start + 2s);
  EXPECT_EQ(sleepers.wheel.waiting(), 100);
  for (std::uint32_t i = 0; i < 99; ++i) {
    sleepers.unwanted.insert(i);
  }
  sleepers.engine.run_until(sim_start + 4s);
  EXPECT_EQ(sleepers.wheel.waiting(), 1);
  sleepers.engine.run();
  EXPECT_EQ(sleepers.played, (std::vector<Event>{{sim_start + 10min + 99ms, 99}}));
  EXPECT_LT(sleepers.engine.events(), 45'000U) << "a turn of the wheel opens 4,096 buckets";
}

TEST(TimingWheel, FarSleepersAreWokenToTheNanosecond) {
  Sleepers sleepers{3};
  sleepers.wheel.wake(sim_start + 3h + 1ns, sleepers.timers[1]);
  sleepers.wheel.wake(sim_start + 70s, sleepers.timers[2]);
  sleepers.wheel.wake(sim_start + 68s, sleepers.timers[0]);
  sleepers.engine.run();
  EXPECT_EQ(
      sleepers.played,
      (std::vector<Event>{{sim_start + 68s, 0}, {sim_start + 70s, 2}, {sim_start + 3h + 1ns, 1}}));
}

}  // namespace
}  // namespace plimsoll
