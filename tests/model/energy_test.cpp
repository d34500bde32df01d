// The energy of whole runs: by hand, and its laws over load, layout and fast-forward.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "perf/power_model.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

struct Play {
  double rate = 1;
  int tp = 1;
  int pp = 1;
  double compute_share = 1.2;
  bool fast_forward = true;
};

// 400 W a GPU: 68 W without work, 120 W in a step. A token takes 1 ms, whatever the layout.
constexpr const char* scenario_text = R"(
name: energy
duration: 50s
drain: 1h
fast_forward: {fast_forward}
catalog:{kernels}
  gpus:
    one:
      {{memory: 80GB, memory_bandwidth: 20TB/s, fp16: 300TFLOPS, tdp: 400W, nvlink: 300GB/s,
       pcie: 32GB/s, nic: 25GB/s, node_hop_bandwidth: 10GB/s, node_hop_latency: 10us, ssd: 3GB/s,
       host_memory: 1TiB, kernels: plain, source: a test, compute_power_share: {compute_share},
       memory_power_share: 0}}
  models:
    tiny:
      {{parameters: 1000000000, layers: 20, hidden: 2048, heads: 16, ffn: 8192, vocab: 1000,
       max_context: 2048, source: a test}}
  profiles:
    tokens: {{form: linear, linear_token: 1ms, source: a test}}
pools:
  main:
    {{gpu: one, model: tiny, profile: tokens, tp: {tp}, pp: {pp}, max_num_seqs: 8,
     watermark: 0}}
workload:
  arrivals: {{rate: {rate}/s}}
  lengths: {{prompt: {{kind: fixed, mean: 50}}, output: {{kind: fixed, mean: 6}}}}
metrics: {{window: 10s, sample_requests: 0}}
)";

Config config_of(const Play& run) {
  const std::string text = fmt::format(
      scenario_text, fmt::arg("kernels", test::plain_kernels),
      fmt::arg("fast_forward", run.fast_forward), fmt::arg("compute_share", run.compute_share),
      fmt::arg("tp", run.tp), fmt::arg("pp", run.pp), fmt::arg("rate", run.rate));
  return load_scenario_text(text, "energy.yaml", {}, policy_catalog(builtin_policies())).config;
}

struct Energy {
  double joules = 0, steps = 0, idle = 0, loading = 0, watts = 0, per_token = 0, per_request = 0;
  double simulated_s = 0, busy_s = 0, slots_s = 0;
  double completed = 0, flops_share = 0, occupancy = 0, running = 0;
};

Energy play(const Play& run) {
  const std::string text = test::in_child([&run] {
    const Config config = config_of(run);
    const RunResult result = run_scenario(config, {});
    const EnergySummary& energy = result.energy;
    const PoolSummary& pool = result.pools.front();
    const double rented =
        static_cast<double>(pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns) / 1e9;
    return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {}", energy.joules,
                       energy.steps_joules, energy.idle_joules, energy.loading_joules,
                       energy.mean_watts, energy.joules_per_output_token, energy.joules_per_request,
                       to_seconds(result.end.time_since_epoch()),
                       static_cast<double>(pool.busy_ns) / 1e9, rented,
                       result.slices.front().outcomes[0], pool.model_flops_utilization,
                       pool.slot_occupancy, pool.running_mean);
  });
  Energy e;
  EXPECT_EQ(std::sscanf(text.c_str(), "%lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf",
                        &e.joules, &e.steps, &e.idle, &e.loading, &e.watts, &e.per_token,
                        &e.per_request, &e.simulated_s, &e.busy_s, &e.slots_s, &e.completed,
                        &e.flops_share, &e.occupancy, &e.running),
            14)
      << text;
  return e;
}

