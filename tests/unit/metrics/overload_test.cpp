// When a fleet counts as overloaded: queues played with one server at known loads.
#include "metrics/overload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

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

/// Nobody waits but at the end.
BacklogSeries burst_of(std::int64_t backlog) {
  BacklogSeries series;
  for (int i = 1; i <= 100; ++i) {
    const std::int64_t now = i > 95 ? backlog : 0;
    series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, now, 1000 * i, 0, 1000 * i - now});
  }
  return series;
}

TEST(Overload, GrowthIsMeasuredAgainstTheArrivals) {
  const SimTime end = sim_start + std::chrono::seconds{100};
  // 50 windows x 1,000 arrivals: 2 % are 1,000, 4 sqrt(50,000) = 894.
  EXPECT_EQ(find_overload(burst_of(1000), end), "");  // exactly: not above
  EXPECT_NE(find_overload(burst_of(1001), end), "");
}

/// Waiting requests of an M/M/c queue at load `rho`, every 10 s for half an hour.
BacklogSeries play_servers(double rho, double per_second, int servers, std::uint64_t seed) {
  Draws draws = RandomStream{seed, "servers"}.of(0);
  const auto exponential = [&draws](double mean) { return -mean * std::log1p(-draws.uniform()); };
  const double service = rho * servers / per_second;
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < servers; ++i) {
    free_at.push(0);
  }
  std::vector<double> arrivals;
  std::vector<double> starts;  // ascending: first come, first served
  constexpr double length = 1800;
  double t = exponential(1 / per_second);
  while (t <= length) {
    const double start = std::max(t, free_at.top());
    free_at.pop();
    const double busy = exponential(service);
    free_at.push(start + busy);
    arrivals.push_back(t);
    starts.push_back(start);
    t += exponential(1 / per_second);
  }
  BacklogSeries series;
  const auto until = [](const std::vector<double>& times, double at) {
    return static_cast<std::int64_t>(std::upper_bound(times.begin(), times.end(), at) -
                                     times.begin());
  };
  for (int at = 10; at <= length; at += 10) {
    const std::int64_t arrived = until(arrivals, at);
    const std::int64_t begun = until(starts, at);
    series.add(
        BacklogPoint{sim_start + std::chrono::seconds{at}, arrived - begun, arrived, 0, begun});
  }
  return series;
}

// At 0.95 a line of some tens comes and goes; 3 % too many make one that never ends, which the
// growth of the second half alone would not tell from chance within half an hour.
TEST(Overload, ALineThatGrowsSlowlyIsFoundAndOneThatComesAndGoesIsNot) {
  const SimTime end = sim_start + std::chrono::minutes{30};
  for (const double per_second : {5.0, 20.0, 60.0}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      EXPECT_EQ(find_overload(play_servers(0.95, per_second, 16, seed), end), "")
          << per_second << "/s, seed " << seed;
    }
  }
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_NE(find_overload(play_servers(1.03, 20, 16, seed), end), "") << "seed " << seed;
  }
}

TEST(Overload, AFloorThatStandsOrFallsIsNoSlowGrowth) {
  const SimTime end = sim_start + std::chrono::seconds{100};
  const auto with_floors = [](std::array<int, 4> floors) {
    BacklogSeries series;
    for (int i = 1; i <= 100; ++i) {
      const int floor = floors[static_cast<std::size_t>((i - 1) / 25)];
      series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, floor + i % 5, 10 * i, 0,
                              10 * i - floor});
    }
    return series;
  };
  EXPECT_EQ(find_overload(with_floors({0, 60, 60, 60}), end), "") << "it stands";
  EXPECT_EQ(find_overload(with_floors({0, 10, 60, 55}), end), "") << "it comes back";
  EXPECT_EQ(find_overload(with_floors({0, 10, 30, 50}), end), "") << "by 40: not above";
  EXPECT_NE(find_overload(with_floors({0, 10, 30, 51}), end), "");
  EXPECT_EQ(find_overload(with_floors({0, 90, 110, 135}), end), "") << "not by half";
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

TEST(Overload, RequestsLongerThanHalfTheRunThatAllEndLaterAreNoStandstill) {
  BacklogSeries series;
  for (int i = 1; i <= 10; ++i) {
    series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, 0, 100 * i, 0, 0});
  }
  const SimTime end = sim_start + std::chrono::seconds{10};
  EXPECT_NE(find_overload(series, end, false), "");
  EXPECT_EQ(find_overload(series, end, true), "");
}

TEST(Overload, WhereNoSignCouldComeItIsSaidThatNoneWasLookedFor) {
  const auto arriving = [](int points, int at_each) {
    BacklogSeries series;
    for (int i = 1; i <= points; ++i) {
      series.add(BacklogPoint{sim_start + std::chrono::seconds{i}, 0, at_each * i, 0, at_each * i});
    }
    return why_overload_is_unknown(series, sim_start + std::chrono::seconds{points});
  };
  EXPECT_NE(why_overload_is_unknown(BacklogSeries{}, sim_start), "");
  EXPECT_NE(arriving(3, 1000), "") << "three points";
  EXPECT_EQ(arriving(4, 1000), "");
  EXPECT_NE(arriving(10, 10), "") << "50 arrivals in the second half";
  EXPECT_EQ(arriving(10, 11), "");
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
