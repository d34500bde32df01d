// Test support: whole runs of fleets so small that a thousand of them take seconds. A token takes
// 1 ms in steps of at least 1 ms, nothing else takes time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/scenario.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll::test {

/// Catalog and stores of a scenario of which `rest` gives the rest: gpu one, model tiny, profile
/// tokens, store weights (2 MB of weights over 1 MB/s).
inline std::string tiny_fleet_text(const std::string& rest) {
  return std::string{R"(
name: small
catalog:)"} +
         plain_gpu(2) + R"(
  models:
    tiny:
      {parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
       max_context: 4096, source: a test}
  profiles:
    tokens: {form: linear, linear_token: 1ms, source: a test}
stores:
  weights: {uplink: 1MB/s, latency: 5ms}
)" + rest;
}

inline LoadedScenario load_tiny_fleet(
    const std::string& rest,
    const std::vector<std::pair<std::string, std::string>>& overrides = {}) {
  return load_scenario_text(tiny_fleet_text(rest), "small.yaml", ScenarioRequest{"", overrides, ""},
                            policy_catalog(builtin_policies()));
}

}  // namespace plimsoll::test
