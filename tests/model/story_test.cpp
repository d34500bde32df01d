// The story's scenarios as shipped (or a part of their fleets, for time), each against arithmetic
// by hand: what a bypass costs, what an overload loses, how long a line gets, how long a corrupt
// deployment lasts, and when a guarantee holds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using test::Overrides;

constexpr double second = 1e9;  // in ns
constexpr double hour = 3600;   // in seconds

double seconds_of(SimTime t) {
  return static_cast<double>(t.time_since_epoch().count()) / second;
}

/// Plays a shipped scenario in a child; `figures` picks numbers from its result.
std::vector<double> play(const std::string& scenario, const Overrides& overrides,
                         const std::function<std::vector<double>(const RunResult&)>& figures) {
  const std::string text = test::in_child([&] {
    const LoadedScenario loaded = test::load_shipped(scenario, overrides);
    std::string line;
    for (const double figure : figures(run_scenario(loaded.config, {}))) {
      line += fmt::format("{} ", figure);
    }
    return line;
  });
  std::istringstream in{text};
  std::vector<double> found;
  for (double figure = 0; in >> figure;) {
    found.push_back(figure);
  }
  EXPECT_FALSE(found.empty()) << text;
  found.resize(16);
  return found;
}

const SliceSummary& slice_of(const RunResult& result, const std::string& kind,
                             const std::string& name) {
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind == kind && slice.name == name) {
      return slice;
    }
  }
  throw std::runtime_error("no slice " + name);
}

/// One of reported_percentiles, in ms.
double percentile(const LatencySummary& latency, double of) {
  for (std::size_t i = 0; i < reported_percentiles.size(); ++i) {
    if (reported_percentiles[i] == of) {
      return latency.percentiles[i];
    }
  }
  throw std::runtime_error("no such percentile");
}

/// Arrived, ended and completed in windows within [from, to] seconds.
std::vector<double> counts_within(const RunResult& result, double from, double to) {
  double arrived = 0;
  double ended = 0;
  double completed = 0;
  for (const WindowSummary& window : result.windows) {
    if (from <= seconds_of(window.begin) && seconds_of(window.end) <= to) {
      arrived += static_cast<double>(window.arrived);
      ended += static_cast<double>(window.ended);
      completed += static_cast<double>(window.completed);
    }
  }
  return {arrived, ended, completed};
}

/// Mean of min(X, maximum) for a lognormal X.
double capped_lognormal_mean(double mean, double cv, double maximum) {
  const double variance = std::log(1 + cv * cv);
  const double deviation = std::sqrt(variance);
  const double centre = std::log(mean) - variance / 2;
  const auto below = [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; };
  const double z = (std::log(maximum) - centre) / deviation;
  return mean * below(z - deviation) + maximum * (1 - below(z));
}

// ---- rate_limit_bypass
// -----------------------------------------------------------------------------

TEST(Bypass, CostsItsRateTimesItsTimeTimesThePrice) {
  const std::vector<double> found = play("rate_limit_bypass.yaml", {}, [](const RunResult& result) {
    return std::vector<double>{seconds_of(result.path.enforced),
                               static_cast<double>(result.path.bypassed_answered),
                               result.path.bypassed_dollars,
                               to_dollars(result.cost.money.stolen),
                               result.cost.revenue,
                               static_cast<double>(result.slices.front().billed_prompt_tokens +
                                                   result.slices.front().billed_output_tokens)};
  });
  // Two classes, 85 to 115 of 13.42/s; the hole is there from 2 h on.
  const double expected = 13.42 * 115 / 200 * (found[0] - 2 * hour);
  EXPECT_NEAR(found[1], expected, 4 * std::sqrt(expected));
  // $300 per 1M tokens, prompts and answers.
  const double tokens = capped_lognormal_mean(1500, 1, 6000) + capped_lognormal_mean(500, 1, 2000);
  const double deviation =
      std::hypot(1500.0, 500.0) + tokens;  // of one request, Poisson's included
  EXPECT_NEAR(found[2], expected * tokens * 300e-6, 4 * std::sqrt(expected) * deviation * 300e-6);
  // Nobody pays for it: revenue and what is stolen are all tokens at that price.
  EXPECT_NEAR(found[3], found[2], 1e-9 * found[2]);
  EXPECT_NEAR(found[4] + found[3], found[5] * 300e-6, 1e-9 * found[5] * 300e-6);
}

// ---- christmas_surge
// -------------------------------------------------------------------------------

