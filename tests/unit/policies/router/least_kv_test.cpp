// Router least_kv: the smallest share of KV memory committed to prompts.
#include <gtest/gtest.h>

#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::picks_of;
using testing::RouterHarness;

ReplicaLoad with_kv(std::int64_t committed, std::int64_t capacity) {
  ReplicaLoad load;
  load.committed_kv_tokens = committed;
  load.kv_capacity_tokens = capacity;
  return load;
}

TEST(LeastKv, PicksTheSmallestShareNotTheSmallestAmount) {
  RouterHarness harness{"least_kv", 3};
  harness.tell_all({with_kv(300, 1000), with_kv(500, 5000), with_kv(200, 400)});
  EXPECT_EQ(harness.pick(), 1U);
  harness.tell(1, with_kv(2000, 5000));
  EXPECT_EQ(harness.pick(), 0U);
}

TEST(LeastKv, IsBlindToTheNumberOfRequests) {
  RouterHarness harness{"least_kv", 2};
  ReplicaLoad many_short = with_kv(100, 1000);
  many_short.outstanding = 50;
  ReplicaLoad one_long = with_kv(900, 1000);
  one_long.outstanding = 1;
  harness.tell_all({one_long, many_short});
  EXPECT_EQ(harness.pick(), 1U);
}

TEST(LeastKv, DrawsLotsAmongEqualShares) {
  RouterHarness harness{"least_kv", 4};
  const std::vector<int> picks =
      picks_of(harness, {with_kv(10, 100), with_kv(20, 200), with_kv(30, 100), closed()}, 2000);
  EXPECT_NEAR(picks[0], 1000, 140);  // over 6 standard deviations of 22.4
  EXPECT_NEAR(picks[1], 1000, 140);
  EXPECT_EQ(picks[2], 0);
  EXPECT_EQ(picks[3], 0);
}

}  // namespace
}  // namespace plimsoll
