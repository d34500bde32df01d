// Stages without a queue of their own, by hand: streaming, safety filters, auth, model router,
// broker.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "service/auth.hpp"
#include "service/model_router.hpp"
#include "service/safety_filter.hpp"
#include "service/streaming.hpp"

namespace plimsoll {
namespace {

bool anything(ModelIndex) {
  return true;
}

using namespace std::chrono_literals;

constexpr int count = 50'000;

/// Four standard deviations of a share.
void expect_share(int found, double p) {
  EXPECT_NEAR(found / static_cast<double>(count), p, 4 * std::sqrt(p * (1 - p) / count));
}

TEST(Streaming, DeliversNoFasterThanTheClientReadsNorThanTheEngineEmits) {
  StreamingConfig config;
  config.read_rate = Frequency::of(20);
  const Streaming streaming{1, config};
  const SimTime first = sim_start + 1s;
  // 41 tokens take 40 gaps of 50 ms.
  EXPECT_EQ(streaming.delivered(1, 41, first, sim_start + 2s), first + 2s);
  EXPECT_EQ(streaming.delivered(1, 41, first, sim_start + 9s), sim_start + 9s);
  EXPECT_EQ(streaming.delivered(1, 1, first, first), first);
}

TEST(Streaming, TheLastTokenLeavesWhenTheBufferHoldsTheRest) {
  StreamingConfig config;
  config.read_rate = Frequency::of(20);
  config.back_pressure = BackPressure::hold_kv;
  config.buffer = 10;
  const Streaming streaming{1, config};
  const SimTime first = sim_start + 1s;
  // The first is read at once, so that 31 of 41 are read after 30 gaps of 50 ms.
  EXPECT_EQ(streaming.leaves(1, 41, first, sim_start + 2s), first + 1500ms);
  EXPECT_EQ(streaming.leaves(1, 41, first, sim_start + 9s), sim_start + 9s)
      << "not before it is had";
  EXPECT_EQ(streaming.leaves(1, 10, first, first), first) << "the buffer holds all of it";
}

TEST(Streaming, ConnectionsAreLimitedAndUsedAgain) {
  StreamingConfig config;
  config.read_rate = Frequency::of(20);
  config.connections = 2;
  config.setup.mean = 30ms;
  Streaming streaming{1, config};
  EXPECT_EQ(streaming.open(1, 1, sim_start).ahead, 30ms);
  EXPECT_TRUE(streaming.open(2, 2, sim_start).passes());
  EXPECT_EQ(streaming.open(3, 3, sim_start).outcome, Outcome::shed);
  streaming.close(1, true, sim_start + 1s);
  EXPECT_TRUE(streaming.open(4, 4, sim_start + 1s).passes());
  EXPECT_DOUBLE_EQ(streaming.use(sim_start + 2s).used, 4e9) << "all of 2 x 2 s";
  EXPECT_DOUBLE_EQ(streaming.use(sim_start + 2s).all, 4e9);
  streaming.close(2, true, sim_start + 2s);
  streaming.close(4, true, sim_start + 2s);
  EXPECT_DOUBLE_EQ(streaming.use(sim_start + 4s).used, 4e9);
}

TEST(Streaming, OpensNothingDuringAnOutage) {
  StreamingConfig config;
  config.read_rate = Frequency::of(20);
  config.outages = {{1s, 1s, 1.0}};
  Streaming streaming{1, config};
  EXPECT_TRUE(streaming.open(1, 1, sim_start).passes());
  EXPECT_EQ(streaming.open(2, 2, sim_start + 1s).outcome, Outcome::failed);
  EXPECT_EQ(streaming.connections(), 1) << "those that are open stay open";
  EXPECT_TRUE(streaming.open(3, 3, sim_start + 2s).passes());
}

TEST(Streaming, AShareFindsAnOpenConnection) {
  StreamingConfig config;
  config.read_rate = Frequency::of(20);
  config.reuse = 0.7;
  config.setup.mean = 30ms;
  Streaming streaming{1, config};
  int reused = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    reused += streaming.open(id, 1, sim_start).ahead == 0ms ? 1 : 0;
  }
  expect_share(reused, 0.7);
}

StreamingConfig pooled(std::int64_t size, Duration keep_alive) {
  StreamingConfig config;
  config.read_rate = Frequency::of(20);
  config.setup.mean = 30ms;
  config.pool = ConnectionPoolConfig{size, keep_alive};
  return config;
}

TEST(ConnectionPool, AClientUsesItsOwnConnectionAgainForAsLongAsItIsKept) {
  Streaming streaming{1, pooled(10, 5s)};
  EXPECT_EQ(streaming.open(1, 7, sim_start).ahead, 30ms);
  streaming.close(7, true, sim_start + 1s);
  EXPECT_EQ(streaming.open(2, 8, sim_start + 2s).ahead, 30ms) << "it is not that of another client";
  const StageResult again = streaming.open(3, 7, sim_start + 5900ms);
  EXPECT_EQ(again.ahead, 0ms);
  EXPECT_TRUE(again.hit);
  streaming.close(7, true, sim_start + 6s);
  EXPECT_FALSE(streaming.open(4, 7, sim_start + 11s).hit) << "its five seconds are over";
  streaming.close(7, false, sim_start + 12s);
  EXPECT_FALSE(streaming.open(5, 7, sim_start + 13s).hit) << "a client that left closed it";
}

TEST(ConnectionPool, HoldsTheNewestOfAsManyAsItMay) {
  Streaming streaming{1, pooled(2, 1min)};
  for (PrefixId owner = 1; owner <= 3; ++owner) {
    streaming.open(owner, owner, sim_start);
  }
  for (PrefixId owner = 1; owner <= 3; ++owner) {
    streaming.close(owner, true, sim_start + std::chrono::seconds{owner});
  }
  EXPECT_EQ(streaming.connections(), 2);
  EXPECT_FALSE(streaming.open(4, 1, sim_start + 5s).hit);
  EXPECT_TRUE(streaming.open(5, 2, sim_start + 5s).hit);
  EXPECT_TRUE(streaming.open(6, 3, sim_start + 5s).hit);
}

TEST(ConnectionPool, IdleConnectionsCountUntilTheyAreClosed) {
  StreamingConfig config = pooled(10, 4s);
  config.connections = 2;
  Streaming streaming{1, config};
  streaming.open(1, 1, sim_start);
  streaming.close(1, true, sim_start + 2s);
  // Used for 2 s, idle for 4 s, closed by then though nothing has happened since.
  EXPECT_DOUBLE_EQ(streaming.use(sim_start + 8s).used, 6e9);
  streaming.open(2, 2, sim_start + 8s);
  EXPECT_DOUBLE_EQ(streaming.use(sim_start + 8s).used, 6e9);
  streaming.close(2, true, sim_start + 9s);
  EXPECT_TRUE(streaming.open(3, 3, sim_start + 9s).passes());
  EXPECT_TRUE(streaming.open(4, 4, sim_start + 9s).passes()) << "the idle one makes room";
  EXPECT_EQ(streaming.connections(), 2);
  EXPECT_EQ(streaming.open(5, 2, sim_start + 10s).outcome, Outcome::shed) << "both are in use";
}

TEST(SafetyFilter, BlocksItsShare) {
  SafetyConfig config;
  config.blocked = 0.03;
  config.latency.mean = 5ms;
  SafetyFilter filter{1, "safety", config};
  int blocked = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    const StageResult result = filter.check(id, 100, sim_start);
    blocked += result.outcome == Outcome::blocked ? 1 : 0;
    EXPECT_EQ(result.ahead, 5ms);
  }
  expect_share(blocked, 0.03);
}

