// Scenario: YAML text to raw tree.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scenario/raw_tree.hpp"

namespace plimsoll {

/// Limits that no honest scenario meets: they keep hostile texts from eating the machine.
inline constexpr int max_yaml_depth = 64;
inline constexpr std::size_t max_yaml_nodes = 1'000'000;  // written in one text
inline constexpr std::size_t max_map_entries = 10'000;    // in one map
inline constexpr std::size_t max_alias_nodes = 100'000;   // that aliases add to it

struct ParsedYaml {
  RawNode root;
  bool complete = true;  // false: the text could not be read to its end
};

/// Parses one YAML document. What is wrong (syntax, duplicate keys, keys that are no plain words,
/// limits) is appended to `findings`. An empty text is Kind::null.
ParsedYaml parse_yaml(const std::string& text, const std::shared_ptr<const std::string>& file,
                      std::vector<Diagnostic>& findings);

}  // namespace plimsoll
