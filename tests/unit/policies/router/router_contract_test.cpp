// What holds for every router of the registry.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::RouterHarness;
using testing::with_requests;

std::vector<std::string> router_names() {
  std::vector<std::string> names;
  for (const PolicyDoc& doc : builtin_policies().routers.docs()) {
    names.push_back(doc.name);
  }
  return names;
}

class EveryRouter : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryRouter, FindsNobodyInAnEmptyPool) {
  RouterHarness harness{GetParam(), 0};
  EXPECT_EQ(harness.pick(), RouteDecision::none);
}

TEST_P(EveryRouter, FindsNobodyUntilSomebodyAccepts) {
  RouterHarness harness{GetParam(), 5};
  EXPECT_EQ(harness.pick(), RouteDecision::none);
  harness.tell(3, with_requests(7));
  EXPECT_EQ(harness.pick(), 3U);
  harness.tell(3, closed());
  EXPECT_EQ(harness.pick(), RouteDecision::none);
}

TEST_P(EveryRouter, SaysWhy) {
  RouterHarness harness{GetParam(), 1};
  harness.tell(0, with_requests(0));
  EXPECT_STRNE(harness.router().pick(RequestView{}, harness.draws()).reason, "");
}

TEST_P(EveryRouter, NeverPicksWhoDoesNotAccept) {
  constexpr std::uint32_t replicas = 70;
  RouterHarness harness{GetParam(), replicas};
  std::vector<bool> accepting(replicas, false);
  std::uint32_t open = 0;
  Draws draws = RandomStream{9, "contract"}.of(0);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t replica = draws.below(replicas);
    const bool accepts = draws.below(3) == 0;
    ReplicaLoad load = with_requests(draws.below(20), 1.0 + draws.below(3));
    load.accepting = accepts;
    load.committed_kv_tokens = draws.below(1000);
    load.kv_capacity_tokens = 2000;
    open += accepts ? 1 : 0;
    open -= accepting[replica] ? 1 : 0;
    accepting[replica] = accepts;
    harness.tell(replica, load);
    const std::uint32_t picked = harness.pick();
    if (open == 0) {
      ASSERT_EQ(picked, RouteDecision::none);
    } else {
      ASSERT_LT(picked, replicas);
      ASSERT_TRUE(accepting[picked]);
    }
  }
}

TEST_P(EveryRouter, ResetForgetsTheFleetBefore) {
  RouterHarness harness{GetParam(), 8};
  harness.tell(6, with_requests(0));
  harness.router().reset(4);
  EXPECT_EQ(harness.pick(), RouteDecision::none);
  harness.tell(1, with_requests(0));
  EXPECT_EQ(harness.pick(), 1U);
}

TEST_P(EveryRouter, SpreadsOverEqualReplicas) {
  // Each replica told once: over many fleets no index is preferred.
  constexpr int fleets = 3000;
  constexpr std::uint32_t replicas = 6;
  RouterHarness harness{GetParam(), replicas};
  const std::vector<int> picks =
      testing::picks_of(harness, std::vector<ReplicaLoad>(replicas), fleets);
  for (const int count : picks) {
    EXPECT_NEAR(count, fleets / 6, 130);  // over 6 standard deviations of 20.4
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryRouter, ::testing::ValuesIn(router_names()),
                         [](const auto& router) { return router.param; });

}  // namespace
}  // namespace plimsoll
