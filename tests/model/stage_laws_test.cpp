// What stages of the path can be used up, what an outage of each does, and rows that reconcile.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "metrics/verdict.hpp"
#include "support/path_play.hpp"

namespace plimsoll {
namespace {

using test::load;
using test::numbers_of;
using test::row;
using test::share;
using test::tolerance;

/// 1 where `result` names `resource` as the one nearest to its limit.
int is_nearest(const RunResult& result, const std::string& resource) {
  return bottleneck(result).rfind(resource + " (", 0) == 0 ? 1 : 0;
}

// 100/s, three of four from `near`; each entrance for itself.
constexpr const char* two_regions = R"(
path:
  edge:
    datacenters: {one: {capacity: 400/s}, two: {capacity: 50/s}}
    regions:
      near: {share: 3, capacity: 100/s, routes: [{datacenter: one, rtt: {mean: 1ms}}]}
      far: {share: 1, capacity: 100/s, routes: [{datacenter: two, rtt: {mean: 1ms}}]}
)";

TEST(StageCapacity, EntrancesTellTheOneThatIsUsedMost) {
  const std::vector<double> found =
      numbers_of(load(100, 1000) + two_regions, [](const RunResult& result) {
        return fmt::format("{} {} {} {}", row(result, Stage::edge).utilization,
                           row(result, Stage::edge).resource == "turns of region near" ? 1 : 0,
                           row(result, Stage::wan).utilization,
                           row(result, Stage::wan).resource == "turns of datacenter two" ? 1 : 0);
      });
  EXPECT_NEAR(found[0], 0.75, 0.015);
  EXPECT_EQ(found[1], 1);
  EXPECT_NEAR(found[2], 25.0 / 50, 0.02) << "and 75 of 400 of the other";
  EXPECT_EQ(found[3], 1);
}

/// Requests for ten things behind two caches, all of whose models are out for the first `outage`
/// seconds of 1,000: shares that are cached, that are completed, and that fail.
std::vector<double> behind_caches(const std::string& method, int outage) {
  const std::string cache =
      "{capacity: 100 kB, object_size: 1 kB, filled: 0, method: " + method + "}";
  return numbers_of(
      load(20, 1000) + "path:\n  popularity: {objects: 10, exponent: 0}\n  edge: {regions: {all: " +
          "{access: {mean: 1ms}}}, cdn: " + cache + "}\n  response_cache: " + cache +
          fmt::format("\n  model_router: {{outages: [{{at: 0s, lasting: {}s}}]}}\n", outage),
      [](const RunResult& result) {
        return fmt::format("{} {} {}", share(result, Outcome::cached),
                           share(result, Outcome::completed), share(result, Outcome::failed));
      });
}

TEST(StageLaws, CachesAnswerOnlyWhatWasAnsweredBefore) {
  for (const std::string method : {"che", "lru"}) {
    const std::vector<double> never = behind_caches(method, 1001);
    EXPECT_EQ(never[0], 0.0) << method;
    EXPECT_EQ(never[2], 1.0) << method;
    const std::vector<double> half = behind_caches(method, 500);
    EXPECT_NEAR(half[2], 0.5, 0.02) << method;
    EXPECT_NEAR(half[0], 0.5, 0.02) << method << ": ten answers are soon made";
    EXPECT_GT(half[1], 0.0) << method;
  }
}

TEST(StageCapacity, ACacheHasTurnsBesideItsMemory) {
  const std::vector<double> found =
      numbers_of(load(80, 2000) +
                     "path: {popularity: {objects: 1000, exponent: 0}, "
                     "response_cache: {capacity: 100 kB, object_size: 1 kB, lookups: 100/s}}",
                 [](const RunResult& result) {
                   const StageSummary& cache = row(result, Stage::response_cache);
                   return fmt::format("{} {} {} {} {}", cache.utilization, cache.memory_usage,
                                      cache.memory_usage_max, cache.wait.mean,
                                      is_nearest(result, "turns of response_cache"));
                 });
  EXPECT_NEAR(found[0], 0.8, 0.01);
  EXPECT_NEAR(found[1], 1.0, 1e-9);
  EXPECT_NEAR(found[2], 1.0, 1e-9);
  EXPECT_NEAR(found[3], 20, 1.5) << "M/D/1: 0.8 / (2 x 100/s x 0.2)";
  EXPECT_EQ(found[4], 1) << "and not its memory, which is full";
}

TEST(StageCapacity, WorkersOfTheApiTierAreNamedWhenTheyBind) {
  const std::vector<double> found =
      numbers_of(load(90, 1000) +
                     "path: {api_tier: {instances: 1, cpu: {mean: 10ms}}, "
                     "tokenizer: {capacity: 120/s}}",
                 [](const RunResult& result) {
                   return fmt::format("{} {} {}", is_nearest(result, "workers of api_tier"),
                                      row(result, Stage::api_tier).utilization,
                                      row(result, Stage::tokenizer).utilization);
                 });
  EXPECT_EQ(found[0], 1);
  EXPECT_NEAR(found[1], 0.9, 0.01);
  EXPECT_NEAR(found[2], 0.75, 0.01);
}

// Twice what a stage can do comes: those who are not shed keep it busy, and wait for no more than
// so many turns.
TEST(StageCapacity, WhoFindsNoRoomToWaitIsShed) {
  for (const Stage stage : {Stage::load_balancer, Stage::limits, Stage::auth, Stage::model_router,
                            Stage::safety_before, Stage::tokenizer, Stage::safety_after}) {
    const std::string keys = ": {capacity: 50/s, queue: 5}}";
    const std::vector<double> found = numbers_of(
        load(100, 500) + "path: {" + std::string{stage_name(stage)} + keys,
        [&](const RunResult& result) {
          const StageSummary& one = row(result, stage);
          return fmt::format("{} {} {} {}", share(result, Outcome::shed), one.utilization,
                             one.wait.max, one.latency.count - one.served);
        });
    EXPECT_NEAR(found[0], 0.5, 0.02) << stage_name(stage);
    EXPECT_GT(found[1], 0.98) << stage_name(stage);
    EXPECT_LE(found[2], 5 * 20 + 1e-6) << stage_name(stage);
    EXPECT_GT(found[2], 4 * 20) << stage_name(stage);
    EXPECT_EQ(found[3], 0) << stage_name(stage);
  }
}

// Half of 4 requests/s of 91 ms each come to two slots, half to 512.
TEST(StageCapacity, ServingTellsOfTheFullestPool) {
  std::string few = test::plain_pool;
  few.replace(few.find("512"), 3, "2");
  const std::string text =
      test::scenario_with_pools("pools:\n  few: {" + few + "}\n  many: {" + test::plain_pool +
                                "}\nmetrics: {window: 100ms, sample_requests: 0}\nservice: "
                                "{router: {policy: round_robin}}\n" +
                                R"(
duration: 500s
workload:
  arrivals: {rate: 4/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 10}}
path: {tokenizer: {latency: {mean: 1ms}}}
)");
  const std::vector<double> found = test::numbers_of_text(text, [](const RunResult& result) {
    const StageSummary& stage = row(result, Stage::serving);
    return fmt::format("{} {} {} {}", stage.utilization, result.pools[0].slot_occupancy,
                       stage.resource == "slots of pool few" ? 1 : 0,
                       is_nearest(result, "slots of pool few"));
  });
  EXPECT_GT(found[0], 0.03);
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[2], 1);
  EXPECT_EQ(found[3], 0) << "the verdict names it as it does without a path";
}

