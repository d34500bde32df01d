// ContinuousReplica by hand: the times of a few requests, worked out in the comments. Every case is
// played with and without fast-forward.
#include "serving/continuous_replica.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/oracle_play.hpp"
#include "support/replica_harness.hpp"

namespace plimsoll::testing {
namespace {

using namespace std::chrono_literals;

constexpr Femtoseconds fs_per_us = 1'000'000'000;
constexpr Femtoseconds fs_per_ms = 1'000 * fs_per_us;

constexpr std::int64_t in_ns(Duration d) {
  return d.count();
}

CaseRequest request(Duration arrival, std::int32_t prompt, std::int32_t output,
                    QueueRank rank = 0) {
  CaseRequest r;
  r.arrival = SimTime{arrival};
  r.prompt = prompt;
  r.output = output;
  r.rank = rank;
  return r;
}

/// A micro-batch of any work takes `each` fs, and `more` for each token in it.
CostColumn column(Femtoseconds each, Femtoseconds more = 0) {
  CostColumn c;
  c.device.push_back(0);
  for (int tokens = 1; tokens <= 100; ++tokens) {
    c.device.push_back(each + tokens * more);
  }
  c.head.assign(101, 0);
  return c;
}

/// A replica with room for everything: 100 tokens a step, 16 sequences, blocks of 4.
ReplicaCase roomy(const CostColumn& stage, std::vector<CaseRequest> requests) {
  StepCostTable costs;
  costs.kinds = {{stage, 1}};
  return roomy_case(std::move(costs), 100, std::move(requests));
}

PlayResult play(const ReplicaCase& c) {
  const ContinuousResults results = play_continuous(c);
  EXPECT_EQ(difference(results.fast, results.slow), "");
  return results.fast;
}

TEST(ContinuousReplica, OneRequestByHand) {
  CostColumn cost = column(1 * fs_per_ms, 10 * fs_per_us);
  cost.kv_token = 1 * fs_per_us;
  cost.pair = 1'000'000;  // 1 ns
  const PlayResult result = play(roomy(cost, {request(1s, 50, 5)}));
  // Prompt: 1 ms + 50 x 10 us + 50 x 50 pairs of 1 ns. Then 4 decode steps that read 51, 52, 53, 54
  // KV tokens: 1.01 ms + 1 us each.
  const Duration first = 1s + 1ms + 500us + 2500ns;
  EXPECT_EQ(result.requests[0].scheduled, in_ns(1s));
  EXPECT_EQ(result.requests[0].first_token, in_ns(first));
  EXPECT_EQ(result.requests[0].finished, in_ns(first + 4 * 1010us + 51us + 52us + 53us + 54us));
  EXPECT_EQ(result.requests[0].emitted, 5);
  const WindowResult& window = result.windows[0];
  EXPECT_EQ(window.steps, 5);
  EXPECT_EQ(window.prompt_tokens, 50);
  EXPECT_EQ(window.first_tokens, 1);
  EXPECT_EQ(window.decode_tokens, 4);
  EXPECT_EQ(window.gaps, static_cast<std::uint64_t>(4250 * fs_per_us));
  EXPECT_EQ(window.busy_ns, result.requests[0].finished - in_ns(1s));
  EXPECT_EQ(window.idle_ns, in_ns(1h) - window.busy_ns);
  EXPECT_EQ(window.kv_blocks_used, 0);
}

TEST(ContinuousReplica, ALongPromptIsComputedInChunks) {
  CostColumn cost = column(1 * fs_per_ms, 10 * fs_per_us);
  cost.kv_token = 1 * fs_per_us;
  cost.pair = 1'000'000;  // 1 ns
  const PlayResult result = play(roomy(cost, {request(0s, 250, 1)}));
  // Chunks of 100, 100 and 50 after 0, 100 and 200 tokens; a chunk c at context s reads s tokens of
  // KV and has c (2 s + c) pairs.
  const Duration chunk_1 = 2ms + 100 * 100ns;
  const Duration chunk_2 = 2ms + 100us + 100 * 300ns;
  const Duration chunk_3 = 1500us + 200us + 50 * 450ns;
  EXPECT_EQ(result.requests[0].first_token, in_ns(chunk_1 + chunk_2 + chunk_3));
  EXPECT_EQ(result.requests[0].finished, result.requests[0].first_token);
  EXPECT_EQ(result.windows[0].steps, 3);
  EXPECT_EQ(result.windows[0].prompt_tokens, 250);
  EXPECT_EQ(result.windows[0].first_tokens, 1);
}

TEST(ContinuousReplica, DecodesComeFirstInTheTokenBudget) {
  // Steps of 1 ms. The first request decodes from 1 ms on and leaves 99 tokens of each step.
  const CostColumn cost = column(1 * fs_per_ms);
  const PlayResult fits = play(roomy(cost, {request(0ms, 10, 50), request(1500us, 99, 2)}));
  EXPECT_EQ(fits.requests[1].scheduled, in_ns(2ms));
  EXPECT_EQ(fits.requests[1].first_token, in_ns(3ms));
  const PlayResult exceeds = play(roomy(cost, {request(0ms, 10, 50), request(1500us, 100, 2)}));
  EXPECT_EQ(exceeds.requests[1].scheduled, in_ns(2ms));
  EXPECT_EQ(exceeds.requests[1].first_token, in_ns(4ms));
  EXPECT_EQ(exceeds.requests[0].finished, in_ns(50ms)) << "chunks ride along with the decodes";
}

TEST(ContinuousReplica, PipelineRoundsLastAsLongAsPassageOrSlowestStage) {
  // 10 ms through all stages and hops, 4 ms in the slowest: max(10, 4 m) ms for m micro-batches.
  ReplicaCase c = roomy(column(4 * fs_per_ms), {});
  c.costs.kinds.push_back({column(1 * fs_per_ms), 3});
  c.costs.hops.assign(101, 3 * fs_per_ms);
  c.shape.micro_batches = 4;
  c.requests = {request(0ms, 8, 3), request(1ms, 8, 3)};
  // 0-10 the first alone, 10-20 and 20-30 both (max(10, 8)), 30-40 the second alone.
  const PlayResult two = play(c);
  EXPECT_EQ(two.requests[0].finished, in_ns(30ms));
  EXPECT_EQ(two.requests[1].first_token, in_ns(20ms));
  EXPECT_EQ(two.requests[1].finished, in_ns(40ms));
  c.requests = {request(0ms, 8, 3), request(1ms, 8, 3), request(1ms, 8, 3), request(1ms, 8, 3)};
  // 0-10 the first alone, then four micro-batches of one: 16 ms a round; the last one of three 12.
  const PlayResult four = play(c);
  EXPECT_EQ(four.requests[0].finished, in_ns(10ms + 2 * 16ms));
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(four.requests[i].first_token, in_ns(26ms));
    EXPECT_EQ(four.requests[i].finished, in_ns(10ms + 2 * 16ms + 12ms));
  }
}

TEST(ContinuousReplica, PreemptionRecomputesPromptAndWhatWasEmitted) {
  // 1 ms per token. Both prompts have 8 tokens, two blocks each of seven.
  ReplicaCase c = roomy(column(0, 1 * fs_per_ms), {request(0ms, 8, 20), request(0ms, 8, 20, 1)});
  c.shape.kv_blocks = 7;
  const PlayResult result = play(c);
  // 0-8 prompt 0; 8-17 prompt 1 and a decode; 17-25 four steps of two decodes. Then 0 has 13 tokens
  // in KV (4 blocks) and 1 has 12 (3 blocks) and needs a fourth: it goes, with 5 tokens emitted.
  // 0 has emitted 6 and ends 14 steps later; only then is there room for the 13 tokens to
  // recompute.
  EXPECT_EQ(result.requests[0].finished, in_ns(39ms));
  EXPECT_EQ(result.requests[0].preemptions, 0);
  EXPECT_EQ(result.requests[1].scheduled, in_ns(8ms));
  EXPECT_EQ(result.requests[1].first_token, in_ns(17ms));
  EXPECT_EQ(result.requests[1].preemptions, 1);
  EXPECT_EQ(result.requests[1].finished, in_ns(39ms + 13ms + 14ms));
  const WindowResult& window = result.windows[0];
  EXPECT_EQ(window.prompt_tokens, 8 + 8 + 13);
  EXPECT_EQ(window.resumed, 1);
  EXPECT_EQ(window.resumed_ns, in_ns(52ms - 25ms));
  EXPECT_EQ(window.preemptions, 1);
  EXPECT_EQ(window.first_tokens + window.decode_tokens, 40) << "no token is lost or made twice";
}

TEST(ContinuousReplica, AdmissionLeavesTheWatermarkFree) {
  // At 1 ms the first holds 2 of 10 blocks and needs a third; the second needs 4: 3 are left.
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(0ms, 8, 4), request(0ms, 16, 2)});
  c.shape.kv_blocks = 10;
  c.shape.watermark_blocks = 3;
  EXPECT_EQ(play(c).requests[1].scheduled, in_ns(1ms));
  c.shape.watermark_blocks = 4;
  EXPECT_EQ(play(c).requests[1].scheduled, in_ns(4ms)) << "when the first has left";
  c.shape.watermark_blocks = 9;
  EXPECT_EQ(play(c).requests[1].finished, in_ns(6ms)) << "an empty replica needs no reserve";
}