TEST(Christmas, ASustainedOverloadLosesOneMinusOneOverRho) {
  // The surge is there from 1.5 h on; patience of two minutes, so that the line is soon full.
  const auto surge = [](const char* active) {
    return play("christmas_surge.yaml",
                {{"workload.users.tiers.free.daily_active", active},
                 {"workload.users.events.holiday.at", "1h"},
                 {"workload.users.events.holiday.ramp", "30min"},
                 {"service.queue.deadline", "2min"},
                 {"duration", "4h"}},
                [](const RunResult& result) { return counts_within(result, 2 * hour, 4 * hour); });
  };
  // At twice what it bears a fleet answers as much as it can.
  const double capacity = surge("52%")[2];
  const std::vector<double> found = surge("26%");
  const double rho = found[0] / capacity;
  EXPECT_GT(rho, 1.05) << "no overload, no law";
  EXPECT_NEAR(1 - found[2] / found[1], 1 - 1 / rho, 0.01);
}

// ---- chatgpt_launch
// --------------------------------------------------------------------------------

/// Six of its 62 replicas, and as many users as ask for `rate` requests a second at any hour.
Overrides steady_launch(double rate, const char* duration) {
  // 16 requests per user and day.
  const double users = rate * 86400 / 16;
  Overrides overrides{
      {"windows", "null"},
      {"lead_in", "null"},
      {"duration", duration},
      {"pools.main.replicas", "6"},
      {"workload.users.growth.points", fmt::format("[[0, {0:.0f}], [1d, {0:.0f}]]", users)}};
  for (const char* key : {"procurement", "store", "provision", "warm_up", "weights"}) {
    overrides.emplace_back(fmt::format("pools.main.{}", key), "null");
  }
  for (const char* region : {"americas", "europe", "asia"}) {
    overrides.emplace_back(fmt::format("workload.users.regions.{}.load_shape", region), "flat");
  }
  return overrides;
}

TEST(Launch, TheLineGrowsByTheExcessOfDemand) {
  const auto figures = [](const RunResult& result) {
    std::vector<double> found = counts_within(result, hour, 3 * hour);
    found.push_back(result.slices.front().queue.max / 1000);
    return found;
  };
  const double capacity = play("chatgpt_launch.yaml", steady_launch(45, "3h"), figures)[2];
  const std::vector<double> short_one =
      play("chatgpt_launch.yaml", steady_launch(29, "1h"), figures);
  const std::vector<double> long_one =
      play("chatgpt_launch.yaml", steady_launch(29, "3h"), figures);
  // Two hours of demand, less two hours of service, served in turn.
  EXPECT_NEAR(long_one[0], 29 * 2 * hour, 4 * std::sqrt(29 * 2 * hour) + 29 * 60);
  const double expected = (long_one[0] / capacity - 1) * 2 * hour;
  EXPECT_GT(expected, 1200) << "no line to speak of";
  EXPECT_NEAR(long_one[3] - short_one[3], expected, 0.05 * expected);
}

// ---- weight_corruption
// -----------------------------------------------------------------------------

TEST(Corruption, LastsAsLongAsOnePullOfAllWeightsAndDetection) {
  const std::vector<double> found = play("weight_corruption.yaml", {}, [](const RunResult& result) {
    const RolloutSummary& rollout = result.operations.rollouts.front();
    return std::vector<double>{rollout.began_s,
                               rollout.first_bad_s,
                               rollout.detection_s,
                               rollout.ended_s,
                               static_cast<double>(rollout.loads),
                               static_cast<double>(rollout.corrupt_loads)};
  });
  // 18 copies of 174.6e9 parameters in fp16 through 50 Gb/s, and a minute of warm-up; replicas
  // drain for a minute or two before.
  const double pull = 18 * 174.6e9 * 2 / (50e9 / 8) + 60;
  EXPECT_NEAR(found[1] - found[0], pull, 150);
  // People know after 150 min what was answered, and look every 5.
  EXPECT_GE(found[2], 150 * 60);
  EXPECT_LE(found[2], 156 * 60);
  // The way back is short: the old version is in the main memory of its nodes.
  EXPECT_GE(found[3] - found[1] - found[2], 60);
  EXPECT_LE(found[3] - found[1] - found[2], 150);
  // The writing takes 349 s, and every replica begins to read within them.
  EXPECT_EQ(found[4], 18);
  EXPECT_EQ(found[5], 18);
}

