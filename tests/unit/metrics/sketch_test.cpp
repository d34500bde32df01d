// Laws of the sketch: its error bound, merging, and runs of steps.
#include "metrics/sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "plimsoll/errors.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

/// Values whose magnitudes spread over all octaves up to 2^top bits.
std::vector<std::int64_t> spread_values(std::uint64_t seed, int count, std::uint32_t top) {
  Draws draws = RandomStream{seed, "test"}.of(0);
  std::vector<std::int64_t> values;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t high = draws();
    const std::uint64_t low = draws();
    const std::uint32_t bits = draws.below(top) + 1;
    values.push_back(static_cast<std::int64_t>(((high << 32) | low) >> (64 - bits)));
  }
  return values;
}

TEST(Sketch, BucketsTileTheIntegers) {
  std::int64_t next = 0;
  for (int bucket = 0; bucket < 128 * 40; ++bucket) {
    ASSERT_EQ(LatencySketch::lowest_of(bucket), next);
    next += LatencySketch::width_of(bucket);
    ASSERT_EQ(LatencySketch::bucket_of(LatencySketch::lowest_of(bucket)), bucket);
    ASSERT_EQ(LatencySketch::bucket_of(next - 1), bucket);
  }
}

TEST(Sketch, PercentilesAreWithinTheBoundOfTheExactOrderStatistic) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<std::int64_t> values = spread_values(seed, 1 + static_cast<int>(seed) * 97, 62);
    LatencySketch sketch;
    for (const std::int64_t value : values) {
      sketch.add(value);
    }
    std::sort(values.begin(), values.end());
    for (const double p : {0.0, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const auto n = static_cast<double>(values.size());
      const auto rank = std::max<std::size_t>(
          1, static_cast<std::size_t>(std::ceil(std::nextafter(p / 100.0 * n, 0.0))));
      const auto exact = static_cast<double>(values[rank - 1]);
      ASSERT_LE(std::abs(static_cast<double>(sketch.percentile_ns(p)) - exact),
                exact * LatencySketch::relative_error)
          << "p" << p << " seed " << seed;
    }
    EXPECT_EQ(sketch.percentile_ns(0), values.front());
    EXPECT_EQ(sketch.percentile_ns(100), values.back());
  }
}

TEST(Sketch, NearestRankOfRoundShares) {
  LatencySketch sketch;
  for (int i = 1; i <= 200; ++i) {
    sketch.add(i);  // below 256: exact
  }
  EXPECT_EQ(sketch.percentile_ns(50), 100);
  EXPECT_EQ(sketch.percentile_ns(99), 198);
  EXPECT_EQ(sketch.percentile_ns(99.5), 199);
  EXPECT_EQ(sketch.percentile_ns(99.9), 200);  // ceil(199.8)
}

TEST(Sketch, MomentsAreExact) {
  LatencySketch sketch;
  for (const std::int64_t value : {2, 4, 4, 4, 5, 5, 7, 9}) {
    sketch.add(value);
  }
  EXPECT_DOUBLE_EQ(sketch.mean_ns(), 5.0);
  EXPECT_DOUBLE_EQ(sketch.std_ns(), 2.0);  // population: sqrt(32 / 8)
  LatencySketch equal;
  equal.add(50'000'123, 1'000'000);
  EXPECT_EQ(equal.std_ns(), 0.0);
  EXPECT_EQ(equal.mean_ns(), 50'000'123.0);
}

TEST(Sketch, MergeIsUnionInAnyOrder) {
  const std::vector<std::int64_t> values = spread_values(7, 3000, 50);
  LatencySketch all;
  std::vector<LatencySketch> parts(5);
  for (std::size_t i = 0; i < values.size(); ++i) {
    all.add(values[i]);
    parts[i * i % 5].add(values[i]);
  }
  LatencySketch forward, backward;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    forward.merge(parts[i]);
    backward.merge(parts[parts.size() - 1 - i]);
  }
  EXPECT_EQ(forward, all);
  EXPECT_EQ(backward, all);
  LatencySketch other = all;
  other.add(1);
  EXPECT_FALSE(other == all);
}