TEST(SafetyFilter, FailsOpenOrClosed) {
  SafetyConfig config;
  config.blocked = 1;
  config.outages = {{1s, 1s, 1.0}};
  SafetyFilter open{1, "safety", config};
  EXPECT_TRUE(open.check(1, 100, sim_start + 1s).passes());
  EXPECT_EQ(open.check(1, 100, sim_start + 2s).outcome, Outcome::blocked);
  config.fails_open = false;
  SafetyFilter closed{1, "safety", config};
  EXPECT_EQ(closed.check(1, 100, sim_start + 1s).outcome, Outcome::failed);
}

Config config_with_auth() {
  Config config;
  config.tiers = {TierConfig{}, TierConfig{}};
  config.workload.classes = {RequestClassConfig{}};
  config.path.emplace().auth.emplace();
  return config;
}

TEST(Auth, HasTurns) {
  Config config = config_with_auth();
  config.path->auth->capacity = Frequency::of(10);
  const ApiKeys keys{config, 1};
  Auth auth{config, keys, 1};
  EXPECT_TRUE(auth.in_order());
  EXPECT_EQ(auth.check(1, 0, 0, sim_start).wait, 0ms);
  EXPECT_EQ(auth.check(2, 0, 0, sim_start).wait, 100ms);
}

TEST(Auth, RefusesItsShareAndFailsDuringAnOutage) {
  Config config = config_with_auth();
  config.path->auth->unauthorized = 0.02;
  config.path->auth->outages = {{10s, 1s, 0.25}};
  const ApiKeys keys{config, 1};
  Auth auth{config, keys, 1};
  int refused = 0;
  int failed = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    refused += auth.check(id, 0, 0, sim_start).outcome == Outcome::unauthorized ? 1 : 0;
    failed += auth.check(id, 0, 0, sim_start + 10s).outcome == Outcome::failed ? 1 : 0;
  }
  expect_share(refused, 0.02);
  expect_share(failed, 0.25);
}

TEST(Auth, AQuotaBeginsAnewWithEachPeriod) {
  Config config = config_with_auth();
  config.path->auth->quotas = {{1, 2, 10s}};
  const ApiKeys keys{config, 1};
  Auth auth{config, keys, 1};
  const auto ask = [&](TierIndex tier, Duration at) {
    return auth.check(1, tier, 0, sim_start + at).outcome;
  };
  EXPECT_EQ(ask(1, 8s), Outcome::completed);
  EXPECT_EQ(ask(1, 9s), Outcome::completed);
  EXPECT_EQ(ask(1, 9s), Outcome::rate_limited);
  EXPECT_EQ(ask(0, 9s), Outcome::completed) << "another tier";
  EXPECT_EQ(ask(1, 10s), Outcome::completed);
}