TEST(Corruption, NobodyReadsTooEarlyWhatIsWrittenBeforeReplicasAreDrained) {
  // 32 shards in 3.5 s: a replica that has answered its requests finds them all there.
  const auto corrupt = [](const char* rate) {
    return play("weight_corruption.yaml",
                {{"duration", "1.6h"}, {"rollouts.february.checkpoint.write_rate", rate}},
                [](const RunResult& result) {
                  const RolloutSummary& rollout = result.operations.rollouts.front();
                  return std::vector<double>{static_cast<double>(rollout.corrupt_loads),
                                             static_cast<double>(rollout.loads)};
                });
  };
  const std::vector<double> quick = corrupt("800 Gb/s");
  const std::vector<double> between = corrupt("160 Gb/s");
  EXPECT_EQ(quick[1], 18);
  EXPECT_EQ(quick[0], 0);
  // In 17 s some have drained and some have not.
  EXPECT_GT(between[0], 0);
  EXPECT_LT(between[0], 18);
}

TEST(Corruption, TakesMostOfTheServiceDownWhenNobodyWatchesAndLittleWhenSomebodyDoes) {
  const auto share_of = [](const Overrides& overrides) {
    return play("rollout_strategies.yaml", overrides, [](const RunResult& result) {
      const RolloutSummary& rollout = result.operations.rollouts.front();
      const SliceSummary& all = result.slices.front();
      return std::vector<double>{
          static_cast<double>(all.outcomes[static_cast<std::size_t>(Outcome::degraded)]) /
              static_cast<double>(all.arrived),
          static_cast<double>(rollout.corrupt_loads), static_cast<double>(rollout.loads),
          rollout.ended_s - rollout.began_s};
    });
  };
  const Overrides::value_type gate{"rollouts.february.gate",
                                   "{threshold: 5%, window: 5min, interval: 30s, delay: 2min}"};
  // 20 replicas, 5 at a time: four batches of three minutes each begin within the 24 of writing.
  const std::vector<double> alone = share_of({});
  EXPECT_GT(alone[0], 0.5);
  EXPECT_EQ(alone[1], 20);
  EXPECT_LT(alone[3], 24 * 60) << "the last replica was touched before the last shard was written";
  // One at a time every 3.2 minutes: the eighth begins at 22.4, the ninth at 25.6.
  const std::vector<double> slow = share_of({{"rollouts.february.max_unavailable", "1"}});
  EXPECT_EQ(slow[1], 8);
  EXPECT_EQ(slow[2], 20);
  // The gate knows within its window and delay what the first batch, the new set or one replica of
  // 20 answers.
  const std::vector<double> watched = share_of({gate});
  EXPECT_LT(watched[0], 0.02);
  EXPECT_LT(watched[1], 20);
  EXPECT_LT(share_of({gate,
                      {"rollouts.february.strategy", "blue_green"},
                      {"rollouts.february.max_unavailable", "null"}})[0],
            0.02);
  EXPECT_LT(share_of({gate,
                      {"rollouts.february.strategy", "canary"},
                      {"rollouts.february.max_unavailable", "null"},
                      {"rollouts.february.steps",
                       "[{share: 5%, bake: 15min}, {share: 25%, bake: 15min}]"}})[0],
            0.002);
  // Who cannot read before all is written has nothing corrupt.
  EXPECT_EQ(share_of({{"rollouts.february.checkpoint.publish", "at_end"}})[0], 0);
}

// ---- plus_tier
// -------------------------------------------------------------------------------------

TEST(Plus, TheGuaranteeHoldsAsLongAsItsPoolIsNotOverloaded) {
  // A fifth of both pools; `paid` requests a second for the two replicas of Plus.
  const auto plus = [](double paid) {
    return play(
        "plus_tier.yaml",
        {{"workload.arrivals.rate", fmt::format("{}/s", paid * 148.7 / 24.8)},
         {"workload.arrivals.shapes", "null"},
         {"pools.free.replicas", "8"},
         {"pools.plus.replicas", "2"},
         {"duration", "1h"}},
        [](const RunResult& result) {
          const SliceSummary& tier = slice_of(result, "tier", "plus");
          return std::vector<double>{percentile(tier.ttft, 99) / 1000, tier.request_throughput};
        });
  };
  const double capacity = plus(16)[1];    // twice what two replicas answer
  EXPECT_LT(plus(0.8 * capacity)[0], 3);  // of two replicas: a line forms well below what they bear
  EXPECT_GT(plus(1.1 * capacity)[0], 3);
}

}  // namespace
}  // namespace plimsoll