TEST(ContinuousReplica, ContiguousKvReservesTheLongestContext) {
  // 40 blocks of 4 hold 160 tokens: paged, all four requests of 8 + 4; reserving 64 tokens, two.
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(0s, 8, 4), request(0s, 8, 4),
                                                request(0s, 8, 4), request(0s, 8, 4)});
  c.shape.kv_blocks = 40;
  c.shape.max_context = 64;
  // The first has the first step to itself, the others come at its end.
  EXPECT_EQ(play(c).requests[3].finished, in_ns(5ms));
  c.shape.kv_layout = KvLayout::contiguous;
  c.windows.insert(c.windows.begin(), SimTime{2ms});
  const PlayResult result = play(c);
  EXPECT_EQ(result.requests[1].finished, in_ns(5ms));
  EXPECT_EQ(result.requests[2].scheduled, in_ns(4ms));
  EXPECT_EQ(result.requests[3].scheduled, in_ns(5ms));
  EXPECT_EQ(result.windows[0].kv_blocks_used, 2 * 16);
  EXPECT_EQ(result.windows[0].running, 2);
}

TEST(ContinuousReplica, ContiguousKvNeverPreempts) {
  // One block less than the paged ones would need in the end; the reservations lie side by side.
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(0s, 8, 24), request(0s, 8, 24)});
  c.shape.max_context = 32;
  c.shape.kv_blocks = 15;
  const PlayResult paged = play(c);
  EXPECT_EQ(paged.requests[1].preemptions, 1);
  c.shape.kv_layout = KvLayout::contiguous;
  const PlayResult contiguous = play(c);
  EXPECT_EQ(contiguous.requests[1].preemptions, 0);
  EXPECT_EQ(contiguous.requests[1].scheduled, in_ns(24ms));
  c.shape.kv_blocks = 16;
  EXPECT_EQ(play(c).requests[1].scheduled, in_ns(1ms));
}

