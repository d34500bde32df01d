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
  EXPECT_LT(found.effective_windows,
            40 * (1 - found.autocorrelation) / (1 + found.autocorrelation));
  EXPECT_GE(found.effective_windows, 2);
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

TEST(PairedWindows, WindowsThatAreTooShortAreJoined) {
  // Noise that lasts for four windows each: joined twice they are independent again.
  Draws draws = RandomStream{1, "noise"}.of(0);
  std::vector<double> level(256, 1);
  std::vector<double> noise;
  std::vector<double> whole;
  for (int w = 0; w < 64; ++w) {
    whole.push_back(draws.uniform());
    noise.insert(noise.end(), 4, whole.back());
  }
  const PairedDifference found = difference_of_means(single(level), single(noise), 0.95);
  const PairedDifference long_ones =
      difference_of_means(single(std::vector<double>(64, 1)), single(whole), 0.95);
  EXPECT_GT(found.autocorrelation, 0.6);
  EXPECT_LE(found.effective_windows, 64);
  EXPECT_NEAR(found.half_width / long_ones.half_width, 1, 0.15);
}

TEST(PairedWindows, OneBurstIsOneObservationOfATail) {
  // 1,000 values a window; all of the slowest 1 % are in one of 30, or are spread.
  const auto tail = [](bool burst) {
    std::vector<LatencySketch> sketches(30);
    for (int w = 0; w < 30; ++w) {
      const int slow = burst ? (w == 7 ? 400 : 0) : 12 + w % 3;
      sketches[static_cast<std::size_t>(w)].add(1'000'000, 1000 - slow);
      for (int i = 0; i < slow; ++i) {
        sketches[static_cast<std::size_t>(w)].add(2'000'000 + 1000 * i, 1);
      }
    }
    std::vector<const LatencySketch*> list;
    for (const LatencySketch& sketch : sketches) {
      list.push_back(&sketch);
    }
    return difference_of_percentiles(list, list, 99, 0.95);
  };
  EXPECT_TRUE(tail(false).has_interval);
  EXPECT_TRUE(tail(true).known);
  EXPECT_FALSE(tail(true).has_interval);
}

// 1 ms lies in a bucket of 2^12 ns.
constexpr double bucket_at_1_ms = 4096;

PairedDifference p99_of_equal_arms(const std::vector<LatencySketch>& arm) {
  std::vector<const LatencySketch*> list;
  for (const LatencySketch& sketch : arm) {
    list.push_back(&sketch);
  }
  return difference_of_percentiles(list, list, 99, 0.95);
}

TEST(PairedWindows, EqualLatenciesAreEqualToOneBucketOfTheSketch) {
  std::vector<LatencySketch> windows(5);
  for (LatencySketch& window : windows) {
    window.add(1'000'000, 1000);
  }
  const PairedDifference found = p99_of_equal_arms(windows);
  ASSERT_TRUE(found.has_interval);
  EXPECT_DOUBLE_EQ(found.half_width, bucket_at_1_ms);
}

