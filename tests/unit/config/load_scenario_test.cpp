// A scenario's text becomes a Config: defaults, references, overrides, and the resolved form.
#include <gtest/gtest.h>

#include <chrono>

#include "plimsoll/scenario.hpp"
#include "unit/config/test_policies.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr const char* base_file = PLIMSOLL_SOURCE_DIR "/tests/cli/bad/parts/small.yaml";

LoadedScenario load(std::vector<std::pair<std::string, std::string>> overrides = {}) {
  return load_scenario(ScenarioRequest{base_file, std::move(overrides), ""}, test_policies());
}

LoadedScenario load_over_base(const std::string& text, const std::string& variant = "") {
  const std::string file = PLIMSOLL_SOURCE_DIR "/tests/cli/bad/over.yaml";
  return load_scenario_text("extends: parts/small.yaml\n" + text, file,
                            ScenarioRequest{"", {}, variant}, test_policies());
}

/// Findings of a text over the base, one a line.
std::string problems(const std::string& text) {
  try {
    load_over_base(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

/// Everything that a scenario can say, or nearly so.
constexpr const char* rich = R"(
name: rich
description: "quotes \" and: colons"
drain: 90s
warm_up: 1234567ns
fast_forward: off
catalog:
  kernels:
    slow:
      extends: plain
      gemm: {efficiency: 0.4, read_efficiency: 60%, overlap: 1.5, latency: 7us}
      nccl_latency_per_doubling: 5us
      attention_extra_keys: 600
    unused: {extends: plain}
  gpus:
    a100:
      bf16: off
      figures: {nic: {source: "a guess", provenance: assumed}}
    v100: {extends: a100, memory: 32 GB, decode_extrapolated: true, kernels: slow}
  models:
    moe: {extends: llama2-7b, experts: 8, experts_per_token: 2, active_parameters: 1e9}
  profiles:
    plain:
      gemm_share: 0.75
      all_reduce: nccl
      host: adds
      host_per_prompt_layer: 800us
      large_pass_tokens: 2048
      machines: {plain: {host_factor: 0.5, large_pass_bandwidth: 20 GB/s}}
    mine: {form: linear, linear_step: 10ms, linear_kv_token: 3ns, source: own, provenance: measured}
  prices:
    cloud: {gpu: a100, on_demand: $3.06/h, spot: $1.1/h, as_of: "2023-11", source: list}
    other: {gpu: v100, on_demand: $1/h, source: list}
stores:
  s3: {uplink: 100 Gb/s, latency: 3ms}
tiers:
  free: {}
  plus:
    priority: 10
    deadline: 30s
    slo: {ttft: 2s, tpot: 100ms, e2e: 60s, queue: 1s}
    price_per_million_prompt_tokens: $10/1M tokens
    price_per_million_output_tokens: $0.03/1k tokens
pools:
  main: {price: cloud, contract: spot, tp: 4, pp: 2, kv_blocks: 1000, max_context: 8000,
         attention: materialized, collectives: {all_reduce: custom, precision: int8, overlap: 30%},
         prompt_pass_tokens: 4096, runtime_memory: 2 GB,
         start: cold, store: s3, provision: 2min, warm_up: 0.5s}
  second: {gpu: v100, model: moe, profile: mine, batching: static, watermark: 2.5%}
service:
  router: {policy: power_of_two, choices: 3}
  queue: {policy: aging, capacity: 100, deadline: 20s, max_outstanding: 32,
          share: 0.123, mode: fast,
          refill: 3/min, half_life: 250ms, strict: on}
workload:
  trace_speed: 2.5
  max_requests: 1e6
  arrivals:
    process: gamma
    rate: 12.3 requests/s
    cv: 2.5
    shapes:
      - {kind: diurnal, peak_at: 15h, peak_to_mean: 1.6}
      - {kind: spike, at: 1h, lasting: 10min, ramp: 30s, factor: 5}
      - {kind: piecewise, points: [[0s, 1], [90s, 2.5]]}
  lengths:
    prompt: {kind: lognormal, mean: 812, cv: 1.1, maximum: 8000}
    output: {kind: quantiles, quantiles: [[0, 1], [50%, 129.5], [1, 1000]]}
  classes:
    chat: {share: 3, tier: plus, model: llama2-7b}
    batch: {tier: free, model: moe, lengths: {output: {kind: exponential, mean: 92}}}
metrics: {window: 5s, sample_requests: 10}
thresholds:
  "ttft_ms{tier:plus}": ["p(99.9)<3000", "avg<=500 every window"]
  availability: ["value>=0.999"]
variants:
  slower: {workload.arrivals.rate: 1/s, service.router.policy: round_robin}
  bigger: {pools.main.replicas: 3}
)";

TEST(LoadScenario, FillsInDefaultsAndDerivedFigures) {
  const Config config = load().config;
  EXPECT_EQ(config.name, "small");
  EXPECT_EQ(config.seed, 1U);
  EXPECT_EQ(config.duration, 10min);
  EXPECT_EQ(config.drain, 1h);
  ASSERT_EQ(config.models.size(), 1U);
  EXPECT_EQ(config.models[0].kv_heads, 32);
  EXPECT_EQ(config.models[0].head_dim, 4096 / 32);
  EXPECT_EQ(config.models[0].active_parameters, 6738415616);
  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.pools[0].max_context, 4096);
  EXPECT_EQ(config.pools[0].max_num_seqs, 256);
  EXPECT_EQ(config.pools[0].max_num_batched_tokens, 2048);
  EXPECT_FALSE(config.pools[0].price.has_value());
  ASSERT_EQ(config.tiers.size(), 1U);
  EXPECT_EQ(config.tiers[0].name, "default");
  ASSERT_EQ(config.workload.classes.size(), 1U);
  EXPECT_EQ(config.workload.classes[0].name, "default");
  EXPECT_EQ(config.service.router.policy, "least_requests");
  EXPECT_EQ(config.metrics.window, 10s);
  EXPECT_EQ(config.metrics.sample_requests, 1000);
}

TEST(LoadScenario, NumbersOfAPolicyMayDifferByTier) {
  const LoadedScenario loaded = load_over_base(
      "tiers: {free: {}, gold: {}, plus: {}}\n"
      "workload: {classes: {chat: {tier: plus}}}\n"
      "service: {queue: {policy: weighted_fair, weight: {plus: 3, free: 50%}}}\n");
  const PolicyParams& params = loaded.config.service.queue.params;
  EXPECT_EQ(params.ratio_of("weight", 0), 0.5);
  EXPECT_EQ(params.ratio_of("weight", 1), 1.0) << "the default";
  EXPECT_EQ(params.ratio_of("weight", 2), 3.0);
  EXPECT_EQ(params.count_of("weight", 2), 3);
  const LoadedScenario again =
      load_scenario_text(loaded.resolved_yaml, "elsewhere.yaml", {}, test_policies());
  EXPECT_EQ(again.resolved_yaml, loaded.resolved_yaml);
}

TEST(LoadScenario, AnAutoscalerIsReadKeptAndResolved) {
  const LoadedScenario loaded = load_over_base(
      "pools: {main: {replicas: 3, autoscale: {policy: target_utilization, max_replicas: 9,"
      " provisioning_delay: 90s, behavior: {scale_up: {pods: 7}}}}}\n"
      "service: {router: {scrape_interval: 5s, own_count: false}}\n");
  ASSERT_TRUE(loaded.config.pools[0].autoscale.has_value());
  const AutoscaleConfig& scale = *loaded.config.pools[0].autoscale;
  EXPECT_EQ(scale.min_replicas, 1);
  EXPECT_EQ(scale.max_replicas, 9);
  EXPECT_EQ(scale.interval, 15s);
  EXPECT_EQ(scale.signal_delay, 0s);
  EXPECT_EQ(scale.provisioning_delay, 90s);
  EXPECT_EQ(scale.policy.params.count("behavior.scale_up.pods"), 7);
  EXPECT_EQ(scale.policy.params.count("behavior.scale_down.pods"), 0);
  EXPECT_EQ(replica_slots(loaded.config.pools[0]), 9);
  EXPECT_EQ(loaded.config.service.scrape_interval, 5s);
  EXPECT_FALSE(loaded.config.service.own_count);
  EXPECT_FALSE(load().config.pools[0].autoscale.has_value());
  const LoadedScenario again =
      load_scenario_text(loaded.resolved_yaml, "elsewhere.yaml", {}, test_policies());
  EXPECT_EQ(again.resolved_yaml, loaded.resolved_yaml);
}

TEST(LoadScenario, AnotherPolicyKeepsTheKeysBesideIt) {
  const LoadedScenario loaded = load_scenario_text(
      "extends: parts/small.yaml\n"
      "pools: {main: {autoscale: {policy: scheduled, schedule: a=2, max_replicas: 9,"
      " provisioning_delay: 90s}}}\n",
      PLIMSOLL_SOURCE_DIR "/tests/cli/bad/over.yaml",
      ScenarioRequest{"", {{"pools.main.autoscale.policy", "threshold"}}, ""}, test_policies());
  EXPECT_EQ(loaded.config.pools[0].autoscale->policy.policy, "threshold");
  EXPECT_EQ(loaded.config.pools[0].autoscale->max_replicas, 9);
}

AutoscaleConfig autoscale_of(const std::string& block) {
  const LoadedScenario loaded =
      load_over_base("pools: {main: {replicas: 3, autoscale: {" + block + "}}}\n");
  const LoadedScenario again =
      load_scenario_text(loaded.resolved_yaml, "elsewhere.yaml", {}, test_policies());
  EXPECT_EQ(again.resolved_yaml, loaded.resolved_yaml);
  return *loaded.config.pools[0].autoscale;
}

TEST(LoadScenario, AnAutoscalerMayBeSpelledAsOperatorsDo) {
  const AutoscaleConfig scale = autoscale_of(
      "provisioning_delay: 1s, scale_metric: queue_depth, scale_up_threshold: 70%, "
      "expansion_factor: 1.5x, min_clusters: 2, max_clusters: 9");
  EXPECT_EQ(scale.policy.policy, "threshold");
  EXPECT_EQ(scale.min_replicas, 2);
  EXPECT_EQ(scale.max_replicas, 9);
  EXPECT_EQ(scale.policy.params.ratio("expansion_factor"), 1.5);
  const AutoscaleConfig plain = autoscale_of(
      "policy: threshold, provisioning_delay: 1s, expansion_factor: 1.5, max_replicas: 9");
  EXPECT_EQ(plain.policy.params.ratio("expansion_factor"), 1.5);
}

TEST(LoadScenario, AHorizonReachesUntilWhatIsAskedForServes) {
  const auto horizon_of = [](const std::string& block) {
    return autoscale_of("policy: predictive, max_replicas: 9, " + block)
        .policy.params.duration("horizon");
  };
  EXPECT_EQ(horizon_of("provisioning_delay: 1min"), 5min) << "the default is longer";
  EXPECT_EQ(horizon_of("provisioning_delay: 6min, signal_delay: 30s, interval: 1min"), 450s);
  EXPECT_EQ(horizon_of("provisioning_delay: 4min, interval: 1min, horizon: 5min"), 5min);
  EXPECT_EQ(horizon_of("provisioning_delay: 4min, interval: 1min, horizon: 1h"), 1h);
}

TEST(LoadScenario, ASeasonIsWholeIntervals) {
  const auto block = [](const std::string& keys) {
    return autoscale_of("policy: predictive, max_replicas: 9, provisioning_delay: 1min, " + keys);
  };
  EXPECT_NO_THROW(block("interval: 8min, season: 2h"));
  EXPECT_NO_THROW(block("interval: 1min, season: 2min"));
  EXPECT_NO_THROW(block("interval: 7min, horizon: 20min, season: 2h, model: ar")) << "it has none";
  EXPECT_THROW(block("interval: 7min, horizon: 20min, season: 2h"), ConfigError);
  EXPECT_THROW(block("interval: 1min, season: 1min"), ConfigError);
}

TEST(LoadScenario, ReadsEverySection) {
  const Config config = load_over_base(rich).config;
  EXPECT_EQ(config.warm_up, 1234567ns);
  EXPECT_FALSE(config.fast_forward);
  ASSERT_EQ(config.pools.size(), 2U);
  const PoolConfig& main = config.pools[0];
  EXPECT_EQ(config.gpus[main.gpu].name, "a100");
  EXPECT_EQ(config.gpus[config.pools[1].gpu].memory, Bytes::of(32'000'000'000));
  EXPECT_EQ(config.gpus[main.gpu].figures.at(0).source, "a guess");
  ASSERT_EQ(config.kernels.size(), 2U);  // no GPU has the third
  EXPECT_EQ(config.kernels[config.gpus[main.gpu].kernels].name, "plain");
  const KernelSpec& slow = config.kernels[config.gpus[config.pools[1].gpu].kernels];
  EXPECT_EQ(slow.name, "slow");
  EXPECT_EQ(slow.gemm.read_efficiency, 0.6);
  EXPECT_EQ(slow.gemm.overlap, 1.5);
  EXPECT_EQ(slow.gemm.latency, 7us);
  EXPECT_EQ(slow.gemm_8bit.overlap, 2);  // its default
  EXPECT_EQ(slow.nccl_latency, 0ns);
  EXPECT_EQ(slow.nccl_latency_per_doubling, 5us);
  EXPECT_EQ(slow.attention_extra_keys, 600);
  EXPECT_EQ(slow.custom_efficiency, 0.5);
  const EngineProfile& plain = config.profiles[main.profile];
  EXPECT_EQ(plain.gemm_share, 0.75);
  EXPECT_EQ(plain.host, HostLaunch::adds);
  EXPECT_EQ(plain.host_per_prompt_layer, FineDuration{800e3});
  EXPECT_EQ(plain.all_reduce, AllReduce::nccl);
  ASSERT_EQ(plain.machines.size(), 1U);
  EXPECT_EQ(plain.machines[0].name, "plain");
  EXPECT_EQ(plain.machines[0].host_factor, 0.5);
  EXPECT_EQ(plain.machines[0].large_pass_bandwidth, BytesPerSecond::of(20e9));
  EXPECT_EQ(main.attention, Attention::materialized);
  EXPECT_EQ(main.collectives.all_reduce, AllReduce::custom);
  EXPECT_EQ(main.collectives.precision, Precision::int8);
  EXPECT_EQ(main.collectives.overlap, 0.3);
  EXPECT_EQ(config.pools[1].attention, std::nullopt);
  EXPECT_EQ(config.models[config.pools[1].model].name, "moe");
  EXPECT_EQ(config.prices.size(), 1U);  // nothing refers to the other one
  EXPECT_EQ(main.kv_blocks, 1000);
  EXPECT_EQ(main.prompt_pass_tokens, 4096);
  EXPECT_EQ(main.runtime_memory, Bytes::of(2'000'000'000));
  EXPECT_EQ(config.pools[1].prompt_pass_tokens, std::nullopt);
  EXPECT_EQ(config.pools[1].runtime_memory, Bytes{});
  EXPECT_EQ(config.stores[*main.store].uplink, BytesPerSecond::of(12.5e9));
  EXPECT_EQ(config.pools[1].watermark, 0.025);
  EXPECT_EQ(config.pools[1].batching, Batching::static_batch);
  EXPECT_EQ(config.profiles[config.pools[1].profile].linear_kv_token, 3ns);
  EXPECT_EQ(config.service.router.params.count("choices"), 3);
  EXPECT_EQ(config.service.queue.params.duration("half_life"), 250ms);
  EXPECT_EQ(config.service.queue.params.ratio("refill"), 3.0 / 60);
  EXPECT_TRUE(config.service.queue.params.flag("strict"));
  EXPECT_EQ(config.service.queue.params.text("mode"), "fast");
  EXPECT_EQ(config.service.queue.params.count("depth"), 4);  // its default
  EXPECT_EQ(config.service.queue_capacity, 100);
  EXPECT_EQ(config.service.queue_deadline, 20s);
  ASSERT_EQ(config.workload.arrivals.shapes.size(), 3U);
  EXPECT_EQ(config.workload.arrivals.shapes[2].points.at(1).at, 90s);
  EXPECT_EQ(config.workload.output.quantiles.at(1).probability, 0.5);
  ASSERT_EQ(config.workload.classes.size(), 2U);
  EXPECT_EQ(config.workload.classes[0].name, "batch");  // sorted
  EXPECT_EQ(config.models[config.workload.classes[0].model].name, "moe");
  EXPECT_EQ(config.tiers[config.workload.classes[1].tier].name, "plus");
  EXPECT_EQ(config.tiers[1].price_per_million_output_tokens, UsdPerMillion::of(30));
}

/// The price that the pool has when the scenario starts then, and how many prices are kept.
std::pair<std::string, std::size_t> price_at(const std::string& start) {
  const Config config = load_over_base((start.empty() ? "" : "start: " + start + "\n") +
                                       "catalog:\n"
                                       "  prices:\n"
                                       "    first: {gpu: a100, on_demand: $4/h, until: 2023-01-01,"
                                       " then: second, source: test}\n"
                                       "    second: {gpu: a100, on_demand: $3/h, until: 2024-01-01,"
                                       " then: third, source: test}\n"
                                       "    third: {gpu: a100, on_demand: $2/h, source: test}\n"
                                       "    unused: {gpu: a100, on_demand: $1/h, source: test}\n"
                                       "pools: {main: {price: first}}\n")
                            .config;
  return {config.prices.at(*config.pools.at(0).price).name, config.prices.size()};
}

TEST(LoadScenario, TakesThePriceInForceAtItsStart) {
  using Price = std::pair<std::string, std::size_t>;
  EXPECT_EQ(price_at(""), (Price{"first", 3}));
  EXPECT_EQ(price_at("2022-12-31T23:59:59Z"), (Price{"first", 3}));
  EXPECT_EQ(price_at("2023-01-01"), (Price{"second", 2}));
  EXPECT_EQ(price_at("2030-01-01"), (Price{"third", 1}));
}

TEST(LoadScenario, ReadsThresholds) {
  const std::vector<ThresholdConfig> thresholds = load_over_base(rich).config.thresholds;
  ASSERT_EQ(thresholds.size(), 3U);
  EXPECT_EQ(thresholds[0].metric, "availability");
  EXPECT_EQ(thresholds[0].statistic, "value");
  EXPECT_EQ(thresholds[0].comparison, ">=");
  EXPECT_EQ(thresholds[0].bound, 0.999);
  EXPECT_EQ(thresholds[1].metric, "ttft_ms");
  EXPECT_EQ(thresholds[1].tag_key, "tier");
  EXPECT_EQ(thresholds[1].tag_value, "plus");
  EXPECT_EQ(thresholds[1].statistic, "p");
  EXPECT_EQ(thresholds[1].percentile, 99.9);
  EXPECT_FALSE(thresholds[1].every_window);
  EXPECT_EQ(thresholds[2].statistic, "avg");
  EXPECT_EQ(thresholds[2].comparison, "<=");
  EXPECT_TRUE(thresholds[2].every_window);
}

TEST(ResolvedScenario, IsAFixedPoint) {
  for (const char* const variant : {"base", "slower", "bigger"}) {
    const LoadedScenario first = load_over_base(rich, variant);
    const LoadedScenario second =
        load_scenario_text(first.resolved_yaml, "elsewhere.yaml", {}, test_policies());
    EXPECT_EQ(second.resolved_yaml, first.resolved_yaml);
    EXPECT_TRUE(second.variants.empty());
    EXPECT_EQ(second.config.gpus.size(), first.config.gpus.size());
    EXPECT_EQ(second.config.workload.arrivals.rate, first.config.workload.arrivals.rate);
    EXPECT_EQ(second.config.service.queue.params.numbers(),
              first.config.service.queue.params.numbers());
    EXPECT_EQ(second.config.warm_up, first.config.warm_up);
  }
}

TEST(ResolvedScenario, ShowsDefaultsAndLeavesOutFileKeys) {
  const std::string yaml = load_over_base(rich).resolved_yaml;
  EXPECT_NE(yaml.find("max_num_seqs: 256\n"), std::string::npos);
  EXPECT_NE(yaml.find("name: rich\n"), std::string::npos);
  for (const char* gone : {"extends:", "include:", "variants:", "other:"}) {
    EXPECT_EQ(yaml.find(gone), std::string::npos) << gone;
  }
}

TEST(Variants, AreListedInOrderAndApplied) {
  const LoadedScenario base = load_over_base(rich);
  EXPECT_EQ(base.variants, (std::vector<std::string>{"slower", "bigger"}));
  const LoadedScenario slower = load_over_base(rich, "slower");
  EXPECT_EQ(slower.config.workload.arrivals.rate, Frequency::of(1));
  EXPECT_EQ(slower.config.service.router.policy, "round_robin");
  EXPECT_TRUE(slower.config.service.router.params.numbers().empty());
  EXPECT_THROW(load_over_base(rich, "slow"), ConfigError);
}

TEST(Overrides, AreValidatedLikeTheFile) {
  EXPECT_EQ(load({{"pools.main.replicas", "7"}}).config.pools[0].replicas, 7);
  try {
    load({{"pools.main.replicas", "none"}, {"pools.main.rplicas", "7"}});
    FAIL() << "both overrides are wrong";
  } catch (const ConfigError& error) {
    ASSERT_EQ(error.diagnostics().size(), 2U);
    EXPECT_EQ(error.diagnostics()[0].file, "--set");
    EXPECT_EQ(error.diagnostics()[0].line, 0);
  }
}

TEST(Overrides, AnotherKindDropsTheOldLaw) {
  const Config config =
      load({{"workload.lengths.prompt", "{kind: quantiles, quantiles: [[0, 1], [1, 9]]}"}}).config;
  EXPECT_EQ(config.workload.prompt.quantiles.size(), 2U);
}

TEST(Traces, ReplaceArrivalsAndLengthsAndLieBesideTheirFile) {
  // Any file will do: rows are read by the workload.
  const Config config = load_over_base("duration: 0\nworkload: {trace: parts/small.yaml}\n").config;
  EXPECT_EQ(config.workload.trace, base_file);
  const LoadedScenario alone = load_over_base(
      "duration: null\nworkload: {trace: parts/small.yaml, arrivals: null, lengths: null}\n");
  EXPECT_EQ(alone.config.duration, 0s);
  const LoadedScenario again =
      load_scenario_text(alone.resolved_yaml, "elsewhere.yaml", {}, test_policies());
  EXPECT_EQ(again.resolved_yaml, alone.resolved_yaml);
  EXPECT_EQ(again.config.workload.trace, base_file);
}

TEST(Findings, ComeAllAtOnceInTheOrderOfTheText) {
  const std::string all = problems("seed: x\npools:\n  main: {tp: 99999}\nzeed: 1\n");
  const std::size_t seed = all.find("over.yaml:2:7: seed");
  const std::size_t tp = all.find("over.yaml:4:14: pools.main.tp");
  const std::size_t unknown = all.find("over.yaml:5:1: zeed");
  EXPECT_LT(seed, tp);
  EXPECT_LT(tp, unknown);
  EXPECT_NE(unknown, std::string::npos) << all;
}

TEST(Findings, AMissingFileIsOne) {
  EXPECT_THROW(load_scenario(ScenarioRequest{"/nowhere.yaml", {}, ""}, test_policies()),
               ConfigError);
  EXPECT_THROW(load_scenario(ScenarioRequest{"/", {}, ""}, test_policies()), IoError);
}

}  // namespace
}  // namespace plimsoll
