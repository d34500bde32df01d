// The request path as a whole against arithmetic: failovers, pacing, refused shares, retry storms.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "support/path_play.hpp"

namespace plimsoll {
namespace {

using test::load;
using test::numbers_of;
using test::numbers_of_text;
using test::row;
using test::share;
using test::slice;
using test::tolerance;

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
  // 95 of 1,000 s by the far one; 5 s fail at the near one, and have no latency.
  EXPECT_NEAR(found[1], (0.9 * 20 + 0.095 * 120) / 0.995, 100 * tolerance(0.095, found[2]));
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

// Twice what the balancer can do comes: whoever is let in has a latency, no other.
TEST(RequestPath, RefusalsDoNotShortenWaitsAndLatenciesOfStages) {
  const std::vector<double> found =
      numbers_of(load(100, 500) +
                     "path: {load_balancer: {capacity: 50/s, queue: 0, latency: {mean: 8ms}}, "
                     "api_tier: {instances: 1, workers: 1, cpu: {mean: 50ms}, queue: 0}}",
                 [](const RunResult& result) {
                   const StageSummary& balancer = row(result, Stage::load_balancer);
                   const StageSummary& tier = row(result, Stage::api_tier);
                   return fmt::format(
                       "{} {} {} {} {} {}", static_cast<double>(balancer.offered - balancer.served),
                       balancer.latency.min, tier.offered - tier.served, tier.latency.min,
                       balancer.latency.count - balancer.served, tier.latency.count - tier.served);
                 });
  EXPECT_GT(found[0], 1000) << "many are refused";
  EXPECT_GE(found[1], 8 - 1e-6);
  EXPECT_GT(found[2], 1000);
  EXPECT_GE(found[3], 50 - 1e-6);
  EXPECT_EQ(found[4], 0);
  EXPECT_EQ(found[5], 0);
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

/// Answers of 21 tokens, 10 ms each, and a check of 2 s: the mean ttft, perceived rate and end, and
/// the share of the blocked answers of which something was seen.
std::vector<double> moderated(const std::string& hold) {
  return numbers_of_text(
      test::scenario_with_pools("pools:\n  main: {" + test::plain_pool + R"(}
metrics: {window: 1000s, sample_requests: 400}
duration: 200s
workload:
  arrivals: {rate: 2/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 21}}
path: {safety_after: {latency: {mean: 2s}, blocked: 25%)" +
                                hold + "}}\n"),
      [](const RunResult& result) {
        double blocked = 0;
        double seen = 0;
        for (const SampledRequest& one : result.sample) {
          blocked += one.outcome == Outcome::blocked ? 1 : 0;
          seen += one.outcome == Outcome::blocked && one.first_token != never ? 1 : 0;
        }
        const SliceSummary& all = result.slices.front();
        return fmt::format("{} {} {} {}", all.ttft.mean, all.e2el.mean, seen / blocked,
                           share(result, Outcome::blocked));
      });
}

TEST(RequestPath, WhatIsHeldForModerationIsSeenLater) {
  const std::vector<double> shown = moderated("");
  const std::vector<double> chunks = moderated(", hold: tokens, chunk: 5");
  const std::vector<double> whole = moderated(", hold: all");
  // Means over all answers, some of whose tokens were seen: they differ by who was blocked.
  EXPECT_NEAR(chunks[0], shown[0] + 40 + 2000, 0.3) << "four more tokens, and the check";
  EXPECT_NEAR(whole[0], shown[0] + 200 + 2000, 0.3) << "all of it, and the check";
  EXPECT_NEAR(whole[0], whole[1], 1e-6) << "all tokens at once";
  for (const std::vector<double>& one : {shown, chunks, whole}) {
    EXPECT_EQ(one[1], shown[1]) << "the last token waits for its check anyway";
    EXPECT_EQ(one[3], shown[3]) << "the same answers are blocked";
  }
  EXPECT_EQ(shown[2], 1.0) << "what is blocked was seen";
  EXPECT_EQ(whole[2], 0.0) << "nothing of it was";
  // What is blocked lies in the first 5 of 21 tokens, or behind them.
  EXPECT_NEAR(chunks[2], 16.0 / 21, 0.2);
}

TEST(RequestPath, WhoLosesPatienceWhileAnAnswerIsModeratedLeaves) {
  const std::string path =
      "path: {safety_after: {latency: {mean: 2s}, hold: HOLD}, clients: {patience: {mean: 1s}}}";
  const auto abandoned = [&](const std::string& hold) {
    std::string text = path;
    return numbers_of(load(5, 100) + text.replace(text.find("HOLD"), 4, hold),
                      [](const RunResult& result) {
                        return fmt::format("{}", share(result, Outcome::abandoned));
                      })[0];
  };
  EXPECT_EQ(abandoned("none"), 0.0) << "they have their first token";
  EXPECT_EQ(abandoned("all"), 1.0);
}

TEST(RequestPath, ASessionStaysOnItsSideOfASplit) {
  std::string text = test::scenario_with_pools(
      "pools:\n  a: {" + test::plain_pool + "}\n  b: {" + test::plain_pool +
      "}\nmetrics: {window: 10000s, sample_requests: 0}\n" + load(0.02, 2000) +
      "  max_requests: 1\n  classes: {chat: {share: 1, model: tiny}}\n"
      "path: {model_router: {splits: [{to: other, share: 50%}]}, "
      "clients: {sessions: {go_on: 98%, keeps_context: false, think: {mean: 1s}}}}\n");
  text.replace(text.find("model: tiny", text.find("\n  b: {")), 11, "model: other");
  text.replace(text.find("  profiles:"), 0, "    other: {extends: tiny}\n");
  int long_sessions = 0;
  int on_b = 0;
  for (int seed = 1; seed <= 12; ++seed) {
    const std::vector<double> found =
        numbers_of_text(text + fmt::format("seed: {}\n", seed), [](const RunResult& result) {
          const auto completed = [&](const char* pool) {
            return slice(result, "pool", pool)
                .outcomes[static_cast<std::size_t>(Outcome::completed)];
          };
          return fmt::format("{} {}", completed("a"), completed("b"));
        });
    EXPECT_EQ(std::min(found[0], found[1]), 0.0) << found[0] << " on one side, " << found[1];
    long_sessions += found[0] + found[1] > 10 ? 1 : 0;
    on_b += found[1] > 0 ? 1 : 0;
  }
  EXPECT_GT(long_sessions, 5);
  EXPECT_GT(on_b, 1);
  EXPECT_LT(on_b, 11);
}

TEST(RequestPath, ADecisionOfTheLimitsTakesItsTime) {
  const auto tell = [](const RunResult& result) {
    return fmt::format("{} {}", result.slices.front().ttft.mean,
                       row(result, Stage::limits).latency.mean);
  };
  const std::vector<double> at_once = numbers_of(load(5, 200) + "path: {limits: {}}", tell);
  const std::vector<double> later =
      numbers_of(load(5, 200) + "path: {limits: {latency: {mean: 30ms}}}", tell);
  EXPECT_NEAR(later[0], at_once[0] + 30, 1e-3);
  EXPECT_NEAR(later[1], 30, 1e-3);
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

/// Utilization and busiest window of a balancer of 100/s, of the API tier behind it (100 workers of
/// 1 s) and of connections: 20 requests/s come for 500 s, then 80/s for as long.
std::vector<double> used_shares(const std::string& measured) {
  const std::string text =
      test::scenario_with_pools("pools:\n  main: {" + test::plain_pool +
                                "}\nmetrics: {window: 100s}\nduration: 1000s\n" + measured + R"(
workload:
  arrivals: {rate: 20/s, shapes: [{kind: spike, at: 500s, lasting: 500s, factor: 4}]}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 1}}
path:
  load_balancer: {capacity: 100/s}
  api_tier: {instances: 100, cpu: {mean: 1s}}
  streaming: {connections: 10}
)");
  return test::numbers_of_text(text, [](const RunResult& result) {
    const StageSummary& balancer = row(result, Stage::load_balancer);
    const StageSummary& tier = row(result, Stage::api_tier);
    return fmt::format("{} {} {} {} {}", balancer.utilization, balancer.busiest_window,
                       tier.utilization, tier.busiest_window,
                       row(result, Stage::streaming).utilization);
  });
}

TEST(RequestPath, UtilizationIsThatOfTheMeasuredSpanAndItsBusiestWindow) {
  const std::vector<double> all = used_shares("warm_up: 0s");
  EXPECT_NEAR(all[0], 0.5, 0.01);
  EXPECT_NEAR(all[1], 0.8, 0.03);
  EXPECT_NEAR(all[2], 0.5, 0.01);
  EXPECT_NEAR(all[3], 0.8, 0.03);
  const std::vector<double> second_half = used_shares("warm_up: 500s");
  EXPECT_NEAR(second_half[0], 0.8, 0.01) << "neither the half before nor the drain is in it";
  EXPECT_NEAR(second_half[1], all[1], 1e-12);
  EXPECT_NEAR(second_half[2], 0.8, 0.01);
  EXPECT_GT(second_half[4], 0);
  const std::vector<double> window = used_shares("windows: [[600s, 700s]]");
  EXPECT_NEAR(window[0], 0.8, 0.03) << "of a played window";
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

// All that waits at a broker is lost at one moment: its clients try again in step. Each time the
// load balancer lets 51 of them in, one at once and 50 that wait.
TEST(RequestPath, BackOffAloneKeepsClientsInStepAndJitterTakesThemApart) {
  const auto with = [](const test::Overrides& overrides) {
    const LoadedScenario loaded = test::load_shipped("policies/retries_compared.yaml", overrides);
    return test::numbers_in(test::in_child([&] {
                              const RunResult result = run_scenario(loaded.config, {});
                              const StageSummary& broker = row(result, Stage::broker);
                              const StageSummary& balancer = row(result, Stage::load_balancer);
                              const auto failed = static_cast<std::size_t>(Outcome::failed);
                              const auto shed = static_cast<std::size_t>(Outcome::shed);
                              return fmt::format("{} {} {} {}", broker.outcomes[failed],
                                                 balancer.outcomes[shed],
                                                 result.slices.front().outcomes[shed],
                                                 result.slices.front().unfinished_share);
                            }),
                            4);
  };
  constexpr double room = 51;
  constexpr double waves = 4;  // attempts beyond the first
  const std::vector<double> in_step = with({});
  const double lost = in_step[0];
  EXPECT_NEAR(lost, 300 * 4, 20) << "four seconds of arrivals, but ten that still had their turns";
  EXPECT_NEAR(in_step[2], lost - waves * room, 4) << "five, ten, twenty, forty seconds do not help";
  // lost - 51 in the first wave, then 51 fewer in each; and a few others who come amid a wave.
  EXPECT_NEAR(in_step[1], waves * lost - room * (1 + 2 + 3 + 4), 0.02 * waves * lost);
  const std::vector<double> at_once = with({{"path.clients.retries.base", "0s"}});
  EXPECT_GT(at_once[2], in_step[2]) << "waves that follow one another at once find nobody gone";
  const std::vector<double> apart = with({{"path.clients.retries.jitter", "full"}});
  EXPECT_EQ(apart[0], lost) << "the same cause";
  EXPECT_EQ(apart[1], 0) << "300/s and 1,189 over five seconds are less than 1,000/s";
  EXPECT_EQ(apart[3], 0);
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

/// Two bypasses of tiny/limits, with what its metering says but for `metering`. A key within its
/// limit uses some 575 tokens in an interval, with a standard deviation of 360, and five times as
/// much when it is not bound: z = 3 sees that, z = 5 only at times.
std::vector<double> two_bypasses(const test::Overrides& metering) {
  test::Overrides overrides = {{"path.limits.bypasses", "[{at: 30s, lasting: 25s}, {at: 80s}]"}};
  overrides.insert(overrides.end(), metering.begin(), metering.end());
  const LoadedScenario loaded = test::load_shipped("tiny/limits.yaml", overrides);
  const std::string out = test::in_child([&] {
    const PathSummary path = run_scenario(loaded.config, {}).path;
    const auto seconds = [](SimTime t) {
      return t == never ? -1 : to_seconds(t.time_since_epoch());
    };
    const SuspensionSummary suspended = path.suspensions.value_or(SuspensionSummary{});
    return fmt::format("{} {} {} {} {} {} {} {}", seconds(path.bypasses[0].detected),
                       seconds(path.bypasses[0].enforced), seconds(path.bypasses[1].detected),
                       seconds(path.bypasses[1].enforced), path.bypassed,
                       path.bypasses[0].requests + path.bypasses[1].requests, suspended.keys,
                       suspended.refused);
  });
  return test::numbers_in(out, 8);
}

TEST(RequestPath, EveryBypassHasToBeNoticedAnew) {
  const std::vector<double> found = two_bypasses({{"path.limits.metering.z", "3"}});
  EXPECT_GT(found[0], 30);
  EXPECT_LE(found[0], 45);
  EXPECT_EQ(found[1], found[0] + 10);
  EXPECT_GT(found[2], 80) << "closing the first leaves the second open";
  EXPECT_EQ(found[3], found[2] + 10);
  const std::vector<double> unmetered = two_bypasses({{"path.limits.metering", "null"}});
  EXPECT_LT(found[4], unmetered[4]);
  // Two keys send 10/s in all and are allowed 2/s, for 25 and 40 s.
  EXPECT_NEAR(unmetered[4], 8 * 65, 0.35 * 8 * 65);
  // The first of a request's attempts counts once; there are no retries here.
  EXPECT_EQ(unmetered[4], unmetered[5]);
}

TEST(RequestPath, SuspendedKeysAskInVainWhileTheBypassStaysOpen) {
  const std::vector<double> bound = two_bypasses({{"path.limits.metering.z", "3"}});
  const std::vector<double> suspended = two_bypasses(
      {{"path.limits.metering.z", "3"}, {"path.limits.metering.action", "suspend_key"}});
  EXPECT_EQ(suspended[0], bound[0]) << "the same alarm";
  EXPECT_EQ(suspended[1], -1);
  EXPECT_EQ(suspended[3], -1);
  EXPECT_GE(suspended[6], 2) << "both abusers";
  // They send 5/s each from ten seconds after the first alarm to the end, at 120 s.
  const double refused = 2 * 5 * (120 - bound[1]);
  EXPECT_NEAR(suspended[7], refused, 0.25 * refused);
  EXPECT_LT(suspended[4], two_bypasses({{"path.limits.metering", "null"}})[4]);
}

/// Sessions of about two turns behind a cache of their contexts, before a replica that caches
/// prefixes: look-ups, hits, follow-ups that were answered, prefix hits, total tokens of prompts.
std::vector<double> sessions_behind(const std::string& cache) {
  std::string pool = test::plain_pool;
  pool += ", prefix_cache: true";
  return test::numbers_of_text(
      test::scenario_with_pools("pools:\n  main: {" + pool +
                                "}\nmetrics: {window: 1000s, sample_requests: 0}\n" +
                                fmt::format(R"(
duration: 400s
workload:
  arrivals: {{rate: 5/s}}
  lengths: {{prompt: {{kind: fixed, mean: 64}}, output: {{kind: fixed, mean: 32}}}}
path:
  conversation_cache: {{{}, bytes_per_token: 10 B, fetch: {{mean: 50ms}}}}
  clients: {{sessions: {{go_on: 50%, think: {{kind: exponential, mean: 2s}}}}}}
)",
                                            cache)),
      [](const RunResult& result) {
        const StageSummary& stage = row(result, Stage::conversation_cache);
        return fmt::format("{} {} {} {} {}", stage.offered, stage.hits, result.path.follow_ups,
                           result.pools[0].prefix->hit_tokens, stage.latency.mean);
      });
}

TEST(RequestPath, FurtherTurnsFindTheirOwnContextsAndFirstTurnsLookForNone) {
  const std::vector<double> large = sessions_behind("cache: {capacity: 1 GB}");
  EXPECT_EQ(large[1], large[2]) << "every further turn, and no first one";
  EXPECT_GT(large[2], 1000);
  EXPECT_EQ(large[4], 0.0) << "nothing is fetched";
  // Whole blocks of 16 of the 96 tokens, or multiples, that the turn before left.
  EXPECT_GE(large[3], 80 * large[2]);
  const std::vector<double> none = sessions_behind("cache: {capacity: 100 B}");
  EXPECT_EQ(none[1], 0.0) << "no context has fewer than 96 tokens";
  EXPECT_EQ(none[3], 0.0) << "what was not found is computed anew";
  EXPECT_NEAR(none[4], 50 * none[2] / none[0], 1e-3) << "and fetched, by further turns only";
  const std::vector<double> some = sessions_behind("cache: {capacity: 15 kB}");
  EXPECT_GT(some[1], 0.05 * some[2]);
  EXPECT_LT(some[1], 0.95 * some[2]);
}

TEST(RequestPath, WhatPrefixCachesFoundIsToldOfRequestsToo) {
  std::string pool = test::plain_pool;
  pool += ", prefix_cache: true";
  const auto found = [&](const std::string& path) {
    return test::numbers_of_text(
        test::scenario_with_pools("pools:\n  main: {" + pool +
                                  "}\nmetrics: {window: 1000s, sample_requests: 0}\n" + R"(
duration: 200s
workload:
  arrivals: {rate: 5/s}
  lengths:
    prompt: {kind: fixed, mean: 64}
    output: {kind: fixed, mean: 4}
    prefix: {tokens: 32}
)" + path),
        [](const RunResult& result) {
          const SliceSummary& all = result.slices.front();
          return fmt::format("{} {} {} {}", all.prefix_hit_tokens,
                             result.pools[0].prefix->hit_tokens, all.prefix_hit_rate, all.arrived);
        });
  };
  const std::vector<double> with = found("path: {tokenizer: {latency: {mean: 5ms}}}");
  EXPECT_EQ(with[0], with[1]) << "nothing is left out: there is no warm-up";
  // All but the first few find the two blocks of 16 that every prompt begins with.
  EXPECT_NEAR(with[2], 0.5, 0.01);
  const std::vector<double> without = found("");
  EXPECT_EQ(without[0], without[1]);
  EXPECT_NEAR(without[2], 0.5, 0.01);
}

/// One server of equal requests whose way to it takes some 3 s, under a queue: answers in time, the
/// latest one and the mean wait.
std::vector<double> lined_up(const std::string& queue) {
  std::string pool = test::plain_pool;
  pool.replace(pool.find("512"), 3, "1");
  return test::numbers_of_text(test::scenario_with_pools(fmt::format(
                                   R"(pools: {{main: {{{}}}}}
metrics: {{window: 1000s, sample_requests: 0}}
tiers: {{all: {{slo: {{ttft: 10s}}}}}}
service: {{queue: {{{}, capacity: 1000000, max_outstanding: 1}}}}
duration: 2000s
workload:
  arrivals: {{rate: 10/s}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 10}}}}
  classes: {{c: {{tier: all}}}}
path: {{tokenizer: {{latency: {{kind: exponential, mean: 3s}}}}}}
)",
                                   pool, queue)),
                               [](const RunResult& result) {
                                 const SliceSummary& all = result.slices.front();
                                 return fmt::format("{} {} {}", all.good, all.ttft.max,
                                                    all.queue.mean);
                               });
}

TEST(RequestPath, DeadlinesCountFromTheClientAndLinesFromTheDoor) {
  const std::vector<double> fcfs = lined_up("policy: fcfs");
  const std::vector<double> edf = lined_up("policy: edf");
  EXPECT_LT(edf[1], fcfs[1]) << "equal work on one server: the least largest lateness";
  EXPECT_GT(edf[0], fcfs[0]) << "those who were long on their way go first";
  EXPECT_NEAR(edf[2], fcfs[2], 1e-6 * fcfs[2]) << "the same work";
  EXPECT_EQ(lined_up("policy: edf, promise: wait")[0], edf[0])
      << "without a deadline the objective counts";
}

TEST(RequestPath, TurnsUseTheirConnectionsAgainIfUsersThinkForLessThanTheyAreKept) {
  const auto reused = [](const std::string& pool) {
    return numbers_of(
        load(10, 1000) + "path: {streaming: {setup: {mean: 100ms}, pool: " + pool +
            "}, clients: {sessions: {go_on: 50%, think: {kind: exponential, mean: 5s}}}}",
        [](const RunResult& result) {
          return fmt::format("{} {} {}", row(result, Stage::streaming).hits, result.path.follow_ups,
                             result.slices.front().arrived);
        });
  };
  const std::vector<double> kept = reused("{size: 1000000, keep_alive: 5s}");
  const double share = 1 - std::exp(-1);
  EXPECT_NEAR(kept[0] / kept[1], share, tolerance(share, kept[1]));
  EXPECT_EQ(reused("{size: 0, keep_alive: 5s}")[0], 0.0);
  const std::vector<double> few = reused("{size: 10, keep_alive: 5s}");
  EXPECT_LT(few[0], 0.5 * kept[0]) << "about 50 users think at a time";
  EXPECT_GT(few[0], 0.0);
}

