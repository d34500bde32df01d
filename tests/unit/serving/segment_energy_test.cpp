// The energy of a run of steps: the closed form against step by step, and by hand.
#include "serving/segment_energy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

EnergyTable powers(std::int64_t active_mw, std::int64_t limit_mw) {
  EnergyTable table;
  table.active_mw = active_mw;
  table.limit_mw = limit_mw;
  return table;
}

/// As the definition says, one step after the other.
Int128 step_by_step(const EnergyTable& table, const Segment& segment, const WorkEnergy& work,
                    std::int64_t from, std::int64_t until) {
  Int128 sum = 0;
  for (std::int64_t j = from; j < until; ++j) {
    const Int128 time = segment.first + j * segment.slope;
    const Int128 wanted = table.active_mw * time + (work.first + work.growth * j) * 1'000'000;
    sum += std::min<Int128>(wanted, table.limit_mw * time);
  }
  return sum;
}

TEST(SegmentEnergy, IsActivePowerAndWork) {
  // Two steps of 10 and 12 ms at 1,000 W, and 3 J and 5 J of work: 10 + 12 + 8 = 30 J.
  const EnergyTable table = powers(1'000'000, 9'000'000);
  const Segment segment{{}, 10'000'000'000'000, 2'000'000'000'000, 2, 0};
  const WorkEnergy work{3'000'000'000'000, 2'000'000'000'000};
  EXPECT_EQ(static_cast<double>(segment_energy(table, segment, work, 0, 2)), 30e18);
}

TEST(SegmentEnergy, IsLimitedStepByStep) {
  // At most 1,500 W: the room beyond 1,000 W is 5 J in every step of 10 ms, and the work is 3, 5, 7
  // J: 10 + 3, 10 + 5, 10 + 5.
  const EnergyTable table = powers(1'000'000, 1'500'000);
  const Segment segment{{}, 10'000'000'000'000, 0, 3, 0};
  const WorkEnergy work{3'000'000'000'000, 2'000'000'000'000};
  EXPECT_EQ(static_cast<double>(segment_energy(table, segment, work, 0, 1)), 13e18);
  EXPECT_EQ(static_cast<double>(segment_energy(table, segment, work, 0, 3)), 43e18);
}

TEST(SegmentEnergy, IsTheSumOfItsStepsAndOfItsParts) {
  Draws draws = RandomStream{1, "segment energy"}.of(0);
  std::int64_t falls = 0, rises = 0;
  for (int i = 0; i < 5'000; ++i) {
    const std::int64_t active = draws.below(1'000'000);
    const std::int64_t room = 1 + draws.below(1'000'000);
    const EnergyTable table = powers(active, active + room);
    Segment segment;
    segment.first = 1'000'000 + std::int64_t{draws.below(1'000'000'000)} * 1000;
    segment.slope = segment.first / 20'000 * draws.below(1000);
    segment.steps = 1 + draws.below(60);
    // Work about as large as the room, rising faster or more slowly.
    const std::int64_t most = segment.first / 1'000'000 * room * 2 + 1;
    WorkEnergy work;
    work.first = Int128{most} * draws.below(1000) / 1000;
    work.growth = Int128{most} * draws.below(1000) / 20'000;
    const std::int64_t from = draws.below(static_cast<std::uint32_t>(segment.steps));
    const Int128 whole = segment_energy(table, segment, work, 0, segment.steps);
    ASSERT_TRUE(whole == step_by_step(table, segment, work, 0, segment.steps)) << i;
    const Int128 tail = segment_energy(table, segment, work, from, segment.steps);
    ASSERT_TRUE(tail == step_by_step(table, segment, work, from, segment.steps)) << i;
    if (from > 0) {
      ASSERT_TRUE(segment_energy(table, segment, work, 0, from) + tail == whole) << i;
    }
    const Int128 trend = Int128{room} * segment.slope - work.growth * 1'000'000;
    const Int128 first_room = Int128{room} * segment.first - work.first * 1'000'000;
    const Int128 last_room = first_room + trend * (segment.steps - 1);
    falls += first_room > 0 && last_room < 0 ? 1 : 0;
    rises += first_room < 0 && last_room > 0 ? 1 : 0;
  }
  EXPECT_GT(falls, 100);  // some begin below the limit and end at it,
  EXPECT_GT(rises, 100);  // others the other way round
}

}  // namespace
}  // namespace plimsoll
