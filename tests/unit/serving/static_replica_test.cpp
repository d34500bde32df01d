// Static batching through a real engine (each case a process of its own), against sums by hand.
#include "serving/static_replica.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr Femtoseconds ns = 1'000'000;
constexpr Femtoseconds us = 1000 * ns;

/// 1 us a step and a token, 1 ns a KV token, 2 ns an attention pair, 3 ns an emitted token.
StepCostTable linear_costs() {
  CostColumn stage;
  for (int tokens = 0; tokens <= 4096; ++tokens) {
    stage.device.push_back(tokens * us);
    stage.head.push_back(tokens * 3 * ns);
  }
  stage.kv_token = 1 * ns;
  stage.pair = 2 * ns;
  StepCostTable table;
  table.kinds.push_back({stage, 1});
  table.serial = 1 * us;
  return table;
}

class Recorder final : public EventSink, public ReplicaListener {
 public:
  explicit Recorder(RequestTable& requests) : requests_{&requests} {}

  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_first_token(const RequestRecord&) override {}
  void on_end(const RequestRecord&) override {}
  void on_steps(const StepRun& run) override { runs.push_back(run); }
  void on_resumed_token(PoolIndex, Duration) override {}

  void on_first_token(RequestSlot slot, SimTime now) override {
    EXPECT_EQ((*requests_)[slot].first_token, now);
  }
  void on_cancelled(RequestSlot, SimTime) override {}
  void on_completed(RequestSlot slot, SimTime now) override {
    const Request& request = (*requests_)[slot];
    EXPECT_EQ(request.emitted_tokens, request.output_tokens);
    EXPECT_EQ(request.state, RequestState::running);
    done.push_back({request.id, request.scheduled, request.first_token, now});
    requests_->release(slot);
  }

  struct Done {
    RequestId id;
    SimTime scheduled;
    SimTime first_token;
    SimTime finished;
    friend bool operator==(const Done&, const Done&) = default;
  };
  std::vector<Done> done;
  std::vector<StepRun> runs;

 private:
  RequestTable* requests_;
};

/// What the runs add up to, however they are cut.
struct Totals {
  std::int64_t steps = 0;
  std::int64_t gaps = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t first_tokens = 0;
  Femtoseconds time = 0;
  friend bool operator==(const Totals&, const Totals&) = default;
};

Totals totals(const std::vector<StepRun>& runs) {
  Totals sum;
  for (const StepRun& run : runs) {
    sum.steps += run.steps;
    sum.gaps += run.steps * run.sequences;
    sum.prompt_tokens += run.prompt_tokens;
    sum.first_tokens += run.first_tokens;
    sum.time += run.steps * run.first_step + run.slope * (run.steps * (run.steps - 1) / 2);
  }
  return sum;
}

class StaticReplicaTest : public ::testing::Test {
 protected:
  StaticReplicaTest() {
    shape.costs = &costs;
    shape.batching = Batching::static_batch;
    shape.max_num_seqs = 8;
    shape.token_budget = 64;
    shape.kv_blocks = 1000;
    shape.max_context = 100;
  }

  StaticReplica& replica() {
    if (replica_ == nullptr) {
      replica_ = std::make_unique<StaticReplica>(0, shape, engine, requests, recorder, recorder);
    }
    return *replica_;
  }
  RequestSlot join(std::int32_t prompt, std::int32_t output) {
    const RequestSlot slot = requests.allocate();
    requests[slot].id = next_id_++;
    requests[slot].prompt_tokens = prompt;
    requests[slot].output_tokens = output;
    replica().enqueue(slot, Phase::before_steps);
    return slot;
  }
  void join_at(Duration t, std::int32_t prompt, std::int32_t output) {
    engine.at(SimTime{t}, EventPriority::arrival, [this, prompt, output] { join(prompt, output); });
  }
  PoolGauges gauges() {
    PoolGauges gauges;
    replica().add_gauges(gauges, engine.now());
    return gauges;
  }

  StepCostTable costs = linear_costs();
  ReplicaShape shape;
  Engine engine{PlatformSpec{}};
  RequestTable requests;
  Recorder recorder{requests};

 private:
  std::unique_ptr<StaticReplica> replica_;
  RequestId next_id_ = 0;
};

