// Scenario: files become one raw tree: includes and base scenarios are merged, a variant and the
// overrides of the command line are applied.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "scenario/raw_tree.hpp"

namespace plimsoll {

/// A key that decides what the others of its map mean (a policy's name, a law's kind): another
/// value drops those others, but for the keys in `kept`.
struct DecidingKey {
  std::string key;
  std::vector<std::string> kept;
};
using MergeRules = std::vector<DecidingKey>;

struct ScenarioSource {
  std::string file;  // for messages and for what is relative to it
  std::string text;
  std::vector<std::pair<std::string, std::string>> overrides;  // dotted path, YAML value
  std::string variant;                                         // empty or "base": none
};

struct ReadScenario {
  RawNode root;                       // without include, extends and variants
  std::vector<std::string> variants;  // names declared, in their order
  bool complete = true;               // false: a file is missing or is no YAML
};

/// The text of a file. Throws IoError when it exists and cannot be read; false when it does not.
bool read_text_file(const std::string& path, std::string& text);

/// Reads everything that `source` refers to. What is wrong is appended to `findings`.
ReadScenario read_scenario(const ScenarioSource& source, const MergeRules& rules,
                           std::vector<Diagnostic>& findings);

/// Merges `over` into `base`: maps key by key, everything else is replaced. A key without a value
/// (`key: null`) removes what the base says.
void merge_into(RawNode& base, RawNode over, const MergeRules& rules);

/// Sets the value at a dotted path, making maps on the way. A key may itself contain dots: the
/// longest key that is there wins. Numbers select items of lists. False when the path leads
/// through a value that is no map.
bool set_at_path(RawNode& root, const std::string& path, RawNode value, const Place& place,
                 const MergeRules& rules);

/// Within a map of named entries, replaces `extends: other` of an entry by what the other says.
/// An entry that cannot be resolved keeps its `extends`.
void resolve_extends(RawNode& entries, const std::string& key_path,
                     std::vector<Diagnostic>& findings);

/// `path` as seen from `file`'s folder; unchanged when absolute or from the command line.
std::string resolve_path(const std::string& path, const Place& place);

}  // namespace plimsoll
