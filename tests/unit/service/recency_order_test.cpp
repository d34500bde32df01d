// An order by hand, and against a list that is searched.
#include "service/recency_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using Pairs = std::vector<std::pair<PrefixId, int>>;

Pairs contents(const RecencyOrder<int>& order) {
  Pairs pairs;
  const auto* entry = order.empty() ? nullptr : &order.oldest();
  while (entry != nullptr) {
    pairs.emplace_back(entry->owner, entry->value);
    entry = order.newer_than(*entry);
  }
  return pairs;
}

TEST(RecencyOrder, GoesFromTheOldestToTheNewest) {
  RecencyOrder<int> order;
  EXPECT_FALSE(order.remove(7));
  order.add(7, 70);
  order.add(3, 30);
  order.add(5, 50);
  EXPECT_EQ(contents(order), (Pairs{{7, 70}, {3, 30}, {5, 50}}));
  EXPECT_TRUE(order.remove(3));
  EXPECT_FALSE(order.remove(3));
  order.add(3, 31);
  EXPECT_EQ(contents(order), (Pairs{{7, 70}, {5, 50}, {3, 31}}));
  EXPECT_EQ(*order.find(5), 50);
  EXPECT_EQ(order.find(8), nullptr);
}

TEST(RecencyOrder, DoesWhatAListDoes) {
  RecencyOrder<int> order;
  Pairs list;
  Draws draws = RandomStream{1, "recency"}.of(0);
  for (int i = 0; i < 20'000; ++i) {
    const PrefixId owner = PrefixId{draws.below(300)} << 8U;  // alike in their low bits
    const auto place =
        std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.first == owner; });
    if (place != list.end()) {
      ASSERT_EQ(*order.find(owner), place->second);
      list.erase(place);
      ASSERT_TRUE(order.remove(owner));
    } else {
      ASSERT_EQ(order.find(owner), nullptr);
      list.emplace_back(owner, i);
      order.add(owner, i);
    }
    ASSERT_EQ(order.size(), static_cast<std::int64_t>(list.size()));
  }
  EXPECT_EQ(contents(order), list);
}

}  // namespace
}  // namespace plimsoll
