// Speculative decoding: the law of its tokens, and replicas by hand. Every case is played with and
// without fast-forward.
#include "serving/speculation.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/oracle_play.hpp"

namespace plimsoll::testing {
namespace {

using namespace std::chrono_literals;

constexpr Femtoseconds fs_per_ms = 1'000'000'000'000;

std::int64_t in_ns(Duration d) {
  return d.count();
}

TEST(Speculation, TokensOfAPassFollowTheTruncatedGeometricLaw) {
  constexpr int proposals = 4;
  constexpr int requests = 2000;
  constexpr int passes = 50;
  for (const double a : {0.3, 0.7, 0.95}) {
    const Speculation speculation{StepCostTable{}, proposals, a, 7};
    std::vector<double> counts(proposals + 2, 0);
    double sum = 0;
    for (std::uint64_t id = 0; id < requests; ++id) {
      Draws draws = speculation.draws_of(id, 0);
      for (int i = 0; i < passes; ++i) {
        const std::int64_t emitted = speculation.emitted(draws());
        ++counts.at(static_cast<std::size_t>(emitted));
        sum += static_cast<double>(emitted);
      }
    }
    constexpr double n = requests * passes;
    double variance = 0;
    const double mean = (1 - std::pow(a, proposals + 1)) / (1 - a);
    for (int j = 1; j <= proposals + 1; ++j) {
      const double p = std::pow(a, j - 1) * (j <= proposals ? 1 - a : 1);
      EXPECT_NEAR(counts[static_cast<std::size_t>(j)], n * p, 4.5 * std::sqrt(n * p * (1 - p)))
          << a << ": " << j << " tokens";
      variance += p * (j - mean) * (j - mean);
    }
    EXPECT_NEAR(sum / n, mean, 4.5 * std::sqrt(variance / n)) << a;
    EXPECT_NEAR(speculation.mean_emitted(), mean, 1e-12) << a;
  }
}

TEST(Speculation, NeverAndAlwaysAreCertain) {
  const Speculation never_accepted{StepCostTable{}, 3, 0.0, 1};
  EXPECT_EQ(never_accepted.emitted(0), 1);
  const Speculation always{StepCostTable{}, 3, 1.0, 1};
  EXPECT_EQ(always.emitted(0xffffffffU), 4);
}

TEST(Speculation, DrawsBelongToARequestAndBeginAnewAfterAPreemption) {
  const Speculation speculation{StepCostTable{}, 3, 0.5, 1};
  Draws first = speculation.draws_of(5, 0);
  Draws again = speculation.draws_of(5, 0);
  Draws resumed = speculation.draws_of(5, 1);
  Draws other = speculation.draws_of(6, 0);
  const std::uint32_t draw = first();
  EXPECT_EQ(again(), draw);
  EXPECT_NE(resumed(), draw);
  EXPECT_NE(other(), draw);
}

/// A pass takes `each` fs, and `more` for each KV token read.
CostColumn column(Femtoseconds each, Femtoseconds more = 0) {
  CostColumn c;
  c.device.assign(201, each);
  c.device[0] = 0;
  c.head.assign(201, 0);
  c.kv_token = more;
  return c;
}

CaseRequest request(std::int32_t prompt, std::int32_t output) {
  CaseRequest r;
  r.prompt = prompt;
  r.output = output;
  return r;
}

/// Passes of 10 ms, of the draft 1 ms; blocks of 4.
ReplicaCase speculating(int proposals, double acceptance, std::vector<CaseRequest> requests) {
  StepCostTable target;
  target.kinds = {{column(10 * fs_per_ms), 1}};
  StepCostTable draft;
  draft.kinds = {{column(1 * fs_per_ms), 1}};
  ReplicaCase c = roomy_case(std::move(target), 200, std::move(requests));
  c.speculation.emplace(draft, proposals, acceptance, 1);
  return c;
}

TEST(SpeculativeDecoding, AStepCostsKDraftPassesAndOneOfTheTarget) {
  // The prompt passes through both: 1 + 10 ms. Then 8 tokens, 4 in each step of 3 x 1 + 10 ms.
  const PlayResult result = play_beside_oracle(speculating(3, 1.0, {request(20, 9)}));
  EXPECT_EQ(result.requests[0].first_token, in_ns(11ms));
  EXPECT_EQ(result.requests[0].finished, in_ns(11ms + 2 * 13ms));
  EXPECT_EQ(result.requests[0].emitted, 9);
  const WindowResult& window = result.windows[0];
  EXPECT_EQ(window.decode_tokens, 2);  // one with a gap in each step
  EXPECT_EQ(window.burst_tokens, 6);   // the others come with it
  EXPECT_EQ(window.gaps, static_cast<std::uint64_t>(26 * fs_per_ms));
}

TEST(SpeculativeDecoding, AcceptingNothingIsPlainDecodingAndTheDraftsTime) {
  const PlayResult result = play_beside_oracle(speculating(3, 0.0, {request(20, 9)}));
  EXPECT_EQ(result.requests[0].finished, in_ns(11ms + 8 * 13ms));
  EXPECT_EQ(result.windows[0].burst_tokens, 0);
}

TEST(SpeculativeDecoding, NobodyGetsMoreThanItWants) {
  // 5 tokens after the first: 4, then 1.
  const PlayResult result = play_beside_oracle(speculating(3, 1.0, {request(20, 6)}));
  EXPECT_EQ(result.requests[0].finished, in_ns(11ms + 2 * 13ms));
  EXPECT_EQ(result.requests[0].emitted, 6);
  EXPECT_EQ(result.windows[0].decode_tokens + result.windows[0].burst_tokens, 5);
}

TEST(SpeculativeDecoding, BothModelsReadTheirKv) {
  ReplicaCase c = speculating(2, 1.0, {request(20, 4)});
  c.costs.kinds = {{column(10 * fs_per_ms, fs_per_ms), 1}};
  StepCostTable draft;
  draft.kinds = {{column(1 * fs_per_ms, fs_per_ms / 10), 1}};
  c.speculation.emplace(draft, 2, 1.0, 1);
  // One step: the draft reads 21 and 22 KV tokens at 0.1 ms, the target 20 + 3 at 1 ms.
  EXPECT_EQ(play_beside_oracle(c).requests[0].finished, in_ns(11ms + 2ms + 4300us + 10ms + 23ms));
}

TEST(SpeculativeDecoding, TheBudgetCountsVerifiedTokens) {
  // Two sequences verify 2 x 4 of 12 tokens, so the third's prompt of 20 gets 4 a step.
  ReplicaCase c = speculating(3, 0.0, {request(1, 50), request(1, 50), request(20, 1)});
  c.shape.token_budget = 12;
  c.shape.max_num_seqs = 3;
  c.requests[2].arrival = SimTime{50ms};
  c.windows.insert(c.windows.begin(), SimTime{50ms});
  const PlayResult result = play_beside_oracle(c);
  // Steps: 11 (first prompt), 14 - 1 with the second's prompt, then 13 each.
  EXPECT_EQ(result.requests[2].first_token - result.requests[2].scheduled, in_ns(5 * 13ms));
}

TEST(SpeculativeDecoding, KvHasRoomForAllThatIsVerified) {
  // 7 tokens are two blocks; a step verifies up to 7 + 4 = 11: a third.
  ReplicaCase c = speculating(3, 0.0, {request(7, 5)});
  c.windows.insert(c.windows.begin(), {SimTime{11ms}, SimTime{24ms}});
  const PlayResult result = play_beside_oracle(c);
  EXPECT_EQ(result.windows[0].kv_blocks_used, 2);
  EXPECT_EQ(result.windows[1].kv_blocks_used, 3);
  EXPECT_EQ(result.windows[2].kv_blocks_used, 0);
}

TEST(SpeculativeDecoding, RoomEndsAtTheLongestContext) {
  // Three blocks are all there is: 12 tokens, which the request needs to its end.
  ReplicaCase c = speculating(3, 1.0, {request(7, 5)});
  c.shape.max_context = 12;
  c.shape.kv_blocks = 3;
  EXPECT_EQ(play_beside_oracle(c).requests[0].finished, in_ns(11ms + 13ms));
}

TEST(SpeculativeDecoding, ShortOfBlocksTheLastInLineIsPreemptedAndResumes) {
  ReplicaCase c = speculating(3, 0.5, {request(8, 30), request(8, 30)});
  c.shape.max_context = 40;
  c.shape.kv_blocks = 12;
  c.shape.watermark_blocks = 0;
  const PlayResult result = play_beside_oracle(c);
  EXPECT_EQ(result.requests[0].preemptions, 0);
  EXPECT_GT(result.requests[1].preemptions, 0);
  EXPECT_EQ(result.requests[1].emitted, 30);
  EXPECT_GT(result.windows[0].resumed, 0);
}

TEST(SpeculativeDecoding, InAPipelineTheDraftDelaysEveryMicroBatch) {
  ReplicaCase c = speculating(2, 1.0, {request(5, 4), request(5, 4)});
  c.shape.micro_batches = 2;
  c.costs.kinds = {{column(6 * fs_per_ms), 1}, {column(3 * fs_per_ms), 1}};
  c.costs.hops.assign(201, 1 * fs_per_ms);
  c.requests[1].arrival = SimTime{1ms};
  // First alone: max(1 + 10, 1 + 6) = 11. Then one decodes and one is prefilled: the longest
  // passage takes 2 + 10, the stage 2 + 6 + 1 + 6 = 15: the first ends. The second decodes alone.
  const PlayResult result = play_beside_oracle(c);
  EXPECT_EQ(result.requests[0].finished, in_ns(26ms));
  EXPECT_EQ(result.requests[1].finished, in_ns(26ms + 12ms));
}

}  // namespace
}  // namespace plimsoll::testing
