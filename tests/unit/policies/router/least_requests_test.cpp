// Router least_requests: the fewest outstanding requests per unit of capacity.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::picks_of;
using testing::RouterHarness;
using testing::with_requests;

TEST(LeastRequests, PicksTheFewestOutstanding) {
  RouterHarness harness{"least_requests", 4};
  harness.tell_all({with_requests(3), with_requests(1), with_requests(2), with_requests(9)});
  EXPECT_EQ(harness.pick(), 1U);
  harness.tell(1, with_requests(4));
  EXPECT_EQ(harness.pick(), 2U);
  harness.tell(2, closed());
  EXPECT_EQ(harness.pick(), 0U);
}

TEST(LeastRequests, CountsPerUnitOfCapacity) {
  RouterHarness harness{"least_requests", 2};
  // (5 + 1) / 3 = 2 against (2 + 1) / 1 = 3
  harness.tell_all({with_requests(5, 3.0), with_requests(2, 1.0)});
  EXPECT_EQ(harness.pick(), 0U);
  // (9 + 1) / 3 = 3.33
  harness.tell(0, with_requests(9, 3.0));
  EXPECT_EQ(harness.pick(), 1U);
}

TEST(LeastRequests, AnEmptyFastReplicaBeatsAnEmptySlowOne) {
  RouterHarness harness{"least_requests", 2};
  harness.tell_all({with_requests(0, 1.0), with_requests(0, 1.5)});
  EXPECT_EQ(harness.pick(), 1U);
}

TEST(LeastRequests, DrawsLotsAmongTheLeastLoadedAlone) {
  RouterHarness harness{"least_requests", 5};
  const std::vector<int> picks = picks_of(
      harness, {with_requests(2), with_requests(1), with_requests(1), closed(), with_requests(1)},
      3000);
  EXPECT_EQ(picks[0], 0);
  EXPECT_EQ(picks[3], 0);
  for (const std::size_t tied : {1U, 2U, 4U}) {
    EXPECT_NEAR(picks[tied], 1000, 160);  // over 6 standard deviations of 25.8
  }
}

TEST(LeastRequests, AgreesWithASearchOverAll) {
  constexpr std::uint32_t replicas = 37;
  RouterHarness harness{"least_requests", replicas};
  std::vector<ReplicaLoad> loads(replicas);
  harness.tell_all(loads);
  Draws draws = RandomStream{4, "least"}.of(0);
  for (int i = 0; i < 5000; ++i) {
    const std::uint32_t replica = draws.below(replicas);
    loads[replica].outstanding = draws.below(50);
    loads[replica].weight = 0.5 + draws.uniform();
    loads[replica].accepting = draws.below(10) != 0;
    harness.tell(replica, loads[replica]);
    double least = 1e18;
    for (const ReplicaLoad& load : loads) {
      if (load.accepting) {
        least = std::min(least, static_cast<double>(load.outstanding + 1) / load.weight);
      }
    }
    const ReplicaLoad& picked = loads.at(harness.pick());
    ASSERT_TRUE(picked.accepting);
    ASSERT_EQ(static_cast<double>(picked.outstanding + 1) / picked.weight, least);
  }
}

}  // namespace
}  // namespace plimsoll
