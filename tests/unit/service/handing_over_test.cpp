// Prompts that are computed in one place and go on in another, one engine and hence one process a
// case. A step takes 1 ms per token, KV has 2,000 bytes per token and NICs carry 2 MB/s, so the KV
// of a prompt of n tokens takes n ms on the wire; 5 ms of latency come on top.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "service/service.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr Femtoseconds ms = 1'000'000'000'000;
constexpr int context = 512;

StepCostTable ms_per_token() {
  CostColumn stage;
  for (int tokens = 0; tokens <= context; ++tokens) {
    stage.device.push_back(tokens * ms);
  }
  stage.head.assign(context + 1, 0);
  StepCostTable table;
  table.kinds.push_back({stage, 1});
  return table;
}

class HandingOverTest : public testing::Test,
                        public EventSink,
                        public EndListener,
                        public DrainListener {
 protected:
  HandingOverTest() {
    config.gpus.resize(1);
    config.gpus[0].gpus_per_node = 1;  // a NIC of its own for each replica
    config.gpus[0].nic = BytesPerSecond::of(2e6);
    config.gpus[0].node_hop_latency = 5ms;
    config.models.resize(1);
    config.models[0].name = "model";
    config.models[0].layers = 10;
    config.models[0].heads = 1;
    config.models[0].kv_heads = 1;
    config.models[0].head_dim = 50;  // x 2 (K, V) x 2 bytes x 10 layers
    config.tiers = {TierConfig{}};
    config.workload.classes = {RequestClassConfig{}};
    config.service.router.policy = "round_robin";
    config.service.queue.policy = "fcfs";
    config.service.admission.policy = "always";
    config.pools.resize(2);
    for (PoolConfig& pool : config.pools) {
      pool.max_context = context;
    }
    config.pools[0].role = PoolRole::prefill;
    config.pools[1].role = PoolRole::decode;
    for (std::size_t pool = 0; pool < 2; ++pool) {
      shapes[pool].pool = static_cast<PoolIndex>(pool);
      shapes[pool].role = config.pools[pool].role;
      shapes[pool].costs = &costs;
      shapes[pool].token_budget = context;
      shapes[pool].max_num_seqs = 16;
      shapes[pool].kv_blocks = 1000;
      shapes[pool].max_context = context;
    }
  }

  /// Replicas of the prefill pool come first; decode ones serve from `decode_ready` on.
  void open(int prefill, int decode, Duration decode_ready = 0ms) {
    config.pools[0].replicas = prefill;
    config.pools[1].replicas = decode;
    network = std::make_unique<KvNetwork>(
        config,
        std::vector<Placement>{place(config, config.pools[0]), place(config, config.pools[1])});
    service = std::make_unique<Service>(config, ModelIndex{0}, builtin_policies(), engine, requests,
                                        *this, *this);
    service->hand_over_through(builtin_policies(), *network);
    for (int i = 0; i < prefill + decode; ++i) {
      const auto index = static_cast<ReplicaIndex>(i);
      const std::size_t pool = i < prefill ? 0 : 1;
      replicas.push_back(make_replica(index, shapes[pool], engine, requests, *this, *service));
      service->add_replica(*replicas.back(), 1.0);
      const SimTime at = sim_start + (pool == 0 ? Duration{} : decode_ready);
      engine.at(at, EventPriority::fleet, [this, index] {
        replicas[index]->become_ready();
        service->replica_ready(index);
      });
    }
    service->open();
  }

  RequestId arrive(Duration t, int prompt, int output) {
    const RequestId id = next_id_++;
    Arrival arrival;
    arrival.at = sim_start + t;
    arrival.prompt_tokens = prompt;
    arrival.output_tokens = output;
    engine.at(arrival.at, EventPriority::arrival, [this, id, arrival] {
      slots_[id] = service->arrive(id, arrival, Phase::before_steps);
    });
    return id;
  }
  void leave(Duration t, RequestId id) {
    engine.at(sim_start + t, EventPriority::deadline, [this, id] {
      service->abandon(slots_[id], Outcome::abandoned, Phase::before_steps);
    });
  }

  /// KV blocks that a pool uses now.
  std::int64_t blocks_used(PoolIndex pool) const {
    PoolGauges gauges;
    for (const auto& replica : replicas) {
      if (replica->shape().pool == pool) {
        replica->add_gauges(gauges, engine.now());
      }
    }
    return gauges.kv_blocks_used;
  }
  void expect_blocks(Duration t, std::int64_t prefill, std::int64_t decode) {
    engine.at(sim_start + t, EventPriority::window, [this, t, prefill, decode] {
      EXPECT_EQ(blocks_used(0), prefill) << t.count() << " ns";
      EXPECT_EQ(blocks_used(1), decode) << t.count() << " ns";
    });
  }
  /// Everybody has one outcome, and nothing of anybody is left.
  void run_all() {
    engine.run();
    EXPECT_EQ(ended.size(), next_id_);
    EXPECT_EQ(blocks_used(0) + blocks_used(1), 0);
    EXPECT_EQ(service->handing_over(), 0);
    EXPECT_EQ(requests.in_flight(), 0U);
    for (const auto& replica : replicas) {
      EXPECT_EQ(service->outstanding(replica->index()), 0);
    }
  }

  void expect_end(RequestId id, Outcome outcome, Duration at) {
    ASSERT_EQ(ended.count(id), 1U) << "request " << id;
    EXPECT_EQ(ended[id].outcome, outcome) << "request " << id;
    EXPECT_EQ(ended[id].finished - sim_start, at) << "request " << id;
  }
  Duration first_token(RequestId id) { return ended[id].first_token - sim_start; }

  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_first_token(const RequestRecord&) override {}
  void on_steps(const StepRun& run) override {
    tokens += run.steps * run.sequences + run.received + run.first_tokens;
  }
  void on_resumed_token(PoolIndex pool, Duration gap) override {
    EXPECT_EQ(pool, 1);
    gaps.push_back(gap);
  }
  void on_kv_transfer(const KvTransfer& transfer) override { transfers.push_back(transfer); }
  void on_end(const RequestRecord& record) override {
    EXPECT_EQ(ended.count(record.id), 0U) << "one outcome each";
    ended[record.id] = record;
  }
  void on_request_ended(SimTime) override {}
  void on_drained(ReplicaIndex) override { drained = engine.now() - sim_start; }

  Config config;
  StepCostTable costs = ms_per_token();
  ReplicaShape shapes[2];
  Engine engine{PlatformSpec{}};
  RequestTable requests;
  std::unique_ptr<KvNetwork> network;
  std::unique_ptr<Service> service;
  std::vector<std::unique_ptr<Replica>> replicas;
  std::map<RequestId, RequestRecord> ended;
  std::vector<KvTransfer> transfers;
  std::vector<Duration> gaps;
  std::int64_t tokens = 0;
  Duration drained{-1};

 private:
  std::map<RequestId, RequestSlot> slots_;
  RequestId next_id_ = 0;
};

