// The simulator against queueing theory: one-slot replicas behind a central line are M/G/c queues.
//
// A prompt of n tokens takes n x 100 us and answers with its first token, so service times are the
// prompt lengths. Waits are means over all requests after a warm-up, from ten fixed seeds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

constexpr int seeds = 10;
constexpr double t_quantile_9 = 4.781;   // of Student's t, 9 degrees of freedom, two-sided 99.9 %
constexpr double mean_tokens = 1000;     // of a prompt
constexpr double mean_service_ms = 100;  // 1000 tokens x 100 us
constexpr std::int64_t ns_per_token = 100'000;

/// First and second moment of a service time, in means of it: E S = 1.
struct ServiceLaw {
  std::string classes;  // YAML: the classes with their lengths
  double second_moment = 1;
};

// Draws are rounded to whole tokens and at least 1: that moves the mean of an exponential one by
// 2e-7 of itself and adds 1/12 token^2 to a second moment of 2,000,000. Neither shows.
ServiceLaw exponential_service() {
  return {"{all: {lengths: {prompt: {kind: exponential, mean: 1000}}}}", 2.0};
}

ServiceLaw fixed_service() {
  return {"{all: {lengths: {prompt: {kind: fixed, mean: 1000}}}}", 1.0};
}

// Four short prompts to each long one: E n = 0.8 x 400 + 0.2 x 3400 = 1000.
ServiceLaw mixed_service() {
  const double second = 0.8 * 400.0 * 400.0 + 0.2 * 3400.0 * 3400.0;
  return {
      "{short: {share: 4, lengths: {prompt: {kind: fixed, mean: 400}}},"
      " long: {share: 1, lengths: {prompt: {kind: fixed, mean: 3400}}}}",
      second / (mean_tokens * mean_tokens)};
}

ServiceLaw lognormal_service() {
  return {"{all: {lengths: {prompt: {kind: lognormal, mean: 1000, cv: 0.8}}}}", 1.0 + 0.8 * 0.8};
}

/// Pollaczek-Khinchine: mean wait of M/G/1 in ms.
double wait_of_one_server(double rho, double second_moment) {
  return rho * second_moment / (2 * (1 - rho)) * mean_service_ms;
}

/// Erlang C: mean wait of M/M/c in ms.
double wait_of_servers(int servers, double rho) {
  const double offered = rho * servers;
  double erlang_b = 1;  // by its recursion over servers
  for (int c = 1; c <= servers; ++c) {
    erlang_b = offered * erlang_b / (c + offered * erlang_b);
  }
  const double waits = erlang_b / (1 - rho * (1 - erlang_b));
  return waits / (servers * (1 - rho)) * mean_service_ms;
}

constexpr const char* scenario_text = R"(
name: queue
seed: {seed}
duration: {duration}s
warm_up: 1000s
drain: 100h
catalog:{hardware}
  models:
    tiny:
      {{parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
       max_context: 65536, source: a test}}
  profiles:
    tokens: {{form: linear, linear_token: 100us, source: a test}}
pools:
  main:
    {{gpu: one, model: tiny, profile: tokens, replicas: {servers}, max_num_seqs: 1,
     max_num_batched_tokens: 32768, kv_blocks: 4200, watermark: 0}}
service:
  queue: {{policy: fcfs, max_outstanding: 1}}
workload:
  arrivals: {{process: poisson, rate: {rate}/s}}
  lengths: {{output: {{kind: fixed, mean: 1}}}}
  classes: {classes}
metrics: {{window: {window}s, sample_requests: 0}}
)";

struct Queue {
  int servers = 1;
  double rho = 0.5;
  double requests = 1e6;  // per seed
  ServiceLaw service;
};

Config config_of(const Queue& queue, int seed) {
  const double rate = queue.rho * queue.servers * 1000.0 / mean_service_ms;
  const double duration = 1000 + queue.requests / rate;
  const std::string text =
      fmt::format(scenario_text, fmt::arg("hardware", test::plain_gpu()), fmt::arg("seed", seed),
                  fmt::arg("duration", std::ceil(duration)), fmt::arg("servers", queue.servers),
                  fmt::arg("rate", rate), fmt::arg("classes", queue.service.classes),
                  fmt::arg("window", std::ceil(duration / 200)));
  return load_scenario_text(text, "queue.yaml", {}, policy_catalog(builtin_policies())).config;
}

