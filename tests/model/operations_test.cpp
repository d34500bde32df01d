// Theory of machines that break and of versions that are brought to them: availability of
// alternating renewal processes, and what strategies make of a corrupt checkpoint.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"
#include "support/incidents.hpp"
#include "support/tiny_fleet.hpp"

namespace plimsoll {
namespace {

using test::Overrides;

constexpr const char* breaking_fleet = R"(
duration: 20000s
drain: 10min
pools:
  main:
    {gpu: one, model: tiny, profile: tokens, replicas: 8, max_num_seqs: 4,
     max_num_batched_tokens: 4096}
workload:
  arrivals: {rate: 0.2/s}
  lengths: {prompt: {kind: fixed, mean: 100}, output: {kind: fixed, mean: 1}}
faults:
  health_check: {interval: 1s, timeout: 0, failures: 1}
  request_timeout: 1s
  max_retries: 100
  reload: 0
  processes:
    gpus:
      scope: gpu
      mtbf: 100s
      repair:
        quick: {share: 3, minimum: 10s, maximum: 14s}
        slow: {share: 1, minimum: 34s, maximum: 54s}
metrics: {window: 1000s, sample_requests: 1}
)";

/// Availability and MTBF seen over 8 units x 20,000 s.
std::string seen_availability(const Overrides& overrides) {
  const LoadedScenario loaded = test::load_tiny_fleet(breaking_fleet, overrides);
  const OutageSummary seen = run_scenario(loaded.config, {}).operations.outages.front();
  return fmt::format("{} {} {}", seen.availability, seen.mtbf_seconds, seen.mttr_seconds);
}

struct Estimate {
  double mean = 0;
  double error = 0;  // standard error of the mean
};

Estimate estimate(const std::vector<double>& values) {
  Estimate e;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) {
    e.mean += value / n;
  }
  double squares = 0;
  for (const double value : values) {
    squares += (value - e.mean) * (value - e.mean);
  }
  e.error = std::sqrt(squares / (n - 1) / n);
  return e;
}

TEST(Availability, IsMtbfOverMtbfPlusMttrWhateverTheLaw) {
  // Mean repair: (3 x 12 s + 44 s) / 4 = 20 s; so A = 100 / (100 + 20).
  const double expected = 100.0 / 120.0;
  const std::vector<Overrides> laws = {
      {{"faults.processes.gpus.law", "exponential"}},
      {{"faults.processes.gpus.law", "weibull"}, {"faults.processes.gpus.shape", "0.7"}},
      {{"faults.processes.gpus.law", "weibull"}, {"faults.processes.gpus.shape", "3"}}};
  for (const Overrides& law : laws) {
    SCOPED_TRACE(law.back().second);
    std::vector<std::function<std::string()>> bodies;
    for (int seed = 1; seed <= 10; ++seed) {
      Overrides overrides = law;
      overrides.emplace_back("seed", std::to_string(seed));
      bodies.emplace_back([overrides] { return seen_availability(overrides); });
    }
    std::vector<double> availabilities;
    std::vector<double> mtbfs;
    std::vector<double> mttrs;
    for (const std::string& text : test::in_children(bodies)) {
      double availability = 0;
      double mtbf = 0;
      double mttr = 0;
      ASSERT_EQ(std::sscanf(text.c_str(), "%lf %lf %lf", &availability, &mtbf, &mttr), 3) << text;
      availabilities.push_back(availability);
      mtbfs.push_back(mtbf);
      mttrs.push_back(mttr);
    }
    // All units begin up, which adds less than one repair per 20,000 s: 0.001.
    const Estimate a = estimate(availabilities);
    EXPECT_NEAR(a.mean, expected, 4 * a.error + 0.001);
    EXPECT_LT(a.error, 0.005) << "too wide to say anything";
    const Estimate up = estimate(mtbfs);
    EXPECT_NEAR(up.mean, 100, 4 * up.error + 1);
    const Estimate down = estimate(mttrs);
    EXPECT_NEAR(down.mean, 20, 4 * down.error + 0.2);
  }
}