TEST(StageCapacity, ContextsOfSessionsAreLookedUpByTurns) {
  const std::vector<double> found =
      numbers_of(load(40, 2000) +
                     "path: {clients: {sessions: {go_on: 50%, think: {mean: 1s}}}, "
                     "conversation_cache: {bytes_per_token: 10 B, fetch: {mean: 1ms}, "
                     "cache: {capacity: 1 GB, lookups: 100/s}}}",
                 [](const RunResult& result) {
                   const StageSummary& stage = row(result, Stage::conversation_cache);
                   return fmt::format("{} {} {}", stage.utilization, stage.wait.max,
                                      static_cast<double>(result.path.follow_ups) / 2000);
                 });
  EXPECT_NEAR(found[0], found[2] / 100, 0.01) << "further turns alone look";
  EXPECT_GT(found[1], 5) << "and some wait for those before";
}

// 100/s come to a limit of 50/s, which an outage switches off for a tenth of the time.
TEST(LimitsBox, FailsOpenOrClosed) {
  const auto with = [](const std::string& keys) {
    return numbers_of(load(100, 1000) + "path: {limits: {outages: [{at: 500s, lasting: 100s}], " +
                          keys + "tenant: {requests: 50/s, request_burst: 50}}}",
                      [](const RunResult& result) {
                        return fmt::format("{} {} {}", share(result, Outcome::rate_limited),
                                           share(result, Outcome::failed),
                                           share(result, Outcome::completed));
                      });
  };
  const std::vector<double> open = with("");
  EXPECT_NEAR(open[0], 0.5 * 0.9, 0.01);
  EXPECT_EQ(open[1], 0);
  EXPECT_NEAR(open[2], 0.5 * 0.9 + 0.1, 0.01);
  const std::vector<double> closed = with("fails_open: false, ");
  EXPECT_NEAR(closed[0], 0.5 * 0.9, 0.01);
  EXPECT_NEAR(closed[1], 0.1, 0.005);
}

TEST(LimitsBox, WaitsForItsTurnsAsAnMD1Queue) {
  const std::vector<double> found = numbers_of(
      load(80, 4000) + "path: {limits: {capacity: 100/s, latency: {mean: 3ms}}}",
      [](const RunResult& result) {
        const StageSummary& stage = row(result, Stage::limits);
        return fmt::format("{} {} {}", stage.wait.mean, stage.latency.min, stage.utilization);
      });
  EXPECT_NEAR(found[0], 20, 1.5) << "0.8 / (2 x 100/s x 0.2)";
  EXPECT_NEAR(found[1], 3, 1e-6);
  EXPECT_NEAR(found[2], 0.8, 0.01);
}

