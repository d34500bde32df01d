// YAML text to raw tree: marks, duplicates, aliases and limits.
#include "scenario/parse_yaml.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

struct Parse {
  explicit Parse(const std::string& text)
      : yaml{parse_yaml(text, std::make_shared<const std::string>("file.yaml"), findings)} {}
  std::vector<Diagnostic> findings;
  ParsedYaml yaml;
};

TEST(ParseYaml, MarksCountFromOne) {
  const Parse parse{"a: 1\nb:\n  c: [x, yy]\n"};
  ASSERT_TRUE(parse.findings.empty());
  const RawNode& root = parse.yaml.root;
  EXPECT_EQ(root.find("a")->place.line, 1);
  EXPECT_EQ(root.find("a")->place.column, 4);
  EXPECT_EQ(*root.find("a")->place.file, "file.yaml");
  const RawNode& list = *root.find("b")->find("c");
  EXPECT_EQ(list.items[1].text, "yy");
  EXPECT_EQ(list.items[1].place.line, 3);
  EXPECT_EQ(list.items[1].place.column, 10);
  EXPECT_EQ(root.find("b")->entries[0].key_place.column, 3);
}

TEST(ParseYaml, EveryDuplicateIsAFindingAndTheFirstStays) {
  const Parse parse{"a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n"};
  ASSERT_EQ(parse.findings.size(), 3U);
  EXPECT_EQ(parse.findings[0].key_path, "b.c");
  EXPECT_EQ(parse.findings[0].line, 2);
  EXPECT_EQ(parse.findings[0].column, 11);
  EXPECT_EQ(parse.findings[1].line, 3);
  EXPECT_EQ(parse.findings[2].line, 4);
  EXPECT_EQ(parse.yaml.root.find("a")->text, "1");
  EXPECT_TRUE(parse.yaml.complete);
}

TEST(ParseYaml, AliasesAreCopies) {
  const Parse parse{"a: &x {k: 1}\nb: *x\n"};
  EXPECT_TRUE(parse.findings.empty());
  EXPECT_EQ(parse.yaml.root.find("b")->find("k")->text, "1");
}

TEST(ParseYaml, AliasBombsEndAtTheLimit) {
  // Each line has nine copies of the one before: 9^9 values when expanded.
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i <= 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 9; ++k) {
      text += ", " + before;
    }
    text += "]\n";
  }
  const Parse parse{text};
  EXPECT_FALSE(parse.yaml.complete);
  ASSERT_EQ(parse.findings.size(), 1U);
  EXPECT_NE(parse.findings[0].message.find("aliases expand"), std::string::npos);
}

TEST(ParseYaml, DepthIsLimited) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(Parse{nested(max_yaml_depth)}.findings.empty());
  EXPECT_FALSE(Parse{nested(max_yaml_depth + 1)}.yaml.complete);
  EXPECT_FALSE(Parse{std::string(100'000, '[')}.yaml.complete);
}

TEST(ParseYaml, SyntaxErrorsAreFindingsWithTheirPlace) {
  const Parse parse{"a: 1\nb: [1, 2\nc: 3\n"};
  EXPECT_FALSE(parse.yaml.complete);
  ASSERT_EQ(parse.findings.size(), 1U);
  EXPECT_GE(parse.findings[0].line, 2);
}

TEST(ParseYaml, NothingIsNull) {
  EXPECT_EQ(Parse{""}.yaml.root.kind, RawNode::Kind::null);
  EXPECT_EQ(Parse{"a:\n"}.yaml.root.find("a")->kind, RawNode::Kind::null);
}

}  // namespace
}  // namespace plimsoll
