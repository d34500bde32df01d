// Queue fcfs: order of arrival at the service decides, and nothing else.
#include <gtest/gtest.h>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

TEST(Fcfs, RanksByArrivalAlone) {
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
  patient.arrived += Duration{1};
  EXPECT_LT(queue->rank(urgent), queue->rank(patient)) << "whichever client was first";
}

}  // namespace
}  // namespace plimsoll