// Prefill 10 ms, wire 10 ms, latency 5 ms, then a step of 1 ms each.
TEST_F(HandingOverTest, TheSecondTokenComesAfterTheKv) {
  open(1, 1);
  const RequestId id = arrive(0ms, 10, 3);
  run_all();
  expect_end(id, Outcome::completed, 27ms);
  EXPECT_EQ(first_token(id), 10ms);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0], 16ms);
  EXPECT_EQ(tokens, 3);
  EXPECT_EQ(ended[id].pool, 1) << "it ends where it decoded";
  ASSERT_EQ(transfers.size(), 1U);
  EXPECT_EQ(transfers[0].bytes, Bytes::of(20'000));
  EXPECT_EQ(transfers[0].wait, 0ms);
  EXPECT_EQ(transfers[0].wire, 10ms);
  EXPECT_EQ(transfers[0].time, 15ms);
}

TEST_F(HandingOverTest, WhoWantsOneTokenGoesNowhere) {
  open(1, 1);
  const RequestId id = arrive(0ms, 10, 1);
  run_all();
  expect_end(id, Outcome::completed, 10ms);
  EXPECT_TRUE(transfers.empty());
}

// Behind somebody who takes 5 ms, both prompts are one step of 20 ms; the second one's KV waits for
// the sender's NIC.
TEST_F(HandingOverTest, TwoTransfersShareTheSendersNic) {
  open(1, 2);
  arrive(0ms, 5, 1);
  const RequestId a = arrive(1ms, 10, 2);
  const RequestId b = arrive(1ms, 10, 2);
  run_all();
  EXPECT_EQ(first_token(a), 25ms);
  EXPECT_EQ(first_token(b), 25ms);
  expect_end(a, Outcome::completed, 41ms);
  expect_end(b, Outcome::completed, 51ms);
  ASSERT_EQ(transfers.size(), 2U);
  EXPECT_EQ(transfers[1].wait, 10ms);
}

TEST_F(HandingOverTest, TwoTransfersShareTheReceiversNic) {
  open(2, 1);
  const RequestId a = arrive(0ms, 10, 2);
  const RequestId b = arrive(0ms, 10, 2);
  run_all();
  EXPECT_EQ(first_token(b), 10ms);
  expect_end(a, Outcome::completed, 26ms);
  expect_end(b, Outcome::completed, 36ms);
}

TEST_F(HandingOverTest, TransfersBetweenOthersDoNotWait) {
  open(2, 2);
  const RequestId a = arrive(0ms, 10, 2);
  const RequestId b = arrive(0ms, 10, 2);
  run_all();
  expect_end(a, Outcome::completed, 26ms);
  expect_end(b, Outcome::completed, 26ms);
}

// One block at the prefill replica: the second prompt begins when the first one's KV has arrived.
TEST_F(HandingOverTest, KvStaysUntilItHasBeenSent) {
  shapes[0].kv_blocks = 1;
  open(1, 1);
  const RequestId a = arrive(0ms, 16, 2);
  const RequestId b = arrive(0ms, 16, 2);
  expect_blocks(20ms, 1, 0);
  expect_blocks(37ms, 1, 1);
  run_all();
  EXPECT_EQ(first_token(a), 16ms);
  EXPECT_EQ(ended[b].scheduled - sim_start, 37ms);
  EXPECT_EQ(first_token(b), 53ms);
}

// Three blocks at the decode replica. The KV of the first comes at 32 + 5 ms, and its 30 steps end
// at 67; that of the second comes at 48 + 5 and needs two blocks.
TEST_F(HandingOverTest, WhoFindsNoRoomWaitsAtTheDecodeReplica) {
  shapes[1].kv_blocks = 3;
  open(1, 1);
  const RequestId a = arrive(0ms, 16, 31);
  const RequestId b = arrive(0ms, 16, 2);
  expect_blocks(52ms, 1, 2);
  expect_blocks(60ms, 0, 3);
  run_all();
  expect_end(a, Outcome::completed, 67ms);
  expect_end(b, Outcome::completed, 68ms);
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[1], 36ms);
}

