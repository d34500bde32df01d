// The search for the smallest fleet, over fleets that are judged by arithmetic.
#include "cli/fleet_search.hpp"

#include <gtest/gtest.h>

#include <set>

namespace plimsoll::cli {
namespace {

TEST(FleetSearch, FindsTheSmallestOfOnePool) {
  for (int needed = 1; needed <= 40; ++needed) {
    std::set<FleetSize> asked;
    int questions = 0;
    const auto holds = [&](const FleetSize& fleet) {
      asked.insert(fleet);
      ++questions;
      return fleet[0] >= needed;
    };
    const SmallestFleet found = smallest_fleet({20}, {0}, 8, holds);
    ASSERT_TRUE(found.found);
    EXPECT_EQ(found.replicas[0], needed);
    EXPECT_EQ(static_cast<int>(asked.size()), questions) << "each fleet is asked for once";
    EXPECT_LE(questions, 9);
    EXPECT_TRUE(needed == 1 || asked.count({needed - 1}) == 1) << "one less was asked for";
  }
}

TEST(FleetSearch, PoolsThatStandInForEachOtherShrinkTogether) {
  // Together they need 10, each at least 2; the dearer one is named first.
  const auto holds = [](const FleetSize& fleet) {
    return fleet[0] + fleet[1] >= 10 && fleet[0] >= 2 && fleet[1] >= 2;
  };
  const SmallestFleet found = smallest_fleet({8, 8, 5}, {1, 0}, 8, holds);
  ASSERT_TRUE(found.found);
  EXPECT_EQ(found.replicas, (FleetSize{8, 2, 5})) << "the third is not touched";
  EXPECT_FALSE(holds({7, 2, 5}));
  EXPECT_FALSE(holds({8, 1, 5}));
}

TEST(FleetSearch, AFleetThatFailsTodayGrowsFirst) {
  const auto holds = [](const FleetSize& fleet) { return fleet[0] >= 5 && fleet[1] >= 3; };
  EXPECT_EQ(smallest_fleet({2, 2}, {0, 1}, 8, holds).replicas, (FleetSize{5, 3}));
  EXPECT_FALSE(smallest_fleet({2, 2}, {0, 1}, 2, holds).found);
}

TEST(FleetSearch, WhatItReturnsHoldsAndIsTightWhereMoreReplicasHurt) {
  // 3 and 12 hold, and 6 to 9 do not.
  const auto holds = [](const FleetSize& fleet) {
    return fleet[0] >= 3 && (fleet[0] < 6 || fleet[0] > 9);
  };
  const SmallestFleet found = smallest_fleet({12}, {0}, 8, holds);
  ASSERT_TRUE(found.found);
  EXPECT_TRUE(holds(found.replicas));
  EXPECT_FALSE(holds({found.replicas[0] - 1}));
}

}  // namespace
}  // namespace plimsoll::cli
