// Router power_of_two: the least loaded of a small sample.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::RouterHarness;
using testing::with_requests;

/// The most requests at one of `replicas` after as many were placed and none ended.
std::int64_t max_load(const std::string& router, std::uint32_t replicas) {
  RouterHarness harness{router, replicas};
  std::vector<std::int64_t> placed(replicas, 0);
  harness.tell_all(std::vector<ReplicaLoad>(replicas));
  for (std::uint32_t i = 0; i < replicas; ++i) {
    const std::uint32_t picked = harness.pick();
    harness.tell(picked, with_requests(++placed.at(picked)));
  }
  return *std::max_element(placed.begin(), placed.end());
}

TEST(PowerOfTwo, KeepsTheMaximumFarBelowRandom) {
  // n balls in n bins: about ln n / ln ln n = 4.2 (7 to 9 in practice) by lot, ln ln n / ln 2 +
  // O(1) with two choices (Mitzenmacher 2001), 1 with full knowledge.
  constexpr std::uint32_t replicas = 10'000;
  EXPECT_GE(max_load("random", replicas), 6);
  EXPECT_LE(max_load("power_of_two", replicas), 4);
  EXPECT_EQ(max_load("least_requests", replicas), 1);
}

TEST(PowerOfTwo, TheBusierOfTwoIsPickedOnlyWhenDrawnTwice) {
  RouterHarness harness{"power_of_two", 2};
  harness.tell_all({with_requests(5), with_requests(1)});
  int busier = 0;
  for (int i = 0; i < 4000; ++i) {
    busier += harness.pick() == 0 ? 1 : 0;
  }
  EXPECT_NEAR(busier, 1000, 170);  // probability 1/4; over 6 standard deviations of 27.4
}

TEST(PowerOfTwo, CountsPerUnitOfCapacity) {
  RouterHarness harness{"power_of_two", 2};
  // (5 + 1) / 4 = 1.5 beats (1 + 1) / 1 = 2 unless the second is drawn twice.
  harness.tell_all({with_requests(5, 4.0), with_requests(1, 1.0)});
  int first = 0;
  for (int i = 0; i < 4000; ++i) {
    first += harness.pick() == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 3000, 170);
}

TEST(PowerOfTwo, DrawsAsManyAsItIsTold) {
  for (const std::int64_t choices : {1, 4}) {
    RouterHarness harness{"power_of_two", 2, choices};
    harness.tell_all({with_requests(5), with_requests(1)});
    int busier = 0;
    for (int i = 0; i < 16'000; ++i) {
      busier += harness.pick() == 0 ? 1 : 0;
    }
    // (1/2) ^ choices
    EXPECT_NEAR(busier, choices == 1 ? 8000 : 1000, choices == 1 ? 400 : 190);
  }
}

}  // namespace
}  // namespace plimsoll
