// Admission always: nothing is refused.
#include <gtest/gtest.h>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

TEST(Always, AdmitsUnderAnyLoad) {
  PolicyConfig config;
  config.policy = "always";
  const auto admission = builtin_policies().admissions.make(config);
  ServiceLoad overload;
  overload.waiting = 1'000'000;
  overload.outstanding = 1'000'000;
  overload.replicas = 0;
  EXPECT_EQ(admission->admit(RequestView{}, ServiceLoad{}, sim_start), AdmitResult::admitted);
  EXPECT_EQ(admission->admit(RequestView{}, overload, sim_start), AdmitResult::admitted);
}

}  // namespace
}  // namespace plimsoll