TEST(Sketch, WeightIsRepetitionAndClearForgets) {
  LatencySketch weighted, repeated;
  weighted.add(123'456, 17);
  for (int i = 0; i < 17; ++i) {
    repeated.add(123'456);
  }
  EXPECT_EQ(weighted, repeated);
  weighted.clear();
  EXPECT_EQ(weighted, LatencySketch{});
  EXPECT_EQ(weighted.percentile_ns(50), 0);
  weighted.add(3);
  EXPECT_EQ(weighted.max_ns(), 3);
}

/// A run equals its steps added as runs of one, and any split of it.
void expect_run_is_its_steps(std::int64_t first, std::int64_t slope, std::int64_t steps,
                             std::int64_t weight, std::int64_t split) {
  LatencySketch run, single, halves;
  run.add_affine_run(first, slope, steps, weight);
  for (std::int64_t j = 0; j < steps; ++j) {
    single.add_affine_run(first + j * slope, 0, 1, weight);
  }
  halves.add_affine_run(first, slope, split, weight);
  halves.add_affine_run(first + split * slope, slope, steps - split, weight);
  ASSERT_EQ(run, single) << first << " + j " << slope << ", " << steps << " steps x " << weight;
  ASSERT_EQ(run, halves);
  // Buckets hold the durations rounded to nanoseconds, halves up.
  LatencySketch rounded;
  for (std::int64_t j = 0; j < steps; ++j) {
    rounded.add((first + j * slope + 500'000) / 1'000'000, weight);
  }
  ASSERT_EQ(run.count(), rounded.count());
  ASSERT_EQ(run.min_ns(), rounded.min_ns());
  ASSERT_EQ(run.max_ns(), rounded.max_ns());
  for (double p = 0; p <= 100; p += 2.5) {
    ASSERT_EQ(run.percentile_ns(p), rounded.percentile_ns(p));
  }
}

TEST(Sketch, AffineRunEqualsItsStepsOneByOne) {
  Draws draws = RandomStream{42, "runs"}.of(0);
  for (int i = 0; i < 400; ++i) {
    const std::uint32_t size = draws.below(56);
    const std::uint32_t bits = draws();
    const auto first = static_cast<std::int64_t>((std::uint64_t{bits} << 24) >> (56 - size));
    const std::uint32_t slope_size = draws.below(40);
    const std::uint32_t slope_bits = draws();
    const auto slope =
        static_cast<std::int64_t>((std::uint64_t{slope_bits} << 8) >> (40 - slope_size));
    const auto steps = static_cast<std::int64_t>(draws.below(600)) + 1;
    const auto weight = static_cast<std::int64_t>(draws.below(300)) + 1;
    const auto split = static_cast<std::int64_t>(draws.below(static_cast<std::uint32_t>(steps)));
    expect_run_is_its_steps(first, slope, steps, weight, split);
  }
}

TEST(Sketch, AffineRunAtRoundingEdgesAndLongRuns) {
  expect_run_is_its_steps(499'999, 1, 4, 3, 2);      // rounds to 0, then to 1
  expect_run_is_its_steps(255'499'999, 1, 3, 1, 1);  // crosses bucket 255 to 256
  expect_run_is_its_steps(0, 0, 5, 2, 0);
  expect_run_is_its_steps(50'000'000'000'000, 1'234'567, 40'000, 256, 16'385);  // many pieces
}

TEST(Sketch, RunMomentsFollowTheClosedForm) {
  LatencySketch sketch;
  const std::int64_t ns = 1'000'000;
  sketch.add_affine_run(10 * ns, 2 * ns, 5, 3);  // 10 12 14 16 18 ns, three times each
  EXPECT_EQ(sketch.count(), 15);
  EXPECT_DOUBLE_EQ(sketch.mean_ns(), 14.0);
  EXPECT_DOUBLE_EQ(sketch.std_ns(), std::sqrt(8.0));  // (16 + 4 + 0 + 4 + 16) / 5
}

TEST(Sketch, SquaresOfLongStepsDoNotOverflow) {
  LatencySketch sketch;
  const std::int64_t hour_fs = 3'600'000'000'000'000'000;
  for (int i = 0; i < 100; ++i) {
    sketch.add_affine_run(hour_fs, 0, 1000, 4096);
  }
  EXPECT_EQ(sketch.std_ns(), 0.0);
  EXPECT_DOUBLE_EQ(sketch.mean_ns(), 3.6e12);
}

TEST(Sketch, RefusesNegativeLatencies) {
  LatencySketch sketch;
  EXPECT_THROW(sketch.add(-1), InternalError);
  EXPECT_THROW(sketch.add(1, 0), InternalError);
  EXPECT_THROW(sketch.add_affine_run(-1, 0, 1, 1), InternalError);
}

}  // namespace
}  // namespace plimsoll