std::vector<double> aggregated(const std::string& keys) {
  return numbers_of(load(80, 2000) +
                        "path: {aggregation: {size: 1, window: 1s, capacity: 1000/s, "
                        "outages: [{at: 500s, lasting: 100s, share: 20%}]" +
                        keys + "}}",
                    [](const RunResult& result) {
                      const StageSummary& stage = row(result, Stage::aggregation);
                      return fmt::format("{} {} {} {} {} {}", share(result, Outcome::failed),
                                         share(result, Outcome::completed), stage.wait.max,
                                         stage.wait.mean, stage.wait.percentiles[2],
                                         stage.utilization);
                    });
}

// A hundredth of the messages meets the outage: 5 % of the time, 20 % of those who come then.
TEST(Aggregation, AnOutageHoldsItsMessagesOrFailsThem) {
  const std::vector<double> hold = aggregated("");
  EXPECT_EQ(hold[1], 1.0);
  EXPECT_NEAR(hold[2], 100'000, 1700) << "and then a turn among 1,600 at 1,000 a second";
  EXPECT_NEAR(hold[3], 0.01 * 50'000 + 0.01 * 800, 30);
  EXPECT_LT(hold[4], 1) << "nobody else waits for them";
  EXPECT_NEAR(hold[5], 0.08, 0.001) << "one turn each";
  const std::vector<double> fail = aggregated(", during_outage: fail");
  EXPECT_NEAR(fail[0], 0.01, tolerance(0.01, 160'000) + 0.001);
  EXPECT_LT(fail[2], 10);
}

/// Prompts of 10 tokens.
TEST(WorkByToken, LengthensWorkLatenciesAndTurns) {
  const std::vector<double> found = numbers_of(
      load(50, 2000) +
          "path: {api_tier: {instances: 1, cpu: {mean: 2ms}, per_token: 1ms}, "
          "safety_before: {latency: {mean: 1ms}, per_token: 500us, tokens: 1000/s}, "
          "tokenizer: {latency: {mean: 2ms}, per_token: 200us, capacity: 200/s, tokens: 5000/s}, "
          "safety_after: {latency: {mean: 1ms}, per_token: 4ms}}",
      [](const RunResult& result) {
        return fmt::format(
            "{} {} {} {} {} {} {}", row(result, Stage::api_tier).utilization,
            row(result, Stage::api_tier).latency.min, row(result, Stage::safety_before).latency.min,
            row(result, Stage::safety_before).utilization,
            row(result, Stage::tokenizer).latency.min, row(result, Stage::tokenizer).utilization,
            row(result, Stage::safety_after).latency.mean);
      });
  EXPECT_NEAR(found[0], 50 * 0.012, 0.01) << "2 + 10 x 1 ms";
  EXPECT_NEAR(found[1], 12, 1e-6);
  EXPECT_NEAR(found[2], 1 + 10 * 0.5, 1e-6);
  EXPECT_NEAR(found[3], 50 * 10.0 / 1000, 0.01);
  EXPECT_NEAR(found[4], 2 + 10 * 0.2, 1e-6);
  EXPECT_NEAR(found[5], 50 * (1.0 / 200 + 10.0 / 5000), 0.01) << "5 + 2 ms";
  EXPECT_NEAR(found[6], 1 + 4, 1e-6) << "an answer of one token";
}

/// Ends at once after the last arrival, with many under way everywhere.
TEST(StageRows, OfARunThatIsCutOffReconcile) {
  std::string text = test::scenario_with(R"(
duration: 20s
workload:
  arrivals: {rate: 40/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 41}}
path:
  auth: {latency: {mean: 100ms}}
  tokenizer: {latency: {mean: 300ms}}
  streaming: {setup: {mean: 200ms}, read_rate: 20/s}
  clients: {patience: {kind: exponential, mean: 1s}}
)");
  text.replace(text.find("drain: 10h"), 10, "drain: 0s ");
  const std::vector<double> found = test::numbers_of_text(text, [](const RunResult& result) {
    std::int64_t passed = result.slices.front().measured_arrivals;
    std::int64_t lost = 0;
    std::int64_t under_way = 0;
    for (const StageSummary& stage : result.stages) {
      lost +=
          std::abs(passed - stage.offered - stage.left_on_the_way - stage.under_way - stage.open);
      passed = stage.outcomes[static_cast<std::size_t>(Outcome::completed)] + stage.open;
      under_way += stage.under_way;
    }
    return fmt::format("{} {} {}", lost, under_way, row(result, Stage::streaming).open);
  });
  EXPECT_EQ(found[0], 0);
  EXPECT_GT(found[1], 0);
  EXPECT_GT(found[2], 0);
}

}  // namespace
}  // namespace plimsoll