constexpr const char* deploying_fleet = R"(
seed: 3
duration: 400s
drain: 5min
pools:
  main:
    {gpu: one, model: tiny, profile: tokens, replicas: 10, max_num_seqs: 4,
     max_num_batched_tokens: 4096}
workload:
  arrivals: {rate: 20/s}
  lengths: {prompt: {kind: fixed, mean: 100}, output: {kind: fixed, mean: 50}}
rollouts:
  next: {pool: main, at: 50s, load: 10s}
metrics: {window: 10s, sample_requests: 10}
)";

struct Deployed {
  RolloutSummary rollout;
  std::int64_t arrived = 0;
  std::int64_t completed = 0;
  std::int64_t degraded = 0;
};

Deployed deploy(const Overrides& overrides) {
  const std::string text = test::in_child([&] {
    const LoadedScenario loaded = test::load_tiny_fleet(deploying_fleet, overrides);
    const RunResult result = run_scenario(loaded.config, {});
    const RolloutSummary& r = result.operations.rollouts.front();
    const SliceSummary& all = result.slices.front();
    return fmt::format("{} {} {} {} {} {} {} {} {}", r.outcome, r.detection_s, r.began_s, r.ended_s,
                       r.loads, r.corrupt_loads, all.arrived,
                       all.outcomes[static_cast<std::size_t>(Outcome::completed)],
                       all.outcomes[static_cast<std::size_t>(Outcome::degraded)]);
  });
  Deployed deployed;
  char outcome[64] = "";
  const int read = std::sscanf(
      text.c_str(), "%63s %lf %lf %lf %ld %ld %ld %ld %ld", outcome, &deployed.rollout.detection_s,
      &deployed.rollout.began_s, &deployed.rollout.ended_s, &deployed.rollout.loads,
      &deployed.rollout.corrupt_loads, &deployed.arrived, &deployed.completed, &deployed.degraded);
  EXPECT_EQ(read, 9) << text;
  deployed.rollout.outcome = outcome;
  return deployed;
}

const std::vector<Overrides>& strategies() {
  static const std::vector<Overrides> all = {
      {{"rollouts.next.strategy", "rolling"}, {"rollouts.next.max_unavailable", "2"}},
      {{"rollouts.next.strategy", "rolling"},
       {"rollouts.next.max_unavailable", "0"},
       {"rollouts.next.max_surge", "3"}},
      {{"rollouts.next.strategy", "blue_green"}, {"rollouts.next.bake", "30s"}},
      {{"rollouts.next.strategy", "canary"},
       {"rollouts.next.steps", "[{share: 10%, bake: 40s}, {share: 50%, bake: 10s}]"}},
      {{"rollouts.next.strategy", "all_at_once"}}};
  return all;
}

Overrides with_gate(Overrides overrides) {
  overrides.emplace_back("rollouts.next.gate.threshold", "50%");
  overrides.emplace_back("rollouts.next.gate.window", "10s");
  overrides.emplace_back("rollouts.next.gate.interval", "1s");
  overrides.emplace_back("rollouts.next.gate.delay", "5s");
  return overrides;
}

TEST(Availability, TheTimelineTellsWhoDiedAndThatTheyServeAgain) {
  const std::string incidents =
      test::incidents_of(test::load_tiny_fleet(breaking_fleet, {}).config);
  const int died = test::rows_of(incidents, "died");
  EXPECT_GT(died, 1000) << "eight units of 120 s a turn for 20,000 s";
  EXPECT_LE(test::rows_of(incidents, "serves"), died);
  EXPECT_GE(test::rows_of(incidents, "serves"), died - 8)
      << "all but those under repair at the end";
}

