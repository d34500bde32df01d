// Router round_robin: each accepting replica in turn.
#include <gtest/gtest.h>

#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::RouterHarness;
using testing::with_requests;

TEST(RoundRobin, GoesRoundInOrder) {
  RouterHarness harness{"round_robin", 3};
  harness.tell_all({with_requests(9), with_requests(0), with_requests(4, 7.0)});
  for (const std::uint32_t expected : {0U, 1U, 2U, 0U, 1U, 2U, 0U}) {
    EXPECT_EQ(harness.pick(), expected);
  }
}

TEST(RoundRobin, SkipsWhoDoesNotAcceptAndTakesItsPlaceUpLater) {
  RouterHarness harness{"round_robin", 4};
  harness.tell_all(std::vector<ReplicaLoad>(4));
  EXPECT_EQ(harness.pick(), 0U);
  harness.tell(1, closed());
  EXPECT_EQ(harness.pick(), 2U);
  harness.tell(1, with_requests(0));
  EXPECT_EQ(harness.pick(), 3U);
  EXPECT_EQ(harness.pick(), 0U);
  EXPECT_EQ(harness.pick(), 1U);
}

TEST(RoundRobin, FiveThousandReplicasWithHoles) {
  constexpr std::uint32_t replicas = 5000;
  // Holes of one, of a word of 64, of several, and across the border of 4,096.
  for (const auto& [from, to] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {0, 1}, {63, 65}, {64, 128}, {100, 1000}, {4000, 4200}, {1, 4999}, {4095, 4097}}) {
    RouterHarness harness{"round_robin", replicas};
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < replicas; ++i) {
      if (i < from || i >= to) {
        harness.tell(i, with_requests(0));
        open.push_back(i);
      }
    }
    for (int round = 0; round < 2; ++round) {
      for (const std::uint32_t expected : open) {
        ASSERT_EQ(harness.pick(), expected) << "hole from " << from << " to " << to;
      }
    }
  }
}

TEST(RoundRobin, SparseReplicasEachOnceARound) {
  constexpr std::uint32_t replicas = 5000;
  RouterHarness harness{"round_robin", replicas};
  std::vector<std::uint32_t> open;
  Draws draws = RandomStream{2, "sparse"}.of(0);
  for (std::uint32_t i = 0; i < replicas; ++i) {
    if (draws.below(40) == 0) {
      harness.tell(i, with_requests(0));
      open.push_back(i);
    }
  }
  ASSERT_GT(open.size(), 50U);
  for (int round = 0; round < 3; ++round) {
    for (const std::uint32_t expected : open) {
      ASSERT_EQ(harness.pick(), expected);
    }
  }
}

}  // namespace
}  // namespace plimsoll
