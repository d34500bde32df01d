// Parameters of policies, read back by kind.
#include <gtest/gtest.h>

#include "plimsoll/errors.hpp"
#include "plimsoll/policies/params.hpp"

namespace plimsoll {
namespace {

TEST(PolicyParams, GivesBackEveryKind) {
  PolicyParams params;
  params.set_number("choices", 3);
  params.set_number("share", 0.25);
  params.set_number("half_life", 1.5e9);
  params.set_number("strict", 1);
  params.set_text("mode", "fast");
  EXPECT_EQ(params.count("choices"), 3);
  EXPECT_EQ(params.ratio("share"), 0.25);
  EXPECT_EQ(params.duration("half_life"), std::chrono::milliseconds{1500});
  EXPECT_TRUE(params.flag("strict"));
  EXPECT_EQ(params.text("mode"), "fast");
}

TEST(PolicyParams, AnUndocumentedKeyIsOurBug) {
  PolicyParams params;
  params.set_number("choices", 3);
  EXPECT_THROW(params.count("choice"), InternalError);
  EXPECT_THROW(params.text("choices"), InternalError);
}

}  // namespace
}  // namespace plimsoll
