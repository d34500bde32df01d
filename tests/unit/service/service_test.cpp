// A model's service before real replicas, one engine and hence one process a case: who is refused,
// who waits where and until when. Work is by hand: a prompt of n tokens takes n ms.
#include "service/service.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr Femtoseconds ms = 1'000'000'000'000;
constexpr int context = 512;

StepCostTable ms_per_token(Femtoseconds cost_of_token = ms) {
  CostColumn stage;
  for (int tokens = 0; tokens <= context; ++tokens) {
    stage.device.push_back(tokens * cost_of_token);
  }
  stage.head.assign(context + 1, 0);
  StepCostTable table;
  table.kinds.push_back({stage, 1});
  return table;
}

ReplicaShape shape_with(const StepCostTable& costs) {
  ReplicaShape shape;
  shape.costs = &costs;
  shape.token_budget = context;
  shape.kv_blocks = 1000;
  shape.max_context = context;
  return shape;
}

/// One request at a time per replica unless a case says otherwise; classes 0 "free" and 1 "plus".
class ServiceTest : public testing::Test, public EventSink, public EndListener {
 protected:
  ServiceTest() {
    config.models.resize(1);
    config.models[0].name = "model";
    config.pools.resize(1);
    config.pools[0].max_context = context;
    config.tiers = {TierConfig{}, TierConfig{}};
    config.tiers[1].priority = 10;
    config.workload.classes = {RequestClassConfig{}, RequestClassConfig{}};
    config.workload.classes[1].tier = 1;
    config.service.router.policy = "round_robin";
    config.service.queue.policy = "fcfs";
    config.service.admission.policy = "always";
  }

  /// The service and its replicas, none of which serves yet.
  void open(int replicas) {
    service = std::make_unique<Service>(config, ModelIndex{0}, builtin_policies(), engine, requests,
                                        *this, *this);
    for (int i = 0; i < replicas; ++i) {
      const auto index = static_cast<ReplicaIndex>(i);
      replicas_.push_back(make_replica(index, shape, engine, requests, *this, *service));
      service->add_replica(*replicas_.back(), 1.0);
    }
    service->open();
  }
  void ready_at(Duration t, std::size_t replica) {
    engine.at(sim_start + t, EventPriority::fleet, [this, replica] {
      replicas_[replica]->become_ready();
      service->replica_ready(static_cast<ReplicaIndex>(replica));
    });
  }
  void open_ready(int replicas) {
    open(replicas);
    for (int i = 0; i < replicas; ++i) {
      ready_at(0ms, static_cast<std::size_t>(i));
    }
  }

  /// The next request, in order of time.
  RequestId arrive(Duration t, int prompt, ClassIndex request_class = 0, int output = 1) {
    const RequestId id = next_id_++;
    Arrival arrival;
    arrival.at = sim_start + t;
    arrival.prompt_tokens = prompt;
    arrival.output_tokens = output;
    arrival.request_class = request_class;
    engine.at(arrival.at, EventPriority::arrival, [this, id, arrival] {
      slots_[id] = service->arrive(id, arrival, Phase::before_steps);
    });
    return id;
  }
  /// The client of a request in flight leaves.
  void leave(Duration t, RequestId id) {
    engine.at(sim_start + t, EventPriority::deadline, [this, id] {
      service->abandon(slots_[id], Outcome::abandoned, Phase::before_steps);
    });
  }
  /// Sequences that run and KV blocks that are used, over all replicas, when all is over.
  std::int64_t left_over() const {
    PoolGauges gauges;
    for (const auto& replica : replicas_) {
      replica->add_gauges(gauges, engine.now());
    }
    return gauges.running + gauges.waiting + gauges.kv_blocks_used;
  }

