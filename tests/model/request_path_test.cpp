// The request path as a whole against arithmetic: failovers, pacing, refused shares, retry storms.
//
// Replicas need 1 ms for a prompt and 10 ms for each further token, whatever their batch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

/// `rest`: duration, workload and path.
std::string scenario_with(const std::string& rest) {
  return std::string{R"(
name: path
drain: 10h
catalog:)"} +
         test::plain_gpu() + R"(
  models:
    tiny: {parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
           max_context: 4096, source: a test}
  profiles:
    steps: {form: linear, linear_step: 10ms, source: a test}
pools:
  main: {gpu: one, model: tiny, profile: steps, replicas: 1, max_num_seqs: 512, kv_blocks: 4000,
         max_num_batched_tokens: 1024}
metrics: {window: 1000s, sample_requests: 0}
)" + rest;
}

/// Plays it in a child; `tell` makes a text of numbers of the result.
std::vector<double> numbers_of(const std::string& rest,
                               const std::function<std::string(const RunResult&)>& tell) {
  const std::string text = scenario_with(rest);
  const std::string out = test::in_child([&] {
    const LoadedScenario loaded =
        load_scenario_text(text, "test.yaml", {}, policy_catalog(builtin_policies()));
    return tell(run_scenario(loaded.config, {}));
  });
  std::istringstream stream{out};
  std::vector<double> numbers;
  double number = 0;
  while (stream >> number) {
    numbers.push_back(number);
  }
  EXPECT_TRUE(stream.eof()) << out;
  numbers.resize(std::max<std::size_t>(numbers.size(), 8), std::nan(""));  // what is missing fails
  return numbers;
}

double share(const RunResult& result, Outcome outcome) {
  const SliceSummary& all = result.slices.front();
  return static_cast<double>(all.outcomes[static_cast<std::size_t>(outcome)]) /
         static_cast<double>(all.arrived);
}

const StageSummary& row(const RunResult& result, Stage stage) {
  for (const StageSummary& one : result.stages) {
    if (one.stage == stage) {
      return one;
    }
  }
  throw InternalError{"no such stage"};
}

/// Four standard deviations of a share among `count`.
double tolerance(double p, double count) {
  return 4 * std::sqrt(p * (1 - p) / count);
}

/// A Poisson stream of one-token answers.
std::string load(double rate, int seconds) {
  return fmt::format(R"(
duration: {}s
workload:
  arrivals: {{rate: {}/s}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 1}}}}
)",
                     seconds, rate);
}

TEST(RequestPath, TheWayThereAndBackAddsToEveryLatency) {
  const auto tell = [](const RunResult& result) {
    const SliceSummary& all = result.slices.front();
    return fmt::format("{} {} {}", all.ttft.mean, all.e2el.max, all.queue.mean);
  };
  const std::vector<double> bare = numbers_of(load(50, 200), tell);
  const std::vector<double> far = numbers_of(load(50, 200) + R"(
path:
  edge:
    datacenters: {center: {}}
    regions: {all: {access: {mean: 20ms}, routes: [{datacenter: center, rtt: {mean: 80ms}}]}}
)",
                                             tell);
  EXPECT_NEAR(far[0], bare[0] + 100, 1e-3) << "time to first token: a whole round trip";
  EXPECT_NEAR(far[1], bare[1] + 100, 1e-3) << "end to end";
  EXPECT_NEAR(far[2], bare[2] + 50, 1e-3) << "the queue is met half way";
}

TEST(RequestPath, ADatacenterThatGoesDownCostsTheDelayAndTheLongerWay) {
  const auto tell = [](const RunResult& result) {
    return fmt::format("{} {} {}", share(result, Outcome::failed),
                       row(result, Stage::wan).latency.mean, result.slices.front().arrived);
  };
  const std::vector<double> found = numbers_of(load(100, 1000) + R"(
path:
  edge:
    failover_delay: 5s
    datacenters: {near: {outages: [{at: 500s, lasting: 100s}]}, far: {}}
    regions:
      all:
        routes: [{datacenter: near, rtt: {mean: 20ms}}, {datacenter: far, rtt: {mean: 120ms}}]
)",
                                               tell);
  EXPECT_NEAR(found[0], 0.005, tolerance(0.005, found[2]));
  // 95 of 1,000 s by the far one; the 5 s that fail go to the near one.
  EXPECT_NEAR(found[1], 0.905 * 20 + 0.095 * 120, 100 * tolerance(0.095, found[2]));
}

