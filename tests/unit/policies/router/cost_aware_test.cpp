// Router cost_aware: cheap replicas first, as long as they have room.
#include <gtest/gtest.h>

#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::picks_of;
using testing::RouterHarness;

/// 10 slots, of which the harness lets 0.8 be filled.
ReplicaLoad priced(std::int64_t outstanding, double dollars, double weight = 1.0) {
  ReplicaLoad load;
  load.outstanding = outstanding;
  load.dollars_per_hour = dollars;
  load.weight = weight;
  load.slots = 10;
  return load;
}

TEST(CostAwareRouter, FillsTheCheapOnesToTheirMarkBeforeTheDearOnes) {
  RouterHarness harness{"cost_aware", 3};
  harness.tell_all({priced(0, 3), priced(5, 1), priced(7, 1)});
  EXPECT_EQ(harness.pick(), 1U);
  harness.tell(1, priced(8, 1));
  EXPECT_EQ(harness.pick(), 2U) << "7 + 1 is the mark";
  harness.tell(2, priced(8, 1));
  EXPECT_EQ(harness.pick(), 0U);
  harness.tell(1, priced(3, 1));
  EXPECT_EQ(harness.pick(), 1U) << "back to the cheap one as soon as it has room";
}

TEST(CostAwareRouter, CheapIsPerCapacity) {
  RouterHarness harness{"cost_aware", 2};
  harness.tell_all({priced(0, 3, 4.0), priced(0, 1, 1.0)});  // $0.75 against $1
  EXPECT_EQ(harness.pick(), 0U);
}

TEST(CostAwareRouter, WhenNobodyHasRoomTheLeastLoaded) {
  RouterHarness harness{"cost_aware", 3};
  harness.tell_all({priced(30, 3), priced(20, 2), priced(25, 1)});
  EXPECT_EQ(harness.pick(), 1U);
  harness.tell(1, closed());
  EXPECT_EQ(harness.pick(), 2U);
}

TEST(CostAwareRouter, DrawsLotsAmongEqualPricesAndLoads) {
  RouterHarness harness{"cost_aware", 3};
  const std::vector<int> picks =
      picks_of(harness, {priced(1, 1), priced(1, 1), priced(0, 2)}, 2000);
  EXPECT_NEAR(picks[0], 1000, 140);  // over 6 standard deviations of 22.4
  EXPECT_NEAR(picks[1], 1000, 140);
}

}  // namespace
}  // namespace plimsoll
