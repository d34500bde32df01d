// Config: the way in: a scenario's text becomes a validated Config and its resolved form.
#include <algorithm>
#include <tuple>

#include "config/policy_rules.hpp"
#include "config/sections.hpp"
#include "plimsoll/scenario.hpp"
#include "scenario/read_scenario.hpp"

namespace plimsoll {

namespace {

const SectionDecl& declarations() {
  static const SectionDecl section = scenario_section();
  return section;
}

/// Findings in the order in which a reader of the files meets them; files as first mentioned.
void sort_by_place(std::vector<Diagnostic>& findings) {
  std::vector<std::string> files;
  for (const Diagnostic& finding : findings) {
    if (std::find(files.begin(), files.end(), finding.file) == files.end()) {
      files.push_back(finding.file);
    }
  }
  const auto rank = [&](const Diagnostic& finding) {
    return std::find(files.begin(), files.end(), finding.file) - files.begin();
  };
  std::stable_sort(findings.begin(), findings.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    return std::tuple{rank(a), a.line, a.column} < std::tuple{rank(b), b.line, b.column};
  });
}

void throw_if_any(std::vector<Diagnostic>& findings) {
  if (!findings.empty()) {
    sort_by_place(findings);
    throw ConfigError{std::move(findings)};
  }
}

MergeRules merge_rules() {
  std::vector<std::string> own = policy_own_keys();
  for (const auto& alias : policy_rules("autoscaler").aliases) {
    own.push_back(alias.first);
  }
  return {{"policy", own}, {"kind", {"minimum", "maximum"}}};
}

}  // namespace

LoadedScenario load_scenario_text(const std::string& text, const std::string& file,
                                  const ScenarioRequest& request, const PolicyCatalog& policies) {
  std::vector<Diagnostic> findings;
  const ScenarioSource source{file, text, request.overrides, request.variant};
  ReadScenario read = read_scenario(source, merge_rules(), findings);
  if (!read.complete) {
    throw_if_any(findings);
  }
  LoadedScenario loaded;
  loaded.variants = std::move(read.variants);
  Reader reader{loaded.config, policies, findings};
  read_section(reader, declarations(), read.root, "", &loaded.config);
  throw_if_any(findings);
  drop_unused_entries(loaded.config);
  const Writer writer{loaded.config, policies};
  loaded.resolved_yaml = to_yaml(write_section(writer, declarations(), &loaded.config));
  return loaded;
}

LoadedScenario load_scenario(const ScenarioRequest& request, const PolicyCatalog& policies) {
  std::string text;
  if (!read_text_file(request.path, text)) {
    throw ConfigError{
        {Diagnostic{request.path, 0, 0, "", "no such file", "expected the path of a scenario"}}};
  }
  return load_scenario_text(text, request.path, request, policies);
}

}  // namespace plimsoll
