// Slots of requests in flight.
#include "serving/request_table.hpp"

#include <gtest/gtest.h>

#include <set>

namespace plimsoll {
namespace {

TEST(RequestTable, SlotsInUseAreDistinctAndMemoryIsThatOfThePeak) {
  RequestTable table;
  std::set<RequestSlot> in_use;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(in_use.insert(table.allocate()).second);
  }
  for (int round = 0; round < 1000; ++round) {
    const RequestSlot left = *in_use.begin();
    table.release(left);
    in_use.erase(left);
    EXPECT_EQ(table.in_flight(), 9U);
    const RequestSlot joined = table.allocate();
    EXPECT_TRUE(in_use.insert(joined).second);
    EXPECT_LT(joined, 10U);
  }
  EXPECT_EQ(table.in_flight(), 10U);
}

TEST(RequestTable, AReusedSlotKeepsNothingOfItsFormerRequest) {
  RequestTable table;
  const RequestSlot slot = table.allocate();
  table[slot].id = 7;
  table[slot].prompt_tokens = 100;
  table[slot].preemptions = 3;
  table[slot].first_token = sim_start;
  table[slot].state = RequestState::running;
  table.release(slot);
  EXPECT_EQ(table[slot].state, RequestState::free);
  ASSERT_EQ(table.allocate(), slot);
  EXPECT_EQ(table[slot].id, 0U);
  EXPECT_EQ(table[slot].prompt_tokens, 0);
  EXPECT_EQ(table[slot].preemptions, 0);
  EXPECT_EQ(table[slot].first_token, never);
  EXPECT_EQ(table[slot].state, RequestState::free);
}

}  // namespace
}  // namespace plimsoll
