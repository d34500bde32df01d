// Intervals of differences against arithmetic by hand, and against queues whose truth is known.
#include "metrics/paired_windows.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

std::vector<WindowAmount> single(const std::vector<double>& values) {
  std::vector<WindowAmount> windows;
  for (const double value : values) {
    windows.push_back({value, 1});
  }
  return windows;
}

TEST(PairedWindows, EqualWindowsGiveThePairedTTest) {
  const PairedDifference found =
      difference_of_means(single({10, 12, 11, 13}), single({11, 14, 12, 15}), 0.95);
  ASSERT_TRUE(found.has_interval);
  EXPECT_DOUBLE_EQ(found.control, 11.5);
  EXPECT_DOUBLE_EQ(found.treatment, 13);
  // Differences 1, 2, 1, 2: standard deviation sqrt(1/3); t(0.975, 3) = 3.18244631.
  EXPECT_NEAR(found.half_width, 3.18244631 * std::sqrt(1.0 / 3) / 2, 1e-7);
  EXPECT_DOUBLE_EQ(found.autocorrelation, -0.75);
  EXPECT_DOUBLE_EQ(found.effective_windows, 4);
}

TEST(PairedWindows, RequestsWeighAlikeWhateverTheirWindow) {
  const std::vector<WindowAmount> control = {{10, 1}, {30, 3}};
  EXPECT_DOUBLE_EQ(difference_of_means(control, {{20, 1}, {60, 3}}, 0.95).half_width, 0);
  const PairedDifference found = difference_of_means(control, {{0, 1}, {4, 1}}, 0.95);
  EXPECT_DOUBLE_EQ(found.treatment, 2);
  // Residuals -2 and 2: s = sqrt(8); t(0.975, 1) = 12.7062047.
  EXPECT_NEAR(found.half_width, 12.7062047 * 2, 1e-5);
}

TEST(PairedWindows, WhatBothArmsSufferTogetherCancels) {
  const std::vector<double> noise = {5, 90, 20, 1, 44, 7};
  std::vector<double> shifted;
  for (const double value : noise) {
    shifted.push_back(value + 3);
  }
  const PairedDifference found = difference_of_means(single(noise), single(shifted), 0.99);
  EXPECT_NEAR(found.treatment - found.control, 3, 1e-12);
  EXPECT_NEAR(found.half_width, 0, 1e-10);
}

TEST(PairedWindows, NeighboursThatAreAlikeCountAsFewer) {
  std::vector<double> level(40, 1);
  std::vector<double> steps;
  for (int w = 0; w < 40; ++w) {
    steps.push_back((w / 8) % 2 == 0 ? 2 : 0);
  }
  const PairedDifference found = difference_of_means(single(level), single(steps), 0.95);
  EXPECT_GT(found.autocorrelation, 0.5);
  EXPECT_NEAR(found.effective_windows,
              40 * (1 - found.autocorrelation) / (1 + found.autocorrelation), 1e-9);
}

TEST(PairedWindows, NothingIsKnownOfAnEmptyArm) {
  EXPECT_FALSE(difference_of_means(single({1, 2}), {{0, 0}, {0, 0}}, 0.95).known);
  EXPECT_FALSE(difference_of_means(single({1}), single({2}), 0.95).has_interval);
  LatencySketch few;
  few.add(5, 100);
  const PairedDifference found = difference_of_percentiles({&few, &few}, {&few, &few}, 99, 0.95);
  EXPECT_TRUE(found.known);
  EXPECT_FALSE(found.has_interval) << "two values lie beyond the percentile";
}

double exponential(Draws& draws, double mean) {
  const double u = draws.uniform();
  return -mean * std::log1p(-u);
}

/// Two queues with one server each (Lindley's recursion), dealt the same Poisson stream by halves.
struct TwoQueues {
  static constexpr int windows = 30;
  std::vector<WindowAmount> amounts[2];
  std::vector<LatencySketch> sketches[2];
  double sum[2] = {0, 0};
  double squares[2] = {0, 0};
  double count[2] = {0, 0};