TEST(ContinuousReplica, RunsAtMostMaxNumSeqs) {
  ReplicaCase c =
      roomy(column(1 * fs_per_ms), {request(0ms, 8, 3), request(0ms, 8, 3), request(0ms, 8, 3)});
  c.shape.max_num_seqs = 2;
  const PlayResult result = play(c);
  EXPECT_EQ(result.requests[0].finished, in_ns(3ms));
  EXPECT_EQ(result.requests[1].scheduled, in_ns(1ms));
  EXPECT_EQ(result.requests[2].scheduled, in_ns(3ms));
}

TEST(ContinuousReplica, AnAnswerThatIsNotReadHoldsItsPlaceAndItsBlocks) {
  // Each of three answers is computed in 3 ms and read in 2 x 5 ms after its first token.
  std::vector<CaseRequest> requests(3, request(0ms, 8, 3));
  for (CaseRequest& one : requests) {
    one.read_gap = 5ms;
  }
  ReplicaCase c = roomy(column(1 * fs_per_ms), requests);
  c.shape.holds_unread = true;
  c.shape.max_num_seqs = 2;
  c.windows = {SimTime{8ms}, SimTime{1h}};
  const PlayResult by_places = play_beside_oracle(c);
  // 0-1 the first prompt, 1-2 the second; computed by 3 and 4 ms, read by 11 and 12 ms.
  EXPECT_EQ(by_places.requests[0].first_token, in_ns(1ms)) << "as if its client were fast";
  EXPECT_EQ(by_places.requests[0].finished, in_ns(11ms));
  EXPECT_EQ(by_places.requests[1].finished, in_ns(12ms));
  EXPECT_EQ(by_places.requests[2].scheduled, in_ns(11ms)) << "the first place that is free";
  EXPECT_EQ(by_places.windows[0].steps, 4);
  EXPECT_EQ(by_places.windows[0].running, 2);
  EXPECT_EQ(by_places.windows[0].kv_blocks_used, 2 * 3);
  EXPECT_EQ(by_places.windows[0].idle_ns, in_ns(4ms)) << "no step is computed for them";
  // The first two hold all six blocks when they are computed. With three more the third has room
  // beside them.
  c.shape.max_num_seqs = 16;
  c.shape.kv_blocks = 6;
  EXPECT_EQ(play_beside_oracle(c).requests[2].scheduled, in_ns(11ms));
  c.shape.kv_blocks = 9;
  EXPECT_EQ(play_beside_oracle(c).requests[2].scheduled, in_ns(1ms));
  c.shape.holds_unread = false;
  c.shape.max_num_seqs = 2;
  EXPECT_EQ(play_beside_oracle(c).requests[2].scheduled, in_ns(3ms)) << "nothing is held";
}

