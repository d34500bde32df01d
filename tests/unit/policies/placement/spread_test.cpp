// Placement `spread`.
#include <gtest/gtest.h>

#include "unit/policies/placement/placement_harness.hpp"

namespace plimsoll {
namespace {

using test::offer;
using test::ordered;
using test::rule;

using Held = std::vector<std::int64_t>;

TEST(Spread, DealsToProvidersThenToTheirOffersInTurn) {
  // Seven replicas: three or four of each provider, those of a between its two offers.
  EXPECT_EQ(ordered(*rule("spread", {1}),
                    {offer("a", 1, 0, 9), offer("a", 2, 0, 9), offer("b", 5, 0, 9)}, 7),
            (Held{2, 2, 3}));
}

TEST(Spread, WhoHasNothingIsPassedOver) {
  EXPECT_EQ(ordered(*rule("spread", {1}), {offer("a", 1, 0, 9), offer("b", 5, 0, 1)}, 5),
            (Held{4, 1}));
}

TEST(Spread, AProviderNeverHasMoreThanItsShareRoundedUp) {
  const auto half = rule("spread", {0.5});
  // The second provider has one only: the first may have two of three, and not three of four.
  EXPECT_EQ(ordered(*half, {offer("a", 1, 0, 9), offer("b", 5, 0, 1)}, 5), (Held{2, 1}));
  EXPECT_EQ(half->order({offer("a", 1, 1, 7), offer("b", 5, 1, 0)}), 0U);
  EXPECT_EQ(half->order({offer("a", 1, 2, 7), offer("b", 5, 1, 0)}), std::nullopt);
}

TEST(Spread, WhatThereIsMostOfGoesFirst) {
  const auto spread = rule("spread", {1});
  EXPECT_EQ(spread->release({offer("a", 1, 2, 0), offer("a", 2, 1, 0), offer("b", 9, 2, 0)}), 0U);
  EXPECT_EQ(spread->release({offer("a", 1, 2, 0), offer("b", 9, 2, 0)}), 1U) << "the dearest";
}

}  // namespace
}  // namespace plimsoll