TEST(Rollouts, NoStrategyLosesARequest) {
  for (const Overrides& strategy : strategies()) {
    SCOPED_TRACE(strategy.front().second);
    const Deployed deployed = deploy(strategy);
    EXPECT_EQ(deployed.rollout.outcome, "completed");
    EXPECT_GT(deployed.arrived, 7000);
    EXPECT_EQ(deployed.completed, deployed.arrived);
    EXPECT_GE(deployed.rollout.loads, 10);
  }
}

struct CutRollout {
  double lasted_s = 0;
  long arrived = 0;
  long completed = 0;
  long failed = 0;
  long cut_drains = 0;
  long cut_attempts = 0;
};

/// A rolling update, one replica at a time, under answers of 2 s if one is alone and of 8 s if
/// there are four; eight of the nine to ten replicas are needed.
CutRollout deploy_under_long_answers(const Overrides& overrides) {
  const std::string text = test::in_child([&] {
    Overrides all = {{"workload.arrivals.rate", "4/s"},
                     {"workload.lengths.output.mean", "2000"},
                     {"rollouts.next.strategy", "rolling"}};
    all.insert(all.end(), overrides.begin(), overrides.end());
    const RunResult result = run_scenario(test::load_tiny_fleet(deploying_fleet, all).config, {});
    const RolloutSummary& r = result.operations.rollouts.front();
    const SliceSummary& slice = result.slices.front();
    const CutDrains cut = result.pools.front().cut_drains.value_or(CutDrains{});
    return fmt::format("{} {} {} {} {} {}", r.ended_s - r.began_s, slice.arrived,
                       slice.outcomes[static_cast<std::size_t>(Outcome::completed)],
                       slice.outcomes[static_cast<std::size_t>(Outcome::failed)], cut.drains,
                       cut.attempts);
  });
  CutRollout cut;
  EXPECT_EQ(std::sscanf(text.c_str(), "%lf %ld %ld %ld %ld %ld", &cut.lasted_s, &cut.arrived,
                        &cut.completed, &cut.failed, &cut.cut_drains, &cut.cut_attempts),
            6)
      << text;
  return cut;
}

TEST(Rollouts, ReplicasThatAreAddedLoadTheVersionToo) {
  for (const int surge : {0, 1, 3}) {
    const Deployed deployed = deploy({{"rollouts.next.strategy", "rolling"},
                                      {"rollouts.next.max_unavailable", "1"},
                                      {"rollouts.next.max_surge", std::to_string(surge)}});
    EXPECT_EQ(deployed.rollout.outcome, "completed");
    EXPECT_EQ(deployed.rollout.loads, 10 + surge);
  }
}

TEST(Rollouts, ADrainTimeoutBoundsTheTimeAndBeginsWhatIsLeftAnew) {
  const CutRollout patient = deploy_under_long_answers({});
  EXPECT_GT(patient.lasted_s, 10 * (10 + 2)) << "ten loads of 10 s; drains take up to 8 s";
  EXPECT_EQ(patient.completed, patient.arrived);
  EXPECT_EQ(patient.cut_drains, 0);
  const CutRollout cut = deploy_under_long_answers({{"pools.main.drain_timeout", "1s"}});
  EXPECT_LE(cut.lasted_s, 10 * (10 + 1) + 1e-6);
  EXPECT_GE(cut.lasted_s, 10 * 10);
  EXPECT_GE(cut.cut_drains, 5) << "nearly every replica has answers under way";
  EXPECT_LE(cut.cut_drains, 10);
  EXPECT_GE(cut.cut_attempts, cut.cut_drains);
  EXPECT_EQ(cut.completed, cut.arrived) << "somebody else answers";
}

TEST(Rollouts, WhatADrainTimeoutCutsFailsWhereLostRequestsDo) {
  const CutRollout cut = deploy_under_long_answers(
      {{"pools.main.drain_timeout", "0s"}, {"faults.lost_requests", "fail"}});
  EXPECT_GT(cut.failed, 5);
  EXPECT_EQ(cut.failed, cut.cut_attempts);
  EXPECT_EQ(cut.completed + cut.failed, cut.arrived);
  EXPECT_NEAR(cut.lasted_s, 10 * 10, 1e-3);
}