TEST(ContinuousReplica, WhatIsReadAtABoundaryIsSeenByIt) {
  // The first is computed by 2 ms and read by 6 ms, a boundary of the second, which decodes then.
  std::vector<CaseRequest> requests = {request(0ms, 4, 2), request(0ms, 4, 50), request(3ms, 4, 2)};
  requests[0].read_gap = 5ms;
  ReplicaCase c = roomy(column(1 * fs_per_ms), requests);
  c.shape.holds_unread = true;
  c.shape.max_num_seqs = 2;
  EXPECT_EQ(play_beside_oracle(c).requests[2].scheduled, in_ns(6ms));
}

TEST(ContinuousReplica, SmallerRanksOvertake) {
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(0ms, 8, 5), request(1ms, 8, 5, 7),
                                                request(2ms, 8, 5, 3), request(3ms, 8, 5, 7)});
  c.shape.max_num_seqs = 1;
  const PlayResult result = play(c);
  EXPECT_EQ(result.requests[2].scheduled, in_ns(5ms));
  EXPECT_EQ(result.requests[1].scheduled, in_ns(10ms));
  EXPECT_EQ(result.requests[3].scheduled, in_ns(15ms));
}

TEST(ContinuousReplica, ABoundarySeesArrivalsOfItsNanosecondButNotDispatches) {
  ReplicaCase c =
      roomy(column(1 * fs_per_ms), {request(0ms, 8, 50), request(5ms, 8, 2), request(20ms, 8, 2)});
  c.requests[2].phase = Phase::after_steps;
  const PlayResult result = play(c);
  EXPECT_EQ(result.requests[1].scheduled, in_ns(5ms));
  EXPECT_EQ(result.requests[2].scheduled, in_ns(21ms));
}

