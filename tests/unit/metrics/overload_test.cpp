// When a fleet counts as overloaded: queues played with one server at known loads.
#include "metrics/overload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

/// The M/M/1 queue's number in system, sampled every `window` arrivals' worth of time: a birth and
/// death chain in which the next event is an arrival with probability rho / (1 + rho) while busy.
BacklogSeries play_queue(double rho, std::uint64_t seed, int events, int events_per_window) {
  BacklogSeries series;
  Draws draws = RandomStream{seed, "queue"}.of(0);
  std::int64_t in_system = 0, arrived = 0;
  for (int i = 1; i <= events; ++i) {
    // Uniformized: a departure event in an empty system does nothing.
    if (draws.uniform() < rho / (1 + rho)) {
      ++in_system;
      ++arrived;
    } else if (in_system > 0) {
      --in_system;
    }
    if (i % events_per_window == 0) {
      series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, in_system, arrived, 0,
                              arrived - in_system});
    }
  }
  return series;
}

TEST(Overload, AStableQueueIsNotFlagged) {
  for (const double rho : {0.3, 0.7, 0.9}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      EXPECT_EQ(
          find_overload(play_queue(rho, seed, 40'000, 200), sim_start + std::chrono::hours{100}),
          "")
          << "rho " << rho << " seed " << seed;
    }
  }
}

TEST(Overload, AQueueAboveItsCapacityIsFlagged) {
  for (const double rho : {1.1, 1.5, 3.0}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const auto end = sim_start + std::chrono::hours{100};
      EXPECT_NE(find_overload(play_queue(rho, seed, 40'000, 200), end), "")
          << "rho " << rho << " seed " << seed;
    }
  }
}

BacklogSeries straight(std::int64_t backlog_per_window, std::int64_t refused_per_window) {
  BacklogSeries series;
  for (int i = 1; i <= 100; ++i) {
    series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, backlog_per_window * i, 1000 * i,
                            refused_per_window * i, (1000 - backlog_per_window) * i});
  }
  return series;
}

TEST(Overload, GrowthIsMeasuredAgainstTheArrivals) {
  const SimTime end = sim_start + std::chrono::seconds{100};
  // 50 windows x 1,000 arrivals: 2 % are 1,000, 4 sqrt(50,000) = 894.
  EXPECT_EQ(find_overload(straight(20, 0), end), "");  // grows by exactly 1,000: not above
  EXPECT_NE(find_overload(straight(21, 0), end), "");
}

TEST(Overload, RefusingManyIsOverloadToo) {
  const SimTime end = sim_start + std::chrono::seconds{100};
  EXPECT_EQ(find_overload(straight(0, 50), end), "");  // exactly 5 %
  EXPECT_NE(find_overload(straight(0, 51), end), "");
}

TEST(Overload, ABacklogThatDrainsOrStandsIsNotOverload) {
  BacklogSeries draining;
  for (int i = 0; i < 100; ++i) {
    draining.add(BacklogPoint{sim_start + std::chrono::seconds{i}, 100'000 - 900 * i, 1000 * i, 0,
                              1900 * i});
  }
  EXPECT_EQ(find_overload(draining, sim_start + std::chrono::seconds{99}), "");
}

TEST(Overload, OnlyTheTimeOfTheArrivalsCounts) {
  BacklogSeries series;
  for (int i = 1; i <= 200; ++i) {  // grows to 100 s, then drains
    const std::int64_t backlog = i <= 100 ? 100 * i : 100 * (200 - i);
    series.add(
        BacklogPoint{sim_start + std::chrono::seconds{i}, backlog, 1000 * std::min(i, 100), 0});
  }
  EXPECT_NE(find_overload(series, sim_start + std::chrono::seconds{100}), "");
}

TEST(Overload, AStandstillIsOverload) {
  const auto standing = [](std::int64_t ended_per_window) {
    BacklogSeries series;
    for (int i = 1; i <= 10; ++i) {
      series.add(
          BacklogPoint{sim_start + std::chrono::seconds{i}, 0, 100 * i, 0, ended_per_window * i});
    }
    return find_overload(series, sim_start + std::chrono::seconds{10});
  };
  EXPECT_NE(standing(0), "");  // everybody is in a batch, nobody gets out
  EXPECT_EQ(standing(1), "");
}

TEST(Overload, WhoWaitsAtTheEndOfAnOverloadedRunOrBeyondHisPatienceWaitsInVain) {
  Config config;
  config.tiers.resize(2);
  const std::chrono::seconds rest{60};
  EXPECT_TRUE(waits_in_vain(config, true, Duration::zero())) << "overloaded";
  EXPECT_FALSE(waits_in_vain(config, false, rest)) << "nobody says how long he waits";
  config.tiers[0].deadline = std::chrono::seconds{60};
  EXPECT_FALSE(waits_in_vain(config, false, rest)) << "the other tier waits on";
  config.service.queue_deadline = std::chrono::seconds{61};
  EXPECT_FALSE(waits_in_vain(config, false, rest));
  EXPECT_TRUE(waits_in_vain(config, false, std::chrono::seconds{61}));
  config.service.queue_deadline.reset();
  config.path.emplace().clients.emplace().patience = LatencyLaw{
      LatencyLaw::Kind::lognormal, {}, std::chrono::seconds{10}, std::chrono::seconds{40}};
  EXPECT_TRUE(waits_in_vain(config, false, rest)) << "99 % have lost their patience";
  EXPECT_FALSE(waits_in_vain(config, false, std::chrono::seconds{59})) << "the deadline goes first";
}

TEST(Overload, TooFewPointsSayNothing) {
  BacklogSeries series;
  EXPECT_EQ(find_overload(series, sim_start), "");
  for (int i = 0; i < 3; ++i) {
    series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, 10'000 * i, 10'000 * i, 0});
  }
  EXPECT_EQ(find_overload(series, sim_start + std::chrono::seconds{2}), "");
}

TEST(Overload, ALongSeriesStaysBoundedAndEvenlySpread) {
  BacklogSeries series;
  for (int i = 0; i < 1'000'000; ++i) {
    series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, 0, i, 0});
  }
  const auto& points = series.points();
  ASSERT_LT(points.size(), BacklogSeries::most_points);
  ASSERT_GT(points.size(), BacklogSeries::most_points / 4);
  const auto gap = points[1].at - points[0].at;
  for (std::size_t i = 1; i < points.size(); ++i) {
    ASSERT_EQ(points[i].at - points[i - 1].at, gap);
  }
}

}  // namespace
}  // namespace plimsoll