TEST(PairedWindows, APercentileInAPlateauIsNoMoreCertainThanItsBucketIsWide) {
  // 990 to 998 of 1,000 lie in one bucket, and the others far beyond; unlike in each window.
  std::vector<LatencySketch> control(30);
  std::vector<LatencySketch> treatment(30);
  std::vector<const LatencySketch*> lists[2];
  for (std::size_t w = 0; w < 30; ++w) {
    const auto slow = static_cast<std::int64_t>(2 + w % 4);
    control[w].add(1'000'000, 1000 - slow);
    control[w].add(5'000'000, slow);
    treatment[w].add(1'000'000, 1000 - (7 - slow));
    treatment[w].add(5'000'000, 7 - slow);
    lists[0].push_back(&control[w]);
    lists[1].push_back(&treatment[w]);
  }
  const PairedDifference found = difference_of_percentiles(lists[0], lists[1], 99, 0.95);
  ASSERT_TRUE(found.has_interval);
  EXPECT_DOUBLE_EQ(found.treatment, found.control);
  EXPECT_GE(found.half_width, bucket_at_1_ms);
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

/// The share of the seeds whose interval has `truth` in it, or that have none.
double coverage(double truth, const std::function<PairedDifference(const TwoQueues&)>& estimate,
                double load, double speed, double scale) {
  int covered = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const PairedDifference found = estimate(TwoQueues{seed, load, speed, 30'000});
    const double difference = (found.treatment - found.control) * scale;
    const bool inside = std::abs(difference - truth) <= found.half_width * scale;
    covered += !found.has_interval || inside ? 1 : 0;
  }
  return covered / static_cast<double>(seeds);
}

/// Of `runs` seeds: how often an interval said that equal arms differ, and how often there was one.
struct Judged {
  double wrong = 0;
  double decided = 0;
};

Judged judged(int runs, const std::function<PairedDifference(std::uint64_t)>& play) {
  Judged found;
  for (int seed = 1; seed <= runs; ++seed) {
    const PairedDifference one = play(static_cast<std::uint64_t>(seed));
    found.decided += one.has_interval ? 1.0 / runs : 0;
    const bool off = std::abs(one.treatment - one.control) > one.half_width;
    found.wrong += one.has_interval && off ? 1.0 / runs : 0;
  }
  return found;
}

constexpr int aa_runs = 100;

TEST(PairedWindows, EqualQueuesAreToldApartInAtMostATenthOfSeedsAtEveryLoad) {
  struct Case {
    double load;
    double horizon;       // in mean service times
    double p99_at_least;  // share of seeds whose tail is more than one burst
  };
  for (const Case& one : {Case{0.7, 30'000, 0.8}, Case{0.85, 9'000, 0}, Case{0.85, 100'000, 0.5},
                          Case{0.9, 30'000, 0}, Case{0.9, 300'000, 0.5}}) {
    SCOPED_TRACE(one.load);
    const Judged means = judged(aa_runs, [&](std::uint64_t seed) {
      return TwoQueues{seed, one.load, 1, one.horizon}.means();
    });
    EXPECT_LE(means.wrong, 0.1);
    EXPECT_DOUBLE_EQ(std::round(means.decided * aa_runs), aa_runs);
    const Judged tails = judged(aa_runs, [&](std::uint64_t seed) {
      return TwoQueues{seed, one.load, 1, one.horizon}.percentiles(99);
    });
    EXPECT_LE(tails.wrong, 0.1);
    EXPECT_GE(tails.decided, one.p99_at_least);
  }
}

/// The same two queues, to which whole keys are dealt; all keys send alike.
struct KeyedQueues {
  static constexpr std::size_t windows = 30;
  static constexpr std::uint32_t groups = 64;
  KeyedAmounts amounts[2];
  std::vector<LatencySketch> by_window[2];
  std::vector<LatencySketch> by_group[2];

  KeyedQueues(std::uint64_t seed, double load, int keys, double horizon) {
    const RandomStream dealt{seed, "keys"};
    std::vector<std::size_t> arm_of;
    std::vector<std::size_t> group_of;
    for (int key = 0; key < keys; ++key) {
      Draws draws = dealt.of(static_cast<std::uint64_t>(key));
      arm_of.push_back(draws.below(2));
      group_of.push_back(draws.below(groups));
    }
    for (std::size_t arm = 0; arm < 2; ++arm) {
      amounts[arm].windows.resize(windows);
      amounts[arm].groups.resize(groups);
      by_window[arm].resize(windows);
      by_group[arm].resize(groups);
    }
    Draws draws = RandomStream{seed, "keyed_queues"}.of(0);
    double free_at[2] = {0, 0};
    for (double t = exponential(draws, 0.5 / load); t < horizon;
         t += exponential(draws, 0.5 / load)) {
      const std::size_t key = draws.below(static_cast<std::uint32_t>(keys));
      const std::size_t arm = arm_of[key];
      const double service = exponential(draws, 1);
      free_at[arm] = std::max(free_at[arm], t) + service;
      const double sojourn = free_at[arm] - t;
      const auto window = static_cast<std::size_t>(t / horizon * windows);
      for (WindowAmount* const amount :
           {&amounts[arm].windows[window], &amounts[arm].groups[group_of[key]]}) {
        amount->sum += sojourn;
        amount->count += 1;
      }
      by_window[arm][window].add(static_cast<std::int64_t>(sojourn * 1e9));
      by_group[arm][group_of[key]].add(static_cast<std::int64_t>(sojourn * 1e9));
    }
  }

  PairedDifference means() const {
    return difference_of_means(amounts[0], amounts[1], {0.5, 0.5}, 0.95);
  }
  PairedDifference windows_alone() const {
    return difference_of_means(amounts[0].windows, amounts[1].windows, 0.95);
  }
  PairedDifference percentiles(double p) const {
    KeyedSketches sketches[2];
    for (std::size_t arm = 0; arm < 2; ++arm) {
      for (const LatencySketch& sketch : by_window[arm]) {
        sketches[arm].windows.push_back(&sketch);
      }
      for (const LatencySketch& sketch : by_group[arm]) {
        sketches[arm].groups.push_back(&sketch);
      }
    }
    return difference_of_percentiles(sketches[0], sketches[1], {0.5, 0.5}, p, 0.95);
  }
};

TEST(PairedWindows, EqualQueuesOfDealtKeysAreToldApartInAtMostATenthOfSeedsAtEveryLoad) {
  for (const double load : {0.7, 0.85, 0.9}) {
    for (const int keys : {2000, 10'000}) {
      SCOPED_TRACE(testing::Message() << load << " " << keys);
      EXPECT_LE(judged(aa_runs,
                       [&](std::uint64_t seed) {
                         return KeyedQueues{seed, load, keys, 30'000}.means();
                       })
                    .wrong,
                0.1);
      EXPECT_LE(judged(aa_runs,
                       [&](std::uint64_t seed) {
                         return KeyedQueues{seed, load, keys, 30'000}.percentiles(99);
                       })
                    .wrong,
                0.1);
    }
  }
}

TEST(PairedWindows, WindowsAloneDoNotSeeTheLoadThatKeysBringToAnArm) {
  const Judged alone = judged(aa_runs, [](std::uint64_t seed) {
    return KeyedQueues{seed, 0.7, 200, 30'000}.windows_alone();
  });
  EXPECT_GT(alone.wrong, 0.4) << "though they say 5 %";
}

TEST(PairedWindows, EffectiveKeysAreThoseThatWouldBeDealtAsUnevenly) {
  const PairedDifference equal = KeyedQueues{3, 0.5, 2000, 100'000}.means();
  // About 1,000 keys an arm with 50 requests each; requests of a key are a Poisson number: 1,000 /
  // (1 + 1/50). The variance of 64 groups tells it to a sixth.
  EXPECT_NEAR(equal.effective_keys, 1000 / 1.02, 350);
  const KeyedAmounts one_sends_half{{{1, 64}, {1, 64}}, [] {
                                      std::vector<WindowAmount> groups(64, WindowAmount{1, 1});
                                      groups[5].count = 65;
                                      return groups;
                                    }()};
  // n = 128, n^2 / (64^2 + 64) is close to 4.
  EXPECT_NEAR(difference_of_means(one_sends_half, one_sends_half, {0.5, 0.5}, 0.95).effective_keys,
              4, 0.1);
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