TEST(ContinuousReplica, WhoeverGaveUpIsNotServed) {
  ReplicaCase c =
      roomy(column(1 * fs_per_ms), {request(0ms, 8, 10), request(1ms, 8, 5), request(2ms, 8, 5)});
  c.shape.max_num_seqs = 1;
  c.requests[1].deadline = SimTime{10ms};  // the very boundary that would take it
  c.requests[2].deadline = SimTime{11ms};  // it runs by then
  const PlayResult result = play(c);
  EXPECT_EQ(result.requests[1].given_up, in_ns(10ms));
  EXPECT_EQ(result.requests[1].scheduled, -1);
  EXPECT_EQ(result.requests[2].scheduled, in_ns(10ms));
  EXPECT_EQ(result.requests[2].finished, in_ns(15ms));
}

TEST(ContinuousReplica, WithoutChunksPromptsHoldUpTheDecodes) {
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(0ms, 8, 5), request(1500us, 8, 2)});
  c.shape.chunked_prefill = false;
  const PlayResult result = play(c);
  // 0-1 prompt 0, 1-2 decode, 2-3 prompt 1 alone, then decodes. Gaps: 1, 2, 1, 1 and 1 ms.
  EXPECT_EQ(result.requests[1].first_token, in_ns(3ms));
  EXPECT_EQ(result.requests[1].finished, in_ns(4ms));
  EXPECT_EQ(result.requests[0].finished, in_ns(6ms));
  EXPECT_EQ(result.windows[0].gaps, static_cast<std::uint64_t>(6 * fs_per_ms));
  EXPECT_EQ(result.windows[0].decode_tokens, 5);
  EXPECT_EQ(result.windows[0].steps, 6);
}

TEST(ContinuousReplica, WaitsUntilItIsReady) {
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(1ms, 8, 2)});
  c.ready = SimTime{10ms};
  const PlayResult result = play(c);
  EXPECT_EQ(result.requests[0].scheduled, in_ns(10ms));
  EXPECT_EQ(result.windows[0].down_ns, in_ns(10ms));
  EXPECT_EQ(result.windows[0].busy_ns, in_ns(2ms));
}

TEST(ContinuousReplica, TimeAdvancesEvenWhenStepsCostNothing) {
  const PlayResult result = play(roomy(column(0), {request(0ms, 8, 1000)}));
  EXPECT_EQ(result.requests[0].first_token, 1);
  EXPECT_EQ(result.requests[0].finished, 1000);
}

TEST(ContinuousReplica, WindowsSplitStepsWhereTheyEnd) {
  ReplicaCase c = roomy(column(1 * fs_per_ms), {request(0ms, 8, 100)});
  c.windows = {SimTime{10ms}, SimTime{25ms + 1ns}, SimTime{26ms - 1ns}, SimTime{1s}};
  const PlayResult result = play(c);
  EXPECT_EQ(result.windows[0].steps, 10) << "a window has the step that ends with it";
  EXPECT_EQ(result.windows[1].steps, 15);
  EXPECT_EQ(result.windows[2].steps, 0);
  EXPECT_EQ(result.windows[3].steps, 75);
  // 8 prompt tokens, then one per decode step: 17 in KV at 10 ms.
  EXPECT_EQ(result.windows[0].kv_blocks_used, 5);
  EXPECT_EQ(result.windows[0].running, 1);
}

TEST(ContinuousReplica, ManyEqualStepsAreOneEvent) {
  const ContinuousResults results =
      play_continuous(roomy(column(1 * fs_per_ms), {request(0ms, 8, 1000)}));
  EXPECT_EQ(difference(results.fast, results.slow), "");
  EXPECT_EQ(results.fast.step_reports, 2) << "the prompt, and 999 decodes";
  EXPECT_EQ(results.slow.step_reports, 1000);
}

}  // namespace
}  // namespace plimsoll::testing
