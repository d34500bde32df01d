// What docs/policy_comparison.md says of routers and autoscalers, held by the scenarios that it is
// written from.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

constexpr const char* two_replicas =
    "gpu: one, model: tiny, profile: steps, max_num_seqs: 256, kv_blocks: 40000, "
    "max_num_batched_tokens: 1024";

struct Figures {
  double missed = 0;  // share of the measured arrivals that missed an objective
  double gpu_hours = 0;
};

Figures figures_of(const std::string& scenario, const std::string& variant,
                   const test::Overrides& overrides = {}) {
  ScenarioRequest request;
  request.path = std::string{PLIMSOLL_SOURCE_DIR "/scenarios/policies/"} + scenario + ".yaml";
  request.variant = variant;
  request.overrides = overrides;
  const LoadedScenario loaded = load_scenario(request, policy_catalog(builtin_policies()));
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    const SliceSummary& all = result.slices.front();
    return fmt::format(
        "{:.17g} {:.17g}",
        1 - static_cast<double>(all.good) / static_cast<double>(all.measured_arrivals),
        result.cost.gpu_hours);
  });
  std::istringstream stream{text};
  Figures figures;
  stream >> figures.missed >> figures.gpu_hours;
  EXPECT_FALSE(stream.fail()) << text;
  return figures;
}

// Loads that are 5 s old send everybody to one replica, unless the router counts what it sent.
TEST(PoliciesCompared, RoutersHerdOnStaleSignalsWithoutTheirOwnCount) {
  const test::Overrides shorter = {{"duration", "6min"}};
  const Figures counted = figures_of("routers_compared", "scraped_own_count", shorter);
  const Figures herded = figures_of("routers_compared", "scraped_alone", shorter);
  EXPECT_GT(herded.missed, 0.3);
  EXPECT_LT(counted.missed, 0.5 * herded.missed);
}

// Replicas come four minutes late: who sees the day coming needs fewer of them.
TEST(PoliciesCompared, ForecastsServeAsWellForLess) {
  const Figures reactive = figures_of("scaling_compared", "reactive");
  for (const char* variant : {"holt_winters", "ar"}) {
    SCOPED_TRACE(variant);
    const Figures predictive = figures_of("scaling_compared", variant);
    EXPECT_LT(predictive.gpu_hours, 0.95 * reactive.gpu_hours);
    EXPECT_LT(predictive.missed, reactive.missed + 0.002);
  }
}

/// Means over two seeds.
Figures mean_of(const std::string& variant, const std::string& key, const std::string& value) {
  constexpr int seeds = 2;
  Figures mean;
  for (int seed = 1; seed <= seeds; ++seed) {
    const Figures one =
        figures_of("scaling_compared", variant,
                   {{"pools.main.autoscale." + key, value}, {"seed", std::to_string(seed)}});
    mean.missed += one.missed / seeds;
    mean.gpu_hours += one.gpu_hours / seeds;
  }
  return mean;
}

// Whoever holds more capacity misses less: policies are compared at equal GPU-hours, where much is
// held and where little is.
TEST(PoliciesCompared, SomeMarginOfAForecastBeatsEachTarget) {
  const Figures careful = mean_of("reactive", "target", "14");
  const Figures sparing = mean_of("reactive", "target", "18");
  EXPECT_GT(careful.gpu_hours, sparing.gpu_hours + 5) << "a higher target saves";
  EXPECT_LT(careful.missed, sparing.missed) << "and misses more";
  for (const char* variant : {"holt_winters", "ar"}) {
    SCOPED_TRACE(variant);
    const Figures wide = mean_of(variant, "margin", "20%");
    EXPECT_LE(wide.gpu_hours, careful.gpu_hours);
    EXPECT_LE(wide.missed, careful.missed);
    const Figures narrow = mean_of(variant, "margin", "0%");
    EXPECT_LE(narrow.gpu_hours, sparing.gpu_hours);
    EXPECT_LT(narrow.missed, 0.8 * sparing.missed);
  }
}

/// Mean TTFT in ms of two replicas that compute a prompt in 35 ms on average, at `rate` requests/s.
double mean_ttft(const std::string& router, double rate, const std::string& output) {
  const std::string text = fmt::format(R"(
name: two
seed: 5
duration: 4000s
drain: 1h
catalog:{}
  models:
    tiny: {{parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
           max_context: 4096, source: a test}}
  profiles:
    steps: {{form: linear, linear_step: 5ms, linear_token: 100us, source: a test}}
pools:
  main: {{{}, replicas: 2}}
service: {{router: {{policy: {}}}}}
workload:
  arrivals: {{rate: {}/s}}
  lengths: {{prompt: {{kind: lognormal, mean: 300, cv: 1.5, maximum: 3000}}, output: {}}}
metrics: {{window: 1000s, sample_requests: 0}}
)",
                                       test::plain_gpu(), two_replicas, router, rate, output);
  const std::string out = test::in_child([&] {
    const LoadedScenario loaded =
        load_scenario_text(text, "test.yaml", {}, policy_catalog(builtin_policies()));
    return fmt::format("{:.17g}", run_scenario(loaded.config, {}).slices.front().ttft.mean);
  });
  return std::stod(out);
}

// Where outstanding requests are the work before a first token, the fewest of them are the shortest
// wait, and taking turns is not.
TEST(PoliciesCompared, TheFewestRequestsAreTheShortestWaitForPrompts) {
  const std::string one = "{kind: fixed, mean: 1}";
  EXPECT_LT(mean_ttft("least_requests", 30, one), 0.9 * mean_ttft("round_robin", 30, one));
}

// Where they are answers of unlike length under way, their number says next to nothing of the
// prompts that wait: turns, which space the arrivals at each replica, are better, and by lot is
// worst (docs/experiments.md, "Why turns win here").
TEST(PoliciesCompared, TurnsBeatTheFewestRequestsWhenThoseAreAnswersUnderWay) {
  const std::string many = "{kind: exponential, mean: 220}";
  const double counts = mean_ttft("least_requests", 10, many);
  EXPECT_LT(mean_ttft("round_robin", 10, many), 0.97 * counts);
  EXPECT_LT(counts, mean_ttft("random", 10, many));
}

}  // namespace
}  // namespace plimsoll
