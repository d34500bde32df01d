// Scenario: YAML text to raw tree, over yaml-cpp's events (its own nodes keep the first of two
// equal keys without a word).
#include "scenario/parse_yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

namespace plimsoll {

namespace {

/// Ends the parsing of a text that is beyond the limits.
struct LimitReached {
  Diagnostic finding;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const std::string> file, std::vector<Diagnostic>& findings)
      : file_{std::move(file)}, findings_{findings} {}

  RawNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RawNode node;
    node.place = place_of(mark);
    add(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    reject_tag(mark, tag);
    RawNode node = scalar_node(value);
    node.place = place_of(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw LimitReached{finding_at(place_of(mark), "", "this alias stands inside its own anchor")};
    }
    alias_nodes_ += count_nodes(found->second);
    if (alias_nodes_ > max_alias_nodes) {
      throw LimitReached{
          finding_at(place_of(mark), "",
                     fmt::format("aliases expand to more than {} values", max_alias_nodes))};
    }
    add(found->second, YAML::NullAnchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    reject_tag(mark, tag);
    open(RawNode::Kind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    reject_tag(mark, tag);
    open(RawNode::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A sequence or map whose end has not come, and the key that waits for its value.
  struct Open {
    RawNode node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;
    bool drop_value = false;  // its key was a duplicate or no word
    std::string key;
    Place key_place;
  };

  Place place_of(const YAML::Mark& mark) const {
    return Place{file_, mark.line + 1, mark.column + 1};
  }

  static std::size_t count_nodes(const RawNode& node) {
    std::size_t count = 1;
    for (const RawNode& item : node.items) {
      count += count_nodes(item);
    }
    for (const RawEntry& entry : node.entries) {
      count += count_nodes(entry.value);
    }
    return count;
  }

  void reject_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      findings_.push_back(
          finding_at(place_of(mark), "", "tags have no meaning here: " + tag, "remove the tag"));
    }
  }

  void open(RawNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= static_cast<std::size_t>(max_yaml_depth)) {
      throw LimitReached{finding_at(place_of(mark), "",
                                    fmt::format("nested deeper than {} levels", max_yaml_depth))};
    }
    Open opened;
    opened.node.kind = kind;
    opened.node.place = place_of(mark);
    opened.anchor = anchor;
    stack_.push_back(std::move(opened));
  }

  void close() {
    Open closed = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(RawNode node, YAML::anchor_t anchor) {
    if (++nodes_ > max_yaml_nodes) {
      throw LimitReached{
          finding_at(node.place, "", fmt::format("more than {} values", max_yaml_nodes))};
    }
    if (anchor != YAML::NullAnchor) {
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
    } else if (stack_.back().node.is_sequence()) {
      stack_.back().node.items.push_back(std::move(node));
    } else if (!stack_.back().has_key) {
      take_key(stack_.back(), node);
    } else {
      take_value(stack_.back(), std::move(node));
    }
  }

  std::string path_to_open() const {
    std::string path;
    for (const Open& open : stack_) {
      if (open.has_key) {
        path = join_path(path, open.key);
      }
    }
    return path;
  }

  void take_key(Open& map, const RawNode& key) {
    const std::string parent = path_to_open();
    if (map.node.entries.size() >= max_map_entries) {
      throw LimitReached{finding_at(
          key.place, parent, fmt::format("a map with more than {} entries", max_map_entries))};
    }
    map.has_key = true;
    map.drop_value = false;
    map.key = key.text;
    map.key_place = key.place;
    if (!key.is_scalar()) {
      findings_.push_back(finding_at(
          key.place, parent,
          fmt::format("expected a key that is a plain word, found {}", describe_kind(key.kind))));
      map.drop_value = true;
      return;
    }
    for (const RawEntry& entry : map.node.entries) {
      if (entry.key == key.text) {
        findings_.push_back(finding_at(
            key.place, join_path(parent, key.text),
            fmt::format("duplicate key: it already stands at line {}", entry.key_place.line),
            "keep one of them"));
        map.drop_value = true;
      }
    }
  }

  static void take_value(Open& map, RawNode value) {
    map.has_key = false;
    if (value.kind == RawNode::Kind::null) {
      value.place = map.key_place;  // yaml-cpp marks what comes after it
    }
    if (!map.drop_value) {
      map.node.entries.push_back(RawEntry{map.key, map.key_place, std::move(value)});
    }
  }

  std::shared_ptr<const std::string> file_;
  std::vector<Diagnostic>& findings_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, RawNode> anchors_;
  RawNode root_;
  std::size_t nodes_ = 0;
  std::size_t alias_nodes_ = 0;
};

/// Swallows a second document; that there is one is the finding.
class IgnoreEvents : public YAML::EventHandler {
 public:
  YAML::Mark start;

  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

ParsedYaml parse_yaml(const std::string& text, const std::shared_ptr<const std::string>& file,
                      std::vector<Diagnostic>& findings) {
  TreeBuilder builder{file, findings};
  bool complete = true;
  try {
    std::istringstream stream{text};
    YAML::Parser parser{stream};
    parser.HandleNextDocument(builder);
    IgnoreEvents ignore;
    if (parser && parser.HandleNextDocument(ignore)) {
      findings.push_back(finding_at(Place{file, ignore.start.line + 1, ignore.start.column + 1}, "",
                                    "more than one YAML document", "keep one scenario a file"));
    }
  } catch (const YAML::Exception& problem) {
    complete = false;
    const bool known = !problem.mark.is_null();
    const Place place{file, known ? problem.mark.line + 1 : 0, known ? problem.mark.column + 1 : 0};
    findings.push_back(finding_at(place, "", "not valid YAML: " + problem.msg,
                                  text.find("\n\t") == std::string::npos
                                      ? ""
                                      : "a line starts with a tab: indent with spaces"));
  } catch (const LimitReached& limit) {
    complete = false;
    findings.push_back(limit.finding);
  }
  return ParsedYaml{builder.take_root(), complete};
}

}  // namespace plimsoll