TEST(Rollouts, ARollbackLosesNoRequest) {
  for (Overrides strategy : strategies()) {
    SCOPED_TRACE(strategy.front().second);
    strategy.emplace_back("rollouts.next.version_corrupt", "1");
    const Deployed deployed = deploy(with_gate(strategy));
    EXPECT_EQ(deployed.rollout.outcome, "rolled_back");
    EXPECT_EQ(deployed.completed + deployed.degraded, deployed.arrived);
    EXPECT_GT(deployed.degraded, 0);
    // Answers are known after 5 s; 20 of them are a second of one replica's share of the traffic at
    // least, and a look comes every second.
    EXPECT_GE(deployed.rollout.detection_s, 5);
    EXPECT_LE(deployed.rollout.detection_s, 5 + 20.0 / 2 + 2);
  }
}

TEST(Rollouts, AGateThatHasSeenTooFewAnswersLetsNothingPass) {
  // Twelve requests in 20 min for ten replicas, and every copy of the version is corrupt.
  for (Overrides strategy : strategies()) {
    SCOPED_TRACE(strategy.front().second);
    strategy.emplace_back("rollouts.next.version_corrupt", "1");
    strategy.emplace_back("workload.arrivals.rate", "0.01/s");
    strategy.emplace_back("duration", "20min");
    Overrides patient = with_gate(strategy);
    EXPECT_EQ(deploy(patient).rollout.outcome, "under_way") << "an hour is not over";
    patient.emplace_back("rollouts.next.gate.patience", "5min");
    const Deployed given_up = deploy(patient);
    EXPECT_EQ(given_up.rollout.outcome, "rolled_back");
    EXPECT_EQ(given_up.rollout.detection_s, -1) << "not by what it has seen";
  }
}

TEST(Rollouts, AGateSeesASlowVersionByItsLimit) {
  // A prompt of 100 tokens takes 100 ms and more.
  Overrides canary = with_gate(strategies()[3]);
  canary.emplace_back("rollouts.next.gate.ttft", "50ms");
  EXPECT_EQ(deploy(canary).rollout.outcome, "rolled_back");
  canary.back().second = "30s";
  EXPECT_EQ(deploy(canary).rollout.outcome, "completed");
}

/// Nanoseconds from the batch to the last token of the last request that was sampled: it came once
/// the rollout was over.
std::int64_t last_service(const Overrides& overrides) {
  return std::stoll(test::in_child([&] {
    const LoadedScenario loaded = test::load_tiny_fleet(deploying_fleet, overrides);
    const RunResult result = run_scenario(loaded.config, {});
    const SampledRequest* last = &result.sample.front();
    for (const SampledRequest& request : result.sample) {
      last = request.arrived > last->arrived ? &request : last;
    }
    return std::to_string((last->finished - last->scheduled).count());
  }));
}

TEST(Rollouts, AVersionTakesTheShareOfTheTimeThatItIsSaidToTake) {
  // So few requests that each has a replica to itself.
  Overrides alone = {{"workload.arrivals.rate", "0.2/s"}, {"metrics.sample_requests", "1000"}};
  const std::int64_t own = last_service(alone);
  ASSERT_GT(own, 0);
  for (const auto& [name, share] :
       std::vector<std::pair<std::string, double>>{{"100%", 1}, {"150%", 1.5}, {"80%", 0.8}}) {
    Overrides with = alone;
    with.emplace_back("rollouts.next.version_step_time", name);
    // 50 steps, each rounded up to a femtosecond; times are whole nanoseconds.
    EXPECT_NEAR(static_cast<double>(last_service(with)), share * static_cast<double>(own), 2)
        << name;
  }
}

