// Experiments that are played: what differs is found, what does not is not, and nobody is lost.
//
// A decode step lasts as long as its arm's profile says, whatever the batch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"
#include "support/path_play.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

/// Two copies of a model, each with one replica; `rest`: duration, workload, experiments.
std::string two_arms(const std::string& treatment_step, const std::string& rest,
                     const std::string& treatment_pool = "", int seqs = 64) {
  const std::string slots = fmt::format("max_num_seqs: {}", seqs);
  return std::string{R"(
name: arms
seed: 5
drain: 1h
catalog:)"} +
         test::plain_gpu() + R"(
  models:
    today: {parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
            max_context: 4096, source: a test}
    candidate: {extends: today}
  profiles:
    steps: {form: linear, linear_step: 10ms, source: a test}
    other: {form: linear, linear_step: )" +
         treatment_step + R"(, source: a test}
  prices:
    rent: {gpu: one, provider: test, on_demand: $3.60/h, as_of: 2025-01-01, source: a test}
pools:
  today: {gpu: one, model: today, profile: steps, price: rent, kv_blocks: 4000,
          max_num_batched_tokens: 1024, )" +
         slots + R"(}
  candidate: {gpu: one, model: candidate, profile: other, price: rent, kv_blocks: 4000,
              max_num_batched_tokens: 1024, )" +
         slots + treatment_pool + R"(}
metrics: {window: 1000s, sample_requests: 0}
)" + rest;
}

RunResult played(const std::string& text, std::uint64_t seed) {
  ScenarioRequest request;
  request.overrides = {{"seed", std::to_string(seed)}};
  const LoadedScenario loaded =
      load_scenario_text(text, "arms.yaml", request, policy_catalog(builtin_policies()));
  return run_scenario(loaded.config, {});
}

std::vector<double> numbers_of(const std::string& text,
                               const std::function<std::string(const RunResult&)>& tell) {
  return test::numbers_in(test::in_child([&] { return tell(played(text, 5)); }), 16);
}

const DifferenceSummary& row(const RunResult& result, const std::string& metric) {
  for (const DifferenceSummary& difference : result.experiments.at(0).differences) {
    if (difference.metric == metric) {
      return difference;
    }
  }
  throw InternalError{"no such metric"};
}

std::string halves(const std::string& by = "request") {
  return fmt::format(R"(
experiments:
  trial:
    by: {}
    control: old
    arms: {{old: {{share: 50%, model: today}}, new: {{share: 50%, model: candidate}}}}
)",
                     by);
}

/// Poisson arrivals of requests with exponential answers.
std::string load(double rate, int seconds, int output) {
  return fmt::format(R"(
duration: {}s
workload:
  arrivals: {{rate: {}/s}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: exponential, mean: {}}}}}
  classes: {{all: {{model: today}}}}
)",
                     seconds, rate, output);
}

TEST(Experiments, AFasterCandidateIsFasterByItsSteps) {
  const auto tell = [](const RunResult& result) {
    const DifferenceSummary& tpot = row(result, "mean_tpot_ms");
    const DifferenceSummary& ttft = row(result, "mean_ttft_ms");
    const DifferenceSummary& answered = row(result, "answered_share");
    return fmt::format("{} {} {} {} {} {} {}", tpot.control, tpot.difference, tpot.low, tpot.high,
                       static_cast<int>(tpot.verdict), static_cast<int>(ttft.verdict),
                       static_cast<int>(answered.verdict));
  };
  const std::vector<double> found =
      numbers_of(two_arms("8ms", load(20, 3000, 40) + halves()), tell);
  EXPECT_NEAR(found[0], 10, 1e-6);
  EXPECT_NEAR(found[1], -2, 1e-6) << "each step is 2 ms shorter";
  EXPECT_NEAR(found[2], -2, 1e-6);
  EXPECT_NEAR(found[3], -2, 1e-6);
  EXPECT_EQ(found[4], static_cast<int>(ArmVerdict::better));
  EXPECT_EQ(found[5], static_cast<int>(ArmVerdict::better));
  EXPECT_EQ(found[6], static_cast<int>(ArmVerdict::undecided)) << "both answer everything";
}

TEST(Experiments, ArmsAddUpToTheTrafficInRequestsAndDollars) {
  const auto tell = [](const RunResult& result) {
    const ExperimentSummary& trial = result.experiments.at(0);
    const SliceSummary& all = result.slices.front();
    std::int64_t arrived = trial.outside;
    MicroUsd cost;
    std::array<std::int64_t, outcome_count> outcomes{};
    for (const ArmSummary& arm : trial.arms) {
      arrived += arm.arrived;
      cost = cost + arm.gpu_cost;
      for (std::size_t o = 0; o < outcomes.size(); ++o) {
        outcomes[o] += arm.outcomes[o];
      }
    }
    return fmt::format(
        "{} {} {} {} {} {} {} {}", all.arrived - arrived, outcomes == all.outcomes ? 1 : 0,
        trial.outside, trial.concerned - all.arrived, result.cost.money.total.count(), cost.count(),
        trial.arms[0].dollars_per_request,
        static_cast<double>(trial.arms[0].arrived) / static_cast<double>(all.arrived));
  };
  // The candidate has no room for what is over 40 tokens, so that outcomes are of two kinds.
  const std::vector<double> found =
      numbers_of(two_arms("10ms", load(20, 2000, 40) + halves(), ", max_context: 50"), tell);
  EXPECT_EQ(found[0], 0);
  EXPECT_EQ(found[1], 1);
  EXPECT_EQ(found[2], 0);
  EXPECT_EQ(found[3], 0);
  EXPECT_GT(found[4], 3'900'000) << "two GPUs for more than 2,000 s at $3.60 an hour";
  EXPECT_EQ(found[5], found[4]) << "each pool serves one arm";
  // Arms are sorted by name: the first is "new".
  EXPECT_NEAR(found[7], 0.5, 4 * 0.5 / std::sqrt(40'000));
}

TEST(Experiments, WhatSharesLeaveOverGoesWhereItAsksTo) {
  const auto tell = [](const RunResult& result) {
    const ExperimentSummary& trial = result.experiments.at(0);
    const auto all = static_cast<double>(trial.concerned);
    return fmt::format("{} {} {}", static_cast<double>(trial.arms[0].arrived) / all,
                       static_cast<double>(trial.arms[1].arrived) / all,
                       static_cast<double>(trial.outside) / all);
  };
  const std::vector<double> found = numbers_of(two_arms("10ms", load(20, 2000, 10) + R"(
experiments:
  trial:
    by: request
    control: old
    arms: {old: {share: 20%}, new: {share: 10%, model: candidate}}
)"),
                                               tell);
  const auto tolerance = [](double p) { return 4 * std::sqrt(p * (1 - p) / 40'000); };
  EXPECT_NEAR(found[0], 0.1, tolerance(0.1));
  EXPECT_NEAR(found[1], 0.2, tolerance(0.2));
  EXPECT_NEAR(found[2], 0.7, tolerance(0.7));
}

TEST(Experiments, SessionsStayInTheirArm) {
  // The candidate answers nothing, so its sessions end at once: all further turns are of the other
  // arm, unless they are dealt anew.
  const auto tell = [](const RunResult& result) {
    const ExperimentSummary& trial = result.experiments.at(0);
    return fmt::format("{} {} {}", trial.arms[0].arrived, trial.arms[1].arrived,
                       result.path.follow_ups);
  };
  const auto with = [&](const std::string& by) {
    return numbers_of(two_arms("10ms", load(2, 4000, 10) + halves(by) + R"(
path: {clients: {sessions: {go_on: 80%, think: {mean: 1s}, keeps_context: false}}}
)",
                               ", max_context: 5"),
                      tell);
  };
  const std::vector<double> sticky = with("session");
  // 8,000 sessions by halves; those of the control have five turns in the mean.
  EXPECT_NEAR(sticky[0], 4000, 4 * std::sqrt(4000));
  EXPECT_NEAR(sticky[1] / sticky[0], 5, 0.4);
  const double sessions = sticky[0] + sticky[1] - sticky[2];
  EXPECT_NEAR(sticky[0], sessions / 2, 4 * std::sqrt(sessions / 4));
  const std::vector<double> dealt_anew = with("request");
  EXPECT_NEAR(dealt_anew[1] / dealt_anew[0], 1, 0.1);
}

TEST(Experiments, AServiceOfItsOwnIsOfItsArmAlone) {
  const auto tell = [](const RunResult& result) {
    const std::vector<ArmSummary>& arms = result.experiments.at(0).arms;
    constexpr auto full = static_cast<std::size_t>(Outcome::queue_full);
    return fmt::format("{} {} {}", arms[0].outcomes[full], arms[1].outcomes[full],
                       static_cast<int>(row(result, "answered_share").verdict));
  };
  const std::vector<double> found = numbers_of(two_arms("10ms", load(10, 2000, 40) + halves() + R"(
model_services: [{model: candidate, queue: {max_outstanding: 1, capacity: 1}}]
)"),
                                               tell);
  EXPECT_GT(found[0], 1000);
  EXPECT_EQ(found[1], 0);
  EXPECT_EQ(found[2], static_cast<int>(ArmVerdict::worse));
}

TEST(Experiments, ManyKeysTellWhatAFewDoNot) {
  const auto verdict_with = [](int keys) {
    const std::string limits =
        fmt::format("path: {{limits: {{keys: {{count: {}, exponent: 0}}}}}}\n", keys);
    return numbers_of(
        two_arms("8ms", load(20, 3000, 40) + halves("key") + limits), [](const RunResult& result) {
          const DifferenceSummary& found = row(result, "mean_tpot_ms");
          return fmt::format("{} {}", static_cast<int>(found.verdict),
                             found.reason.rfind("the keys of an arm", 0) == 0 ? 1 : 0);
        });
  };
  EXPECT_EQ(verdict_with(100'000).at(0), static_cast<int>(ArmVerdict::better));
  const std::vector<double> few = verdict_with(100);
  EXPECT_EQ(few.at(0), static_cast<int>(ArmVerdict::undecided));
  EXPECT_EQ(few.at(1), 1) << "50 keys an arm";
}

TEST(Experiments, EqualArmsDifferByNothingInAboutNineteenOfTwentySeeds) {
  // Each arm is a queue with one server: waits of a window hang together.
  const std::string alike = two_arms("10ms", load(14, 3000, 10) + halves(), "", 1);
  constexpr int seeds = 60;
  std::vector<std::function<std::string()>> bodies;
  for (int seed = 1; seed <= seeds; ++seed) {
    bodies.push_back([&alike, seed] {
      const RunResult result = played(alike, static_cast<std::uint64_t>(seed));
      std::string told;
      for (const char* metric : {"mean_ttft_ms", "p99_ttft_ms", "mean_e2el_ms"}) {
        const DifferenceSummary& found = row(result, metric);
        told += fmt::format("{} ", found.low <= 0 && found.high >= 0 ? 1 : 0);
      }
      return told;
    });
  }
  int covered[3] = {0, 0, 0};
  for (const std::string& out : test::in_children(bodies)) {
    const std::vector<double> told = test::numbers_in(out, 16);
    for (std::size_t m = 0; m < 3; ++m) {
      covered[m] += told[m] == 1 ? 1 : 0;
    }
  }
  for (const int count : covered) {
    // 57 of 60 are expected; fewer than 51 have a probability of 0.1 %.
    EXPECT_GE(count, 51);
  }
}

}  // namespace
}  // namespace plimsoll
