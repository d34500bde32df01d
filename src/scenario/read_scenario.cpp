// Scenario: files become one raw tree.
#include "scenario/read_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/nearest_name.hpp"
#include "scenario/parse_yaml.hpp"

namespace plimsoll {

namespace {

namespace fs = std::filesystem;

/// More includes than any scenario has; stops trees of files that include one another widely.
constexpr std::size_t max_files = 256;

/// Reads a file with all that it includes.
class FileReader {
 public:
  FileReader(const MergeRules& rules, std::vector<Diagnostic>& findings)
      : rules_{rules}, findings_{findings} {}

  /// False when a file is missing or could not be read to its end.
  bool complete() const { return complete_; }

  RawNode read_text(const std::string& text, const std::string& file) {
    open_files_.push_back(identity(file));
    ParsedYaml own = parse_yaml(text, std::make_shared<const std::string>(file), findings_);
    complete_ = complete_ && own.complete;
    RawNode root = merge_references(std::move(own.root), file);
    open_files_.pop_back();
    return root;
  }

 private:
  static std::string identity(const std::string& file) {
    std::error_code ignored;
    const fs::path whole = fs::weakly_canonical(file, ignored);
    return whole.empty() ? file : whole.string();
  }

  RawNode merge_references(RawNode own, const std::string& file) {
    if (own.kind == RawNode::Kind::null) {
      own.kind = RawNode::Kind::map;
      own.place = Place{std::make_shared<const std::string>(file), 1, 1};
    }
    if (!own.is_map()) {
      findings_.push_back(finding_at(own.place, "",
                                     fmt::format("expected a map of keys at the top of the file, "
                                                 "found {}",
                                                 describe_kind(own.kind))));
      complete_ = false;
      own = RawNode{};
      own.kind = RawNode::Kind::map;
    }
    RawNode root;
    root.kind = RawNode::Kind::map;
    root.place = own.place;
    for (const char* const key : {"include", "extends"}) {
      if (const RawNode* const reference = own.find(key)) {
        merge_files(root, *reference, key);
      }
      own.erase(key);
    }
    if (root.entries.empty()) {
      return own;
    }
    if (!root.place.file) {
      root.place.file = std::make_shared<const std::string>(file);
    }
    merge_into(root, std::move(own), rules_);
    return root;
  }

  void merge_files(RawNode& root, const RawNode& reference, const std::string& key) {
    const std::vector<RawNode> single{reference};
    const std::vector<RawNode>& names = reference.is_sequence() ? reference.items : single;
    for (const RawNode& name : names) {
      if (!name.is_scalar() || name.text.empty()) {
        findings_.push_back(finding_at(name.place, key,
                                       fmt::format("expected a file name or a list of them, found "
                                                   "{}",
                                                   describe_kind(name.kind))));
      } else {
        merge_file(root, name, key);
      }
    }
  }

  void merge_file(RawNode& root, const RawNode& name, const std::string& key) {
    const std::string path = resolve_path(name.text, name.place);
    const std::string id = identity(path);
    if (std::find(open_files_.begin(), open_files_.end(), id) != open_files_.end()) {
      findings_.push_back(finding_at(name.place, key, "the file includes itself: " + name.text,
                                     "break the circle of includes"));
      return;
    }
    if (++files_ > max_files) {
      findings_.push_back(
          finding_at(name.place, key, fmt::format("more than {} included files", max_files)));
      return;
    }
    std::string text;
    if (path.find('\0') != std::string::npos || !read_text_file(path, text)) {
      findings_.push_back(finding_at(name.place, key, "no such file: " + path,
                                     "paths are relative to the file in which they stand"));
      complete_ = false;
      return;
    }
    merge_into(root, read_text(text, path), rules_);
  }