TEST(Rollouts, AVersionTakesItsTimeInAPoolThatScales) {
  const Overrides scaled = {{"workload.arrivals.rate", "0.2/s"},
                            {"metrics.sample_requests", "1000"},
                            {"pools.main.autoscale.policy", "queue_depth"},
                            {"pools.main.autoscale.min_replicas", "10"},
                            {"pools.main.autoscale.max_replicas", "12"},
                            {"pools.main.autoscale.provisioning_delay", "5s"}};
  const std::int64_t own = last_service(scaled);
  Overrides with = scaled;
  with.emplace_back("rollouts.next.version_step_time", "150%");
  EXPECT_NEAR(static_cast<double>(last_service(with)), 1.5 * static_cast<double>(own), 2);
}

TEST(Rollouts, AGateOnTheTimePerTokenFindsASlowerVersionAndItsSpeedComesBack) {
  Overrides canary = with_gate(strategies()[3]);
  canary.emplace_back("workload.arrivals.rate", "2/s");
  canary.emplace_back("metrics.sample_requests", "1000");
  const std::int64_t own = last_service(canary);
  ASSERT_EQ(own, 149'000'000) << "a millisecond a token";
  canary.emplace_back("rollouts.next.gate.tpot", "1500us");
  EXPECT_EQ(deploy(canary).rollout.outcome, "completed");
  canary.emplace_back("rollouts.next.version_step_time", "200%");
  const RolloutSummary slower = deploy(canary).rollout;
  EXPECT_EQ(slower.outcome, "rolled_back");
  EXPECT_GE(slower.detection_s, 5) << "answers are known after 5 s";
  EXPECT_EQ(last_service(canary), own) << "the old version is back";
}

/// What incidents.csv says.
std::string incidents_of(const Overrides& overrides) {
  return test::incidents_of(test::load_tiny_fleet(deploying_fleet, overrides).config);
}

TEST(Rollouts, ValidationIsToldWhenItBeginsAndOnlyWhereThereIsSome) {
  const std::string with = incidents_of({{"rollouts.next.validation", "10s"}});
  EXPECT_NE(with.find("\n50,rollout,next,validation of version next begins\n60,rollout,next,"),
            std::string::npos)
      << with;
  const std::string without = incidents_of({});
  EXPECT_EQ(without.find("valid"), std::string::npos) << without;
  EXPECT_NE(without.find("\n50,rollout,next,"), std::string::npos) << "it begins at once";
}

TEST(Rollouts, ValidationRejectsWhatItDetects) {
  Overrides corrupt = {{"rollouts.next.validation", "10s"},
                       {"rollouts.next.version_corrupt", "1"},
                       {"rollouts.next.detects", "1"}};
  const Deployed rejected = deploy(corrupt);
  EXPECT_EQ(rejected.rollout.outcome, "rejected");
  EXPECT_EQ(rejected.rollout.loads, 0) << "no replica is touched";
  EXPECT_EQ(rejected.degraded, 0);
  corrupt.back().second = "0";
  EXPECT_EQ(deploy(corrupt).rollout.corrupt_loads, 10);
  // A good version passes, unless it is taken for a bad one.
  Overrides good = {{"rollouts.next.validation", "10s"}, {"rollouts.next.detects", "1"}};
  EXPECT_EQ(deploy(good).rollout.outcome, "completed");
  good.emplace_back("rollouts.next.false_alarms", "1");
  EXPECT_EQ(deploy(good).rollout.outcome, "rejected");
  // 40 versions, three quarters found: 30 and three standard deviations (2.7 each).
  corrupt.back().second = "75%";
  corrupt.emplace_back("duration", "70s");
  corrupt.emplace_back("workload.arrivals.rate", "0.1/s");
  int found = 0;
  for (int seed = 1; seed <= 40; ++seed) {
    Overrides seeded = corrupt;
    seeded.emplace_back("seed", std::to_string(seed));
    found += deploy(seeded).rollout.outcome == "rejected" ? 1 : 0;
  }
  EXPECT_NEAR(found, 30, 3 * 2.74);
}