TEST(RequestPath, ABrokerThatFailsOverHoldsOrFails) {
  const auto tell = [](const RunResult& result) {
    return fmt::format("{} {} {} {}", share(result, Outcome::failed),
                       share(result, Outcome::completed), row(result, Stage::broker).wait.max,
                       row(result, Stage::broker).wait.mean);
  };
  const std::string path =
      "path: {broker: {during_outage: MODE, outages: [{at: 500s, lasting: 10s}]}}";
  const auto with = [&](const std::string& mode) {
    std::string text = path;
    return numbers_of(load(100, 1000) + text.replace(text.find("MODE"), 4, mode), tell);
  };
  const std::vector<double> hold = with("hold");
  EXPECT_EQ(hold[1], 1.0) << "nobody is lost";
  EXPECT_GT(hold[2], 9'900);
  EXPECT_LE(hold[2], 10'000);
  // One of 100 requests waits, 5 s in the mean.
  EXPECT_NEAR(hold[3], 50, 8);
  const std::vector<double> fail = with("fail");
  EXPECT_NEAR(fail[0], 0.01, tolerance(0.01, 100'000));
}

TEST(RequestPath, EachStageRefusesItsShareOfWhatComesToIt) {
  const std::vector<double> found = numbers_of(
      load(200, 1000) +
          "path: {auth: {unauthorized: 5%}, safety_before: {blocked: 10%}, "
          "safety_after: {blocked: 20%}}",
      [](const RunResult& result) {
        return fmt::format("{} {} {}", share(result, Outcome::unauthorized),
                           share(result, Outcome::blocked), share(result, Outcome::completed));
      });
  const double n = 200'000;
  EXPECT_NEAR(found[0], 0.05, tolerance(0.05, n));
  const double blocked = 0.95 * (0.1 + 0.9 * 0.2);
  EXPECT_NEAR(found[1], blocked, tolerance(blocked, n));
  EXPECT_NEAR(found[2], 0.95 * 0.9 * 0.8, tolerance(0.95 * 0.9 * 0.8, n));
}

TEST(RequestPath, TokensArePacedToTheReaderAndTheEngineDoesNotWait) {
  const std::string talk = R"(
duration: 200s
workload:
  arrivals: {rate: 2/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 21}}
)";
  const auto tell = [](const RunResult& result) {
    const SliceSummary& all = result.slices.front();
    return fmt::format("{} {} {} {}", all.tpot.min, all.tpot.max, all.itl.max,
                       result.pools[0].busy_ns);
  };
  const std::vector<double> fast =
      numbers_of(talk + "path: {streaming: {read_rate: 1000/s}}", tell);
  const std::vector<double> slow = numbers_of(talk + "path: {streaming: {read_rate: 20/s}}", tell);
  EXPECT_NEAR(fast[0], 10, 1e-3);
  EXPECT_NEAR(fast[1], 10, 1e-3);
  EXPECT_NEAR(slow[0], 50, 1e-3) << "20 gaps of 1/20 s";
  EXPECT_NEAR(slow[1], 50, 1e-3);
  EXPECT_NEAR(slow[2], 10, 1e-3) << "the engine's own gaps";
  EXPECT_EQ(slow[3], fast[3]) << "engines buffer";
}

TEST(RequestPath, WhoLosesPatienceIsTheExcessOverCapacity) {
  // 200 requests/s come to a worker that does 100/s. (With a fixed patience nearly all would leave:
  // first come, first served, everybody waits just as long as that.)
  const std::vector<double> found =
      numbers_of(load(200, 2000) +
                     "path: {api_tier: {instances: 1, cpu: {mean: 10ms}, queue: 100000, "
                     "drops_leavers: true}, clients: {patience: {kind: exponential, mean: 5s}}}",
                 [](const RunResult& result) {
                   return fmt::format("{} {}", share(result, Outcome::abandoned),
                                      row(result, Stage::api_tier).utilization);
                 });
  // Beyond the tier some 20 ms are left in which to lose patience.
  EXPECT_NEAR(found[0], 0.5, 0.01);
  EXPECT_GT(found[1], 0.99);
}

TEST(RequestPath, SessionsMultiplyRequests) {
  const std::vector<double> found =
      numbers_of(load(20, 2000) + "path: {clients: {sessions: {go_on: 50%, think: {mean: 1s}}}}",
                 [](const RunResult& result) {
                   return fmt::format("{} {} {}", result.slices.front().arrived,
                                      result.path.follow_ups, share(result, Outcome::completed));
                 });
  // Each answer is followed by another turn with probability one half: as many turns as sessions.
  const double sessions = found[0] - found[1];
  EXPECT_NEAR(found[1] / sessions, 1.0, 4 * std::sqrt(2.0 / sessions) + 0.001);
  EXPECT_EQ(found[2], 1.0);
}

/// Requests come to a third of the capacity of an API tier whose queue is long; for 5 s they are
/// six times as many. Tells the share of the requests from 600 s on that get no answer, and
/// attempts per request.
std::vector<double> after_a_spike(const std::string& retries) {
  return numbers_of(fmt::format(R"(
duration: 1200s
warm_up: 600s
workload:
  arrivals: {{rate: 30/s, shapes: [{{kind: spike, at: 100s, lasting: 5s, factor: 6}}]}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 1}}}}
path:
  api_tier: {{instances: 1, cpu: {{mean: 10ms}}, queue: 1000000}}
  clients: {{timeout: 1s{}}}
)",
                                retries),
                    [](const RunResult& result) {
                      const SliceSummary& all = result.slices.front();
                      return fmt::format("{} {}", all.unfinished_share,
                                         static_cast<double>(result.path.attempts) /
                                             static_cast<double>(all.arrived));
                    });
}

