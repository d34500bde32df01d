// The line of free blocks and the names of those in it, by hand and against blocks one by one.
#include "serving/prefix_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plimsoll/errors.hpp"
#include "plimsoll/rng.hpp"
#include "support/naive_blocks.hpp"

namespace plimsoll {
namespace {

constexpr PrefixId a = 1;
constexpr PrefixId b = 2;
constexpr PrefixId c = 3;

/// A cache and the count of free blocks that a replica would keep.
class Memory {
 public:
  explicit Memory(std::int64_t blocks) : cache{blocks}, free{blocks} {}

  /// Somebody computes the first `blocks` of `stream`, then leaves.
  void visit(PrefixId stream, std::int64_t blocks) {
    const std::int64_t had = std::min(cache.resident(stream), blocks);
    free -= cache.unreferenced(stream, had) + blocks - had;
    cache.reference(stream, had);
    cache.settle(free);
    if (blocks > had) {
      cache.extend(stream, blocks - had);
    }
    free += cache.release(stream, blocks);
  }

  PrefixCache cache;
  std::int64_t free;
};

TEST(PrefixCache, TheLeastRecentlyUsedGoesFirstAndItsTailBeforeItsHead) {
  Memory memory{10};
  memory.visit(a, 4);
  memory.visit(b, 4);
  EXPECT_EQ(memory.free, 10) << "what nobody references is free";
  memory.visit(a, 4);  // now b is the older one
  // Two blocks never had a name; they go first, then b from its tail.
  memory.cache.settle(10 - 3);
  EXPECT_EQ(memory.cache.resident(b), 3);
  EXPECT_EQ(memory.cache.resident(a), 4);
  memory.cache.settle(10 - 6);
  EXPECT_EQ(memory.cache.resident(b), 0);
  EXPECT_EQ(memory.cache.streams(), 1U);
  memory.cache.settle(10 - 9);
  EXPECT_EQ(memory.cache.resident(a), 1);
}

TEST(PrefixCache, WhatIsReferencedStaysAndWhatWasFreedLaterGoesLater) {
  Memory memory{8};
  memory.visit(a, 4);
  memory.visit(b, 2);
  memory.cache.reference(a, 2);  // the tail of a stays in the line, older than b
  EXPECT_EQ(memory.cache.unreferenced(a, 4), 2);
  memory.cache.settle(3);  // of 6 in the line: 2 without a name, one of a's tail
  EXPECT_EQ(memory.cache.resident(a), 3);
  memory.cache.add_free(2);
  memory.cache.settle(2);  // a's tail and b are gone, the two freed last are left
  EXPECT_EQ(memory.cache.resident(a), 2);
  EXPECT_EQ(memory.cache.resident(b), 0);
  EXPECT_EQ(memory.cache.release(a, 2), 2);
  EXPECT_EQ(memory.cache.unreferenced(a, 2), 2);
}

TEST(PrefixCache, SharedBlocksAreFreedByTheLastWhoUsesThem) {
  Memory memory{10};
  memory.visit(a, 6);
  memory.cache.reference(a, 6);
  memory.cache.reference(a, 4);
  EXPECT_EQ(memory.cache.release(a, 6), 2);
  EXPECT_EQ(memory.cache.release(a, 4), 4);
  EXPECT_THROW(memory.cache.release(a, 1), InternalError);
  EXPECT_THROW(memory.cache.reference(a, 7), InternalError);
}

TEST(PrefixCache, AStreamWithoutANameKeepsItsPlaceInTheLine) {
  Memory memory{6};
  memory.visit(a, 2);
  memory.visit(b, 2);
  memory.visit(c, 2);
  memory.cache.unname(b);
  EXPECT_EQ(memory.cache.resident(b), 0);
  memory.cache.settle(2);  // a, then the two that were b's
  EXPECT_EQ(memory.cache.resident(a), 0);
  EXPECT_EQ(memory.cache.resident(c), 2);
}

/// What a sequence uses of a stream, in both models.
struct User {
  PrefixId stream = no_prefix;
  std::vector<int> blocks;
};

/// A new user of up to `wanted` blocks of `stream`; computes what is missing when it may name it.
void join(PrefixCache& cache, testing::NaiveBlocks& naive, PrefixId stream, std::int64_t wanted,
          std::vector<User>& users) {
  User user{stream, {}};
  std::int64_t idle = 0;
  for (std::int64_t i = 0; i < wanted; ++i) {
    const int block = naive.with_name({stream, i});
    if (block == testing::NaiveBlocks::no_block) {
      break;
    }
    idle += naive.in_use(block) ? 0 : 1;
    user.blocks.push_back(block);
  }
  const auto found = static_cast<std::int64_t>(user.blocks.size());
  ASSERT_EQ(std::min(wanted, cache.resident(stream)), found);
  ASSERT_EQ(cache.unreferenced(stream, found), idle);
  for (const int block : user.blocks) {
    naive.use(block);
  }
  cache.reference(stream, found);
  const std::int64_t more = std::min(wanted - found, naive.free());
  for (std::int64_t i = found; i < found + more; ++i) {
    user.blocks.push_back(naive.take());
  }
  cache.settle(naive.free());
  for (std::int64_t i = found; i < found + more; ++i) {
    naive.give_name(user.blocks[static_cast<std::size_t>(i)], {stream, i});
  }
  if (more > 0) {
    cache.extend(stream, more);
  }
  users.push_back(user);
}

void leave(PrefixCache& cache, testing::NaiveBlocks& naive, User& user) {
  const std::int64_t before = naive.free();
  const auto count = static_cast<std::int64_t>(user.blocks.size());
  for (; !user.blocks.empty(); user.blocks.pop_back()) {
    naive.drop(user.blocks.back());
  }
  ASSERT_EQ(cache.release(user.stream, count), naive.free() - before);
}

TEST(PrefixCache, IsTheSameAsBlocksOneByOne) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Draws draws = RandomStream{seed, "prefix cache"}.of(0);
    const std::int64_t total = 4 + draws.below(60);
    const std::uint32_t streams = 1 + draws.below(40);
    PrefixCache cache{total};
    testing::NaiveBlocks naive{total};
    std::vector<User> users;
    for (int step = 0; step < 400; ++step) {
      cache.settle(naive.free());
      const std::uint32_t what = draws.below(3);
      if (what < 2) {
        const PrefixId stream = 1 + draws.below(streams);
        join(cache, naive, stream, draws.below(12), users);
      } else if (!users.empty()) {
        const std::uint32_t who = draws.below(static_cast<std::uint32_t>(users.size()));
        leave(cache, naive, users[who]);
        users.erase(users.begin() + who);
      }
      for (PrefixId stream = 1; stream <= streams; ++stream) {
        std::int64_t resident = 0;
        while (naive.with_name({stream, resident}) != testing::NaiveBlocks::no_block) {
          ++resident;
        }
        cache.settle(naive.free());
        ASSERT_EQ(cache.resident(stream), resident) << "seed " << seed << " step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll
