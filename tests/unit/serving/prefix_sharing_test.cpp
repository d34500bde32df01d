// Prefix caching of a replica by hand: which tokens are found, what time and memory they save.
// Every case is played with and without fast-forward.
#include "serving/prefix_sharing.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/oracle_play.hpp"

namespace plimsoll::testing {
namespace {

using namespace std::chrono_literals;

constexpr PrefixId system_prompt = 7;

/// No term of it is alike another: 1 ms a step, tokens by a broken line, KV and pairs.
CostColumn uneven_column() {
  CostColumn column;
  column.device.push_back(0);
  for (std::int64_t tokens = 1; tokens <= 200; ++tokens) {
    column.device.push_back(1'000'000'000'000 + tokens * 10'000'000'000 +
                            (tokens > 37 ? (tokens - 37) * 1'000'000'000 : 0));
  }
  column.kv_token = 3'000'000'000;
  column.pair = 20'000'000;
  column.head.assign(column.device.size(), 0);
  return column;
}

/// One such stage, or several without time between them.
StepCostTable uneven_table(int stages = 1) {
  StepCostTable table;
  table.kinds = {{uneven_column(), stages}};
  table.serial = 500'000'000'000;
  if (stages > 1) {
    table.hops.assign(table.kinds.front().column.device.size(), 0);
  }
  return table;
}

CaseRequest request(Duration arrival, std::int32_t prompt, std::int32_t output,
                    std::int32_t common_tokens, PrefixId common = system_prompt) {
  CaseRequest r;
  r.arrival = SimTime{arrival};
  r.prompt = prompt;
  r.output = output;
  r.prefix.common = common;
  r.prefix.common_tokens = common_tokens;
  return r;
}

ReplicaCase with_cache(std::vector<CaseRequest> requests) {
  ReplicaCase c = roomy_case(uneven_table(), 200, std::move(requests));
  c.shape.prefix_cache = true;
  return c;
}

std::int64_t ttft(const PlayResult& result, std::size_t i, Duration arrival) {
  return result.requests[i].first_token - arrival.count();
}

/// Nanoseconds of a step of `chunk` prompt tokens after `context`, by the cost table.
std::int64_t prefill_ns(std::int64_t chunk, std::int64_t context) {
  const StepWork work{chunk, 1, context, chunk * (2 * context + chunk)};
  return uneven_table().latency(work) / 1'000'000;
}

TEST(PrefixSharing, AHitSavesExactlyTheDifferenceOfTheCostTable) {
  // 102 of 150 tokens are common: 25 whole blocks of 4 are found. Each request alone.
  for (const bool chunked : {true, false}) {
    ReplicaCase c = with_cache({request(0s, 150, 3, 102), request(1s, 150, 3, 102)});
    c.shape.chunked_prefill = chunked;
    const PlayResult result = play_beside_oracle(c);
    EXPECT_EQ(result.requests[0].prefix_hit, 0);
    EXPECT_EQ(result.requests[1].prefix_hit, 100);
    EXPECT_EQ(ttft(result, 0, 0s), prefill_ns(150, 0));
    EXPECT_EQ(ttft(result, 1, 1s), prefill_ns(50, 100)) << "the rest still reads 100 tokens of KV";
    EXPECT_EQ(ttft(result, 0, 0s) - ttft(result, 1, 1s), prefill_ns(150, 0) - prefill_ns(50, 100));
    EXPECT_EQ(result.windows[0].prompt_tokens, 200);
  }
}

TEST(PrefixSharing, OneTokenIsAlwaysComputed) {
  // All of 40 tokens are common and resident: 9 of 10 blocks may be hit; of 41 all 10.
  const PlayResult result = play_beside_oracle(
      with_cache({request(0s, 40, 2, 40), request(1s, 40, 2, 40), request(2s, 41, 2, 40)}));
  EXPECT_EQ(result.requests[1].prefix_hit, 36);
  EXPECT_EQ(ttft(result, 1, 1s), prefill_ns(4, 36));
  EXPECT_EQ(result.requests[2].prefix_hit, 40);
  EXPECT_EQ(ttft(result, 2, 2s), prefill_ns(1, 40));
}

TEST(PrefixSharing, WithoutHitsNothingChanges) {
  // Every prompt begins in its own way: equal in times, steps and memory to a replica without.
  ReplicaCase c = with_cache({});
  for (int i = 0; i < 40; ++i) {
    c.requests.push_back(
        request(i * 700us, 20 + i % 7 * 30, 1 + i % 11 * 9, 16, static_cast<PrefixId>(100 + i)));
  }
  c.windows = {SimTime{20ms}, SimTime{1h}};
  PlayResult with = play_beside_oracle(c);
  c.shape.prefix_cache = false;
  const PlayResult without = play_beside_oracle(c);
  EXPECT_GT(with.windows[1].prefix.prompt_tokens, 0);
  for (WindowResult& window : with.windows) {
    EXPECT_EQ(window.prefix.hit_tokens, 0);
    window.prefix = {};
  }
  EXPECT_EQ(difference(with, without), "");
}

TEST(PrefixSharing, ABlockCanBeFoundOnceTheStepThatFillsItHasEnded) {
  // Chunks of 200: the second request comes while the first has computed 200 of its 400 common
  // tokens; both are admitted in the step that begins then.
  ReplicaCase c = with_cache({request(0s, 450, 2, 400), request(1us, 450, 2, 400)});
  c.shape.token_budget = 200;
  const PlayResult result = play_beside_oracle(c);
  EXPECT_EQ(result.requests[0].prefix_hit, 0);
  EXPECT_EQ(result.requests[1].prefix_hit, 400) << "it had no budget before the step after that";
  // Two that are admitted together compute both: blocks of a step under way are not there yet.
  const PlayResult both =
      play_beside_oracle(with_cache({request(0s, 10, 1, 0, no_prefix), request(1us, 60, 2, 40),
                                     request(1us, 60, 2, 40), request(1s, 60, 2, 40)}));
  EXPECT_EQ(both.requests[1].scheduled, both.requests[2].scheduled);
  EXPECT_EQ(both.requests[2].prefix_hit, 0);
  EXPECT_EQ(both.requests[3].prefix_hit, 40);
}

/// When those that came at 1 s + 1 us were admitted: behind one that came at 1 s.
SimTime admitted(const PlayResult& result) {
  return SimTime{Duration{result.requests[1].first_token}};
}

TEST(PrefixSharing, SharedBlocksAreHeldOnce) {
  // Prompts of 85 tokens, 80 of them common: 20 blocks and 2, which hold their 3 answers too. Into
  // 100 blocks go 4 that do not share, or all 20 that do.
  ReplicaCase c = with_cache({request(0s, 80, 1, 80), request(1s, 10, 1, 0, no_prefix)});
  for (int i = 0; i < 20; ++i) {
    c.requests.push_back(request(1s + 1us, 85, 3, 80));
  }
  c.shape.kv_blocks = 100;
  c.shape.max_num_seqs = 32;
  c.windows = {admitted(play_beside_oracle(c)) + 1us, SimTime{1h}};
  const PlayResult with = play_beside_oracle(c);
  EXPECT_EQ(with.windows[0].running, 20) << "20 x 5 tokens fit the budget of a step";
  EXPECT_EQ(with.windows[0].kv_blocks_used, 20 + 20 * 2);
  c.shape.prefix_cache = false;
  const SimTime fourth{Duration{play_beside_oracle(c).requests[5].scheduled}};
  c.windows = {fourth + 1us, SimTime{1h}};
  const PlayResult without = play_beside_oracle(c);
  EXPECT_EQ(without.windows[0].running, 4);
  EXPECT_EQ(without.windows[0].kv_blocks_used, 4 * 22);
  EXPECT_EQ(without.requests[6].scheduled, without.requests[2].finished) << "no room for a fifth";
}

TEST(PrefixSharing, LeastRecentlyUsedPrefixesGoFirstTailFirst) {
  // 30 blocks. Prompts of 10 blocks: A, B, then A again; what each leaves stays in the line.
  // One of 60 tokens with an answer of 1 then takes 15 blocks: 10 that never had a name, 5 of B's.
  ReplicaCase c = with_cache({request(0s, 41, 1, 40, 1), request(1s, 41, 1, 40, 2),
                              request(2s, 41, 1, 40, 1), request(3s, 60, 1, 0, no_prefix),
                              request(4s, 41, 1, 40, 2), request(5s, 41, 1, 40, 1)});
  c.shape.kv_blocks = 30;
  const PlayResult result = play_beside_oracle(c);
  EXPECT_EQ(result.requests[2].prefix_hit, 40);
  // Each prompt has an 11th block, which is free without a name when it ends, before the 10: A's
  // and B's first visits use 22 of 30. Before the long one the line is: 7 never used, A's first
  // 11th, B's 11th, B's 10, A's second 11th, A's 10; it takes 7 + 1 + 1 and 6 of B's, 4 are left.
  EXPECT_EQ(result.requests[4].prefix_hit, 4 * 4);
  // B's 7 others then come from A's 11th and 6 of A's 10: the 15 of the long one were freed later.
  EXPECT_EQ(result.requests[5].prefix_hit, 4 * 4);
}

TEST(PrefixSharing, MoreMemoryNeverFindsLess) {
  // One at a time, so that the order of use is the same whatever the memory: LRU is a stack
  // algorithm (Mattson et al., 1970).
  ReplicaCase c = with_cache({});
  Draws draws = RandomStream{5, "stack property"}.of(0);
  for (int i = 0; i < 120; ++i) {
    const std::uint32_t group = draws.below(12);
    const std::uint32_t more = draws.below(40);
    const auto common = static_cast<std::int32_t>(8 + 4 * group);
    c.requests.push_back(
        request(i * 1s, common + 1 + static_cast<std::int32_t>(more), 1, common, 1 + group));
  }
  std::int64_t before = -1;
  std::int64_t least = 0;
  for (const std::int64_t blocks : {24, 25, 27, 30, 35, 40, 60, 80, 100, 120, 160, 200, 400}) {
    c.shape.kv_blocks = blocks;
    const std::int64_t hits = play_beside_oracle(c).windows[0].prefix.hit_tokens;
    EXPECT_GE(hits, before) << blocks << " blocks";
    least = before < 0 ? hits : least;
    before = hits;
  }
  EXPECT_GT(before, 2 * least) << "memory matters here";
}

TEST(PrefixSharing, APreemptedSequenceFindsItsOwnBlocks) {
  // 12 blocks of 4: two prompts of 16 and 15 tokens grow until one has to go.
  ReplicaCase c =
      with_cache({request(0s, 16, 20, 0, no_prefix), request(0s, 15, 20, 0, no_prefix)});
  c.shape.kv_blocks = 12;
  const PlayResult result = play_beside_oracle(c);
  EXPECT_EQ(result.requests[1].preemptions, 1);
  const PrefixCounts& counts = result.windows[0].prefix;
  EXPECT_EQ(counts.hit_tokens, 0);
  EXPECT_GT(counts.recompute_tokens, 15);
  EXPECT_GT(counts.recompute_hit_tokens, 0);
  EXPECT_EQ(counts.recompute_hit_tokens % 4, 0);
  EXPECT_EQ(counts.prompt_tokens + counts.recompute_tokens,
            result.windows[0].prompt_tokens + counts.recompute_hit_tokens);
}

TEST(PrefixSharing, TheNextTurnOfASessionFindsWhatWasSaidBefore) {
  // 20 common tokens, then the session's own: turn 1 leaves 50 + 30 - 1 tokens in KV (the last one
  // is not computed), 19 whole blocks; turn 2 begins with all 80.
  std::vector<CaseRequest> turns = {request(0s, 50, 30, 20), request(1s, 100, 5, 20),
                                    request(2s, 100, 5, 20)};
  turns[0].prefix.session = 900;
  turns[1].prefix.session = 900;
  turns[1].prefix.history_tokens = 80;
  turns[2].prefix.session = 901;  // somebody else
  const PlayResult result = play_beside_oracle(with_cache(turns));
  EXPECT_EQ(result.requests[1].prefix_hit, 76);
  EXPECT_EQ(ttft(result, 1, 1s), prefill_ns(24, 76));
  EXPECT_EQ(result.requests[2].prefix_hit, 20) << "the system prompt alone";
}

TEST(PrefixSharing, OneCacheServesAllMicroBatchesOfAPipeline) {
  ReplicaCase c = with_cache({request(0s, 60, 1, 40), request(1s, 10, 1, 0, no_prefix)});
  c.costs = uneven_table(4);
  c.shape.micro_batches = 4;
  for (int i = 0; i < 4; ++i) {  // one for each micro-batch
    c.requests.push_back(request(1s + 1us, 60, 4, 40));
  }
  c.windows = {admitted(play_beside_oracle(c)) + 1us, SimTime{1h}};
  const PlayResult result = play_beside_oracle(c);
  for (std::size_t i = 2; i <= 5; ++i) {
    EXPECT_EQ(result.requests[i].prefix_hit, 40);
    EXPECT_EQ(result.requests[i].scheduled, result.requests[2].scheduled);
  }
  EXPECT_EQ(result.windows[0].kv_blocks_used, 10 + 4 * 5);
}

}  // namespace
}  // namespace plimsoll::testing