TEST(ModelRouter, SplitsInOrderAndSpillsWhenManyWait) {
  Config config;
  config.workload.classes.resize(2);
  config.workload.classes[1].tier = 1;
  ModelRouterConfig& router_config = config.path.emplace().model_router.emplace();
  SplitConfig plus;
  plus.tier = TierIndex{1};
  plus.to = 1;
  plus.share = 1;
  SplitConfig canary;
  canary.to = 2;
  canary.share = 0.1;
  router_config.splits = {plus, canary};
  router_config.spillovers = {{1, 0, 5}};
  const ModelRouter router{config, 1};
  int to_canary = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    const auto nobody = [](ModelIndex) { return ModelRouter::Line{0, 1}; };
    to_canary += router.choose(id, 0, std::nullopt, nobody, anything).model == 2 ? 1 : 0;
    EXPECT_EQ(router.choose(id, 1, std::nullopt, nobody, anything).model, 1);
  }
  expect_share(to_canary, 0.1);
  const auto many = [](ModelIndex model) { return ModelRouter::Line{model == 1 ? 5 : 0, 1}; };
  const ModelRouter::Choice spilled = router.choose(1, 1, std::nullopt, many, anything);
  EXPECT_EQ(spilled.model, 0);
  EXPECT_TRUE(spilled.spilled);
  const auto fewer = [](ModelIndex model) { return ModelRouter::Line{model == 1 ? 4 : 0, 1}; };
  EXPECT_FALSE(router.choose(1, 1, std::nullopt, fewer, anything).spilled);
  EXPECT_EQ(router.choose(1, 1, ModelIndex{2}, many, anything).model, 2)
      << "what an experiment gave does not pass the splits";
}

TEST(ModelRouter, NeitherASplitNorAFallbackTakesWhatIsTooLongForItsModel) {
  Config config;
  config.workload.classes.resize(1);
  ModelRouterConfig& router_config = config.path.emplace().model_router.emplace();
  SplitConfig all;
  all.to = 1;
  all.share = 1;
  router_config.splits = {all};
  router_config.spillovers = {{0, 2, 5}};
  const ModelRouter router{config, 1};
  const auto many = [](ModelIndex model) { return ModelRouter::Line{model == 0 ? 9 : 0, 1}; };
  const auto only = [](std::vector<ModelIndex> models) {
    return [models](ModelIndex model) {
      return std::find(models.begin(), models.end(), model) != models.end();
    };
  };
  EXPECT_EQ(router.choose(1, 0, std::nullopt, many, only({0, 1, 2})).model, 1);
  const ModelRouter::Choice spilled = router.choose(1, 0, std::nullopt, many, only({0, 2}));
  EXPECT_EQ(spilled.model, 2) << "past the split, then to the fallback of its own model";
  EXPECT_EQ(spilled.wanted, 0);
  EXPECT_TRUE(spilled.spilled);
  const ModelRouter::Choice stays = router.choose(1, 0, std::nullopt, many, only({0}));
  EXPECT_EQ(stays.model, 0);
  EXPECT_FALSE(stays.spilled);
}

TEST(ModelRouter, SpillsOnlyToAShorterLineForWhatReplicasDo) {
  Config config;
  config.workload.classes.resize(1);
  config.path.emplace().model_router.emplace().spillovers = {{0, 1, 10}};
  const ModelRouter router{config, 1};
  const auto spills = [&](ModelRouter::Line from, ModelRouter::Line to) {
    return router
        .choose(
            1, 0, std::nullopt, [&](ModelIndex model) { return model == 0 ? from : to; }, anything)
        .spilled;
  };
  EXPECT_TRUE(spills({20, 2}, {9, 1})) << "10 s against 9 s";
  EXPECT_FALSE(spills({20, 2}, {10, 1})) << "as long";
  EXPECT_FALSE(spills({20, 2}, {11, 1}));
  EXPECT_FALSE(spills({9, 2}, {0, 1})) << "not many wait";
  EXPECT_TRUE(spills({20, 0}, {9, 1})) << "nobody serves the first";
  EXPECT_FALSE(spills({20, 2}, {0, 0})) << "nobody serves the fallback";
}

TEST(ModelRouter, HasTurnsAndOutages) {
  Config config;
  config.workload.classes.resize(1);
  ModelRouterConfig& router_config = config.path.emplace().model_router.emplace();
  router_config.capacity = Frequency::of(10);
  router_config.outages = {{1s, 1s, 1.0}};
  ModelRouter router{config, 1};
  EXPECT_EQ(router.pass(1, sim_start).wait, 0ms);
  EXPECT_EQ(router.pass(2, sim_start).wait, 100ms);
  EXPECT_EQ(router.pass(3, sim_start + 1s).outcome, Outcome::failed);
  EXPECT_TRUE(router.pass(4, sim_start + 2s).passes());
}

}  // namespace
}  // namespace plimsoll
