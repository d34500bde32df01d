// Scenario: the raw tree of a YAML text, in which every value knows where it was written. What the
// values mean is the configuration's business.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/errors.hpp"

namespace plimsoll {

/// Where something was written. Lines and columns count from 1; 0 when unknown.
struct Place {
  std::shared_ptr<const std::string> file;  // as the user named it; null when not from a file
  int line = 0;
  int column = 0;
};

/// The `file` of values that came with --set; their paths are relative to the working directory.
inline constexpr std::string_view override_file = "--set";

struct RawEntry;

/// One YAML value.
struct RawNode {
  enum class Kind : unsigned char { null, scalar, sequence, map };
  Kind kind = Kind::null;
  std::string text;               // scalar
  std::vector<RawNode> items;     // sequence
  std::vector<RawEntry> entries;  // map, in the order of the text, keys unique
  Place place;

  bool is_map() const { return kind == Kind::map; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_sequence() const { return kind == Kind::sequence; }

  /// The value of a key, or null when this is no map or lacks the key.
  const RawNode* find(std::string_view key) const;
  RawNode* find(std::string_view key);
  /// Drops a key if it is there.
  void erase(std::string_view key);
};

struct RawEntry {
  std::string key;
  Place key_place;
  RawNode value;
};

/// "a map", "a list", "a value", "nothing": for messages.
std::string_view describe_kind(RawNode::Kind kind);

RawNode scalar_node(std::string text);

/// Adds an entry without a place: for trees that are written, not read.
void append_entry(RawNode& map, std::string key, RawNode value);

/// A finding about what stands at `place`.
Diagnostic finding_at(const Place& place, std::string key_path, std::string message,
                      std::string hint = "");

/// "a.b", or "b" when a is empty.
std::string join_path(std::string_view parent, std::string_view key);

/// YAML text of a tree; parsing it gives the same tree. Sequences without maps in them stand on
/// one line.
std::string to_yaml(const RawNode& root);

}  // namespace plimsoll