TEST(RequestPath, ARetryStormOutlivesItsCauseUnlessClientsBackOff) {
  const std::vector<double> none = after_a_spike("");
  EXPECT_EQ(none[0], 0.0) << "without retries the line drains";
  EXPECT_EQ(none[1], 1.0);
  // Five attempts at 30/s are more than the 100/s that the tier can do, and it works only on
  // attempts whose clients have given up: the spike is over, the storm is not.
  const std::vector<double> storm =
      after_a_spike(", retries: {attempts: 5, base: 0s, jitter: none}");
  EXPECT_GT(storm[0], 0.95);
  EXPECT_GT(storm[1], 4.0);
  const std::vector<double> calm =
      after_a_spike(", retries: {attempts: 5, base: 30s, factor: 4, maximum: 10min, jitter: full}");
  EXPECT_LT(calm[0], 0.001);
  EXPECT_LT(calm[1], 2.0);
}

TEST(RequestPath, ABypassCostsWhatIsUsedUntilItsAlarmIsAnswered) {
  const LoadedScenario loaded = test::load_shipped("tiny/limits.yaml", {});
  const std::string out = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    const PathSummary& path = result.path;
    const auto seconds = [](SimTime t) { return to_seconds(t.time_since_epoch()); };
    // A heavy user of the common keys may be taken for an anomaly earlier: that is no bypass.
    const auto abuser = std::find_if(path.first_anomalies.begin(), path.first_anomalies.end(),
                                     [](const AnomalySummary& one) { return one.used_bypass; });
    return fmt::format("{} {} {} {} {}", seconds(path.detected), seconds(path.enforced),
                       path.bypassed,
                       abuser == path.first_anomalies.end() ? "none" : abuser->request_class,
                       path.bypassed_dollars > 0);
  });
  std::istringstream stream{out};
  double detected = 0;
  double enforced = 0;
  double bypassed = 0;
  std::string request_class;
  stream >> detected >> enforced >> bypassed >> request_class;
  // It opens at 60 s. Intervals end every 5 s; ten more pass before limits bind.
  EXPECT_GT(detected, 60);
  EXPECT_LE(detected, 70);
  EXPECT_EQ(enforced, detected + 10);
  EXPECT_EQ(request_class, "abuse");
  // Abusers send 10/s and their two keys are allowed 1/s each; others are over a limit at times.
  const double expected = 8 * (enforced - 60);
  EXPECT_NEAR(bypassed, expected, 0.35 * expected);
  EXPECT_TRUE(out.ends_with("true")) << out;
}

}  // namespace
}  // namespace plimsoll