  void expect_end(RequestId id, Outcome outcome, Duration at) {
    ASSERT_EQ(ended.count(id), 1U) << "request " << id;
    EXPECT_EQ(ended[id].outcome, outcome) << "request " << id;
    EXPECT_EQ(ended[id].finished - sim_start, at) << "request " << id;
  }
  Duration scheduled(RequestId id) { return ended[id].scheduled - sim_start; }

  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_first_token(const RequestRecord&) override {}
  void on_steps(const StepRun&) override {}
  void on_resumed_token(PoolIndex, Duration) override {}
  void on_end(const RequestRecord& record) override {
    EXPECT_EQ(ended.count(record.id), 0U) << "one outcome each";
    ended[record.id] = record;
    order.push_back(record.id);
  }
  void on_request_ended(SimTime now) override {
    EXPECT_EQ(now, engine.now());
    ++told_ends;
  }

  Config config;
  StepCostTable costs = ms_per_token();
  ReplicaShape shape = shape_with(costs);
  Engine engine{PlatformSpec{}};
  RequestTable requests;
  std::unique_ptr<Service> service;
  std::map<RequestId, RequestRecord> ended;
  std::vector<RequestId> order;
  int told_ends = 0;

 private:
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::map<RequestId, RequestSlot> slots_;
  RequestId next_id_ = 0;
};

TEST_F(ServiceTest, ACentralRequestLeavesAtItsDeadlineToTheNanosecond) {
  config.service.queue_deadline = 30ms;
  open(1);
  const RequestId id = arrive(5ms + 1ns, 10);
  engine.run();
  expect_end(id, Outcome::timed_out, 35ms + 1ns);
  EXPECT_FALSE(ended[id].replica_assigned);
  EXPECT_EQ(ended[id].scheduled, never);
  EXPECT_EQ(service->queued(), 0);
  EXPECT_EQ(requests.in_flight(), 0U);
  EXPECT_EQ(told_ends, 1);
}

TEST_F(ServiceTest, ARequestInAReplicasLineLeavesAtItsDeadlineAndARunningOneStays) {
  config.service.queue_deadline = 30ms;
  open_ready(1);
  const RequestId running = arrive(0ms, 100);
  const RequestId waiting = arrive(7ms, 10);
  const RequestId patient = arrive(80ms, 10);
  engine.run();
  expect_end(waiting, Outcome::timed_out, 37ms);
  EXPECT_TRUE(ended[waiting].replica_assigned);
  EXPECT_EQ(ended[waiting].emitted_tokens, 0);
  expect_end(running, Outcome::completed, 100ms);
  expect_end(patient, Outcome::completed, 110ms);
}

TEST_F(ServiceTest, ATiersDeadlineGoesBeforeTheQueues) {
  config.service.queue_deadline = 30ms;
  config.tiers[1].deadline = 50ms;
  open(1);
  const RequestId plus = arrive(0ms, 10, 1);
  const RequestId free = arrive(1ms, 10, 0);
  engine.run();
  expect_end(free, Outcome::timed_out, 31ms);
  expect_end(plus, Outcome::timed_out, 50ms);
}

TEST_F(ServiceTest, AFullCentralLineRefusesAtOnceAndOnlyWhileItIsFull) {
  config.service.queue_capacity = 2;
  config.service.max_outstanding = 1;
  open_ready(1);
  arrive(0ms, 10);
  arrive(1ms, 10);
  arrive(2ms, 10);
  const RequestId refused = arrive(3ms, 10);
  const RequestId later = arrive(11ms, 10);
  engine.run();
  expect_end(refused, Outcome::queue_full, 3ms);
  expect_end(later, Outcome::completed, 40ms);
  EXPECT_EQ(order, (std::vector<RequestId>{3, 0, 1, 2, 4}));
}

TEST_F(ServiceTest, FcfsDispatchesInOrderOfArrivalWhateverTheTier) {
  config.service.max_outstanding = 1;
  open_ready(1);
  for (int i = 0; i < 5; ++i) {
    arrive(i * 1ms, 10, static_cast<ClassIndex>(i % 2 == 0 ? 0 : 1));
  }
  engine.run();
  EXPECT_EQ(order, (std::vector<RequestId>{0, 1, 2, 3, 4}));
  EXPECT_EQ(scheduled(4), 40ms);
}

TEST_F(ServiceTest, PriorityDispatchesTheHigherTierFirstAndThenByArrival) {
  config.service.queue.policy = "priority";
  config.service.max_outstanding = 1;
  open_ready(1);
  for (int i = 0; i < 5; ++i) {
    arrive(i * 1ms, 10, static_cast<ClassIndex>(i % 2 == 0 ? 0 : 1));
  }
  engine.run();
  EXPECT_EQ(order, (std::vector<RequestId>{0, 1, 3, 2, 4}));
  EXPECT_EQ(scheduled(1), 10ms);
  EXPECT_EQ(scheduled(4), 40ms);
}

TEST_F(ServiceTest, EdfMeetsTheObjectivesThatFcfsMisses) {
  // Six requests of 10 ms at once; those of class 1 want their token within 35 ms, the rest in 1 s.
  config.service.queue.policy = "edf";
  config.service.queue.params.set_text("promise", "ttft");
  config.service.queue.params.set_number("otherwise", 1e9);
  config.tiers[1].slo.ttft = 35ms;
  config.service.max_outstanding = 1;
  open_ready(1);
  for (int i = 0; i < 6; ++i) {
    arrive(0ms, 10, static_cast<ClassIndex>(i < 4 ? 0 : 1));
  }
  engine.run();
  EXPECT_EQ(order, (std::vector<RequestId>{0, 4, 5, 1, 2, 3}));
  EXPECT_EQ(ended[5].first_token - sim_start, 30ms);
}

/// The most that one replica got of the 20 requests of an interval, 100 ms long, with four replicas
/// and loads scraped at its beginning.
class HerdingTest : public ServiceTest {
 protected:
  int most_of_an_interval(bool own_count) {
    config.service.router.policy = "least_requests";
    config.service.scrape_interval = 100ms;
    config.service.own_count = own_count;
    open_ready(4);
    for (int i = 0; i < 80; ++i) {
      arrive(i * 5ms, 10);
    }
    engine.run();
    EXPECT_EQ(ended.size(), 80U);
    std::map<std::pair<std::int64_t, ReplicaIndex>, int> counts;
    int most = 0;
    for (const auto& [id, record] : ended) {
      const std::int64_t interval = (record.arrived - sim_start) / 100ms;
      most = std::max(most, ++counts[{interval, record.replica}]);
    }
    return most;
  }
};

TEST_F(HerdingTest, WithoutItsOwnCountARouterSendsEverybodyToOneReplica) {
  EXPECT_EQ(most_of_an_interval(false), 20);
}

TEST_F(HerdingTest, WithItsOwnCountItSpreadsThem) {
  EXPECT_LE(most_of_an_interval(true), 6);
}

TEST_F(ServiceTest, WeightedFairSharesABackloggedReplicaAndForgetsWhoLeft) {
  config.service.queue.policy = "weighted_fair";
  config.service.queue.params.set_text("by", "tier");
  config.service.queue.params.set_text("cost", "requests");
  config.service.queue.params.set_number("weight", 1);
  config.service.queue.params.set_tier_number("weight", 1, 3);
  config.tiers[0].deadline = 85ms;
  open_ready(1);  // they wait in the replica's own line
  for (int i = 0; i < 16; ++i) {
    arrive(0ms, 10, static_cast<ClassIndex>(i / 8));
  }
  for (int i = 0; i < 16; ++i) {
    arrive(90ms, 10, static_cast<ClassIndex>(i / 8));
  }
  engine.run();
  const auto completed = [&](ClassIndex request_class, Duration from, Duration to) {
    int count = 0;
    for (const auto& [id, record] : ended) {
      const Duration at = record.finished - sim_start;
      count += record.outcome == Outcome::completed && record.request_class == request_class &&
                       at > from && at <= to
                   ? 1
                   : 0;
    }
    return count;
  };
  EXPECT_EQ(completed(1, 0ms, 80ms), 6);
  EXPECT_EQ(completed(0, 0ms, 80ms), 2);
  // Six of tier 0 gave up at 85 ms: the next of their tier are not charged for them.
  EXPECT_EQ(completed(1, 90ms, 170ms), 6);
  EXPECT_EQ(completed(0, 90ms, 170ms), 2);
}

TEST_F(ServiceTest, AReplicaHoldsNoMoreThanMaxOutstanding) {
  shape.max_num_seqs = 8;
  config.service.max_outstanding = 2;
  open_ready(2);
  for (int i = 0; i < 6; ++i) {
    arrive(0ms, 10);
  }
  std::vector<std::int64_t> queued;
  for (const Duration t : {Duration{9ms}, Duration{10ms}}) {
    engine.at(sim_start + t, EventPriority::window, [&] { queued.push_back(service->queued()); });
  }
  engine.run();
  EXPECT_EQ(queued, (std::vector<std::int64_t>{2, 0}));
  // Each replica begins with the first that came and takes its second one at 10 ms. The line moves
  // when the first is answered, after that step boundary: who comes then is in the step after it.
  EXPECT_EQ(scheduled(1), 0ms);
  EXPECT_EQ(scheduled(3), 10ms);
  EXPECT_EQ(scheduled(4), 20ms);
  EXPECT_EQ(scheduled(5), 20ms);
}

TEST_F(ServiceTest, AContextThatNoPoolHoldsIsRefusedOnArrival) {
  open_ready(1);
  const RequestId fits = arrive(1ms, context - 2, 0, 2);
  const RequestId does_not = arrive(2ms, context - 2, 0, 3);
  engine.run();
  expect_end(does_not, Outcome::over_context, 2ms);
  EXPECT_EQ(ended[fits].outcome, Outcome::completed);
  EXPECT_EQ(ended[fits].emitted_tokens, 2);
}

TEST_F(ServiceTest, RequestsWaitCentrallyUntilAReplicaIsReady) {
  shape.max_num_seqs = 8;
  open(2);
  for (int i = 0; i < 3; ++i) {
    arrive(i * 1ms, 10);
  }
  ready_at(50ms, 1);
  std::int64_t queued_before = -1;
  engine.at(sim_start + 49ms, EventPriority::window, [&] { queued_before = service->queued(); });
  engine.run();
  EXPECT_EQ(queued_before, 3);
  EXPECT_EQ(service->queued(), 0);
  ASSERT_EQ(ended.size(), 3U);
  EXPECT_EQ(scheduled(0), 50ms);
  for (const auto& [id, record] : ended) {
    EXPECT_EQ(record.outcome, Outcome::completed) << id;
    EXPECT_EQ(record.replica, 1U) << id;
  }
}

TEST_F(ServiceTest, AClientThatLeavesFreesItsPlaceAtTheNextStep) {
  open_ready(1);
  const RequestId leaver = arrive(0ms, 10, 0, 101);
  const RequestId next = arrive(5ms, 10);
  leave(50ms + 400us, leaver);
  engine.run();
  // The first token came at 10 ms, then one each ms: at 51 ms the 42nd.
  expect_end(leaver, Outcome::abandoned, 51ms);
  EXPECT_EQ(ended[leaver].emitted_tokens, 42);
  EXPECT_EQ(scheduled(next), 51ms);
  expect_end(next, Outcome::completed, 61ms);
  EXPECT_EQ(left_over(), 0);
}

TEST_F(ServiceTest, LeavingStepByStepIsTheSame) {
  shape.fast_forward = false;
  open_ready(1);
  const RequestId leaver = arrive(0ms, 10, 0, 101);
  const RequestId next = arrive(5ms, 10);
  leave(50ms + 400us, leaver);
  engine.run();
  expect_end(leaver, Outcome::abandoned, 51ms);
  EXPECT_EQ(ended[leaver].emitted_tokens, 42);
  expect_end(next, Outcome::completed, 61ms);
}

TEST_F(ServiceTest, WhoWaitsLeavesAtOnce) {
  config.service.max_outstanding = 2;
  open_ready(1);
  const RequestId running = arrive(0ms, 100);
  const RequestId in_its_line = arrive(1ms, 10);
  const RequestId central = arrive(2ms, 10);
  leave(20ms, in_its_line);
  leave(30ms, central);
  engine.run();
  expect_end(in_its_line, Outcome::abandoned, 20ms);
  expect_end(central, Outcome::abandoned, 30ms);
  expect_end(running, Outcome::completed, 100ms);
  EXPECT_EQ(ended[central].scheduled, never);
  EXPECT_EQ(left_over(), 0);
  EXPECT_EQ(requests.in_flight(), 0U);
}

TEST_F(ServiceTest, APromptInPartIsGivenUp) {
  shape.token_budget = 20;  // a prompt of 100 takes five steps
  open_ready(1);
  const RequestId leaver = arrive(0ms, 100, 0, 5);
  const RequestId next = arrive(1ms, 10);
  leave(30ms, leaver);
  engine.run();
  expect_end(leaver, Outcome::abandoned, 40ms);
  EXPECT_EQ(ended[leaver].first_token, never);
  expect_end(next, Outcome::completed, 50ms);
  EXPECT_EQ(left_over(), 0);
}

TEST_F(ServiceTest, WhoHasAllTokensByThenIsCompleted) {
  shape.max_num_seqs = 2;
  open_ready(1);
  const RequestId leaver = arrive(0ms, 10, 0, 3);
  const RequestId other = arrive(0ms, 10, 0, 9);
  leave(22ms + 1ns, leaver);
  engine.run();
  // Tokens at 10 ms, at 21 ms (with the other's prompt) and at 23 ms.
  expect_end(leaver, Outcome::completed, 23ms);
  EXPECT_EQ(ended[other].outcome, Outcome::completed);
  EXPECT_EQ(left_over(), 0);
}

TEST_F(ServiceTest, APreemptedRequestLeavesTheLine) {
  shape.max_num_seqs = 2;
  shape.block_size = 16;
  shape.kv_blocks = 4;
  open_ready(1);
  const RequestId first = arrive(0ms, 30, 0, 20);
  const RequestId second = arrive(0ms, 30, 0, 20);
  leave(70ms, second);
  engine.run();
  // Both prompts fill the four blocks; with the third token of the first the second has to go.
  EXPECT_EQ(ended[second].preemptions, 1);
  expect_end(second, Outcome::abandoned, 70ms);
  EXPECT_EQ(ended[first].outcome, Outcome::completed);
  EXPECT_EQ(left_over(), 0);
}

TEST_F(ServiceTest, AStaticBatchRunsOn) {
  shape.batching = Batching::static_batch;
  shape.kv_layout = KvLayout::contiguous;
  shape.kv_blocks = 64;
  open_ready(1);
  const RequestId leaver = arrive(0ms, 10, 0, 11);
  leave(12ms, leaver);
  engine.run();
  expect_end(leaver, Outcome::completed, 20ms);
}

TEST(CapacityEstimate, IsTheRateOfAFullReplicaByHand) {
  // One request at a time, a prompt of 100 ms, then 50 tokens of 1 ms: 150 ms a request.
  const StepCostTable costs = ms_per_token();
  EXPECT_NEAR(capacity_estimate(shape_with(costs), {100, 50}), 1 / 0.150, 1e-9);
}

TEST(CapacityEstimate, RisesWithSpeedInProportion) {
  const StepCostTable slow = ms_per_token();
  const StepCostTable fast = ms_per_token(ms / 4);
  const double of_slow = capacity_estimate(shape_with(slow), {100, 50});
  EXPECT_NEAR(capacity_estimate(shape_with(fast), {100, 50}), 4 * of_slow, 1e-9 * of_slow);
}

TEST(MeanOf, IsStatedOrInterpolated) {
  LengthLaw law;
  law.kind = LengthLaw::Kind::fixed;
  law.mean = 123;
  EXPECT_DOUBLE_EQ(mean_of(law), 123);
  law.kind = LengthLaw::Kind::quantiles;
  law.quantiles = {{0, 10}, {0.5, 200}, {0.9, 900}, {1, 3000}};
  EXPECT_NEAR(mean_of(law), 0.5 * 105 + 0.4 * 550 + 0.1 * 1950, 1e-9);
}

}  // namespace
}  // namespace plimsoll
