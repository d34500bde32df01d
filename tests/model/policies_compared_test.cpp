// What docs/policy_comparison.md says of routers and autoscalers, held by the scenarios that it is
// written from.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

struct Figures {
  double missed = 0;  // share of the measured arrivals that missed an objective
  double gpu_hours = 0;
};

Figures figures_of(const std::string& scenario, const std::string& variant,
                   const test::Overrides& overrides = {}) {
  ScenarioRequest request;
  request.path = std::string{PLIMSOLL_SOURCE_DIR "/scenarios/policies/"} + scenario + ".yaml";
  request.variant = variant;
  request.overrides = overrides;
  const LoadedScenario loaded = load_scenario(request, policy_catalog(builtin_policies()));
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    const SliceSummary& all = result.slices.front();
    return fmt::format(
        "{:.17g} {:.17g}",
        1 - static_cast<double>(all.good) / static_cast<double>(all.measured_arrivals),
        result.cost.gpu_hours);
  });
  std::istringstream stream{text};
  Figures figures;
  stream >> figures.missed >> figures.gpu_hours;
  EXPECT_FALSE(stream.fail()) << text;
  return figures;
}

// Loads that are 5 s old send everybody to one replica, unless the router counts what it sent.
TEST(PoliciesCompared, RoutersHerdOnStaleSignalsWithoutTheirOwnCount) {
  const test::Overrides shorter = {{"duration", "6min"}};
  const Figures counted = figures_of("routers_compared", "scraped_own_count", shorter);
  const Figures herded = figures_of("routers_compared", "scraped_alone", shorter);
  EXPECT_GT(herded.missed, 0.3);
  EXPECT_LT(counted.missed, 0.5 * herded.missed);
}

// Replicas come four minutes late: who sees the day coming needs fewer of them.
TEST(PoliciesCompared, ForecastsServeAsWellForLess) {
  const Figures reactive = figures_of("scaling_compared", "reactive");
  for (const char* variant : {"holt_winters", "ar"}) {
    SCOPED_TRACE(variant);
    const Figures predictive = figures_of("scaling_compared", variant);
    EXPECT_LT(predictive.gpu_hours, 0.95 * reactive.gpu_hours);
    EXPECT_LT(predictive.missed, reactive.missed + 0.002);
  }
}

/// Means over two seeds.
Figures mean_of(const std::string& variant, const std::string& key, const std::string& value) {
  constexpr int seeds = 2;
  Figures mean;
  for (int seed = 1; seed <= seeds; ++seed) {
    const Figures one =
        figures_of("scaling_compared", variant,
                   {{"pools.main.autoscale." + key, value}, {"seed", std::to_string(seed)}});
    mean.missed += one.missed / seeds;
    mean.gpu_hours += one.gpu_hours / seeds;
  }
  return mean;
}

// Whoever holds more capacity misses less: policies are compared at equal GPU-hours, where much is
// held and where little is.
TEST(PoliciesCompared, SomeMarginOfAForecastBeatsEachTarget) {
  const Figures careful = mean_of("reactive", "target", "14");
  const Figures sparing = mean_of("reactive", "target", "18");
  EXPECT_GT(careful.gpu_hours, sparing.gpu_hours + 5) << "a higher target saves";
  EXPECT_LT(careful.missed, sparing.missed) << "and misses more";
  for (const char* variant : {"holt_winters", "ar"}) {
    SCOPED_TRACE(variant);
    const Figures wide = mean_of(variant, "margin", "20%");
    EXPECT_LE(wide.gpu_hours, careful.gpu_hours);
    EXPECT_LE(wide.missed, careful.missed);
    const Figures narrow = mean_of(variant, "margin", "0%");
    EXPECT_LE(narrow.gpu_hours, sparing.gpu_hours);
    EXPECT_LT(narrow.missed, 0.5 * sparing.missed);
  }
}

}  // namespace
}  // namespace plimsoll
