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

}  // namespace
}  // namespace plimsoll