TEST(Energy, OfARunIsActivePowerInStepsAndIdlePowerBeside) {
  // Nothing on top: every step draws 120 W, all other time 68 W. A prompt of 50 tokens alone takes
  // 50 ms and five tokens after the first 5 ms; whatever the batches, a token takes 1 ms.
  Play run;
  run.compute_share = 0;
  const Energy energy = play(run);
  ASSERT_GT(energy.completed, 20);
  EXPECT_NEAR(energy.busy_s, energy.completed * 0.055, 1e-9);
  EXPECT_NEAR(energy.steps, energy.completed * 0.055 * 120, 1e-9 * energy.steps);
  EXPECT_NEAR(energy.idle, (energy.simulated_s - energy.busy_s) * 68, 1e-9 * energy.idle);
  EXPECT_EQ(energy.loading, 0);
  EXPECT_NEAR(energy.joules, energy.steps + energy.idle, 1e-9);
  EXPECT_NEAR(energy.watts, energy.joules / energy.simulated_s, 1e-9);
  EXPECT_NEAR(energy.per_request, energy.joules / energy.completed, 1e-9);
  EXPECT_NEAR(energy.per_token, energy.joules / (6 * energy.completed), 1e-9);
}

TEST(Energy, OfARequestAloneIsTheSumOfItsSteps) {
  // One sequence at a time: its prompt with 50 x 50 pairs, then five steps that read 51 .. 55 KV
  // tokens. The model of power is tested by itself.
  Play run;
  run.rate = 0.2;  // 5 s apart on average: hardly two at a time
  const Config config = config_of(run);
  const PowerModel power{config, config.pools[0]};
  double joules = 0.050 * power.watts({50, 1, 0, 2500}, 0.050);
  for (std::int64_t step = 1; step <= 5; ++step) {
    joules += 0.001 * power.watts({1, 1, 50 + step, 0}, 0.001);
  }
  const Energy energy = play(run);
  ASSERT_GE(energy.completed, 3);
  EXPECT_NEAR(energy.steps, energy.completed * joules, 1e-6 * energy.steps);
  EXPECT_GT(joules, 0.055 * 120 * 1.001);  // the work shows
}

TEST(Energy, OfAGroupIsThatOfAllItsGpus) {
  Play one;
  one.compute_share = 0;
  for (const auto& layout : {std::pair{2, 1}, std::pair{1, 2}, std::pair{2, 2}}) {
    Play group = one;
    group.tp = layout.first;
    group.pp = layout.second;
    const Energy energy = play(group);
    const double gpus = group.tp * group.pp;
    EXPECT_GT(energy.completed, 20);
    EXPECT_NEAR(energy.steps, gpus * 120 * energy.busy_s, 1e-6 * energy.steps);
    EXPECT_NEAR(energy.idle, gpus * 68 * (energy.simulated_s - energy.busy_s), 1e-6 * energy.idle);
  }
}

TEST(Energy, IsTheSameStepByStep) {
  for (const int pp : {1, 2}) {
    Play run;
    run.rate = 15;
    run.pp = pp;
    const Energy fast = play(run);
    run.fast_forward = false;
    const Energy slow = play(run);
    EXPECT_EQ(fast.joules, slow.joules);
    EXPECT_EQ(fast.steps, slow.steps);
  }
}

TEST(Energy, RisesWithTheLoadAndFallsPerRequest) {
  double joules = 0;
  double per_request = 1e9;
  for (const double rate : {0.5, 2.0, 8.0, 16.0}) {
    Play run;
    run.rate = rate;
    const Energy energy = play(run);
    EXPECT_GT(energy.joules, joules);
    EXPECT_LT(energy.per_request, per_request);
    EXPECT_GE(energy.watts, 68);
    EXPECT_LE(energy.watts, 400);
    joules = energy.joules;
    per_request = energy.per_request;
  }
}

// Every token passes all matrices once: 2 x 10^9 operations, on GPUs of 300 TFLOPS that serve all
// the time.
TEST(Energy, TheShareOfPeakArithmeticIsThatOfTheTokens) {
  for (const Play& run : {Play{}, Play{.rate = 4, .tp = 2, .pp = 2}}) {
    const Energy e = play(run);
    ASSERT_GT(e.completed, 20);
    const double gpus = run.tp * run.pp;
    EXPECT_NEAR(e.flops_share, 2e9 * 56 * e.completed / (300e12 * gpus * e.simulated_s),
                1e-9 * e.flops_share);
    EXPECT_DOUBLE_EQ(e.occupancy, e.running / 8);
  }
}

}  // namespace
}  // namespace plimsoll
