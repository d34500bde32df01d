// Queue fcfs: all ranks are equal, so order of arrival decides.
#include <gtest/gtest.h>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

TEST(Fcfs, RanksAllRequestsEqual) {
  PolicyConfig config;
  config.policy = "fcfs";
  const auto queue = builtin_policies().queues.make(config);
  RequestView urgent;
  urgent.id = 9;
  urgent.priority = 100;
  RequestView patient;
  patient.id = 1;
  patient.priority = -3;
  patient.prompt_tokens = 2000;
  EXPECT_EQ(queue->rank(urgent), queue->rank(patient));
}

}  // namespace
}  // namespace plimsoll
