// The KV ledger against a simulation that touches every sequence in every step.
#include "serving/kv_ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

/// Sequences one by one: tokens in KV, blocks by rounding up.
class NaiveKv {
 public:
  explicit NaiveKv(std::int64_t block) : block_{block} {}

  std::vector<std::int64_t>& sequences() { return sequences_; }
  std::int64_t blocks(std::int64_t tokens) const { return (tokens + block_ - 1) / block_; }
  std::int64_t used() const {
    std::int64_t used = 0;
    for (const std::int64_t tokens : sequences_) {
      used += blocks(tokens);
    }
    return used;
  }
  void step() {
    for (std::int64_t& tokens : sequences_) {
      ++tokens;
    }
  }
  std::int64_t used_after(std::int64_t steps) const {
    NaiveKv later = *this;
    for (std::int64_t i = 0; i < steps; ++i) {
      later.step();
    }
    return later.used();
  }
  std::int64_t steps_possible(std::int64_t total, std::int64_t limit) const {
    NaiveKv later = *this;
    for (std::int64_t i = 0; i < limit; ++i) {
      later.step();
      if (later.used() > total) {
        return i;
      }
    }
    return limit;
  }

 private:
  std::int64_t block_;
  std::vector<std::int64_t> sequences_;
};

class KvLedgerOfBlock : public ::testing::TestWithParam<int> {};

TEST_P(KvLedgerOfBlock, AgreesWithEverySequenceStepped) {
  const int block = GetParam();
  constexpr std::int64_t total = 400;
  KvLedger ledger{total, block};
  NaiveKv naive{block};
  Draws draws = RandomStream{11, "kv"}.of(static_cast<std::uint64_t>(block));
  for (int round = 0; round < 1500; ++round) {
    const std::uint32_t what = draws.below(4);
    if (what == 0 && naive.sequences().size() < 30) {
      const std::int64_t tokens = draws.below(100);
      if (ledger.blocks_for(tokens) <= ledger.free()) {
        ledger.take(ledger.blocks_for(tokens));
        ledger.join(tokens);
        naive.sequences().push_back(tokens);
      }
    } else if (what == 1 && !naive.sequences().empty()) {
      const std::size_t victim = draws.below(static_cast<std::uint32_t>(naive.sequences().size()));
      const std::int64_t tokens = naive.sequences()[victim];
      ledger.leave(tokens);
      ledger.give_back(ledger.blocks_for(tokens));
      naive.sequences().erase(naive.sequences().begin() + static_cast<std::ptrdiff_t>(victim));
    } else {
      const std::int64_t limit = draws.below(60);
      const std::int64_t steps = ledger.steps_possible(limit);
      ASSERT_EQ(steps, naive.steps_possible(total, limit)) << "round " << round;
      ASSERT_EQ(ledger.next_need(), naive.used_after(1) - naive.used());
      ASSERT_EQ(ledger.need_of(steps), naive.used_after(steps) - naive.used());
      ledger.advance(steps);
      for (std::int64_t i = 0; i < steps; ++i) {
        naive.step();
      }
    }
    ASSERT_EQ(ledger.used(), naive.used()) << "round " << round;
    ASSERT_EQ(ledger.free(), total - naive.used());
  }
}

INSTANTIATE_TEST_SUITE_P(BlockSizes, KvLedgerOfBlock, ::testing::Values(1, 2, 5, 16));

TEST(KvLedger, RoundsTokensUpToBlocks) {
  const KvLedger ledger{10, 16};
  EXPECT_EQ(ledger.blocks_for(0), 0);
  EXPECT_EQ(ledger.blocks_for(1), 1);
  EXPECT_EQ(ledger.blocks_for(16), 1);
  EXPECT_EQ(ledger.blocks_for(17), 2);
}

TEST(KvLedger, NobodyWhoDecodesNeedsNothing) {
  const KvLedger ledger{1, 16};
  EXPECT_EQ(ledger.steps_possible(1'000'000), 1'000'000);
  EXPECT_EQ(ledger.need_of(1'000'000), 0);
}

TEST(KvLedger, AFullMemoryAllowsStepsWithinTheLastBlock) {
  KvLedger ledger{2, 16};
  ledger.take(2);
  ledger.join(20);  // 12 tokens fit the second block still
  EXPECT_EQ(ledger.steps_possible(100), 12);
  ledger.advance(12);
  EXPECT_EQ(ledger.next_need(), 1);
  EXPECT_EQ(ledger.steps_possible(100), 0);
}

TEST(KvLedger, ContiguousSequencesHoldTheirReservationAndNeedNoMore) {
  KvLedger ledger{300, 16, 100};
  EXPECT_EQ(ledger.blocks_for(1), 7);  // of 100 tokens
  EXPECT_EQ(ledger.blocks_for(99), 7);
  ledger.take(7);
  ledger.join(16);
  EXPECT_EQ(ledger.next_need(), 0);
  EXPECT_EQ(ledger.steps_possible(84), 84);
  ledger.advance(84);
  EXPECT_EQ(ledger.used(), 7);
  ledger.leave(100);
  ledger.give_back(ledger.blocks_for(100));
  EXPECT_EQ(ledger.free(), 300);
}

TEST(KvLedger, MoreBlocksThanThereAreIsABug) {
  KvLedger ledger{4, 16};
  ledger.take(4);
  EXPECT_THROW(ledger.take(1), InternalError);
  KvLedger empty{4, 16};
  EXPECT_THROW(empty.give_back(1), InternalError);
}

}  // namespace
}  // namespace plimsoll