  const MergeRules& rules_;
  std::vector<Diagnostic>& findings_;
  std::vector<std::string> open_files_;
  std::size_t files_ = 0;
  bool complete_ = true;
};

/// The variants' overrides, taken out of the tree.
RawNode take_variants(RawNode& root, std::vector<std::string>& names,
                      std::vector<Diagnostic>& findings) {
  RawNode variants;
  if (const RawNode* const found = root.find("variants")) {
    variants = *found;
    root.erase("variants");
  }
  if (variants.kind != RawNode::Kind::null && !variants.is_map()) {
    findings.push_back(finding_at(
        variants.place, "variants",
        fmt::format("expected a map of names to overrides, found {}", describe_kind(variants.kind)),
        "e.g. variants: {more: {pools.a100.replicas: 12}}"));
  }
  for (const RawEntry& entry : variants.entries) {
    const std::string path = join_path("variants", entry.key);
    if (entry.key == "base" || entry.key == "all") {
      findings.push_back(finding_at(entry.key_place, path,
                                    "this name is taken: base is the scenario itself, all "
                                    "means every variant",
                                    "choose another name"));
    }
    if (!entry.value.is_map()) {
      findings.push_back(finding_at(entry.value.place, path,
                                    fmt::format("expected a map of dotted paths to values, found "
                                                "{}",
                                                describe_kind(entry.value.kind)),
                                    "e.g. {pools.a100.replicas: 12}"));
    }
    names.push_back(entry.key);
  }
  return variants;
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

void apply_variant(RawNode& root, const RawNode& variants, const ReadScenario& read,
                   const std::string& name, const MergeRules& rules,
                   std::vector<Diagnostic>& findings) {
  if (name.empty() || name == "base") {
    return;
  }
  const RawNode* const variant = variants.find(name);
  if (variant == nullptr) {
    const std::string nearest = nearest_name(name, read.variants);
    findings.push_back(finding_at(
        variants.place.file ? variants.place : root.place, "variants",
        fmt::format("no variant named {}", name),
        read.variants.empty() ? "the scenario declares none"
                              : fmt::format("{}variants: base, {}",
                                            nearest.empty() ? "" : "nearest: " + nearest + "; ",
                                            joined(read.variants))));
    return;
  }
  for (const RawEntry& entry : variant->entries) {
    if (!set_at_path(root, entry.key, entry.value, entry.key_place, rules)) {
      findings.push_back(finding_at(entry.key_place, join_path("variants." + name, entry.key),
                                    "the path leads through a value that is no map"));
    }
  }
}

void apply_override(RawNode& root, const std::string& path, const std::string& text,
                    const MergeRules& rules, std::vector<Diagnostic>& findings) {
  const auto file = std::make_shared<const std::string>(override_file);
  const Place place{file, 0, 0};
  std::vector<Diagnostic> problems;
  RawNode value = parse_yaml(text, file, problems).root;
  for (Diagnostic& problem : problems) {
    problem.key_path = problem.key_path.empty() ? path : join_path(path, problem.key_path);
    findings.push_back(std::move(problem));
  }
  if (path.empty() || path.front() == '.' || path.back() == '.' ||
      path.find("..") != std::string::npos) {
    findings.push_back(finding_at(place, path, "expected a dotted path such as pools.a100.tp"));
  } else if (path == "include" || path == "extends" || path.starts_with("variants")) {
    findings.push_back(finding_at(place, path, "cannot be set from the command line"));
  } else if (problems.empty() && !set_at_path(root, path, std::move(value), place, rules)) {
    findings.push_back(finding_at(place, path, "the path leads through a value that is no map"));
  }
}

/// The entry of `map` whose key is the longest that `path` starts with; the rest of the path.
RawEntry* longest_key(RawNode& map, const std::string& path, std::string& rest) {
  RawEntry* best = nullptr;
  for (RawEntry& entry : map.entries) {
    const bool whole = path == entry.key;
    const bool leads = path.size() > entry.key.size() && path.starts_with(entry.key) &&
                       path[entry.key.size()] == '.';
    if ((whole || leads) && (best == nullptr || entry.key.size() > best->key.size())) {
      best = &entry;
      rest = whole ? "" : path.substr(entry.key.size() + 1);
    }
  }
  return best;
}

/// Sets every place of a value that came without lines (from the command line) to `place`.
void forget_lines(RawNode& node) {
  node.place.line = 0;
  node.place.column = 0;
  for (RawNode& item : node.items) {
    forget_lines(item);
  }
  for (RawEntry& entry : node.entries) {
    entry.key_place.line = 0;
    entry.key_place.column = 0;
    forget_lines(entry.value);
  }
}

void set_within(RawNode& node, const std::string& path, RawNode value, const Place& place,
                const MergeRules& rules, bool& reached) {
  if (path.empty()) {
    merge_into(node, std::move(value), rules);
    return;
  }
  const std::string head = path.substr(0, path.find('.'));
  const std::string tail = head.size() == path.size() ? "" : path.substr(head.size() + 1);
  if (node.is_sequence()) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), index);
    reached = error == std::errc{} && end == head.data() + head.size() && index < node.items.size();
    if (reached) {
      set_within(node.items[index], tail, std::move(value), place, rules, reached);
    }
    return;
  }
  if (node.kind == RawNode::Kind::null) {
    node.kind = RawNode::Kind::map;
    node.place = place;
  }
  reached = node.is_map();
  if (!reached) {
    return;
  }
  std::string rest;
  RawEntry* const known = longest_key(node, path, rest);
  const std::string key = known == nullptr ? head : known->key;
  if (known != nullptr ? rest.empty() : tail.empty()) {
    // Merged as a map of one key, so that deciding keys and null have their effect.
    RawNode single;
    append_entry(single, key, std::move(value));
    single.entries.front().key_place = place;
    merge_into(node, std::move(single), rules);
    return;
  }
  if (known != nullptr) {
    set_within(known->value, rest, std::move(value), place, rules, reached);
    return;
  }
  RawEntry entry{head, place, RawNode{}};
  set_within(entry.value, tail, std::move(value), place, rules, reached);
  node.entries.push_back(std::move(entry));
}

}  // namespace