/// "mean wait in ms, whether it is overloaded", once the run's arithmetic was checked.
std::string play(const Queue& queue, int seed) {
  const Config config = config_of(queue, seed);
  const RunResult result = run_scenario(config, {});
  const SliceSummary& all = result.slices.front();
  const std::int64_t busy = all.billed_prompt_tokens * ns_per_token;
  if (all.in_flight == 0 && result.pools[0].busy_ns != busy) {
    return fmt::format("child: busy {} ns, but the work is {} ns", result.pools[0].busy_ns, busy);
  }
  return fmt::format("{} {}", all.queue.mean, result.verdict.kind == VerdictKind::overloaded);
}

struct Estimate {
  double mean = 0;
  double half_width = 0;
  int overloaded = 0;  // seeds reported so
};

Estimate estimate(const Queue& queue) {
  std::vector<std::function<std::string()>> bodies;
  for (int seed = 1; seed <= seeds; ++seed) {
    bodies.push_back([&queue, seed] { return play(queue, seed); });
  }
  Estimate estimate;
  std::vector<double> waits;
  for (const std::string& text : test::in_children(bodies)) {
    double wait = 0;
    std::array<char, 8> overloaded{};
    if (std::sscanf(text.c_str(), "%lf %7s", &wait, overloaded.data()) != 2) {
      ADD_FAILURE() << text;
      return estimate;
    }
    waits.push_back(wait);
    estimate.mean += wait / seeds;
    estimate.overloaded += overloaded[0] == 't' ? 1 : 0;
  }
  double squares = 0;
  for (const double wait : waits) {
    squares += (wait - estimate.mean) * (wait - estimate.mean);
  }
  estimate.half_width = t_quantile_9 * std::sqrt(squares / (seeds - 1) / seeds);
  return estimate;
}

void expect_wait(const Queue& queue, double expected) {
  const Estimate found = estimate(queue);
  const double widest = queue.rho > 0.8 ? 0.05 : 0.03;
  std::printf("rho %.1f: %.4f +- %.4f ms (%.2f %%), expected %.4f\n", queue.rho, found.mean,
              found.half_width, 100 * found.half_width / expected, expected);
  EXPECT_NEAR(found.mean, expected, found.half_width);
  EXPECT_LE(found.half_width, widest * expected);
  EXPECT_EQ(found.overloaded, 0);
}

struct Load {
  double rho;
  double requests;
};

TEST(QueueingTheory, MM1WaitsAsPollaczekKhinchineSays) {
  for (const Load load : {Load{0.3, 1.6e5}, Load{0.7, 5e5}, Load{0.9, 1.2e6}}) {
    expect_wait({1, load.rho, load.requests, exponential_service()},
                wait_of_one_server(load.rho, 2.0));
  }
}

TEST(QueueingTheory, MD1WaitsHalfAsLongAsMM1) {
  for (const Load load : {Load{0.3, 1e5}, Load{0.7, 2.5e5}, Load{0.9, 8e5}}) {
    expect_wait({1, load.rho, load.requests, fixed_service()},
                wait_of_one_server(load.rho, 2.0) / 2);
  }
}

TEST(QueueingTheory, MG1WaitsByTheSecondMomentOfTwoKindsOfPrompts) {
  for (const Load load : {Load{0.3, 2e5}, Load{0.7, 5e5}, Load{0.9, 1.2e6}}) {
    const ServiceLaw service = mixed_service();
    expect_wait({1, load.rho, load.requests, service},
                wait_of_one_server(load.rho, service.second_moment));
  }
}

TEST(QueueingTheory, MG1WaitsByTheSecondMomentOfLognormalPrompts) {
  for (const Load load : {Load{0.3, 2e5}, Load{0.7, 5e5}, Load{0.9, 1.2e6}}) {
    const ServiceLaw service = lognormal_service();
    expect_wait({1, load.rho, load.requests, service},
                wait_of_one_server(load.rho, service.second_moment));
  }
}

TEST(QueueingTheory, MMcWaitsAsErlangCSays) {
  EXPECT_NEAR(wait_of_servers(1, 0.7), wait_of_one_server(0.7, 2.0), 1e-9);
  for (const Load load : {Load{0.3, 5e5}, Load{0.7, 6e5}, Load{0.9, 1.2e6}}) {
    expect_wait({4, load.rho, load.requests, exponential_service()}, wait_of_servers(4, load.rho));
  }
}

TEST(QueueingTheory, MoreWorkThanServersIsReportedAsOverload) {
  const Estimate found = estimate({4, 1.1, 2e4, exponential_service()});
  EXPECT_EQ(found.overloaded, seeds);
}

}  // namespace
}  // namespace plimsoll
