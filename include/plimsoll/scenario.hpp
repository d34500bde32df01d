// The way in: a scenario file, overrides and a variant become a validated Config.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

/// What the command line adds to a scenario file.
struct ScenarioRequest {
  std::string path;                                            // the scenario file
  std::vector<std::pair<std::string, std::string>> overrides;  // --set path=value, in order
  std::string variant;                                         // empty or "base": none
};

struct LoadedScenario {
  Config config;
  std::string resolved_yaml;          // all defaults visible, catalogs inlined; reruns the same
  std::vector<std::string> variants;  // names declared in the file, in their order
};

/// Reads, merges, validates. Throws ConfigError with all findings; IoError when a file that
/// exists cannot be read (one that does not exist is a finding).
LoadedScenario load_scenario(const ScenarioRequest& request, const PolicyCatalog& policies);

/// The same from a text, as if it stood in `file` (relative includes resolve against its folder).
LoadedScenario load_scenario_text(const std::string& text, const std::string& file,
                                  const ScenarioRequest& request, const PolicyCatalog& policies);

/// JSON Schema draft-07 of a scenario, from the declarations that validate it.
std::string scenario_schema(const PolicyCatalog& policies);

/// docs/scenario_reference.md, from the same declarations.
std::string scenario_reference(const PolicyCatalog& policies);

}  // namespace plimsoll