TEST_F(HandingOverTest, ItWaitsUntilADecodeReplicaAccepts) {
  open(1, 1, 100ms);
  const RequestId a = arrive(0ms, 10, 2);
  const RequestId b = arrive(0ms, 10, 2);
  expect_blocks(99ms, 2, 0);
  run_all();
  expect_end(a, Outcome::completed, 116ms);
  expect_end(b, Outcome::completed, 126ms);
  EXPECT_EQ(transfers[0].wait, 90ms) << "after the first token, for a decode replica";
}

TEST_F(HandingOverTest, DecodeReplicasTakeNoMoreThanTheyMay) {
  config.service.max_outstanding = 1;
  open(2, 1);
  const RequestId a = arrive(0ms, 10, 2);
  const RequestId b = arrive(0ms, 10, 2);
  run_all();
  expect_end(a, Outcome::completed, 26ms);
  expect_end(b, Outcome::completed, 42ms);  // sent at 26
}

TEST_F(HandingOverTest, WhoIsPreemptedIsComputedAnewWhereItDecodes) {
  shapes[1].kv_blocks = 3;
  open(2, 1);
  const RequestId a = arrive(0ms, 15, 33);
  const RequestId b = arrive(0ms, 15, 10);
  run_all();
  EXPECT_EQ(ended[a].outcome, Outcome::completed);
  EXPECT_EQ(ended[b].outcome, Outcome::completed);
  EXPECT_EQ(ended[a].preemptions, 0);
  EXPECT_EQ(ended[b].preemptions, 1);
  EXPECT_EQ(ended[b].pool, 1);
  EXPECT_EQ(transfers.size(), 2U) << "its KV is not sent again";
  EXPECT_EQ(tokens, 43);
  EXPECT_EQ(gaps.size(), 3U) << "two first steps after a transfer, and one after a preemption";
}

