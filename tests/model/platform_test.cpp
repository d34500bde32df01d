// The whole platform at a fiftieth of its peak: nobody gets lost, and what GPUs are for is served.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "support/path_play.hpp"

namespace plimsoll {
namespace {

LoadedScenario load_platform(const std::string& variant) {
  ScenarioRequest request;
  request.path = PLIMSOLL_SOURCE_DIR "/scenarios/platform_peak.yaml";
  request.variant = variant;
  return load_scenario(request, policy_catalog(builtin_policies()));
}

struct Played {
  double arrived = 0;
  double cached = 0;
  double served = 0;  // by GPUs
  double in_flight = 0;
  double ended = 0;         // sum over outcomes
  double stages = 0;        // rows that somebody came to
  double lost_between = 0;  // attempts that a stage passed on and the next one knows nothing of
  double verdict = 0;
};

Played play(const std::string& variant) {
  const LoadedScenario loaded = load_platform(variant);
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    const SliceSummary& all = result.slices.front();
    const auto count = [&](Outcome outcome) {
      return all.outcomes[static_cast<std::size_t>(outcome)];
    };
    std::int64_t ended = 0;
    for (const std::int64_t of_outcome : all.outcomes) {
      ended += of_outcome;
    }
    std::int64_t seen = 0;
    std::int64_t lost = 0;
    std::int64_t passed = all.measured_arrivals + result.measured_attempts.retries;
    for (const StageSummary& stage : result.stages) {
      seen += stage.offered > 0 ? 1 : 0;
      lost +=
          std::abs(passed - stage.offered - stage.left_on_the_way - stage.under_way - stage.open);
      passed = stage.outcomes[static_cast<std::size_t>(Outcome::completed)] + stage.open;
    }
    return fmt::format("{} {} {} {} {} {} {} {}", all.arrived, count(Outcome::cached),
                       count(Outcome::completed) + count(Outcome::degraded), all.in_flight, ended,
                       seen, lost, static_cast<int>(result.verdict.kind));
  });
  const std::vector<double> found = test::numbers_in(text, 8);
  return {found[0], found[1], found[2], found[3], found[4], found[5], found[6], found[7]};
}

void expect_nobody_lost(const Played& played) {
  EXPECT_EQ(played.arrived, played.ended + played.in_flight);
  EXPECT_EQ(played.in_flight, 0) << "the drain is long enough for all";
  EXPECT_EQ(played.stages, stage_count) << "every stage is on";
  EXPECT_EQ(played.lost_between, 0);
  // 2,400/s, every fifth answer followed by another turn, for 180 s.
  EXPECT_NEAR(played.arrived, 180 * 3000, 0.1 * 180 * 3000);
}

TEST(Platform, HasAFiftiethOfTheFleet) {
  for (const char* variant : {"base", "feasible", "feasible_outages"}) {
    const Config config = load_platform(variant).config;
    std::map<std::string, int> gpus;
    for (const PoolConfig& pool : config.pools) {
      gpus[config.gpus[pool.gpu].name] += pool.replicas * pool.tp * pool.pp;
    }
    EXPECT_EQ(gpus["a100-80gb"], 160) << variant;
    EXPECT_EQ(gpus["h100-80gb"], 40) << variant;
    EXPECT_EQ(gpus["v100-32gb"], 80) << variant;
  }
}

TEST(Platform, AsStatedItIsOverloadedAndLosesNobody) {
  const Played played = play("");
  expect_nobody_lost(played);
  EXPECT_EQ(played.verdict, static_cast<int>(VerdictKind::overloaded));
  EXPECT_LT(played.served, 0.6 * (played.arrived - played.cached));
}

TEST(Platform, FeasibleServesWhatTheCachesMiss) {
  const Played played = play("feasible");
  expect_nobody_lost(played);
  EXPECT_EQ(played.verdict, static_cast<int>(VerdictKind::holds));
  EXPECT_GE(played.served, 0.99 * (played.arrived - played.cached));
}

