// Whole runs of one small pool, one engine and hence one process a case: cold starts, when a run
// ends, and who is in flight meanwhile. A prompt token takes 1 ms, nothing else takes time.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/outcomes.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

const std::string base_text = std::string{R"(
name: small
seed: 5
duration: 20s
drain: 1h
catalog:)"} + test::plain_gpu() +
                              R"(
  models:
    tiny:
      {parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
       max_context: 65536, source: a test}
  profiles:
    tokens: {form: linear, linear_token: 1ms, source: a test}
stores:
  weights: {uplink: 1MB/s, latency: 5ms}
pools:
  main:
    {gpu: one, model: tiny, profile: tokens, max_num_seqs: 1, max_num_batched_tokens: 32768,
     kv_blocks: 4200, watermark: 0}
workload:
  arrivals: {process: poisson, rate: 2/s}
  lengths: {prompt: {kind: fixed, mean: 100}, output: {kind: fixed, mean: 1}}
metrics: {window: 1s, sample_requests: 100000}
)";

RunResult play(const std::vector<std::pair<std::string, std::string>>& overrides) {
  const ScenarioRequest request{"", overrides, ""};
  const LoadedScenario loaded =
      load_scenario_text(base_text, "small.yaml", request, policy_catalog(builtin_policies()));
  return run_scenario(loaded.config, {});
}

std::int64_t ended(const RunResult& result) {
  return test::ended(result.slices.front());
}

SimTime last_answer(const RunResult& result) {
  SimTime last = sim_start;
  for (const SampledRequest& request : result.sample) {
    last = std::max(last, request.finished);
  }
  return last;
}

/// Weights are 10^6 parameters of 2 bytes, the store gives 10^6 bytes/s: 2 s for one replica. A
/// flow first takes the latencies of the store and of the node: 5.01 ms.
void expect_cold_start(int replicas, double pull_seconds) {
  const RunResult result = play({{"pools.main.start", "cold"},
                                 {"pools.main.store", "weights"},
                                 {"pools.main.provision", "4s"},
                                 {"pools.main.warm_up", "3s"},
                                 {"pools.main.replicas", std::to_string(replicas)}});
  const PoolSummary& pool = result.pools.front();
  const double ready = 4 + 0.00501 + pull_seconds + 3;
  EXPECT_NEAR(static_cast<double>(pool.down_ns) * 1e-9, replicas * ready, replicas * 1e-6);
  EXPECT_EQ(pool.busy_ns + pool.idle_ns + pool.down_ns,
            replicas * result.end.time_since_epoch().count());
  ASSERT_FALSE(result.sample.empty());
  SimTime first = never;
  for (const SampledRequest& request : result.sample) {
    first = std::min(first, request.scheduled);
  }
  // Requests came before it was ready, so the first is scheduled at that moment.
  EXPECT_LT(to_seconds(result.sample.front().arrived.time_since_epoch()), ready);
  EXPECT_NEAR(to_seconds(first.time_since_epoch()), ready, 1e-6);
}

TEST(ColdStart, TakesProvisioningBytesOverBandwidthAndWarmUp) {
  expect_cold_start(1, 2.0);
}

TEST(ColdStart, ReplicasShareTheStoresUplink) {
  expect_cold_start(3, 6.0);
}

TEST(EndOfRun, IsTheDurationWhenAllWasAnsweredBefore) {
  const RunResult result = play({{"workload.max_requests", "3"}});
  EXPECT_EQ(result.slices.front().arrived, 3);
  EXPECT_LT(last_answer(result), sim_start + 20s);
  EXPECT_EQ(result.end, sim_start + 20s);
}

TEST(EndOfRun, IsTheLastAnswerWhenThatComesLater) {
  // 2 requests/s of 1 s each before one slot: half of the demand is left at 20 s.
  const RunResult result = play({{"workload.lengths.prompt.mean", "1000"}});
  EXPECT_GT(result.end, sim_start + 30s);
  EXPECT_EQ(result.end, last_answer(result));
  EXPECT_EQ(result.slices.front().in_flight, 0);
  EXPECT_EQ(ended(result), result.slices.front().arrived);
  EXPECT_EQ(result.arrivals_end, sim_start + 20s);
}

TEST(EndOfRun, TheDrainCutsAndLeavesRequestsInFlight) {
  const RunResult result = play({{"workload.lengths.prompt.mean", "1000"}, {"drain", "5s"}});
  const SliceSummary& all = result.slices.front();
  EXPECT_EQ(result.end, sim_start + 25s);
  EXPECT_GT(all.in_flight, 0);
  EXPECT_EQ(ended(result) + all.in_flight, all.arrived);
  EXPECT_LE(ended(result), 25) << "one slot, one second each";
  EXPECT_GE(ended(result), 20);
}

TEST(EndOfRun, WithoutDurationMaxRequestsEndIt) {
  const RunResult result = play({{"workload.max_requests", "7"}, {"duration", "0s"}});
  EXPECT_EQ(result.slices.front().arrived, 7);
  EXPECT_EQ(ended(result), 7);
  EXPECT_EQ(result.end, last_answer(result));
}

TEST(ClosedLoop, KeepsItsConcurrencyInFlight) {
  const RunResult result = play({{"workload.arrivals.rate", "null"},
                                 {"workload.arrivals.process", "closed_loop"},
                                 {"workload.arrivals.concurrency", "3"},
                                 {"workload.lengths.prompt.mean", "130"}});
  std::vector<SimTime> arrivals;
  std::vector<SimTime> answers;
  for (const SampledRequest& request : result.sample) {
    arrivals.push_back(request.arrived);
    answers.push_back(request.finished);
  }
  std::sort(arrivals.begin(), arrivals.end());
  std::sort(answers.begin(), answers.end());
  // 20 s of 130 ms each, one after the other: 153 answers within it, and three still in flight.
  ASSERT_EQ(arrivals.size(), 153U + 3U);
  EXPECT_EQ(arrivals[2], sim_start);
  for (std::size_t i = 3; i < arrivals.size(); ++i) {
    EXPECT_EQ(arrivals[i], answers[i - 3]) << "each answer makes one more request, at once";
  }
  for (const WindowSummary& window : result.windows) {
    if (window.end < sim_start + 20s) {
      EXPECT_EQ(window.queued + window.running, 3);
    }
  }
}

}  // namespace
}  // namespace plimsoll