TEST_F(HandingOverTest, ClientsMayLeaveAtAnyTime) {
  open(1, 1);
  const RequestId in_prefill = arrive(0ms, 10, 5);
  leave(5ms, in_prefill);
  const RequestId at_its_end = arrive(100ms, 10, 5);
  leave(110ms, at_its_end);  // before the step ends there
  const RequestId on_the_wire = arrive(200ms, 10, 5);
  leave(215ms, on_the_wire);
  const RequestId decoding = arrive(300ms, 10, 5);
  leave(327ms, decoding);
  expect_blocks(214ms, 1, 0);
  expect_blocks(215ms, 0, 0);
  run_all();
  expect_end(in_prefill, Outcome::abandoned, 10ms);
  expect_end(at_its_end, Outcome::abandoned, 110ms);
  expect_end(on_the_wire, Outcome::abandoned, 215ms);
  expect_end(decoding, Outcome::abandoned, 327ms);
  EXPECT_EQ(transfers.size(), 2U) << "of the last two: what is booked is carried";
}

TEST_F(HandingOverTest, ClientsMayLeaveWhileNobodyDecodes) {
  open(1, 1, 100ms);
  const RequestId a = arrive(0ms, 10, 2);
  const RequestId b = arrive(0ms, 10, 2);
  leave(50ms, a);
  expect_blocks(50ms, 1, 0);
  run_all();
  expect_end(a, Outcome::abandoned, 50ms);
  expect_end(b, Outcome::completed, 116ms);
}

TEST_F(HandingOverTest, ClientsMayLeaveWhileTheirKvWaitsForRoom) {
  shapes[1].kv_blocks = 3;
  open(1, 1);
  const RequestId a = arrive(0ms, 16, 31);
  const RequestId b = arrive(0ms, 16, 2);
  leave(60ms, b);
  run_all();
  expect_end(a, Outcome::completed, 67ms);
  expect_end(b, Outcome::abandoned, 60ms);
}

TEST_F(HandingOverTest, DeadlinesEndWithTheFirstBatch) {
  config.service.queue_deadline = 15ms;
  shapes[0].max_num_seqs = 1;
  open(1, 1);
  const RequestId a = arrive(0ms, 20, 2);  // it is on the wire and decodes after its deadline
  const RequestId b = arrive(0ms, 20, 2);
  run_all();
  expect_end(a, Outcome::completed, 46ms);
  expect_end(b, Outcome::timed_out, 15ms);
}

TEST_F(HandingOverTest, AReplicaThatLeavesKeepsItsKvUntilItIsSent) {
  open(1, 1);
  arrive(0ms, 10, 2);
  engine.at(sim_start + 12ms, EventPriority::fleet, [this] {
    replicas[0]->begin_draining();
    service->replica_leaving(0, *this, std::nullopt);
  });
  run_all();
  EXPECT_EQ(drained, 25ms);
}

TEST_F(HandingOverTest, UnchunkedPromptsAndWhoComesTakeTurns) {
  shapes[0].chunked_prefill = false;
  shapes[1].chunked_prefill = false;
  shapes[1].kv_blocks = 3;
  open(2, 1);
  const RequestId a = arrive(0ms, 15, 30);
  const RequestId b = arrive(0ms, 15, 10);
  const RequestId c = arrive(30ms, 15, 4);
  run_all();
  for (const RequestId id : {a, b, c}) {
    EXPECT_EQ(ended[id].outcome, Outcome::completed);
  }
  EXPECT_EQ(tokens, 44);
}

}  // namespace
}  // namespace plimsoll