TEST(Platform, OutagesOfEveryStageLoseNobodyEither) {
  const PathConfig path = *load_platform("feasible_outages").config.path;
  const auto some = [](const std::vector<OutageConfig>& outages) { return !outages.empty(); };
  for (const bool has_one :
       {some(path.edge->cdn->outages), some(path.load_balancer->outages),
        some(path.limits->outages), some(path.auth->outages), some(path.api_tier->outages),
        some(path.conversation_cache->cache.outages), some(path.response_cache->outages),
        some(path.model_router->outages), some(path.aggregation->outages),
        some(path.broker->outages), some(path.safety_before->outages),
        some(path.tokenizer->outages), some(path.streaming->outages),
        some(path.safety_after->outages)}) {
    EXPECT_TRUE(has_one);
  }
  EXPECT_TRUE(std::any_of(path.edge->regions.begin(), path.edge->regions.end(),
                          [&](const RegionConfig& region) { return some(region.outages); }));
  EXPECT_TRUE(std::any_of(path.edge->datacenters.begin(), path.edge->datacenters.end(),
                          [&](const DatacenterConfig& one) { return some(one.outages); }));
  expect_nobody_lost(play("feasible_outages"));
}

// Rules of three layers as the platform states them, word by word but for `1000_requests`
// (policies.md), and what the platform does not say: how long a cluster takes to come. The cache
// has no bounds of its own.
TEST(Platform, ScalingRulesOfThreeLayersLoadAsStated) {
  std::string pool = test::plain_pool;
  pool.replace(pool.find("replicas: 1,"), 12, "replicas: 50,");
  const std::string text = test::scenario_with_pools("pools:\n  gpu_clusters:\n    {" + pool + R"(,
     autoscale: {provisioning_delay: 1min,
                 scale_metric: queue_depth, scale_up_threshold: 1000, scale_down_threshold: 100,
                 min_clusters: 50, max_clusters: 500}}
)" + test::load(10, 60) + R"(
path:
  popularity: {objects: 1000, exponent: 0.9}
  api_tier:
    instances: 1000
    cpu: {mean: 10ms}
    autoscale:
      scale_metric: cpu_utilization
      scale_up_threshold: 70%
      scale_down_threshold: 40%
      min_instances: 1000
      max_instances: 10000
  response_cache:
    capacity: 40 kB
    node: 10 kB
    object_size: 1 kB
    autoscale:
      scale_metric: memory_utilization
      scale_up_threshold: 85%
      scale_down_threshold: 60%
      expansion_factor: 1.5x
)");
  const LoadedScenario loaded =
      load_scenario_text(text, "test.yaml", {}, policy_catalog(builtin_policies()));
  const AutoscaleConfig& clusters = *loaded.config.pools[0].autoscale;
  EXPECT_EQ(clusters.policy.policy, "threshold");
  EXPECT_EQ(clusters.policy.params.text("scale_metric"), "queue_depth");
  EXPECT_EQ(clusters.policy.params.ratio("scale_up_threshold"), 1000);
  EXPECT_EQ(clusters.policy.params.ratio("scale_down_threshold"), 100);
  EXPECT_EQ(clusters.min_replicas, 50);
  EXPECT_EQ(clusters.max_replicas, 500);
  const TierAutoscaleConfig& services = *loaded.config.path->api_tier->autoscale;
  EXPECT_EQ(services.policy.policy, "threshold");
  EXPECT_EQ(services.policy.params.text("scale_metric"), "cpu_utilization");
  EXPECT_EQ(services.policy.params.ratio("scale_up_threshold"), 0.7);
  EXPECT_EQ(services.policy.params.ratio("scale_down_threshold"), 0.4);
  EXPECT_EQ(services.min_instances, 1000);
  EXPECT_EQ(services.max_instances, 10'000);
  const TierAutoscaleConfig& caches = *loaded.config.path->response_cache->autoscale;
  EXPECT_EQ(caches.policy.policy, "threshold");
  EXPECT_EQ(caches.policy.params.text("scale_metric"), "memory_utilization");
  EXPECT_EQ(caches.policy.params.ratio("scale_up_threshold"), 0.85);
  EXPECT_EQ(caches.policy.params.ratio("scale_down_threshold"), 0.6);
  EXPECT_EQ(caches.policy.params.ratio("expansion_factor"), 1.5);
  EXPECT_EQ(caches.min_instances, 1);
  EXPECT_EQ(caches.max_instances, 40) << "ten times the nodes of t = 0";
  const std::string scaled = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    std::string names;
    for (const ScalingSummary& scaling : result.scaling) {
      names += scaling.pool + " " + std::to_string(scaling.evaluations > 0) + " ";
    }
    return names;
  });
  EXPECT_NE(scaled.find("gpu_clusters 1"), std::string::npos) << scaled;
  EXPECT_NE(scaled.find("api_tier 1"), std::string::npos) << scaled;
  EXPECT_NE(scaled.find("response_cache 1"), std::string::npos) << scaled;
}

}  // namespace
}  // namespace plimsoll