// The memory signal says what is held: room that is added has to be filled before it asks for more.
TEST(RequestPath, ACacheThatScalesOnMemoryGrowsNoFasterThanItFills) {
  const auto nodes = [](const std::string& rate) {
    return numbers_of(fmt::format(R"(
duration: 600s
workload:
  arrivals: {{rate: {}}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 1}}}}
path:
  popularity: {{objects: 100000000, exponent: 0.6}}
  response_cache:
    capacity: 2 MB
    object_size: 1 kB
    node: 1 MB
    autoscale:
      {{policy: threshold, scale_metric: memory_utilization, scale_up_threshold: 85%,
       scale_down_threshold: 10%, expansion_factor: 1.5, min_instances: 2, max_instances: 1000,
       interval: 15s}}
)",
                                  rate),
                      [](const RunResult& result) {
                        return fmt::format("{}", result.scaling.front().replicas_max);
                      })[0];
  };
  // At next to no hits a look-up puts in 1 kB: 60/s for 600 s are 36 MB, 15/s are 9 MB. Full to 85
  // % at the last step, at most half as much again is there.
  const double fast = nodes("60/s");
  EXPECT_LE(fast, 1.5 * (2 + 36) / 0.85 + 1);
  EXPECT_GE(fast, 2 + 36 / 2);
  const double slow = nodes("15/s");
  EXPECT_LE(slow, 1.5 * (2 + 9) / 0.85 + 1);
  EXPECT_GE(slow, 2 + 9 / 2);
}