bool read_text_file(const std::string& path, std::string& text) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return false;
  }
  // A device such as /dev/zero has no end; a pipe, e.g. of a shell's <(...), has one.
  if (!fs::is_regular_file(path, ignored) && !fs::is_fifo(path, ignored)) {
    throw IoError{"cannot read " + path + ": it is no file"};
  }
  std::ifstream stream{path, std::ios::binary};
  std::ostringstream content;
  content << stream.rdbuf();
  if (!stream.is_open() || stream.bad() || content.bad()) {
    throw IoError{"cannot read " + path};
  }
  text = content.str();
  return true;
}

void merge_into(RawNode& base, RawNode over, const MergeRules& rules) {
  if (!base.is_map() || !over.is_map()) {
    base = std::move(over);
    return;
  }
  for (const DecidingKey& deciding : rules) {
    const RawNode* const new_value = over.find(deciding.key);
    const RawNode* const old_value = base.find(deciding.key);
    if (new_value != nullptr && (old_value == nullptr || old_value->text != new_value->text)) {
      std::erase_if(base.entries, [&](const RawEntry& entry) {
        return std::find(deciding.kept.begin(), deciding.kept.end(), entry.key) ==
               deciding.kept.end();
      });
    }
  }
  base.place = over.place.file ? over.place : base.place;
  for (RawEntry& entry : over.entries) {
    RawNode* const known = base.find(entry.key);
    if (known != nullptr && entry.value.kind == RawNode::Kind::null) {
      base.erase(entry.key);
    } else if (known != nullptr) {
      merge_into(*known, std::move(entry.value), rules);
    } else {
      base.entries.push_back(std::move(entry));
    }
  }
}

bool set_at_path(RawNode& root, const std::string& path, RawNode value, const Place& place,
                 const MergeRules& rules) {
  if (place.file && *place.file == override_file) {
    forget_lines(value);
  }
  bool reached = true;
  set_within(root, path, std::move(value), place, rules, reached);
  return reached;
}

namespace {

/// Resolves one entry after the entries that it extends. `state`: 1 open, 2 done.
void resolve_entry(RawNode& entries, std::size_t index, std::map<std::string, int>& state,
                   const std::string& key_path, std::vector<Diagnostic>& findings) {
  const std::string key = entries.entries[index].key;
  if (state[key] != 0) {
    return;
  }
  state[key] = 1;
  RawNode own = entries.entries[index].value;
  const RawNode* const reference = own.find("extends");
  if (reference != nullptr) {
    const std::string path = join_path(join_path(key_path, key), "extends");
    const std::string name = reference->text;
    const auto other = std::find_if(entries.entries.begin(), entries.entries.end(),
                                    [&](const RawEntry& entry) { return entry.key == name; });
    if (other == entries.entries.end()) {
      std::vector<std::string> names;
      for (const RawEntry& entry : entries.entries) {
        names.push_back(entry.key);
      }
      findings.push_back(finding_at(reference->place, path,
                                    fmt::format("no entry named \"{}\" in {}", name, key_path),
                                    "entries: " + joined(names)));
    } else if (state[name] == 1) {
      findings.push_back(
          finding_at(reference->place, path, "the entry extends itself", "break the circle"));
    } else {
      const auto position = static_cast<std::size_t>(other - entries.entries.begin());
      resolve_entry(entries, position, state, key_path, findings);
      own.erase("extends");
      RawNode whole = entries.entries[position].value;
      whole.place = own.place;
      merge_into(whole, std::move(own), MergeRules{});
      own = std::move(whole);
    }
    entries.entries[index].value = std::move(own);
  }
  state[key] = 2;
}

}  // namespace

void resolve_extends(RawNode& entries, const std::string& key_path,
                     std::vector<Diagnostic>& findings) {
  std::map<std::string, int> state;
  for (std::size_t i = 0; i < entries.entries.size(); ++i) {
    resolve_entry(entries, i, state, key_path, findings);
  }
}

std::string resolve_path(const std::string& path, const Place& place) {
  if (!place.file || *place.file == override_file || fs::path{path}.is_absolute()) {
    return path;
  }
  return (fs::path{*place.file}.parent_path() / path).lexically_normal().string();
}

ReadScenario read_scenario(const ScenarioSource& source, const MergeRules& rules,
                           std::vector<Diagnostic>& findings) {
  ReadScenario read;
  FileReader reader{rules, findings};
  read.root = reader.read_text(source.text, source.file);
  read.complete = reader.complete();
  const RawNode variants = take_variants(read.root, read.variants, findings);
  apply_variant(read.root, variants, read, source.variant, rules, findings);
  for (const auto& [path, text] : source.overrides) {
    apply_override(read.root, path, text, rules, findings);
  }
  return read;
}

}  // namespace plimsoll
