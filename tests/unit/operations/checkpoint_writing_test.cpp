// A checkpoint that is written while it is read: by hand, shard by shard.
#include "operations/rollout/checkpoint_writing.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

SimTime at(Duration t) {
  return sim_start + t;
}

/// Four shards of 10 s each, from 100 s on: written at 110, 120, 130 and 140 s.
CheckpointConfig four_shards(CheckpointPublication publish) {
  CheckpointConfig config;
  config.shards = 4;
  config.shard_time = 10s;
  config.publish = publish;
  return config;
}

TEST(CheckpointWriting, IsPublishedWithItsFirstByteOrItsLast) {
  const CheckpointWriting early{four_shards(CheckpointPublication::as_written), at(100s), {}};
  const CheckpointWriting late{four_shards(CheckpointPublication::at_end), at(100s), {}};
  EXPECT_EQ(early.published(), at(100s));
  EXPECT_EQ(late.published(), at(140s));
  EXPECT_EQ(late.written(0), at(110s));
  EXPECT_EQ(late.written(3), late.ended());
}

TEST(CheckpointWriting, TakesItsBytesOverTheRateOfTheStore) {
  CheckpointConfig config;
  config.shards = 7;  // 350 GB at 1 GB/s: 50 s a shard
  config.write_rate = BytesPerSecond::of(1e9);
  config.begins = 10s;
  const CheckpointWriting writing{config, at(100s), Bytes::of(350'000'000'000)};
  EXPECT_EQ(writing.written(0), at(60s));
  EXPECT_EQ(writing.ended(), at(360s));
}

TEST(CheckpointWriting, ManyLoadersReadTooEarlyWhatIsNotThereWhenTheyBegin) {
  const CheckpointWriting writing{four_shards(CheckpointPublication::as_written), at(100s), {}};
  const auto early = [&](Duration begins) {
    return writing.read_too_early({{at(begins), at(begins + 60s)}}, 4);
  };
  EXPECT_EQ(early(100s), 4);
  EXPECT_EQ(early(110s), 3);  // the first was ended at that moment
  EXPECT_EQ(early(125s), 2);
  EXPECT_EQ(early(139s), 1);
  EXPECT_EQ(early(140s), 0);
}

TEST(CheckpointWriting, OneLoaderThatIsSlowerThanTheWriterNeedsOnlyTheFirstShard) {
  // It begins its shards at t, t + 20, t + 40 and t + 60 s.
  const CheckpointWriting writing{four_shards(CheckpointPublication::as_written), at(100s), {}};
  const auto early = [&](Duration begins, Duration takes) {
    return writing.read_too_early({{at(begins), at(begins + takes)}}, 1);
  };
  EXPECT_EQ(early(109s, 80s), 1);
  EXPECT_EQ(early(110s, 80s), 0);
  // A quick one, 4 s a shard, comes upon the second at 114, the third at 118 and so on.
  EXPECT_EQ(early(110s, 16s), 3);
  EXPECT_EQ(early(128s, 16s), 0);  // 128, 132, 136, 140 s
  EXPECT_EQ(early(127s, 16s), 1);
}

TEST(CheckpointWriting, EachNodeReadsItsOwnShardsInItsOwnTime) {
  // Four loaders on two nodes: the first node has the shards of 110 and 120 s.
  const CheckpointWriting writing{four_shards(CheckpointPublication::as_written), at(100s), {}};
  EXPECT_EQ(writing.read_too_early({{at(120s), at(130s)}, {at(140s), at(150s)}}, 4), 0);
  EXPECT_EQ(writing.read_too_early({{at(119s), at(130s)}, {at(139s), at(150s)}}, 4), 2);
}

TEST(CheckpointWriting, WhoReadsAfterPublicationAtTheEndIsNeverTooEarly) {
  CheckpointConfig config = four_shards(CheckpointPublication::at_end);
  for (int shards = 1; shards < 50; ++shards) {
    config.shards = shards;
    config.shard_time = 3333333ns * shards;
    const CheckpointWriting writing{config, at(1s), {}};
    for (int loaders = 1; loaders < 9; ++loaders) {
      EXPECT_EQ(writing.read_too_early({{writing.published(), writing.published() + 1ns}}, loaders),
                0);
    }
  }
}

}  // namespace
}  // namespace plimsoll
