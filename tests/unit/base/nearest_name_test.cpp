// What the user may have meant: edit distances counted by hand.
#include "base/nearest_name.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

TEST(EditDistance, CountsEachKindOfSlipOnce) {
  EXPECT_EQ(edit_distance("replicas", "replicas"), 0U);
  EXPECT_EQ(edit_distance("replica", "replicas"), 1U);    // insertion
  EXPECT_EQ(edit_distance("replicass", "replicas"), 1U);  // deletion
  EXPECT_EQ(edit_distance("raplicas", "replicas"), 1U);   // substitution
  EXPECT_EQ(edit_distance("erplicas", "replicas"), 1U);   // swap of neighbours
  EXPECT_EQ(edit_distance("", "tp"), 2U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(NearestName, PrefersTheNearestAndKnowsWhenThereIsNone) {
  const std::vector<std::string> names{"seed", "duration", "drain"};
  EXPECT_EQ(nearest_name("sead", names), "seed");
  EXPECT_EQ(nearest_name("durations", names), "duration");
  EXPECT_EQ(nearest_name("thresholds", names), "");
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name("seed", {}), "");
}

TEST(NearestName, TakesANameCutShort) {
  EXPECT_EQ(nearest_name("ttft", {"tpot_ms", "ttft_ms"}), "ttft_ms");
}

}  // namespace
}  // namespace plimsoll
