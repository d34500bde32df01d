// Autoscaler scheduled: by the time of day.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "unit/policies/autoscaler/autoscaler_harness.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;
using testing::AutoscalerHarness;

std::vector<std::int64_t> half_days(const std::string& begins) {
  AutoscalerHarness harness{
      "scheduled", 1, {}, {{"schedule", "20:00=4 08:30=10 12:00=12"}, {"begins", begins}}, 6h};
  std::vector<std::int64_t> replicas;
  for (int i = 0; i < 8; ++i) {
    replicas.push_back(harness.ask(std::nullopt).desired);
  }
  return replicas;
}

TEST(Scheduled, FollowsTheClockEveryDay) {
  // 6, 12, 18, 24 o'clock, twice
  EXPECT_EQ(half_days("00:00"), (std::vector<std::int64_t>{4, 12, 12, 4, 4, 12, 12, 4}));
  // 9, 15, 21, 3 o'clock
  EXPECT_EQ(half_days("03:00"), (std::vector<std::int64_t>{10, 12, 4, 4, 10, 12, 4, 4}));
}

TEST(Scheduled, SaysWhatItsTextsMayBe) {
  for (const PolicyDoc& doc : builtin_policies().autoscalers.docs()) {
    if (doc.name != "scheduled") {
      continue;
    }
    for (const ParamDoc& param : doc.params) {
      ASSERT_NE(param.accepts, nullptr);
      EXPECT_TRUE(param.accepts(param.default_text));
      const bool schedule = param.key == "schedule";
      EXPECT_EQ(param.accepts("08:00=10 20:00=4"), schedule);
      EXPECT_EQ(param.accepts("23:59"), !schedule);
      for (const char* bad : {"", "8", "24:00", "08:60", "8:00=", "8:00=x", "=3", "08:00 = 3",
                              "08:00=1000000000", "-1:00"}) {
        EXPECT_FALSE(param.accepts(bad)) << param.key << " \"" << bad << '"';
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll
