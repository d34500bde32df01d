// A pool that grows and shrinks, with real replicas before a real service: nothing is lost, and
// every nanosecond is accounted for. Work is by hand: a prompt of n tokens takes n ms. One engine a
// case.
#include "operations/scalable_pool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/service.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr Femtoseconds ms = 1'000'000'000'000;
constexpr int context = 512;

/// Weights that are pulled in `pull` and loaded in `load`; their last layers come `rest` after
/// that.
class FakeWeights final : public WeightSource {
 public:
  explicit FakeWeights(Engine& engine) : engine_{engine} {}
  void adopt(std::size_t) override {}
  void bring(std::size_t slot, WeightsVersion version, std::function<void()> pulled,
             std::function<void()> loaded) override {
    brought.emplace_back(slot, version);
    const std::uint64_t start = ++starts_[slot];
    engine_.at(engine_.now() + pull, EventPriority::completion, [=, this] {
      if (starts_[slot] == start) {
        pulled();
      }
    });
    engine_.at(engine_.now() + pull + load, EventPriority::completion, [=, this] {
      if (starts_[slot] == start) {
        loaded();
      }
    });
  }
  bool streams(std::size_t slot, std::function<void()> there) override {
    if (rest == Duration::zero()) {
      return false;
    }
    engine_.at(engine_.now() + rest, EventPriority::completion,
               [this, slot, start = starts_[slot], there = std::move(there)] {
                 if (starts_[slot] == start) {
                   there();
                 }
               });
    return true;
  }
  void give_up(std::size_t slot) override { ++starts_[slot]; }
  void released(std::size_t slot) override { gone.push_back(slot); }
  void node_lost(int) override {}
  void node_back(int) override {}
  const std::vector<ReadSpan>& reads_of(std::size_t) const override { return reads; }
  std::string bound_of(std::size_t, StartPhase) const override { return "fake"; }
  std::vector<ResourceUse> uses() const override { return {}; }
  std::vector<StoreBytes> pulled_from() const override { return {}; }

  Duration pull{50ms};
  Duration load{};
  Duration rest{};
  std::vector<std::pair<std::size_t, WeightsVersion>> brought;
  std::vector<std::size_t> gone;
  std::vector<ReadSpan> reads{{}};

 private:
  Engine& engine_;
  std::map<std::size_t, std::uint64_t> starts_;
};

class ScalablePoolTest : public testing::Test, public EventSink, public EndListener {
 protected:
  ScalablePoolTest() {
    CostColumn stage;
    for (int tokens = 0; tokens <= context; ++tokens) {
      stage.device.push_back(tokens * ms);
      stage.head.push_back(0);
    }
    costs.kinds = {{stage, 1}};
    shape.costs = &costs;
    shape.token_budget = context;
    shape.kv_blocks = 100;
    shape.max_context = context;
    config.models.resize(1);
    config.models[0].name = "model";
    config.pools.resize(1);
    config.pools[0].max_context = context;
    config.tiers = {TierConfig{}};
    config.workload.classes = {RequestClassConfig{}};
    config.service.router.policy = "round_robin";
    config.service.queue.policy = "fcfs";
    config.service.admission.policy = "always";
    AutoscaleConfig& scale = config.pools[0].autoscale.emplace();
    scale.min_replicas = 1;
    scale.max_replicas = 3;
    scale.provisioning_delay = 100ms;
  }

  void open(int replicas) {
    config.pools[0].replicas = replicas;
    service = std::make_unique<Service>(config, ModelIndex{0}, builtin_policies(), engine, requests,
                                        *this, *this);
    std::vector<Replica*> slots;
    for (ReplicaIndex i = 0; i < 3; ++i) {
      replicas_.push_back(make_replica(i, shape, engine, requests, *this, *service));
      service->add_replica(*replicas_.back(), 1.0);
      slots.push_back(replicas_.back().get());
    }
    service->open();
    pool = std::make_unique<ScalablePool>(config, PoolIndex{0}, slots, *service, *service, engine,
                                          &weights);
    pool->open();
  }

  void at(Duration t, std::function<void()> what) {
    engine.at(sim_start + t, EventPriority::window, std::move(what));
  }
  RequestId arrive(Duration t, int prompt) {
    const RequestId id = next_id_++;
    Arrival arrival;
    arrival.at = sim_start + t;
    arrival.prompt_tokens = prompt;
    arrival.output_tokens = 1;
    engine.at(arrival.at, EventPriority::arrival,
              [this, id, arrival] { service->arrive(id, arrival, Phase::before_steps); });
    return id;
  }
  void expect_counts(std::int64_t ready, std::int64_t loading, std::int64_t draining) {
    const InstanceCounts counts = pool->instances();
    EXPECT_EQ(counts.ready, ready) << engine.now().time_since_epoch().count();
    EXPECT_EQ(counts.loading, loading);
    EXPECT_EQ(counts.draining, draining);
  }
  PoolGauges gauges(std::size_t replica) {
    PoolGauges gauges;
    replicas_[replica]->add_gauges(gauges, engine.now());
    return gauges;
  }
  void expect_time_adds_up() {
    for (std::size_t i = 0; i < 3; ++i) {
      const PoolGauges g = gauges(i);
      EXPECT_EQ(g.busy_ns + g.idle_ns + g.down_ns + g.draining_ns + g.off_ns,
                engine.now().time_since_epoch().count());
    }
  }

  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_first_token(const RequestRecord&) override {}
  void on_steps(const StepRun&) override {}
  void on_resumed_token(PoolIndex, Duration) override {}
  void on_end(const RequestRecord& record) override { ended[record.id] = record; }
  void on_request_ended(SimTime) override {}

  Config config;
  StepCostTable costs;
  ReplicaShape shape;
  Engine engine{PlatformSpec{}};
  RequestTable requests;
  std::unique_ptr<Service> service;
  std::unique_ptr<ScalablePool> pool;
  FakeWeights weights{engine};
  std::map<RequestId, RequestRecord> ended;

 private:
  std::vector<std::unique_ptr<Replica>> replicas_;
  RequestId next_id_ = 0;
};

TEST_F(ScalablePoolTest, AnAddedReplicaServesAfterItsDelayAndNotBefore) {
  open(1);
  at(10ms, [&] { pool->scale_to(2); });
  arrive(0ms, 300);
  const RequestId before = arrive(110ms - 1ns, 10);
  const RequestId after = arrive(110ms + 1ns, 10);
  at(50ms, [&] { expect_counts(1, 1, 0); });
  at(111ms, [&] { expect_counts(2, 0, 0); });
  engine.run();
  EXPECT_EQ(ended[before].replica, 0U);
  EXPECT_EQ(ended[after].replica, 1U);
  EXPECT_EQ(ended[after].scheduled - sim_start, 110ms + 1ns);
  expect_time_adds_up();
  EXPECT_EQ(gauges(1).off_ns, 10'000'000);
  EXPECT_EQ(gauges(1).down_ns, 100'000'000);
}

TEST_F(ScalablePoolTest, ARemovedReplicaEndsWhatItHasTakesNoMoreAndGoes) {
  open(2);
  // Both get two: 40 and 40 ms at the first, 60 and 20 ms at the second.
  const std::vector<RequestId> ids{arrive(0ms, 40), arrive(0ms, 60), arrive(0ms, 40),
                                   arrive(0ms, 20)};
  at(10ms, [&] { pool->scale_to(1); });
  const RequestId later = arrive(20ms, 10);
  const RequestId latest = arrive(21ms, 10);
  at(79ms, [&] { expect_counts(1, 0, 1); });
  at(81ms, [&] { expect_counts(1, 0, 0); });
  at(200ms, [] {});
  engine.run();
  ASSERT_EQ(ended.size(), 6U) << "no request is lost";
  for (const auto& [id, record] : ended) {
    EXPECT_EQ(record.outcome, Outcome::completed) << id;
  }
  EXPECT_EQ(ended[ids[3]].replica, 1U);
  EXPECT_EQ(ended[ids[3]].finished - sim_start, 80ms);
  EXPECT_EQ(ended[later].replica, 0U);
  EXPECT_EQ(ended[latest].replica, 0U);
  expect_time_adds_up();
  EXPECT_EQ(gauges(1).busy_ns, 10'000'000);
  EXPECT_EQ(gauges(1).draining_ns, 70'000'000);
  EXPECT_EQ(gauges(1).off_ns, 120'000'000);
  EXPECT_EQ(gauges(2).off_ns, 200'000'000);
}

TEST_F(ScalablePoolTest, AnIdleReplicaGoesAtOnceAndMayComeAgain) {
  open(2);
  at(10ms, [&] { pool->scale_to(1); });
  at(10ms + 1ns, [&] { expect_counts(1, 0, 0); });
  at(50ms, [&] { pool->scale_to(3); });
  at(51ms, [&] { expect_counts(1, 2, 0); });
  at(151ms, [&] { expect_counts(3, 0, 0); });
  const RequestId first = arrive(160ms, 10);
  const RequestId second = arrive(160ms, 10);
  const RequestId third = arrive(160ms, 10);
  engine.run();
  EXPECT_EQ(ended[first].finished, ended[third].finished) << "three at once";
  EXPECT_EQ(ended[second].finished - sim_start, 170ms);
  expect_time_adds_up();
}

TEST_F(ScalablePoolTest, WhoIsLoadingGoesBeforeWhoServes) {
  open(1);
  at(10ms, [&] { pool->scale_to(2); });
  at(20ms, [&] { pool->scale_to(3); });
  at(30ms, [&] { pool->scale_to(2); });  // the younger of the two
  at(31ms, [&] { expect_counts(1, 1, 0); });
  at(111ms, [&] { expect_counts(2, 0, 0); });
  at(200ms, [] {});
  engine.run();
  EXPECT_EQ(gauges(2).down_ns, 10'000'000);
  EXPECT_EQ(gauges(2).off_ns, 190'000'000);
  expect_time_adds_up();
}

TEST_F(ScalablePoolTest, TheReplicaWithTheFewestRequestsDrains) {
  open(3);
  arrive(0ms, 100);
  arrive(0ms, 100);
  arrive(0ms, 100);
  arrive(0ms, 100);  // a second one for the first replica
  arrive(0ms, 100);  // and for the second
  at(10ms, [&] { pool->scale_to(2); });
  at(120ms, [] {});
  engine.run();
  EXPECT_EQ(gauges(2).draining_ns, 90'000'000);
  EXPECT_EQ(gauges(1).draining_ns, 0);
}

TEST_F(ScalablePoolTest, WhileNobodyServesRequestsWaitCentrally) {
  config.pools[0].autoscale->min_replicas = 0;
  open(1);
  at(5ms, [&] { pool->scale_to(0); });
  const RequestId id = arrive(10ms, 10);
  at(20ms, [&] {
    EXPECT_EQ(pool->scrape(ScalingSignal::queue_depth, 1s), 1.0);
    EXPECT_EQ(pool->scrape(ScalingSignal::utilization, 1s), std::nullopt);
    pool->scale_to(1);
  });
  engine.run();
  EXPECT_EQ(ended[id].finished - sim_start, 130ms);
}

TEST_F(ScalablePoolTest, SignalsAreWhatTheySay) {
  open(2);
  arrive(0ms, 80);
  arrive(0ms, 30);
  arrive(10ms, 20);
  arrive(10ms, 20);
  at(20ms, [&] {
    // One running and one waiting at each; both are busy.
    EXPECT_EQ(pool->scrape(ScalingSignal::outstanding, 20ms), 2.0);
    EXPECT_EQ(pool->scrape(ScalingSignal::queue_depth, 20ms), 2.0);
    // Blocks of 16: 5 of the prompt of 80, 2 of that of 30, of 200.
    EXPECT_EQ(pool->scrape(ScalingSignal::memory_utilization, 20ms), 7.0 / 200);
  });
  at(30ms, [&] { pool->scrape(ScalingSignal::none, 10ms); });
  at(130ms, [&] {
    // 70 ms of 100 at the first (80 + 20 from 0 on), 20 ms at the second.
    EXPECT_EQ(pool->scrape(ScalingSignal::utilization, 100ms), 90.0 / 200);
  });
  arrive(140ms, 1);
  at(150ms, [&] { EXPECT_EQ(pool->scrape(ScalingSignal::arrival_rate, 20ms), 1 / 0.02); });
  engine.run();
}

TEST_F(ScalablePoolTest, AColdStartThatIsCalledOffGoesAtOnce) {
  config.pools[0].start = PoolStart::cold;
  config.pools[0].autoscale->provisioning_delay.reset();
  open(1);
  at(60ms, [&] { pool->scale_to(2); });
  at(70ms, [&] { pool->scale_to(1); });
  at(71ms, [&] { expect_counts(1, 0, 0); });
  at(200ms, [] {});
  engine.run();
  EXPECT_EQ(weights.brought.size(), 2U);
  EXPECT_EQ(weights.gone, std::vector<std::size_t>{1});
  EXPECT_EQ(gauges(0).down_ns, 50'000'000);
  EXPECT_EQ(gauges(1).down_ns, 10'000'000);
  EXPECT_EQ(gauges(1).off_ns, 190'000'000);
  expect_time_adds_up();
}

/// Versions of which a copy is loaded in 30 ms, in the place of another.
class RolledOutPoolTest : public ScalablePoolTest {
 protected:
  WeightsVersion add_version() {
    LoadedVersion version;
    version.load = 30ms;
    return pool->versions().add(version);
  }
  void bring(std::size_t slot, WeightsVersion version) {
    pool->set_goal(slot, {version, SlotUse::serving});
  }
};

TEST_F(RolledOutPoolTest, ASlotWithAnotherVersionDrainsLoadsAndServesAgain) {
  open(2);
  const RequestId running = arrive(0ms, 40);
  at(10ms, [&] {
    bring(0, add_version());
    expect_counts(1, 1, 0);
    EXPECT_EQ(pool->version(0), 0) << "it still answers with that";
  });
  const RequestId meanwhile = arrive(20ms, 10);
  at(41ms, [&] { EXPECT_EQ(pool->version(0), 1); });
  at(70ms - 1ns, [&] {
    expect_counts(1, 1, 0);
    EXPECT_FALSE(pool->settled(0));
  });
  at(70ms + 1ns, [&] {
    expect_counts(2, 0, 0);
    EXPECT_TRUE(pool->settled(0));
  });
  at(100ms, [] {});
  engine.run();
  EXPECT_EQ(ended[running].finished - sim_start, 40ms) << "nothing is lost by that";
  EXPECT_EQ(ended[meanwhile].replica, 1U);
  EXPECT_EQ(pool->versions().loads(1), 1);
  EXPECT_EQ(gauges(0).draining_ns, 30'000'000);
  EXPECT_EQ(gauges(0).down_ns, 30'000'000);
  EXPECT_EQ(gauges(0).off_ns, 0) << "it keeps its machines";
  expect_time_adds_up();
}

TEST_F(RolledOutPoolTest, WhoGetsHisVersionBackWhileHeDrainsStays) {
  open(1);
  arrive(0ms, 40);
  at(10ms, [&] { bring(0, add_version()); });
  at(20ms, [&] {
    bring(0, 0);
    expect_counts(1, 0, 0);
  });
  at(100ms, [] {});
  engine.run();
  EXPECT_EQ(gauges(0).down_ns, 0);
  EXPECT_EQ(pool->versions().loads(1), 0);
}

TEST_F(RolledOutPoolTest, AddedReplicasBeginWithWhatIsSaidAndCanariesGoLast) {
  open(2);
  at(10ms, [&] {
    const WeightsVersion version = add_version();
    pool->add_with(0, version);
    bring(1, version);
  });
  at(50ms, [&] {
    pool->scale_to(3);
    EXPECT_EQ(pool->version(2), 0) << "the canary is judged";
  });
  at(160ms, [&] {
    pool->scale_to(1);
    EXPECT_TRUE(pool->serves(1)) << "it is the canary";
    EXPECT_TRUE(pool->settled(0)) << "who goes is waited for by nobody";
  });
  at(170ms, [&] {
    pool->add_with(1, std::nullopt);
    pool->scale_to(2);
    EXPECT_EQ(pool->version(0), 1);
  });
  at(300ms, [&] { EXPECT_TRUE(pool->serves(0)); });
  engine.run();
  EXPECT_EQ(pool->versions().loads(1), 2);
  expect_time_adds_up();
}

TEST_F(RolledOutPoolTest, WhatARolloutAddsIsNeitherCountedNorRemovedByOthers) {
  config.pools[0].autoscale->max_replicas = 2;
  config.pools[0].surge = 1;
  open(2);
  EXPECT_EQ(pool->maximum(), 2);
  EXPECT_FALSE(pool->spare(1));
  EXPECT_TRUE(pool->spare(2));
  at(10ms, [&] { bring(2, add_version()); });
  at(110ms + 1ns, [&] {
    EXPECT_TRUE(pool->serves(2));
    expect_counts(2, 0, 0);
    pool->scale_to(1);
    EXPECT_TRUE(pool->serves(2));
    pool->set_goal(2, {1, SlotUse::off});
  });
  at(120ms, [&] { EXPECT_TRUE(pool->settled(2)); });
  engine.run();
  EXPECT_EQ(gauges(2).down_ns, 100'000'000) << "it was provisioned as any other, loading included";
  EXPECT_TRUE(pool->off(2));
}

TEST_F(RolledOutPoolTest, WhoBreaksAmidItComesBackWithTheNewVersion) {
  open(2);
  arrive(0ms, 40);
  at(10ms, [&] { bring(0, add_version()); });
  at(20ms, [&] {
    EXPECT_TRUE(pool->machine_failed(0, DownCause::gpu));
    EXPECT_TRUE(pool->settled(0));
    expect_counts(1, 1, 0);
  });
  at(30ms, [&] { service->replica_lost(0); });
  at(50ms, [&] { pool->machine_repaired(0); });
  at(200ms, [] {});
  engine.run();
  EXPECT_TRUE(pool->serves(0));
  EXPECT_EQ(pool->version(0), 1);
  EXPECT_EQ(gauges(0).down_ns, 130'000'000) << "30 ms broken, then a start of 100 ms";
  expect_time_adds_up();
}

TEST_F(RolledOutPoolTest, AmongThoseWhoDrainForAVersionSomeMayGo) {
  open(2);
  arrive(0ms, 40);
  arrive(0ms, 60);
  at(10ms, [&] {
    const WeightsVersion version = add_version();
    bring(0, version);
    bring(1, version);
  });
  at(20ms, [&] {
    pool->scale_to(1);
    expect_counts(0, 1, 1);
  });
  at(200ms, [] {});
  engine.run();
  EXPECT_EQ(ended.size(), 2U);
  EXPECT_TRUE(pool->off(0) != pool->off(1));
  expect_time_adds_up();
}

/// One replica that pulls for 50 ms, so that it takes requests from then on, and has its last layer
/// `rest` later.
class StreamedWeightsTest : public ScalablePoolTest {
 protected:
  void open_cold(Duration rest) {
    config.pools[0].start = PoolStart::cold;
    config.pools[0].autoscale->provisioning_delay.reset();
    weights.rest = rest;
    open(1);
  }
};

TEST_F(StreamedWeightsTest, TheFirstPassEndsNoEarlierThanTheLastLayerAndOthersRunAtFullSpeed) {
  open_cold(30ms);
  const RequestId first = arrive(60ms, 10);  // its pass would end at 70 ms
  const RequestId second = arrive(61ms, 5);  // in the pass after the first
  const RequestId later = arrive(200ms, 10);
  at(75ms, [&] { EXPECT_EQ(gauges(0).running, 1) << "the pass is held"; });
  engine.run();
  EXPECT_EQ(ended[first].scheduled - sim_start, 60ms);
  EXPECT_EQ(ended[first].finished - sim_start, 80ms);
  EXPECT_EQ(ended[second].finished - sim_start, 85ms);
  EXPECT_EQ(ended[later].finished - sim_start, 210ms);
  EXPECT_EQ(gauges(0).busy_ns, 25'000'000 + 10'000'000);
  expect_time_adds_up();
}

TEST_F(StreamedWeightsTest, APassThatIsLongerThanTheStreamIsAsLongAsEver) {
  open_cold(30ms);
  const RequestId first = arrive(60ms, 40);
  engine.run();
  EXPECT_EQ(ended[first].finished - sim_start, 100ms);
}

TEST_F(StreamedWeightsTest, WhoHasAllLayersBeforeAnybodyAsksServesAtFullSpeed) {
  open_cold(30ms);
  const RequestId first = arrive(90ms, 10);
  engine.run();
  EXPECT_EQ(ended[first].finished - sim_start, 100ms);
}

TEST_F(StreamedWeightsTest, AReplicaThatFailsUnderItsFirstPassComesAgainAndLosesNobody) {
  open_cold(30ms);
  const RequestId first = arrive(60ms, 10);
  at(70ms, [&] { pool->fail(0); });
  at(75ms, [&] { pool->restart(0, 0); });  // takes requests at 125 ms, has its last layer at 155
  engine.run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[first].outcome, Outcome::completed);
  EXPECT_EQ(ended[first].finished - sim_start, 155ms);
  expect_time_adds_up();
}

TEST_F(StreamedWeightsTest, WhoDrainsUnderTheFirstPassEndsItAndGoes) {
  config.pools[0].autoscale->min_replicas = 0;
  open_cold(30ms);
  const RequestId first = arrive(60ms, 10);
  at(65ms, [&] { pool->scale_to(0); });
  engine.run();
  EXPECT_EQ(ended[first].finished - sim_start, 80ms);
  EXPECT_EQ(gauges(0).draining_ns, 15'000'000);
}

class ProcuredPoolTest : public ScalablePoolTest {
 protected:
  /// Versions 1 .. count, which are pulled like the first.
  void add_versions(int count) {
    for (int i = 0; i < count; ++i) {
      pool->versions().add(LoadedVersion{});
    }
  }
  /// Replicas of t = 0 serve; added ones are ordered, provisioned (10 ms), pull (50), load (30) and
  /// warm up (20).
  ProcuredPoolTest() {
    PoolConfig& procured = config.pools[0];
    procured.autoscale.reset();
    procured.procurement.emplace();
    procured.provision = 10ms;
    procured.warm_up = 20ms;
    weights.load = 30ms;
  }
  ProcurementConfig& procurement() { return *config.pools[0].procurement; }
  static constexpr std::array<std::int64_t, start_phase_count> in_ms(
      std::array<std::int64_t, start_phase_count> times) {
    for (std::int64_t& each : times) {
      each *= 1'000'000;
    }
    return times;
  }
};

TEST_F(ProcuredPoolTest, ARolloutWaitsForMachinesThatItAddsOrGivesThemUp) {
  procurement().stock_outs = {{0ms, 1s}};
  config.pools[0].surge = 1;
  open(2);
  at(10ms, [&] {
    LoadedVersion version;
    version.load = 30ms;
    pool->set_goal(2, {pool->versions().add(version), SlotUse::serving});
    EXPECT_EQ(pool->waits_since(2), sim_start + 10ms);
    EXPECT_FALSE(pool->settled(2));
  });
  at(500ms, [&] {
    pool->set_goal(2, {0, SlotUse::off});
    EXPECT_EQ(pool->waits_since(2), std::nullopt);
    EXPECT_TRUE(pool->settled(2));
  });
  at(2s, [] {});
  engine.run();
  EXPECT_TRUE(pool->off(2));
  EXPECT_EQ(gauges(2).off_ns, 2'000'000'000) << "nobody rented it";
  expect_time_adds_up();
}

// Two starts under way beside one replica: twice as many would serve, after the older of them.
TEST_F(ProcuredPoolTest, TheMultipleThatARunDidNotReachIsTheOldestStartsSoFar) {
  procurement().lead_time.mean = 200ms;
  procurement().stock_outs = {{50ms, 100ms}};
  procurement().orders = {{100ms, 1}, {250ms, 1}};
  open(1);
  engine.run_until(sim_start + 300ms);
  const ElasticitySummary summary = pool->elasticity();
  ASSERT_EQ(summary.multiples.size(), 1U);
  ASSERT_TRUE(summary.next_multiple.has_value());
  EXPECT_EQ(summary.next_multiple->multiple, 2);
  EXPECT_EQ(summary.next_multiple->at, never);
  EXPECT_EQ(summary.next_multiple->start, in_ms({50, 150, 0, 0, 0, 0}));
  EXPECT_EQ(summary.next_multiple->bound_by, "lead");
}

TEST_F(ProcuredPoolTest, StartsThatWouldNotReachAMultipleTellNothingOfIt) {
  procurement().lead_time.mean = 200ms;
  procurement().orders = {{100ms, 1}};
  open(2);
  engine.run_until(sim_start + 200ms);
  EXPECT_FALSE(pool->elasticity().next_multiple.has_value()) << "three are not four";
}

TEST_F(ProcuredPoolTest, AnOrderPassesEveryPhaseAndTheyAddUp) {
  procurement().lead_time.mean = 200ms;
  procurement().stock_outs = {{50ms, 100ms}, {150ms, 10ms}};
  procurement().orders = {{100ms, 2}};
  open(1);
  at(370ms - 1ns, [&] { expect_counts(1, 2, 0); });
  // Out of stock until 160, delivered at 360, then 110 ms.
  at(470ms - 1ns, [&] { expect_counts(1, 2, 0); });
  at(470ms + 1ns, [&] { expect_counts(3, 0, 0); });
  at(500ms, [] {});
  engine.run();
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.base_replicas, 1);
  EXPECT_EQ(summary.most_serving, 3);
  EXPECT_EQ(summary.starts, 2);
  EXPECT_EQ(summary.times, in_ms({2 * 60, 2 * 200, 2 * 10, 2 * 50, 2 * 30, 2 * 20}));
  EXPECT_EQ(summary.longest_start_ns, 370'000'000);
  ASSERT_EQ(summary.multiples.size(), 3U);
  EXPECT_EQ(summary.multiples[2].at - sim_start, 470ms);
  EXPECT_EQ(summary.multiples[2].start, in_ms({60, 200, 10, 50, 30, 20}));
  EXPECT_EQ(summary.multiples[2].bound_by, "lead");
  EXPECT_EQ(gauges(1).off_ns, 360'000'000) << "what is not delivered is not rented";
  EXPECT_EQ(gauges(1).down_ns, 110'000'000);
  expect_time_adds_up();
}

TEST_F(ProcuredPoolTest, LeadTimesFollowTheirLaw) {
  procurement().lead_time = {10min, 0.5};
  const Procurement law{config, 0};
  double sum = 0;
  double squares = 0;
  constexpr int orders = 20'000;
  for (std::uint64_t order = 0; order < orders; ++order) {
    const double seconds = to_seconds(law.lead_time(0, order));
    ASSERT_GT(seconds, 0);
    sum += seconds;
    squares += seconds * seconds;
  }
  const double mean = sum / orders;
  // Standard errors: 600 x 0.5 / sqrt(20,000) = 2.1 s of the mean.
  EXPECT_NEAR(mean, 600, 4 * 2.1);
  EXPECT_NEAR(std::sqrt(squares / orders - mean * mean) / mean, 0.5, 0.02);
}

TEST_F(ProcuredPoolTest, SlotsAreReservedThenSpotThenOnDemandAndRentAddsUp) {
  procurement().reserved = 1;
  procurement().spot = SpotConfig{1, 24h, 0ms, true};
  open(3);
  at(100ms, [] {});
  engine.run_until(sim_start + 100ms);
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.rented_ns,
            (std::array<std::int64_t, contract_count>{100'000'000, 100'000'000, 100'000'000, 0}));
}

TEST_F(ProcuredPoolTest, ASpotReplicaWithNoticeDrainsLosesNobodyAndIsReplacedAtOnce) {
  procurement().spot = SpotConfig{1, 20s, 300ms, true};
  config.pools[0].surge = notice_slots(config.pools[0]);
  config.pools[0].replicas = 2;
  const Procurement law{config, 0};
  const Duration reclaimed = *law.reclaimed_after(0, 1);
  ASSERT_GT(reclaimed, 300ms) << "the seed of this case";
  open(2);
  const Duration noticed = reclaimed - 300ms;
  at(noticed - 60ms, [&] { pool->fail(1); });  // the spot replica is alone
  const RequestId before = arrive(noticed - 50ms, 100);
  const RequestId after = arrive(noticed + 1ms, 10);
  at(noticed + 2ms, [&] {
    expect_counts(0, 2, 1);
    EXPECT_FALSE(pool->off(2)) << "ordered at the notice, while slot 0 drains";
  });
  at(noticed + 51ms, [&] { EXPECT_TRUE(pool->off(0)); });
  engine.run_until(sim_start + noticed + 200ms);
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[before].outcome, Outcome::completed);
  EXPECT_EQ(ended[before].finished - sim_start, noticed + 50ms);
  // 110 ms from the notice until another machine serves.
  EXPECT_EQ(ended[after].finished - sim_start, noticed + 110ms + 10ms);
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.reclaims, 1);
  EXPECT_EQ(summary.reclaimed_serving, 0);
  EXPECT_EQ(summary.reclaim_losses->lost, 0);
  expect_time_adds_up();
}

TEST_F(ProcuredPoolTest, ASpotReplicaThatIsToldWhileItStartsNeverServes) {
  // Of 110 ms of start every phase is met by some notice of these.
  procurement().spot = SpotConfig{1, 20s, 300ms, true};
  config.pools[0].surge = notice_slots(config.pools[0]);
  config.pools[0].replicas = 2;
  config.pools[0].start = PoolStart::cold;
  const Procurement law{config, 0};
  const Duration reclaimed = *law.reclaimed_after(0, 1);
  ASSERT_GT(reclaimed, 300ms) << "the seed of this case";
  config.pools[0].provision = reclaimed - 300ms + 5ms;  // told in the midst of it
  open(2);
  for (Duration t{}; t < reclaimed + 100ms; t += 1ms) {
    at(t, [&] { EXPECT_FALSE(pool->serves(0)); });
  }
  at(reclaimed - 300ms + 1ns, [&] {
    EXPECT_FALSE(pool->off(0)) << "given back at the notice, and replaced there";
    EXPECT_TRUE(pool->off(2));
  });
  engine.run_until(sim_start + reclaimed + 100ms);
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.called_off, 1);
  EXPECT_EQ(summary.reclaims, 1);
  EXPECT_EQ(summary.reclaim_losses->lost, 0);
  expect_time_adds_up();
}

