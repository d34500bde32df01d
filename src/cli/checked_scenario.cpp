// Command line: scenarios checked before anything is played.
#include <fmt/core.h>

#include "cli/commands.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "simulation/fleet_builder.hpp"

namespace plimsoll::cli {

LoadedScenario load_checked(const ScenarioArguments& arguments) {
  LoadedScenario loaded =
      load_scenario(scenario_request(arguments), policy_catalog(builtin_policies()));
  plan_pools(loaded.config, false);
  return loaded;
}

LoadedScenario load_checked_with_variants(const ScenarioArguments& arguments) {
  LoadedScenario base = load_checked(arguments);
  std::vector<Diagnostic> findings;
  for (const auto& variant : base.variants) {
    ScenarioArguments with_variant = arguments;
    with_variant.variant = variant;
    try {
      load_checked(with_variant);
    } catch (const ConfigError& error) {
      for (Diagnostic finding : error.diagnostics()) {
        finding.message = fmt::format("variant {}: {}", variant, finding.message);
        findings.push_back(std::move(finding));
      }
    }
  }
  if (!findings.empty()) {
    throw ConfigError{std::move(findings)};
  }
  return base;
}

}  // namespace plimsoll::cli
