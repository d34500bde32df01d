// Command line: --set and --seed become the overrides that the loader applies.
#include <fmt/core.h>

#include "cli/commands.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {

ScenarioRequest scenario_request(const ScenarioArguments& arguments) {
  ScenarioRequest request;
  request.path = arguments.path;
  request.variant = arguments.variant;
  std::vector<Diagnostic> findings;
  for (const auto& text : arguments.sets) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      Diagnostic finding;
      finding.key_path = "--set " + text;
      finding.message = "expected PATH=VALUE";
      finding.hint = "for example --set pools.a100.replicas=16";
      findings.push_back(finding);
      continue;
    }
    request.overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (!findings.empty()) {
    throw ConfigError{std::move(findings)};
  }
  if (arguments.seed) {
    request.overrides.emplace_back("seed", *arguments.seed);
  }
  return request;
}

}  // namespace plimsoll::cli