TEST(Rollouts, HowManySufferFollowsFromTheStrategy) {
  const auto degraded = [](std::size_t strategy, bool gated) {
    Overrides overrides = strategies()[strategy];
    overrides.emplace_back("rollouts.next.version_corrupt", "1");
    return deploy(gated ? with_gate(overrides) : overrides).degraded;
  };
  const std::int64_t unwatched = degraded(0, false);
  const std::int64_t rolling = degraded(0, true);
  const std::int64_t blue_green = degraded(2, true);
  const std::int64_t canary = degraded(3, true);
  // Unwatched: 20/s from about the end of the rollout at 100 s on until 400 s.
  EXPECT_GT(unwatched, 20 * 290);
  // Blue-green: all of the traffic for the time of detection, about 6 s; canary: a tenth of it.
  EXPECT_LT(blue_green, 20 * 12);
  EXPECT_LT(canary, blue_green);
  EXPECT_LT(canary, 20 * 20 / 10 * 3);
  EXPECT_LT(rolling, unwatched / 5);
}

/// 40 shards of 1 s each from 50 s on, all written at 90 s; eight loaders need 1.25 s for a copy.
Overrides with_checkpoint(Overrides overrides, const char* publish) {
  overrides.emplace_back("rollouts.next.loaders", "8");
  overrides.emplace_back("rollouts.next.checkpoint.shards", "40");
  overrides.emplace_back("rollouts.next.checkpoint.shard_time", "1s");
  overrides.emplace_back("rollouts.next.checkpoint.publish", publish);
  return overrides;
}

TEST(Rollouts, WhoReadsAShardBeforeItIsWrittenHasACorruptCopy) {
  const Overrides at_once = {{"rollouts.next.strategy", "all_at_once"}};
  const Deployed quick = deploy(with_checkpoint(at_once, "as_written"));
  EXPECT_EQ(quick.rollout.loads, 10);
  EXPECT_EQ(quick.rollout.corrupt_loads, 10);
  // One at a time by 2 loaders: copy k begins at 50 + 5 k s, and k + 1 drains of 0.25 s at most.
  // Its last shard, there at 90 s, is read 4.75 s later: too early of the first seven, which begin
  // before 85.25 s, perhaps of the eighth, of no other.
  Overrides rolling = with_checkpoint({}, "as_written");
  rolling.emplace_back("rollouts.next.loaders", "2");
  const Deployed slow = deploy(rolling);
  EXPECT_EQ(slow.rollout.loads, 10);
  EXPECT_GE(slow.rollout.corrupt_loads, 7);
  EXPECT_LE(slow.rollout.corrupt_loads, 8);
}

TEST(Rollouts, PublishedAtTheEndTheyWaitForTheLastShard) {
  for (const Overrides& strategy : strategies()) {
    SCOPED_TRACE(strategy.front().second);
    const Deployed deployed = deploy(with_checkpoint(strategy, "at_end"));
    EXPECT_EQ(deployed.rollout.began_s, 90);
    EXPECT_EQ(deployed.rollout.corrupt_loads, 0);
    EXPECT_EQ(deployed.degraded, 0);
  }
}

TEST(Rollouts, ManyLoadersAreFaster) {
  // Ten at once: the rollout lasts as long as one load, and its drain of at most 250 ms.
  const Deployed one = deploy({{"rollouts.next.strategy", "all_at_once"}});
  const Deployed eight =
      deploy({{"rollouts.next.strategy", "all_at_once"}, {"rollouts.next.loaders", "8"}});
  EXPECT_NEAR(one.rollout.ended_s - one.rollout.began_s, 10, 0.5);
  EXPECT_NEAR(eight.rollout.ended_s - eight.rollout.began_s, 10.0 / 8, 0.5);
}

}  // namespace
}  // namespace plimsoll
