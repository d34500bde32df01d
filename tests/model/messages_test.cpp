// Aggregation, the broker's queue and back-pressure against closed forms.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/path_play.hpp"

namespace plimsoll {
namespace {

using test::load;
using test::numbers_of;
using test::row;
using test::share;
using test::tolerance;

/// P(A >= k) of a Poisson count with that mean.
double at_least(int k, double mean) {
  double below = 0;
  double term = std::exp(-mean);
  for (int i = 0; i < k; ++i) {
    below += term;
    term *= mean / (i + 1);
  }
  return 1 - below;
}

struct Gathering {
  double requests = 1;  // of a message, mean
  double wait = 0;      // of a request, mean, in seconds
};

/// A message begins with a request; with A(t) more by t, 1 + A(t) wait then, until A(t) = size - 1
/// or the window is over: the waits of a message add up to the sum over k of (k+1) x the time for
/// which A = k, whose mean is P(A(window) > k) / rate.
Gathering gathering_of(double rate, double window, int size) {
  Gathering gathering;
  double waits = 0;
  for (int k = 0; k <= size - 2; ++k) {
    waits += (k + 1) / rate * at_least(k + 1, rate * window);
    gathering.requests += at_least(k + 1, rate * window);
  }
  gathering.wait = waits / gathering.requests;
  return gathering;
}

/// Mean wait in ms, requests per message.
std::vector<double> gathered(double rate, const std::string& aggregation) {
  constexpr double turns = 10'000;  // of the broker, per second
  std::vector<double> found = numbers_of(
      load(rate, 1000) + "path: {aggregation: " + aggregation + ", broker: {capacity: 10000/s}}",
      [](const RunResult& result) {
        return fmt::format("{} {} {}", row(result, Stage::aggregation).wait.mean,
                           row(result, Stage::broker).utilization,
                           share(result, Outcome::completed));
      });
  EXPECT_EQ(found[2], 1.0);
  found[1] = rate / (found[1] * turns);
  return found;
}

TEST(Aggregation, WaitsAsARenewalProcessSays) {
  for (const int size : {2, 4, 8, 100}) {
    const Gathering expected = gathering_of(100, 0.04, size);
    const std::vector<double> found =
        gathered(100, fmt::format("{{size: {}, window: 40ms}}", size));
    EXPECT_NEAR(found[0], 1000 * expected.wait, 0.03 * 1000 * expected.wait) << size;
    EXPECT_NEAR(found[1], expected.requests, 0.03 * expected.requests) << size;
  }
  // By the window alone: the first waits all of it, the others half.
  EXPECT_NEAR(gathering_of(100, 0.04, 100).wait, (0.04 + 4 * 0.02) / 5, 1e-9);
}

TEST(Aggregation, AMessageWaitsForItsTurnAndTakesItsLatency) {
  // Messages of one: an M/D/1 queue at 80 of 100 turns a second.
  const std::vector<double> found = numbers_of(
      load(80, 4000) +
          "path: {aggregation: {size: 1, window: 1s, capacity: 100/s, latency: {mean: 7ms}}}",
      [](const RunResult& result) {
        const StageSummary& stage = row(result, Stage::aggregation);
        return fmt::format("{} {} {}", stage.latency.mean, stage.latency.min, stage.utilization);
      });
  EXPECT_NEAR(found[0], 20 + 7, 1.5) << "0.8 / (2 x 100/s x 0.2) = 20 ms";
  EXPECT_NEAR(found[1], 7, 1e-6);
  EXPECT_NEAR(found[2], 0.8, 0.01);
}

TEST(Aggregation, CarriesMoreThanTheBrokerHasTurns) {
  const auto refused = [](const RunResult& result) {
    return fmt::format("{} {}", share(result, Outcome::queue_full),
                       row(result, Stage::broker).utilization);
  };
  const std::string broker = "broker: {capacity: 100/s, queue: {depth: 20}}";
  const std::vector<double> alone = numbers_of(load(150, 1000) + "path: {" + broker + "}", refused);
  EXPECT_NEAR(alone[0], 1.0 / 3, 0.01) << "what is over its capacity finds no room";
  EXPECT_NEAR(alone[1], 1.0, 0.001);
  const std::vector<double> together = numbers_of(
      load(150, 1000) + "path: {aggregation: {size: 4, window: 1s}, " + broker + "}", refused);
  EXPECT_EQ(together[0], 0.0);
  EXPECT_NEAR(together[1], 150.0 / 4 / 100, 0.01);
}

TEST(Aggregation, WhoLeavesLeavesTheMessage) {
  const std::vector<double> found = numbers_of(
      load(1, 20'000) +
          "path: {aggregation: {size: 1000, window: 2s}, clients: {patience: {mean: 1s}}}",
      [](const RunResult& result) {
        return fmt::format("{} {}", share(result, Outcome::abandoned),
                           share(result, Outcome::completed));
      });
  // Whoever comes in the second half of a window is in time: with two expected to come after its
  // first, one of three. (An answer takes 10 or 20 ms more.)
  EXPECT_NEAR(found[0], 2.0 / 3, 0.02);
  EXPECT_EQ(found[0] + found[1], 1.0);
}

TEST(Broker, WaitsAsAnMD1Queue) {
  for (const int partitions : {1, 4}) {
    const std::vector<double> found = numbers_of(
        load(80 * partitions, 4000 / partitions) +
            fmt::format("path: {{broker: {{capacity: {}/s, queue: {{depth: 1000000, partitions: "
                        "{}}}}}}}",
                        100 * partitions, partitions),
        [](const RunResult& result) {
          const StageSummary& stage = row(result, Stage::broker);
          return fmt::format("{} {}", stage.wait.mean, stage.utilization);
        });
    EXPECT_NEAR(found[0], 20, 1.5) << "0.8 / (2 x 100/s x 0.2) = 20 ms in each partition";
    EXPECT_NEAR(found[1], 0.8, 0.01);
  }
}

// All but even arrivals.
TEST(Broker, ABacklogDrainsAtTheSpareRateOrIsLost) {
  const auto with = [](const std::string& fate) {
    std::string text = load(100, 1000);
    text.replace(text.find("rate: 100/s"), 11, "process: gamma, cv: 0.05, rate: 100/s");
    return numbers_of(text +
                          "path: {broker: {capacity: 125/s, outages: [{at: 500s, lasting: 20s}], "
                          "queue: {depth: 100000, at_failover: " +
                          fate + "}}}",
                      [](const RunResult& result) {
                        const StageSummary& stage = row(result, Stage::broker);
                        return fmt::format("{} {} {}", stage.wait.max, stage.wait.mean,
                                           share(result, Outcome::failed));
                      });
  };
  // The backlog of 2,000 drains at 125 - 100 a second, in 80 s: waits rise to 20 s at once, since
  // the first of them waits longest, and fall to none over these 20 + 80 s.
  const double triangle = 20'000.0 / 2 * 100 / 1000;
  const std::vector<double> keep = with("keep");
  EXPECT_NEAR(keep[0], 20'000, 20);
  EXPECT_NEAR(keep[1], triangle, 0.02 * triangle);
  EXPECT_EQ(keep[2], 0.0);
  const std::vector<double> lose = with("lose");
  EXPECT_NEAR(lose[1], triangle, 0.02 * triangle) << "what comes later waits as before";
  EXPECT_LE(lose[2], 1.0 / 100'000) << "nobody waited when it began";
}

// Twice as many as the broker has turns for come for 10 s before it fails over: half of them wait.
TEST(Broker, WhatWaitsWhenItFailsOverIsLost) {
  const std::vector<double> found = numbers_of(
      R"(
duration: 20s
workload:
  arrivals: {process: gamma, cv: 0.05, rate: 100/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 1}}
path:
  broker:
    capacity: 50/s
    outages: [{at: 10s, lasting: 1s}]
    queue: {depth: 100000, at_failover: lose}
)",
      [](const RunResult& result) {
        return fmt::format("{} {}", share(result, Outcome::failed),
                           to_seconds(result.end.time_since_epoch()));
      });
  EXPECT_NEAR(found[0], 500.0 / 2000, 0.005);
  EXPECT_NEAR(found[1], 11 + 1000.0 / 50, 0.3) << "the later 1,000 from the end of the outage on";
}

// A twentieth of the requests meets an outage of 100 s, and waits 50 s in the mean; turns of a
// microsecond are no wait, so that a capacity that suffices changes nothing.
TEST(Broker, AnOutageOfSomeStopsNobodyElse) {
  const auto with = [](const std::string& capacity) {
    return numbers_of(load(100, 1000) + "path: {broker: {" + capacity +
                          "outages: [{at: 500s, lasting: 100s, share: 5%}]}}",
                      [](const RunResult& result) {
                        const StageSummary& stage = row(result, Stage::broker);
                        return fmt::format("{:.17g} {} {} {}", stage.wait.mean,
                                           stage.wait.percentiles[6], stage.wait.max,
                                           share(result, Outcome::completed));
                      });
  };
  const std::vector<double> none = with("");
  const std::vector<double> some = with("capacity: 1000000/s, ");
  EXPECT_NEAR(some[0], none[0], 0.01);
  EXPECT_NEAR(some[0], 0.1 * 0.05 * 50'000, 0.1 * 250);
  EXPECT_LT(some[1], 0.01) << "99 of 100 meet no outage: one of 200 does";
  EXPECT_NEAR(some[2], none[2], 1);
  EXPECT_EQ(some[3], 1.0);
  // At 80 of 100 turns a second all others wait as in an M/D/1 queue, 20 ms, but for the 500 who
  // come together at the end and are worked off at the spare 20 a second, 25 s.
  const std::vector<double> busy =
      numbers_of(load(80, 4000) +
                     "path: {broker: {capacity: 100/s, "
                     "outages: [{at: 2000s, lasting: 125s, share: 5%}]}}",
                 [](const RunResult& result) {
                   const StageSummary& stage = row(result, Stage::broker);
                   return fmt::format("{} {}", stage.wait.mean, stage.utilization);
                 });
  const double held = 0.05 * 80 * 125 * 62'500.0 / (80 * 4000);
  const double worked_off = 2'500.0 * 100 * 25 / (80 * 4000);  // a backlog of 5 s that goes in 25 s
  EXPECT_NEAR(busy[0], 20 + held + worked_off, 0.1 * (20 + held + worked_off));
  EXPECT_NEAR(busy[1], 0.8, 0.01) << "one turn each";
}

TEST(Broker, AMessageThatWasHeldTakesOneTurn) {
  const std::vector<double> found =
      numbers_of(load(150, 1000) +
                     "path: {aggregation: {size: 4, window: 1s}, broker: {capacity: 100/s, "
                     "outages: [{at: 100s, lasting: 400s, share: 50%}]}}",
                 [](const RunResult& result) {
                   const StageSummary& stage = row(result, Stage::broker);
                   return fmt::format("{} {} {}", stage.utilization, stage.wait.max,
                                      share(result, Outcome::completed));
                 });
  EXPECT_NEAR(found[0], 150.0 / 4 / 100, 0.01);
  EXPECT_NEAR(found[1], 400'000, 300);
  EXPECT_EQ(found[2], 1.0);
}

// Of 10 s in which the broker fails over, whoever comes in the first nine leaves after one.
TEST(Broker, WhoLeavesWhileHeldTakesNoTurn) {
  const std::vector<double> found =
      numbers_of(load(100, 1000) +
                     "path: {broker: {capacity: 200/s, outages: [{at: 500s, lasting: 10s}]}, "
                     "clients: {patience: {mean: 1s}}}",
                 [](const RunResult& result) {
                   const StageSummary& broker = row(result, Stage::broker);
                   const StageSummary& serving = row(result, Stage::serving);
                   return fmt::format("{} {} {} {}",
                                      broker.outcomes[static_cast<std::size_t>(Outcome::abandoned)],
                                      broker.utilization * 200 * 1000, broker.served,
                                      serving.offered + serving.left_on_the_way);
                 });
  EXPECT_NEAR(found[0], 900, 4 * 30);
  EXPECT_NEAR(found[1], found[2], 2) << "a turn for everybody who passed, and for nobody else";
  EXPECT_EQ(found[2], found[3]);
}

std::string talk(double rate, int seconds) {
  return fmt::format(R"(
duration: {}s
workload:
  arrivals: {{rate: {}/s}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 21}}}}
)",
                     seconds, rate);
}

/// One replica with so many places; TTFT, running on average, residency in ms, requests, end in s.
std::vector<double> read_at_20_per_second(int places, double rate, const std::string& pressure) {
  const std::string pool = "pools:\n  main: {" + test::plain_pool + "}\n";
  std::string text = test::scenario_with_pools(
      pool + "metrics: {window: 2s, sample_requests: 0}\n" + talk(rate, 2000) +
      "path: {streaming: {read_rate: 20/s" + pressure + "}}");
  text.replace(text.find("max_num_seqs: 512"), 17, fmt::format("max_num_seqs: {}", places));
  return test::numbers_of_text(text, [](const RunResult& result) {
    const SliceSummary& all = result.slices.front();
    return fmt::format("{:.17g} {} {} {} {} {} {}", all.ttft.mean, result.pools[0].running_mean,
                       all.e2el.mean - all.queue.mean, all.arrived,
                       to_seconds(result.end.time_since_epoch()), result.pools[0].busy_ns,
                       result.pools[0].kv_cache_usage_mean);
  });
}

constexpr const char* hold_all = ", back_pressure: hold_kv, buffer: 0";

// An answer of 21 tokens is computed in 20 x 10 ms and read in 20 x 50 ms.
TEST(BackPressure, HeldKvIsRateTimesResidency) {
  const std::vector<double> apart = read_at_20_per_second(512, 20, "");
  const std::vector<double> held = read_at_20_per_second(512, 20, hold_all);
  const std::vector<double> some =
      read_at_20_per_second(512, 20, ", back_pressure: hold_kv, buffer: 10");
  EXPECT_EQ(held[0], apart[0]) << "time to the first token";
  EXPECT_EQ(held[5], apart[5]) << "no step more is computed";
  // Little's law; 1,000 readings of a Poisson number, four standard deviations of their mean.
  const double rate = held[3] / 2000;
  EXPECT_GT(held[2], 1000);
  EXPECT_LT(held[2], 1021) << "the step of its prompt beside, which others' may delay";
  EXPECT_NEAR(held[1], rate * held[2] / 1000, 4 * std::sqrt(20.0 / 1000));
  EXPECT_NEAR(apart[1], rate * (held[2] - 800) / 1000, 4 * std::sqrt(4.0 / 1000));
  EXPECT_NEAR(some[1], rate * (held[2] - 500) / 1000, 4 * std::sqrt(10.0 / 1000));
  // Two blocks of 16 hold the 30 tokens of an answer in KV; one does up to 16 of them.
  EXPECT_NEAR(held[6], 2 * held[1] / 4000, 0.07 * held[6]);
}

// 10 places, each taken for a second instead of a fifth: 10 answers a second instead of 48.
TEST(BackPressure, CapacityIsPlacesOverResidency) {
  const std::vector<double> apart = read_at_20_per_second(10, 20, "");
  EXPECT_LT(apart[4], 2010);
  const std::vector<double> held = read_at_20_per_second(10, 20, hold_all);
  EXPECT_GT(held[4], held[3] * 1.000 / 10);
  EXPECT_LT(held[4], held[3] * 1.025 / 10);
}

}  // namespace
}  // namespace plimsoll
