// Router random: uniform over who accepts, blind to load.
#include <gtest/gtest.h>

#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::RouterHarness;
using testing::with_requests;

TEST(RandomRouter, IsUniformWhateverTheLoadOrCapacity) {
  RouterHarness harness{"random", 5};
  harness.tell_all(
      {with_requests(0), with_requests(1000), closed(), with_requests(0, 8.0), with_requests(3)});
  std::vector<int> picks(5, 0);
  for (int i = 0; i < 8000; ++i) {
    ++picks.at(harness.pick());
  }
  EXPECT_EQ(picks[2], 0);
  for (const std::size_t open : {0U, 1U, 3U, 4U}) {
    EXPECT_NEAR(picks[open], 2000, 240);  // over 6 standard deviations of 38.7
  }
}

TEST(RandomRouter, TellingTheSameTwiceChangesNoOdds) {
  RouterHarness harness{"random", 2};
  for (int i = 0; i < 10; ++i) {
    harness.tell(0, with_requests(i));
  }
  harness.tell(1, with_requests(0));
  int first = 0;
  for (int i = 0; i < 4000; ++i) {
    first += harness.pick() == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 2000, 200);  // over 6 standard deviations of 31.6
}

}  // namespace
}  // namespace plimsoll
