// The waiting line: order, and lazy removal from its middle.
#include "serving/waiting_queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

class WaitingQueueTest : public ::testing::Test {
 protected:
  RequestSlot join(QueueRank rank, RequestId id) {
    const RequestSlot slot = table.allocate();
    table[slot].id = id;
    table[slot].rank = rank;
    table[slot].state = RequestState::waiting;
    queue.push(slot);
    return slot;
  }
  void leave(RequestSlot slot) {
    table.release(slot);
    queue.forget_one();
  }
  RequestId serve() {
    const RequestSlot slot = queue.top();
    const RequestId id = table[slot].id;
    queue.pop();
    table.release(slot);
    return id;
  }

  RequestTable table;
  WaitingQueue queue{table, RequestState::waiting};
};

TEST_F(WaitingQueueTest, SmallerRanksFirstThenOrderOfArrival) {
  join(0, 5);
  join(-1, 6);
  join(0, 2);
  join(1, 1);
  join(-1, 4);
  EXPECT_EQ(queue.size(), 5);
  std::vector<RequestId> order;
  while (!queue.empty()) {
    order.push_back(serve());
  }
  EXPECT_EQ(order, (std::vector<RequestId>{4, 6, 2, 5, 1}));
}

TEST_F(WaitingQueueTest, WhoLeftIsNotServed) {
  const RequestSlot first = join(0, 1);
  join(0, 2);
  const RequestSlot third = join(0, 3);
  join(0, 4);
  leave(first);
  leave(third);
  EXPECT_EQ(queue.size(), 2);
  EXPECT_EQ(serve(), 2U);
  EXPECT_EQ(serve(), 4U);
  EXPECT_TRUE(queue.empty());
}

TEST_F(WaitingQueueTest, AReusedSlotStandsInItsOwnPlace) {
  const RequestSlot old = join(-5, 1);
  leave(old);
  ASSERT_EQ(join(5, 9), old);  // its former entry is ahead of everybody
  join(0, 2);
  EXPECT_EQ(serve(), 2U);
  EXPECT_EQ(serve(), 9U);
  EXPECT_TRUE(queue.empty());
}

TEST_F(WaitingQueueTest, AgreesWithASortedMap) {
  std::map<std::pair<QueueRank, RequestId>, RequestSlot> naive;
  Draws draws = RandomStream{8, "waiting"}.of(0);
  RequestId next = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t what = draws.below(8);
    if (what < 4 || naive.empty()) {
      const QueueRank rank = static_cast<QueueRank>(draws.below(3)) - 1;
      naive[{rank, next}] = join(rank, next);
      ++next;
    } else if (what < 6) {
      auto victim = naive.begin();
      std::advance(victim, draws.below(static_cast<std::uint32_t>(naive.size())));
      leave(victim->second);
      naive.erase(victim);
    } else {
      ASSERT_EQ(serve(), naive.begin()->first.second);
      naive.erase(naive.begin());
    }
    ASSERT_EQ(queue.size(), static_cast<std::int64_t>(naive.size()));
    if (!naive.empty()) {
      ASSERT_EQ(queue.top(), naive.begin()->second);
    }
  }
}

}  // namespace
}  // namespace plimsoll