TEST_F(ProcuredPoolTest, ASpotReplicaWithoutNoticeLosesOnlyWhatWasInFlight) {
  procurement().spot = SpotConfig{1, 1s, 0ms, true};
  const Procurement law{config, 0};
  const Duration reclaimed = *law.reclaimed_after(0, 1);
  ASSERT_GT(reclaimed, 300ms) << "the seed of this case";
  open(1);
  const RequestId before = arrive(reclaimed - 200ms, 100);
  const RequestId running = arrive(reclaimed - 50ms, 100);
  const RequestId waiting = arrive(reclaimed - 40ms, 100);
  const RequestId after = arrive(reclaimed + 10ms, 10);
  engine.run_until(sim_start + reclaimed + 400ms);
  ASSERT_EQ(ended.size(), 4U);
  EXPECT_EQ(ended[before].finished - sim_start, reclaimed - 100ms) << "what was over stays so";
  // Both in flight begin anew on the machine that comes 110 ms later, in one step or two.
  for (const RequestId id : {running, waiting, after}) {
    EXPECT_EQ(ended[id].outcome, Outcome::completed) << id;
    EXPECT_GE(ended[id].finished - sim_start, reclaimed + 110ms) << id;
  }
  EXPECT_EQ(service->losses().lost, 2);
  EXPECT_EQ(service->losses().retried, 2);
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.reclaims, 1);
  EXPECT_EQ(summary.reclaimed_serving, 1);
  EXPECT_EQ(summary.reclaim_losses->lost, 2) << "the two that were in flight";
  EXPECT_EQ(summary.reclaim_losses->retried, 2);
  EXPECT_EQ(summary.reclaim_losses->failed, 0);
  expect_time_adds_up();
}

TEST_F(ProcuredPoolTest, ABrokenSpotMachineIsTakenBackWhenItIsRepaired) {
  procurement().spot = SpotConfig{1, 1s, 0ms, true};
  const Procurement law{config, 0};
  const Duration reclaimed = *law.reclaimed_after(0, 1);
  open(1);
  at(reclaimed - 50ms, [&] { EXPECT_TRUE(pool->machine_failed(0, DownCause::node)); });
  at(reclaimed + 1ms, [&] { EXPECT_TRUE(pool->failed(0)); });
  at(reclaimed + 100ms, [&] {
    service->replica_lost(0);
    pool->machine_repaired(0);
    expect_counts(0, 1, 0);  // another machine is on its way
  });
  at(reclaimed + 210ms - 1ns, [&] { expect_counts(0, 1, 0); });
  at(reclaimed + 210ms + 1ns, [&] { expect_counts(1, 0, 0); });
  engine.run_until(sim_start + reclaimed + 220ms);
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.reclaims, 1);
  EXPECT_EQ(summary.failures, 1);
  EXPECT_EQ(summary.failed_ns, 150'000'000);
  expect_time_adds_up();
}

TEST_F(ProcuredPoolTest, AFailedStartIsGivenUpAndBeginsAnewWithAnotherVersion) {
  procurement().orders = {{0ms, 1}};
  open(1);
  add_versions(7);
  at(40ms, [&] { pool->fail(1); });  // it pulls
  at(41ms, [&] { expect_counts(1, 1, 0); });
  at(100ms, [&] { pool->restart(1, 7); });
  at(209ms, [&] { expect_counts(1, 1, 0); });
  at(211ms, [&] { expect_counts(2, 0, 0); });
  at(300ms, [] {});
  engine.run();
  EXPECT_EQ(weights.brought, (std::vector<std::pair<std::size_t, WeightsVersion>>{{1, 0}, {1, 7}}));
  EXPECT_EQ(pool->version(1), 7);
  const ElasticitySummary summary = pool->elasticity();
  EXPECT_EQ(summary.failures, 1);
  EXPECT_EQ(summary.called_off, 1);
  EXPECT_EQ(summary.failed_ns, 60'000'000);
  expect_time_adds_up();
}

TEST_F(ProcuredPoolTest, ASlotDrainsAndIsOrderedAnewWithAnotherVersion) {
  open(2);
  add_versions(3);
  const RequestId first = arrive(0ms, 80);
  const RequestId second = arrive(0ms, 80);
  at(10ms, [&] { pool->drain(1, [&] { pool->order(1, 3); }); });
  at(189ms, [&] { expect_counts(1, 1, 0); });
  at(191ms, [&] { expect_counts(2, 0, 0); });
  engine.run();
  EXPECT_EQ(ended[first].outcome, Outcome::completed);
  EXPECT_EQ(ended[second].outcome, Outcome::completed);
  EXPECT_EQ(pool->version(0), 0);
  EXPECT_EQ(pool->version(1), 3);
  expect_time_adds_up();
}

}  // namespace
}  // namespace plimsoll