  /// Each gets `load` requests in a unit of time and serves them at a rate of 1, treatment `speed`.
  TwoQueues(std::uint64_t seed, double load, double speed, double horizon) {
    Draws draws = RandomStream{seed, "two_queues"}.of(0);
    for (int arm = 0; arm < 2; ++arm) {
      amounts[arm].resize(windows);
      sketches[arm].resize(windows);
    }
    double free_at[2] = {0, 0};
    for (double t = exponential(draws, 0.5 / load); t < horizon;
         t += exponential(draws, 0.5 / load)) {
      const int arm = draws.uniform() < 0.5 ? 0 : 1;
      const double service = exponential(draws, arm == 0 ? 1 : 1 / speed);
      free_at[arm] = std::max(free_at[arm], t) + service;
      const double sojourn = free_at[arm] - t;
      const auto window = static_cast<std::size_t>(t / horizon * windows);
      amounts[arm][window].sum += sojourn;
      amounts[arm][window].count += 1;
      sketches[arm][window].add(static_cast<std::int64_t>(sojourn * 1e9));
      sum[arm] += sojourn;
      squares[arm] += sojourn * sojourn;
      count[arm] += 1;
    }
  }

  PairedDifference means() const { return difference_of_means(amounts[0], amounts[1], 0.95); }
  PairedDifference percentiles(double p) const {
    std::vector<const LatencySketch*> lists[2];
    for (int arm = 0; arm < 2; ++arm) {
      for (const LatencySketch& sketch : sketches[arm]) {
        lists[arm].push_back(&sketch);
      }
    }
    return difference_of_percentiles(lists[0], lists[1], p, 0.95);
  }
  /// Half the width of an interval that takes requests as independent.
  double naive_half_width() const {
    double variance = 0;
    for (int arm = 0; arm < 2; ++arm) {
      const double mean = sum[arm] / count[arm];
      variance += (squares[arm] / count[arm] - mean * mean) / count[arm];
    }
    return 1.96 * std::sqrt(variance);
  }
};

constexpr int seeds = 200;

/// The share of the seeds whose interval has `truth` in it.
double coverage(double truth, const std::function<PairedDifference(const TwoQueues&)>& estimate,
                double load, double speed, double scale) {
  int covered = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const PairedDifference found = estimate(TwoQueues{seed, load, speed, 30'000});
    const double difference = (found.treatment - found.control) * scale;
    covered += std::abs(difference - truth) <= found.half_width * scale ? 1 : 0;
  }
  return covered / static_cast<double>(seeds);
}

TEST(PairedWindows, EqualQueuesDifferByNothingInNineteenOfTwenty) {
  const auto means = [](const TwoQueues& queues) { return queues.means(); };
  const double found = coverage(0, means, 0.8, 1, 1);
  // Four standard deviations of a share of 200: 0.06.
  EXPECT_GT(found, 0.95 - 0.06);
  EXPECT_LT(found, 1.0);
  const auto p99 = [](const TwoQueues& queues) { return queues.percentiles(99); };
  EXPECT_GT(coverage(0, p99, 0.8, 1, 1e-9), 0.95 - 0.06);
}

TEST(PairedWindows, IntervalsOfSingleRequestsAreFarTooNarrow) {
  int covered = 0;
  double ratio = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const TwoQueues queues{seed, 0.8, 1, 30'000};
    const PairedDifference found = queues.means();
    covered += std::abs(found.treatment - found.control) <= queues.naive_half_width() ? 1 : 0;
    ratio += found.half_width / queues.naive_half_width() / seeds;
  }
  EXPECT_LT(covered / static_cast<double>(seeds), 0.5) << "though they say 95 %";
  EXPECT_GT(ratio, 3);
}

TEST(PairedWindows, AFasterQueueIsFoundToBeAsMuchFasterAsTheoryHasIt) {
  // M/M/1: sojourn times are exponential with mean 1 / (mu - lambda).
  const double load = 0.5;
  const double speed = 1.25;
  const double truth = 1 / (speed - load) - 1 / (1 - load);
  const auto means = [](const TwoQueues& queues) { return queues.means(); };
  EXPECT_GT(coverage(truth, means, load, speed, 1), 0.95 - 0.06);
  const auto p99 = [](const TwoQueues& queues) { return queues.percentiles(99); };
  EXPECT_GT(coverage(truth * std::log(100), p99, load, speed, 1e-9), 0.95 - 0.08)
      << "sketches are off by up to 0.4 %";
  const PairedDifference one = TwoQueues{7, load, speed, 30'000}.means();
  EXPECT_LT(one.treatment - one.control + one.half_width, 0) << "its sign is beyond doubt";
}

}  // namespace
}  // namespace plimsoll