TEST_F(StaticReplicaTest, ABatchReturnsAsAWhole) {
  join(10, 3);
  join(4, 1);
  join(7, 5);
  replica().become_ready();
  engine.run();
  // Prefill of 3 x 10 padded tokens: 1 us + 30 us + 3 x 10^2 pairs x 2 ns + 3 x 3 ns.
  const SimTime first{31'609ns};
  // Decode steps j = 0 .. 3 of 3 tokens: 1 us + 3 us + 3 (10 + j) ns + 9 ns.
  const SimTime end = first + Duration{4 * 4039 + 3 * (0 + 1 + 2 + 3)};
  EXPECT_EQ(recorder.done, (std::vector<Recorder::Done>{{0, sim_start, first, end},
                                                        {1, sim_start, first, end},
                                                        {2, sim_start, first, end}}));
  ASSERT_EQ(recorder.runs.size(), 3U);
  EXPECT_EQ(recorder.runs[0].steps, 1);
  EXPECT_EQ(recorder.runs[0].sequences, 0);
  EXPECT_EQ(recorder.runs[0].prompt_tokens, 21);
  EXPECT_EQ(recorder.runs[0].first_tokens, 3);
  EXPECT_EQ(recorder.runs[0].first_step, 31'609 * ns);
  // Two steps until the first has its 3 tokens, two more for the last: 2 x 2 + 2 x 1 gaps.
  EXPECT_EQ(recorder.runs[1].steps, 2);
  EXPECT_EQ(recorder.runs[1].sequences, 2);
  EXPECT_EQ(recorder.runs[1].first_step, 4039 * ns);
  EXPECT_EQ(recorder.runs[1].slope, 3 * ns);
  EXPECT_EQ(recorder.runs[2].steps, 2);
  EXPECT_EQ(recorder.runs[2].sequences, 1);
  EXPECT_EQ(recorder.runs[2].first_step, 4045 * ns);
  EXPECT_EQ(gauges().busy_ns, end.time_since_epoch().count());
  EXPECT_EQ(gauges().replicas_busy, 0);
}

TEST_F(StaticReplicaTest, PrefillRunsInPassesOfTheBudget) {
  shape.token_budget = 8;
  join(10, 1);
  join(6, 1);
  replica().become_ready();
  engine.run();
  // Tokens 0-7 of the first; 8-9 of it and 0-5 of the second; 6-9 of the second, all padding.
  ASSERT_EQ(recorder.runs.size(), 3U);
  EXPECT_EQ(recorder.runs[0].first_step, (1000 + 8000 + 2 * 64) * ns);
  EXPECT_EQ(recorder.runs[1].first_step, (1000 + 8000 + 8 + 2 * (2 * (16 + 2) + 36) + 3) * ns);
  EXPECT_EQ(recorder.runs[2].first_step, (1000 + 4000 + 6 + 2 * (4 * (12 + 4)) + 3) * ns);
  EXPECT_EQ(recorder.runs[0].prompt_tokens, 8);
  EXPECT_EQ(recorder.runs[1].prompt_tokens, 2 + 6);
  EXPECT_EQ(recorder.runs[2].prompt_tokens, 0);
  EXPECT_EQ(recorder.runs[1].first_tokens, 0);
  EXPECT_EQ(recorder.runs[2].first_tokens, 2);
  ASSERT_EQ(recorder.done.size(), 2U);
  EXPECT_EQ(recorder.done[0].first_token, SimTime{23'420ns});
  EXPECT_EQ(recorder.done[0].finished, SimTime{23'420ns});  // one token each: nothing to decode
}

TEST_F(StaticReplicaTest, WithoutChunkingAPassHoldsWholePrompts) {
  shape.chunked_prefill = false;
  shape.token_budget = 12;
  join(10, 1);
  join(6, 1);
  replica().become_ready();
  engine.run();
  ASSERT_EQ(recorder.runs.size(), 2U);
  for (const StepRun& run : recorder.runs) {
    EXPECT_EQ(run.first_step, (1000 + 10'000 + 2 * 100 + 3) * ns);
  }
  EXPECT_EQ(recorder.runs[1].prompt_tokens, 6);
}

TEST_F(StaticReplicaTest, WhoComesWhileABatchRunsWaitsForItsEnd) {
  replica().become_ready();
  join_at(5us, 10, 20);
  join_at(6us, 10, 2);
  join_at(7us, 10, 2);
  engine.run();
  ASSERT_EQ(recorder.done.size(), 3U);
  EXPECT_EQ(recorder.done[0].scheduled, SimTime{5us});
  EXPECT_EQ(recorder.done[1].scheduled, recorder.done[0].finished);
  EXPECT_EQ(recorder.done[2].scheduled, recorder.done[0].finished);
  EXPECT_EQ(gauges().idle_ns, 5000);
}

TEST_F(StaticReplicaTest, WhoComesAtTheSameMomentIsInTheBatch) {
  replica().become_ready();
  join_at(5us, 10, 2);
  join_at(5us, 10, 2);
  engine.run();
  ASSERT_EQ(recorder.done.size(), 2U);
  EXPECT_EQ(recorder.done[1].scheduled, SimTime{5us});
}

TEST_F(StaticReplicaTest, TheLineKeepsItsOrder) {
  shape.max_num_seqs = 2;
  for (int i = 0; i < 5; ++i) {
    join(10, 2);
  }
  replica().become_ready();
  engine.run();
  ASSERT_EQ(recorder.done.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(recorder.done[i].id, i);
    EXPECT_EQ(recorder.done[i].scheduled,
              i < 2 ? sim_start : recorder.done[i / 2 * 2 - 1].finished);
  }
}

TEST_F(StaticReplicaTest, ASequenceReservesTheWholeContext) {
  shape.block_size = 16;
  shape.kv_blocks = 20;  // 100 tokens are 7 blocks: two sequences
  for (int i = 0; i < 3; ++i) {
    join(1, 50);
  }
  replica().become_ready();
  engine.run_until(SimTime{20us});
  EXPECT_EQ(gauges().running, 2);
  EXPECT_EQ(gauges().waiting, 1);
  EXPECT_EQ(gauges().kv_blocks_used, 14);
  engine.run();
  EXPECT_EQ(recorder.done.size(), 3U);
  EXPECT_EQ(gauges().kv_blocks_used, 0);
}

TEST_F(StaticReplicaTest, NoRoomForOneSequenceIsABug) {
  shape.kv_blocks = 6;
  EXPECT_THROW(replica(), InternalError);
}

TEST_F(StaticReplicaTest, AContextEndsWithItsReservation) {
  shape.max_context = 14;
  join(10, 2);
  join(2, 12);
  replica().become_ready();
  engine.run();
  // 11 decode steps at contexts 10, 11, 12, 13 and seven times 14.
  const Femtoseconds prefill = (1000 + 20'000 + 2 * 200 + 6) * ns;
  const Femtoseconds decode = (11 * (1000 + 2000 + 6) + 2 * (10 + 11 + 12 + 13 + 7 * 14)) * ns;
  EXPECT_EQ(totals(recorder.runs).time, prefill + decode);
  EXPECT_EQ(totals(recorder.runs).gaps, 1 + 11);
}

TEST_F(StaticReplicaTest, WhoLeavesBeforeTheBatchBeginsIsNotServed) {
  replica().become_ready();
  engine.at(SimTime{5us}, EventPriority::arrival, [this] {
    const RequestSlot slot = join(10, 2);
    replica().cancel_waiting(slot, Phase::before_steps);
  });
  engine.run();
  EXPECT_TRUE(recorder.runs.empty());
  EXPECT_EQ(gauges().busy_ns, 0);
}

TEST_F(StaticReplicaTest, SettlingTellsOfStepsUpToThatMomentOnce) {
  join(10, 100);
  replica().become_ready();
  // Prefill ends at 1000 + 10,000 + 200 + 3 = 11,203 ns; decode step j takes 2013 + j ns.
  engine.run_until(SimTime{Duration{11'203 + 3 * 2013 + 3}});
  replica().settle(engine.now());
  EXPECT_EQ(totals(recorder.runs).gaps, 3);
  replica().settle(engine.now());
  EXPECT_EQ(totals(recorder.runs).gaps, 3);
  engine.run_until(engine.now() + 2015ns);  // step 3 takes 2016
  replica().settle(engine.now());
  EXPECT_EQ(totals(recorder.runs).gaps, 3);
  engine.run_until(engine.now() + 1ns);
  replica().settle(engine.now());
  EXPECT_EQ(totals(recorder.runs).gaps, 4);
  engine.run();
  EXPECT_EQ(totals(recorder.runs).gaps, 99);
  EXPECT_EQ(totals(recorder.runs).time,
            engine.now().time_since_epoch().count() * ns);  // no fractions in these costs
}

TEST_F(StaticReplicaTest, MicroBatchesShareThePipeline) {
  // A stage as above, which samples, and one of a quarter of its time per token and no KV; hops of
  // 0.5 us.
  CostColumn light;
  for (int tokens = 0; tokens <= 4096; ++tokens) {
    light.device.push_back(tokens * us / 4);
  }
  light.head.assign(4097, 0);
  costs.kinds.push_back({light, 1});
  costs.hops.assign(4097, 500 * ns);
  shape.micro_batches = 2;
  join(10, 2);
  join(10, 2);
  join(10, 2);
  replica().become_ready();
  engine.run();
  // Micro-batches of 2 and 1. Passage of the larger: 1 + 20.4 + 5 + 0.5 us; in the slow stage both
  // take 21.4 + 11.2 us.
  ASSERT_EQ(recorder.runs.size(), 2U);
  EXPECT_EQ(recorder.runs[0].first_step, (1000 + 20'000 + 400 + 6 + 1000 + 10'000 + 200 + 3) * ns);
  // Decode: passage 1000 + 2026 + 500 + 500; slow stage 1000 + 2000 + 20 + 6 + 1000 + 1000 + 10
  // + 3.
  EXPECT_EQ(recorder.runs[1].first_step, 5039 * ns);
}

/// The same requests with steps one by one and fast-forwarded.
class FastForward : public StaticReplicaTest, public ::testing::WithParamInterface<int> {};

TEST_P(FastForward, ChangesNoMoment) {
  shape.micro_batches = GetParam();
  shape.max_num_seqs = 6;
  shape.token_budget = 37;
  CostColumn& stage = costs.kinds.front().column;
  stage.host = 8 * us;  // short contexts hide behind it, long ones do not
  stage.kv_token = 7 * ns + 123'457;
  stage.kv_read = 400 * ns + 7;
  stage.chunk = 300 * ns + 11;
  costs.serial += 333'333;
  costs.serial_sample = 50 * ns + 3;
  if (GetParam() > 1) {
    CostColumn other = stage;
    other.host = 3 * us;
    costs.kinds.push_back({other, GetParam() - 1});
    costs.hops.assign(4097, 250 * ns + 1);
  }
  ReplicaShape slow = shape;
  slow.fast_forward = false;
  RequestTable slow_requests;
  Recorder slow_recorder{slow_requests};
  StaticReplica stepped{1, slow, engine, slow_requests, slow_recorder, slow_recorder};
  replica().become_ready();
  stepped.become_ready();
  Draws draws = RandomStream{13, "static"}.of(0);
  for (RequestId id = 0; id < 200; ++id) {
    const Duration t{static_cast<std::int64_t>(draws.below(20'000'000))};
    const auto prompt = static_cast<std::int32_t>(1 + draws.below(60));
    const auto output = static_cast<std::int32_t>(1 + draws.below(40));
    engine.at(SimTime{t}, EventPriority::arrival, [&, prompt, output] {
      join(prompt, output);
      const RequestSlot slot = slow_requests.allocate();
      slow_requests[slot].id = requests[slot].id;
      slow_requests[slot].prompt_tokens = prompt;
      slow_requests[slot].output_tokens = output;
      stepped.enqueue(slot, Phase::before_steps);
    });
  }
  engine.run();
  ASSERT_EQ(recorder.done.size(), 200U);
  EXPECT_EQ(recorder.done, slow_recorder.done);
  EXPECT_EQ(totals(recorder.runs), totals(slow_recorder.runs));
  EXPECT_EQ(totals(recorder.runs).first_tokens, 200);
  EXPECT_LT(recorder.runs.size(), slow_recorder.runs.size());
}

INSTANTIATE_TEST_SUITE_P(PipelineStages, FastForward, ::testing::Values(1, 2, 4));

}  // namespace
}  // namespace plimsoll