/// Mean signals of the autoscalers of pools a and b, each of a model of its own, which 60 and 20
/// requests/s ask for.
std::vector<double> rates_seen(const std::string& path) {
  const std::string scaled =
      ", autoscale: {policy: predictive, rate_per_replica: 1000/s, horizon: 10s, min_replicas: 1, "
      "max_replicas: 2, interval: 5s, provisioning_delay: 1s}}\n";
  std::string other = test::plain_pool;
  other.replace(other.find("tiny"), 4, "other");
  std::string text =
      test::scenario_with_pools("pools:\n  a: {" + test::plain_pool + scaled + "  b: {" + other +
                                scaled + "metrics: {window: 100s}\n" + load(80, 1000) +
                                "  classes:\n    of_a: {share: 3, model: tiny}\n"
                                "    of_b: {share: 1, model: other}\n" +
                                path);
  text.replace(text.find("  profiles:"), 0, "    other: {extends: tiny}\n");
  const std::string out = test::in_child([&] {
    const LoadedScenario loaded =
        load_scenario_text(text, "test.yaml", {}, policy_catalog(builtin_policies()));
    const test::TemporaryFolder folder;
    RunOptions options;
    options.out_folder = folder.path();
    run_scenario(loaded.config, options);
    return test::bytes_of_file(folder.path() + "/scaling.csv");
  });
  const test::CsvTable table{out};
  const std::vector<std::string> pools = table.column("pool");
  const std::vector<std::string> signals = table.column("signal");
  std::vector<double> sums(2);
  std::vector<double> counts(2);
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (!signals[i].empty()) {
      sums[pools[i] == "a" ? 0 : 1] += std::stod(signals[i]);
      counts[pools[i] == "a" ? 0 : 1] += 1;
    }
  }
  return {sums[0] / counts[0], sums[1] / counts[1]};
}

// A pool is scaled by what comes to its own service, behind all stages that answer, refuse or send
// elsewhere.
TEST(RequestPath, AutoscalersSeeTheRateOfTheirOwnModel) {
  const std::vector<double> apart = rates_seen("");
  EXPECT_NEAR(apart[0], 60, 4 * std::sqrt(60.0 / 1000));
  EXPECT_NEAR(apart[1], 20, 4 * std::sqrt(20.0 / 1000));
  const std::vector<double> split = rates_seen(
      "path: {auth: {unauthorized: 50%}, model_router: {splits: [{class: of_a, to: other, share: "
      "50%}]}}\n");
  EXPECT_NEAR(split[0], 15, 4 * std::sqrt(15.0 / 1000));
  EXPECT_NEAR(split[1], 10 + 15, 4 * std::sqrt(25.0 / 1000));
}

}  // namespace
}  // namespace plimsoll
