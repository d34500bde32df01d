// When a run with few windows is looked at.
#include "metrics/backlog_looks.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace plimsoll {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Config config_of(Duration duration, Duration window) {
  Config config;
  config.duration = duration;
  config.metrics.window = window;
  return config;
}

std::vector<SimTime> looks_until(const Config& config, SimTime end) {
  const BacklogLooks looks{config};
  std::vector<SimTime> times;
  for (SimTime at = looks.after(sim_start); at <= end && at != never; at = looks.after(at)) {
    times.push_back(at);
  }
  return times;
}

TEST(BacklogLooks, WhereWindowsAreFewTheyAreEvenOverTheArrivals) {
  const std::vector<SimTime> times = looks_until(config_of(seconds{64}, seconds{10}), never);
  ASSERT_EQ(times.size(), 64U);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i], sim_start + seconds{i + 1});
  }
}

TEST(BacklogLooks, AsManyWindowsAsThereWouldBeLooksAreEnough) {
  EXPECT_TRUE(looks_until(config_of(seconds{640}, seconds{10}), never).empty());
  EXPECT_FALSE(looks_until(config_of(seconds{639}, seconds{10}), never).empty());
}

TEST(BacklogLooks, OfAHorizonOnlyTheWindowsAreLookedAt) {
  Config config = config_of(hours{24}, hours{1});
  config.horizon.windows = {{hours{1}, hours{1} + seconds{32}}, {hours{9}, hours{9} + seconds{32}}};
  int inside = 0;
  for (const SimTime at : looks_until(config, never)) {
    const Duration t = at.time_since_epoch();
    const bool first = t >= hours{1} && t <= hours{1} + seconds{32};
    const bool second = t >= hours{9} && t <= hours{9} + seconds{32};
    EXPECT_TRUE(first || second) << to_seconds(t);
    inside += first || second ? 1 : 0;
  }
  EXPECT_EQ(inside, 66) << "a second apart, and the begin of each";
}

TEST(BacklogLooks, OfATraceOfWhateverLengthEveryQuarterHasEnough) {
  const Config config = config_of(Duration::zero(), seconds{10});
  for (const Duration length : {Duration{seconds{1}}, Duration{hours{1}}, Duration{hours{7200}}}) {
    const std::vector<SimTime> times = looks_until(config, sim_start + length);
    for (int quarter = 2; quarter <= 4; ++quarter) {
      int seen = 0;
      for (const SimTime at : times) {
        const Duration t = at.time_since_epoch();
        seen += t > length / 4 * (quarter - 1) && t <= length / 4 * quarter ? 1 : 0;
      }
      EXPECT_GE(seen, 16) << quarter;
    }
    EXPECT_LT(times.size(), 64U * 26) << "by the logarithm of the time";
  }
}

}  // namespace
}  // namespace plimsoll
