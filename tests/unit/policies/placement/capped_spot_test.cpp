// Placement `capped_spot`.
#include <gtest/gtest.h>

#include <vector>

#include "unit/policies/placement/placement_harness.hpp"

namespace plimsoll {
namespace {

using test::offer;
using test::ordered;
using test::rule;
using test::spot;

using Held = std::vector<std::int64_t>;

TEST(CappedSpot, SpotIsAtMostItsShareOfWhatThereIsAtEveryMoment) {
  for (const double share : {0.0, 0.29, 0.5, 0.75, 1.0}) {
    for (int n = 0; n <= 100; ++n) {
      const Held held =
          ordered(*rule("capped_spot", {share}), {offer("a", 4, 0, 999), spot("a", 1, 0, 999)}, n);
      EXPECT_EQ(held[0] + held[1], n);
      EXPECT_EQ(held[1], static_cast<std::int64_t>(share * n + 1e-9)) << share << " of " << n;
    }
  }
}

TEST(CappedSpot, WithinTheShareTheCheapestIsTakenSpotOrNot) {
  EXPECT_EQ(ordered(*rule("capped_spot", {0.5}),
                    {offer("a", 4, 0, 9), spot("b", 3, 0, 9), offer("c", 2, 0, 1)}, 4),
            (Held{1, 2, 1}));
}

TEST(CappedSpot, WaitsRatherThanExceedTheShare) {
  EXPECT_EQ(rule("capped_spot", {0.5})->order({offer("a", 4, 2, 0), spot("b", 1, 2, 9)}),
            std::nullopt);
}

TEST(CappedSpot, GivesTheDearestBackUnlessTooMuchSpotIsLeft) {
  const auto half = rule("capped_spot", {0.5});
  EXPECT_EQ(half->release({offer("a", 4, 3, 0), spot("b", 1, 2, 0)}), 0U);
  EXPECT_EQ(half->release({offer("a", 4, 2, 0), spot("b", 1, 2, 0)}), 1U) << "2 of 3 are too many";
}

}  // namespace
}  // namespace plimsoll
