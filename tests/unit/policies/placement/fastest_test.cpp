// Placement `fastest`.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/policies/placement/placement_harness.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;
using test::after;
using test::offer;
using test::ordered;
using test::rule;

using Held = std::vector<std::int64_t>;

TEST(Fastest, TakesTheShortestLeadTimeThatHasSomethingWhateverItCosts) {
  EXPECT_EQ(ordered(*rule("fastest"),
                    {after(9min, offer("a", 1, 0, 9)), after(1min, offer("b", 7, 0, 2)),
                     after(3min, offer("c", 2, 0, 1))},
                    5),
            (Held{2, 2, 1}));
}

TEST(Fastest, OfEqualOnesTakesTheCheapest) {
  EXPECT_EQ(rule("fastest")->order({offer("a", 2, 0, 1), offer("b", 1, 0, 1)}), 1U);
}

TEST(Fastest, WaitsWhenNobodyHasAnything) {
  EXPECT_EQ(rule("fastest")->order({offer("a", 1, 4, 0)}), std::nullopt);
}

TEST(Fastest, GivesTheDearestBackFirst) {
  EXPECT_EQ(rule("fastest")->release({offer("a", 1, 4, 0), offer("b", 3, 1, 0)}), 1U);
}

}  // namespace
}  // namespace plimsoll
