// Segments: every closed form against the boundaries added up one by one.
#include "serving/segment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

SimTime at_ns(std::int64_t ns) {
  return SimTime{Duration{ns}};
}

/// Published boundaries 0 .. steps, each from the one before.
std::vector<SimTime> boundaries(const Segment& segment) {
  std::vector<SimTime> times;
  FineTime t = segment.start;
  times.push_back(t.published());
  for (std::int64_t j = 0; j < segment.steps; ++j) {
    t = t.plus(segment.first + j * segment.slope);
    times.push_back(t.published());
  }
  return times;
}

std::int64_t naive_first_from(const std::vector<SimTime>& times, SimTime t, bool inclusive) {
  const auto steps = static_cast<std::int64_t>(times.size()) - 1;
  for (std::int64_t j = 1; j <= steps; ++j) {
    const SimTime boundary = times[static_cast<std::size_t>(j)];
    if (boundary > t || (inclusive && boundary == t)) {
      return j;
    }
  }
  return steps;
}

std::int64_t naive_steps_until(const std::vector<SimTime>& times, SimTime t) {
  return std::count_if(times.begin() + 1, times.end(),
                       [t](SimTime boundary) { return boundary <= t; });
}

void expect_agreement(const Segment& segment) {
  const std::vector<SimTime> times = boundaries(segment);
  for (std::int64_t j = 0; j <= segment.steps; ++j) {
    ASSERT_EQ(segment.boundary(j).published(), times[static_cast<std::size_t>(j)]);
  }
  ASSERT_EQ(segment.end(), times.back());
  for (const SimTime boundary : times) {
    for (int around = -1; around <= 1; ++around) {
      const SimTime t = boundary + Duration{around};
      ASSERT_EQ(segment.first_boundary_from(t, true), naive_first_from(times, t, true));
      ASSERT_EQ(segment.first_boundary_from(t, false), naive_first_from(times, t, false));
      ASSERT_EQ(segment.steps_until(t), naive_steps_until(times, t));
    }
  }
}

TEST(FineTime, PublishesTheNearestNanosecondHalvesUp) {
  EXPECT_EQ((FineTime{7, 0}).published(), at_ns(7));
  EXPECT_EQ((FineTime{7, 499'999}).published(), at_ns(7));
  EXPECT_EQ((FineTime{7, 500'000}).published(), at_ns(8));
  EXPECT_EQ((FineTime{7, 999'999}).published(), at_ns(8));
}

TEST(FineTime, CarriesIntoNanoseconds) {
  const FineTime t = FineTime{7, 999'999}.plus(2'000'002);
  EXPECT_EQ(t.ns, 10);
  EXPECT_EQ(t.rest, 1);
}

TEST(Segment, AgreesWithItsStepsAddedUp) {
  Draws draws = RandomStream{3, "segment"}.of(0);
  for (int i = 0; i < 1000; ++i) {
    Segment segment;
    segment.start.ns = draws.below(1000);
    segment.start.rest = draws.below(1'000'000);
    segment.first = 1'000'000 + static_cast<Femtoseconds>(draws.below(20'000'000));
    segment.slope = i % 3 == 0 ? 0 : static_cast<Femtoseconds>(draws.below(3'000'000));
    segment.steps = 1 + static_cast<std::int64_t>(draws.below(40));
    expect_agreement(segment);
  }
}

TEST(Segment, HalvesOfANanosecondCountWhereTheyArePublished) {
  for (const Femtoseconds rest : {0, 1, 499'999, 500'000, 500'001, 999'999}) {
    for (const Femtoseconds first : {1'000'000, 1'500'000, 2'500'000, 2'499'999}) {
      for (const Femtoseconds slope : {0, 1, 500'000}) {
        expect_agreement(Segment{FineTime{5, rest}, first, slope, 12, 0});
      }
    }
  }
}

TEST(Segment, StepsOfAnHourStayExact) {
  // 1.8e18 fs in 2,000 steps: the closed form must not overflow.
  const Segment segment{FineTime{1, 3}, 800'000'000'000'000, 100'000'000'000, 2000, 0};
  EXPECT_EQ(segment.sum(2000), 1'600'000'000'000'000'000 + 100'000'000'000 * 1'999'000);
  expect_agreement(segment);
}

TEST(Segment, BeforeItsStartNothingHasEnded) {
  const Segment segment{FineTime{100, 0}, 5'000'000, 0, 3, 0};
  EXPECT_EQ(segment.steps_until(at_ns(0)), 0);
  EXPECT_EQ(segment.first_boundary_from(at_ns(0), true), 1);
  EXPECT_EQ(segment.first_boundary_from(at_ns(10'000), true), 3);
  EXPECT_EQ(segment.steps_until(at_ns(10'000)), 3);
}

}  // namespace
}  // namespace plimsoll
