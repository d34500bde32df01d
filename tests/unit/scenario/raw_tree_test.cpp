// Writing a raw tree: what is written reads back as the same tree.
#include "scenario/raw_tree.hpp"

#include <gtest/gtest.h>

#include "scenario/parse_yaml.hpp"

namespace plimsoll {
namespace {

bool same(const RawNode& a, const RawNode& b) {
  if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size() ||
      a.entries.size() != b.entries.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) {
      return false;
    }
  }
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].key != b.entries[i].key || !same(a.entries[i].value, b.entries[i].value)) {
      return false;
    }
  }
  return true;
}

RawNode parse(const std::string& text) {
  std::vector<Diagnostic> findings;
  RawNode root = parse_yaml(text, nullptr, findings).root;
  EXPECT_TRUE(findings.empty()) << text;
  return root;
}

TEST(ToYaml, ReadsBackAsTheSameTree) {
  const RawNode root = parse(
      "a: 1\n"
      "b: {c: [1, [2, 3]], d: {}}\n"
      "list:\n  - {kind: x, points: [[0s, 1]]}\n  - kind: y\n    more: {k: v}\n"
      "\"key{with:brace}\": [\"p(99)<3000\"]\n");
  EXPECT_TRUE(same(root, parse(to_yaml(root)))) << to_yaml(root);
}

TEST(ToYaml, QuotesWhateverYamlWouldMisread) {
  RawNode root;
  int n = 0;
  for (const char* text : {"",         " ",  "null", "~",   "- x",         "a: b",
                           "a #b",     "#",  "*x",   "&x",  "!x",          "[",
                           "{",        "'",  "\"",   "\\",  "line\nbreak", "tab\t",
                           "\x01\x7f", "%x", "@",    "`",   "|",           ">",
                           "?",        "-",  "---",  "...", "a,b",         "\xc3\xa9t\xc3\xa9",
                           "$3/h",     "x "}) {
    append_entry(root, "k" + std::to_string(n++), scalar_node(text));
    append_entry(root, std::string{"key "} + text + ".", scalar_node("v"));
  }
  EXPECT_TRUE(same(root, parse(to_yaml(root)))) << to_yaml(root);
}

TEST(ToYaml, AnEmptyTreeIsAnEmptyMap) {
  EXPECT_TRUE(parse(to_yaml(RawNode{})).is_map());
}

}  // namespace
}  // namespace plimsoll
