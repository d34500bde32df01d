// Entries of the shipped catalogs, for tests of what is shipped.
#pragma once

#include <string>

#include "plimsoll/config.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/scenario.hpp"

namespace plimsoll::test {

/// A scenario of one pool of the catalogs' entries: a Config holds only what its pools use.
inline Config load_entries(const std::string& gpu, const std::string& model,
                           const std::string& profile, const std::string& price = "") {
  std::string text =
      "include: [catalog/gpus.yaml, catalog/models.yaml, catalog/profiles.yaml, "
      "catalog/prices.yaml]\n"
      "duration: 1s\n"
      "pools:\n"
      "  pool:\n"
      "    gpu: " +
      gpu + "\n    model: " + model + "\n    profile: " + profile + "\n";
  if (!price.empty()) {
    text += "    price: " + price + "\n";
  }
  text +=
      "workload:\n"
      "  arrivals: {rate: 1/s}\n"
      "  lengths:\n"
      "    prompt: {kind: fixed, mean: 100}\n"
      "    output: {kind: fixed, mean: 100}\n";
  const std::string file = std::string{PLIMSOLL_SOURCE_DIR} + "/scenarios/test.yaml";
  return load_scenario_text(text, file, ScenarioRequest{}, policy_catalog(builtin_policies()))
      .config;
}

}  // namespace plimsoll::test
