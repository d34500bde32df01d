// The engine's loop: order, clocks and ends. Each case is a process of its own (one Engine each).
#include "engine/engine.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

SimTime at(Duration t) {
  return SimTime{t};
}

PlatformSpec four_nodes() {
  PlatformSpec platform;
  // No latency: a transfer takes bytes / 10 GB/s exactly.
  platform.groups.push_back(
      {"node", 4, BytesPerSecond::of(10e9), Duration{0}, BytesPerSecond::of(2e9)});
  return platform;
}

constexpr Bytes gigabytes(std::int64_t n) {
  return Bytes::of(n * 1'000'000'000);
}

TEST(Engine, AnEmptyRunEndsAtOnce) {
  Engine engine{PlatformSpec{}};
  engine.run();
  EXPECT_EQ(engine.now(), sim_start);
  EXPECT_EQ(engine.events(), 0U);
}

void note_nothing(int) {
}

TEST(Engine, LeavesSignalHandlersToTheProgram) {
  std::signal(SIGINT, note_nothing);
  Engine engine{PlatformSpec{}};
  engine.at(sim_start, EventPriority::arrival, [] {});
  engine.run();
  EXPECT_EQ(std::signal(SIGINT, SIG_DFL), &note_nothing);
}

TEST(Engine, PlaysEventsInOrderAtTheirTimes) {
  Engine engine{PlatformSpec{}};
  std::vector<std::pair<int, SimTime>> log;
  const auto note = [&](int what) { return [&, what] { log.emplace_back(what, engine.now()); }; };
  engine.at(at(2ns), EventPriority::window, note(5));
  engine.at(at(2ns), EventPriority::arrival, note(3));
  engine.at(at(2ns), EventPriority::arrival, note(4));
  engine.at(at(1ns), EventPriority::window, note(1));
  engine.at(at(2ns), EventPriority::fleet, note(2));
  engine.run();
  const std::vector<std::pair<int, SimTime>> expected = {
      {1, at(1ns)}, {2, at(2ns)}, {3, at(2ns)}, {4, at(2ns)}, {5, at(2ns)}};
  EXPECT_EQ(log, expected);
  EXPECT_EQ(engine.events(), 5U);
}

TEST(Engine, EventsOfTheSameTimeMayBeAddedWhileItIsPlayed) {
  Engine engine{PlatformSpec{}};
  std::vector<int> log;
  engine.at(at(1s), EventPriority::arrival, [&] {
    log.push_back(1);
    engine.at(engine.now(), EventPriority::dispatch, [&] { log.push_back(3); });
    engine.at(engine.now(), EventPriority::step, [&] { log.push_back(2); });
  });
  engine.run();
  EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
}

TEST(Engine, CancelledEventsDoNotHappen) {
  Engine engine{PlatformSpec{}};
  int happened = 0;
  const TimerId gone = engine.at(at(1s), EventPriority::step, [&] { happened += 100; });
  engine.at(at(1s), EventPriority::step, [&] { ++happened; });
  engine.cancel(gone);
  EXPECT_THROW(engine.cancel(gone), InternalError);
  engine.run();
  EXPECT_EQ(happened, 1);
}

TEST(Engine, ThePastIsClosed) {
  Engine engine{PlatformSpec{}};
  engine.run_until(at(2s));
  EXPECT_THROW(engine.at(at(1s), EventPriority::step, [] {}), InternalError);
  EXPECT_THROW(engine.run_until(at(1s)), InternalError);
}

TEST(Engine, RunUntilLandsOnItsEndAndGoesOn) {
  Engine engine{PlatformSpec{}};
  std::vector<int> log;
  engine.at(at(10s), EventPriority::window, [&] { log.push_back(1); });
  engine.at(at(10s + 1ns), EventPriority::fleet, [&] { log.push_back(2); });
  engine.run_until(at(3s));
  EXPECT_EQ(engine.now(), at(3s));
  EXPECT_TRUE(log.empty());
  engine.run_until(at(10s));
  EXPECT_EQ(engine.now(), at(10s));
  EXPECT_EQ(log, (std::vector<int>{1}));
  engine.run_until(at(10s));
  EXPECT_EQ(log, (std::vector<int>{1}));
  engine.run();
  EXPECT_EQ(log, (std::vector<int>{1, 2}));
  EXPECT_EQ(engine.now(), at(10s + 1ns));
}

TEST(Engine, RunUntilInTheMiddleOfATransfer) {
  Engine engine{four_nodes()};
  SimTime done{};
  engine.transfer("node-0", "node-1", gigabytes(100), [&] { done = engine.now(); });
  for (int i = 1; i <= 9; ++i) {
    engine.run_until(at(i * 1s));
    EXPECT_EQ(engine.now(), at(i * 1s));
    EXPECT_EQ(done, sim_start);
  }
  engine.run_until(at(10s));
  EXPECT_EQ(done, at(10s));
  engine.run_until(at(20s));
  EXPECT_EQ(engine.now(), at(20s));
}

TEST(Engine, ATransferFromADrainedEventStartsAtItsTime) {
  Engine engine{four_nodes()};
  SimTime first{};
  SimTime second{};
  SimTime third{};
  for (int i = 0; i < 1000; ++i) {  // many events that need no SimGrid, before and after
    engine.at(at(i * 1ms), EventPriority::step, [] {});
  }
  engine.at(at(500ms + 1ns), EventPriority::step, [&] {
    engine.transfer("node-0", "node-1", gigabytes(10), [&] {
      first = engine.now();
      engine.transfer("node-0", "node-1", gigabytes(5), [&] { second = engine.now(); });
    });
  });
  engine.at(at(100s + 3ns), EventPriority::step,
            [&] { engine.read("node-2", gigabytes(4), [&] { third = engine.now(); }); });
  engine.run();
  EXPECT_EQ(first, at(1s + 500ms + 1ns));
  EXPECT_EQ(second, at(2s + 1ns));
  EXPECT_EQ(third, at(102s + 3ns));
}

TEST(Engine, CompletionsComeBeforeArrivalsOfTheSameTime) {
  Engine engine{four_nodes()};
  std::vector<std::string> log;
  engine.at(at(10s), EventPriority::fleet, [&] { log.emplace_back("fleet"); });
  engine.at(at(10s), EventPriority::arrival, [&] { log.emplace_back("arrival"); });
  engine.transfer("node-0", "node-1", gigabytes(100), [&] { log.emplace_back("completion"); });
  engine.run();
  EXPECT_EQ(log, (std::vector<std::string>{"fleet", "completion", "arrival"}));
}

/// Random timers that arm, move and disarm each other; the log of what was played when.
class Babble {
 public:
  explicit Babble(Engine& engine) : engine_{engine} {
    for (std::uint64_t i = 0; i < 20; ++i) {
      const auto priority = static_cast<EventPriority>(i % 7);
      timers_.push_back(engine_.make_timer(priority, &Babble::fire, this, i));
      engine_.arm(timers_.back(), engine_.now());
    }
  }
  std::vector<std::pair<std::uint64_t, SimTime>> log;

 private:
  std::uint64_t below(std::uint64_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state_ >> 33) % n;
  }
  SimTime soon() {
    const std::uint64_t spread = below(2) == 0 ? 3 : 50'000'000;
    return engine_.now() + Duration{static_cast<std::int64_t>(below(spread))};
  }
  static void fire(void* context, std::uint64_t argument) {
    static_cast<Babble*>(context)->fire(argument);
  }
  void fire(std::uint64_t argument) {
    log.emplace_back(argument, engine_.now());
    if (log.size() > 20'000) {
      return;
    }
    const SimTime again = soon();
    engine_.arm(timers_[argument], again);
    const TimerId other = timers_[below(timers_.size())];
    const SimTime moved = soon();
    engine_.arm(other, moved);
    if (below(10) == 0) {
      const SimTime t = soon();
      engine_.at(t, EventPriority::step, [this] { log.emplace_back(1000, engine_.now()); });
    }
  }

  Engine& engine_;
  std::vector<TimerId> timers_;
  std::uint64_t state_ = 42;
};

