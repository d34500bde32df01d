// Queue priority: the larger priority goes first.
#include <gtest/gtest.h>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

RequestView of_priority(int priority, RequestId id) {
  RequestView request;
  request.priority = priority;
  request.id = id;
  return request;
}

TEST(Priority, RanksTheLargerPriorityFirstAndTiersInThemselvesEqual) {
  PolicyConfig config;
  config.policy = "priority";
  const auto queue = builtin_policies().queues.make(config);
  EXPECT_LT(queue->rank(of_priority(2, 9)), queue->rank(of_priority(1, 1)));
  EXPECT_LT(queue->rank(of_priority(0, 9)), queue->rank(of_priority(-1, 1)));
  EXPECT_EQ(queue->rank(of_priority(1, 9)), queue->rank(of_priority(1, 1)));
}

TEST(Priority, TheSmallestIntegerHasARankToo) {
  PolicyConfig config;
  config.policy = "priority";
  const auto queue = builtin_policies().queues.make(config);
  EXPECT_GT(queue->rank(of_priority(INT32_MIN, 0)), queue->rank(of_priority(INT32_MIN + 1, 0)));
}

}  // namespace
}  // namespace plimsoll
