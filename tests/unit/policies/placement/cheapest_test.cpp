// Placement `cheapest`.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/policies/placement/placement_harness.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;
using test::offer;
using test::ordered;
using test::rule;

using Held = std::vector<std::int64_t>;

TEST(Cheapest, TakesTheLowestPriceThatHasSomething) {
  const auto cheapest = rule("cheapest");
  EXPECT_EQ(ordered(*cheapest, {offer("a", 3, 0, 9), offer("b", 1, 0, 2), offer("c", 2, 0, 1)}, 5),
            (Held{2, 2, 1}));
}

TEST(Cheapest, OfEqualPricesTakesTheFastestThenTheFirst) {
  const auto cheapest = rule("cheapest");
  EXPECT_EQ(cheapest->order({test::after(2s, offer("a", 1, 0, 1)), offer("b", 1, 0, 1)}), 1U);
  EXPECT_EQ(cheapest->order({offer("a", 1, 0, 1), offer("b", 1, 0, 1)}), 0U);
}

TEST(Cheapest, WaitsWhenNobodyHasAnything) {
  EXPECT_EQ(rule("cheapest")->order({offer("a", 1, 4, 0), offer("b", 2, 0, 0)}), std::nullopt);
}

TEST(Cheapest, GivesTheDearestBackFirst) {
  std::vector<OfferView> offers{offer("a", 1, 4, 0), offer("b", 3, 1, 0), offer("c", 2, 1, 0)};
  EXPECT_EQ(rule("cheapest")->release(offers), 1U);
  offers[1].releasable = 0;
  EXPECT_EQ(rule("cheapest")->release(offers), 2U) << "what cannot go does not";
}

}  // namespace
}  // namespace plimsoll