std::uint64_t fingerprint(const std::vector<std::pair<std::uint64_t, SimTime>>& log) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const auto& [what, when] : log) {
    hash = (hash ^ what) * 1099511628211ULL;
    hash = (hash ^ static_cast<std::uint64_t>(when.time_since_epoch().count())) * 1099511628211ULL;
  }
  return hash;
}

/// 2,000 transfers one after the other, of unequal sizes: 0.1 us to 200 us each at 10 GB/s.
struct FlowChain {
  Engine& engine;
  void next(std::int64_t n) const {
    if (n <= 2'000) {
      engine.transfer("node-0", "node-1", Bytes::of(n * 1'000), [this, n] { next(n + 1); });
    }
  }
};

/// Plays Babble in a child process (one Engine each) and returns its fingerprint; 0 on trouble.
std::uint64_t babble_in_child(bool with_flows) {
  int ends[2];
  if (pipe(ends) != 0) {
    throw std::runtime_error{"no pipe"};
  }
  const pid_t child = fork();
  if (child == 0) {
    Engine engine{four_nodes()};
    Babble babble{engine};
    const FlowChain chain{engine};
    if (with_flows) {
      chain.next(1);
      engine.transfer("node-2", "node-3", gigabytes(1'000'000), [] {});
      engine.spawn("reader", [](ActorContext& actor) {
        for (int i = 1; i < 1000; ++i) {
          actor.sleep_until(at(i * 7'000'001ns));
          actor.read("node-3", Bytes::of(i * 1'000));
        }
      });
    }
    engine.run();
    const std::uint64_t result = babble.log.size() > 20'000 ? fingerprint(babble.log) : 0;
    const bool written = write(ends[1], &result, sizeof result) == sizeof result;
    _exit(written ? 0 : 1);
  }
  std::uint64_t result = 0;
  const bool received = read(ends[0], &result, sizeof result) == sizeof result;
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  return received && status == 0 ? result : 0;
}

TEST(Engine, TheOrderIsTheSameWithAndWithoutFlowsUnderWay) {
  const std::uint64_t drained = babble_in_child(false);
  const std::uint64_t stepped = babble_in_child(true);
  EXPECT_NE(drained, 0U);
  EXPECT_EQ(drained, stepped);
}

TEST(Engine, ManyActorsLiveSideBySide) {
  Engine engine{four_nodes()};
  std::uint64_t steps = 0;
  for (int i = 0; i < 1'750; ++i) {
    engine.spawn("replica", [&, i](ActorContext& actor) {
      for (int k = 1; k <= 5; ++k) {
        actor.sleep_until(at(k * 10s + i * 1ms));
        ++steps;
      }
      actor.transfer("node-0", "node-1", Bytes::of(1'000'000));
      ++steps;
    });
  }
  engine.run();
  EXPECT_EQ(steps, 1'750U * 6);
}

TEST(Engine, TheClockHoldsForTenDays) {
  Engine engine{four_nodes()};
  std::vector<SimTime> ends;
  constexpr Duration day = 24h;
  for (int i = 0; i < 10; ++i) {
    engine.at(at(i * day + 1ns), EventPriority::step, [&] {
      engine.transfer("node-0", "node-1", gigabytes(100), [&] { ends.push_back(engine.now()); });
    });
    engine.at(at(i * day + 5s), EventPriority::step, [] {});
  }
  engine.run();
  ASSERT_EQ(ends.size(), 10U);
  for (int i = 0; i < 10; ++i) {
    EXPECT_LE(std::chrono::abs(ends[static_cast<std::size_t>(i)] - at(i * day + 10s + 1ns)), 2ns);
  }
}

TEST(Engine, StopEndsAfterTheCurrentEvent) {
  Engine engine{PlatformSpec{}};
  int played = 0;
  engine.at(at(1s), EventPriority::step, [&] {
    ++played;
    engine.stop();
    ++played;
  });
  engine.at(at(1s), EventPriority::step, [&] { played += 100; });
  engine.run_until(at(5s));
  EXPECT_EQ(played, 2);
  EXPECT_EQ(engine.now(), at(1s));
  EXPECT_EQ(engine.events(), 1U);
  EXPECT_THROW(engine.run(), InternalError);
}

TEST(Engine, StopDropsFlowsAndUnwindsActors) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  int completions = 0;
  int unwound = 0;
  {
    struct Guard {
      int& count;
      ~Guard() { ++count; }
    };
    Engine engine{four_nodes()};
    engine.transfer("node-0", "node-1", gigabytes(1'000), [&] { ++completions; });
    engine.read("node-2", gigabytes(1'000), [&] { ++completions; });
    engine.spawn("sleeper", [&](ActorContext& actor) {
      const Guard guard{unwound};
      actor.sleep_until(at(1000s));
      ++completions;
    });
    engine.spawn("puller", [&](ActorContext& actor) {
      const Guard guard{unwound};
      actor.transfer("node-2", "node-3", gigabytes(1'000));
      ++completions;
    });
    engine.at(at(1s), EventPriority::step, [&] { engine.stop(); });
    engine.run();
    EXPECT_EQ(engine.now(), at(1s));
    EXPECT_EQ(unwound, 2);
  }
  EXPECT_EQ(completions, 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(Engine, DestructionCleansUpWhatRunUntilLeft) {
  testing::internal::CaptureStderr();
  int unwound = 0;
  {
    struct Guard {
      int& count;
      ~Guard() { ++count; }
    };
    Engine engine{four_nodes()};
    engine.transfer("node-0", "node-1", gigabytes(1'000), [] {});
    engine.spawn("sleeper", [&](ActorContext& actor) {
      const Guard guard{unwound};
      actor.sleep_until(at(1000s));
    });
    engine.run_until(at(1s));
    EXPECT_EQ(unwound, 0);
  }
  EXPECT_EQ(unwound, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Engine, WhatAnEventThrowsComesOutOfRun) {
  Engine engine{four_nodes()};
  engine.transfer("node-0", "node-1", gigabytes(1'000), [] {});
  engine.at(at(1s), EventPriority::step, [] { throw std::runtime_error{"event"}; });
  engine.at(at(1s), EventPriority::window, [] { FAIL() << "played after a throw"; });
  try {
    engine.run();
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "event");
  }
  EXPECT_EQ(engine.now(), at(1s));
}

TEST(Engine, WhatAnActorThrowsComesOutOfRunUntil) {
  Engine engine{four_nodes()};
  engine.spawn("thrower", [](ActorContext& actor) {
    actor.sleep_until(at(2s));
    throw std::runtime_error{"actor"};
  });
  engine.spawn("other", [](ActorContext& actor) { actor.sleep_until(at(9s)); });
  try {
    engine.run_until(at(5s));
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "actor");
  }
  EXPECT_EQ(engine.now(), at(2s));
}

TEST(Engine, WhatADoneFunctionThrowsComesOutOfRun) {
  Engine engine{four_nodes()};
  engine.transfer("node-0", "node-1", gigabytes(10), [] { throw std::runtime_error{"done"}; });
  EXPECT_THROW(engine.run(), std::runtime_error);
  EXPECT_EQ(engine.now(), at(1s));
}

TEST(Engine, AnActorsStoryReadsInOrder) {
  Engine engine{four_nodes()};
  std::vector<std::pair<std::string, SimTime>> log;
  const auto note = [&](const std::string& what) { log.emplace_back(what, engine.now()); };
  engine.at(at(1s), EventPriority::step, [&] {
    engine.spawn("replica", [&](ActorContext& actor) {
      note("provision");
      actor.sleep_until(at(31s));
      note("pull");
      actor.transfer("node-0", "node-1", gigabytes(350));
      note("load");
      actor.read("node-1", gigabytes(20));
      note("serve");
    });
  });
  engine.run();
  const std::vector<std::pair<std::string, SimTime>> expected = {
      {"provision", at(1s)}, {"pull", at(31s)}, {"load", at(66s)}, {"serve", at(76s)}};
  EXPECT_EQ(log, expected);
  EXPECT_EQ(engine.now(), at(76s));
}

TEST(Engine, ActorsThatWakeTogetherKeepTheOrderOfTheirCalls) {
  Engine engine{PlatformSpec{}};
  std::vector<int> log;
  for (int i = 0; i < 5; ++i) {
    engine.spawn("actor", [&, i](ActorContext& actor) {
      actor.sleep_until(at(5s));
      log.push_back(i);
      engine.at(engine.now(), EventPriority::fleet, [&, i] { log.push_back(10 + i); });
      actor.sleep_until(engine.now());
      log.push_back(20 + i);
    });
  }
  engine.at(at(5s), EventPriority::arrival, [&] { log.push_back(99); });
  engine.run();
  const std::vector<int> expected = {0, 1, 2, 3, 4, 10, 20, 11, 21, 12, 22, 13, 23, 14, 24, 99};
  EXPECT_EQ(log, expected);
}

}  // namespace
}  // namespace plimsoll
