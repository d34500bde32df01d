// Files to one tree: includes, base scenarios, entries that extend others, variants, overrides.
#include "scenario/read_scenario.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace plimsoll {
namespace {

namespace fs = std::filesystem;

class ReadScenarioTest : public ::testing::Test {
 protected:
  ReadScenarioTest() { fs::create_directories(folder_ / "parts"); }
  ~ReadScenarioTest() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream{folder_ / name} << text;
  }

  RawNode read(const std::string& text,
               std::vector<std::pair<std::string, std::string>> overrides = {},
               const std::string& variant = "") {
    const ScenarioSource source{(folder_ / "main.yaml").string(), text, std::move(overrides),
                                variant};
    result_ = read_scenario(source, rules_, findings_);
    return result_.root;
  }

  fs::path folder_ = fs::temp_directory_path() / ("plimsoll_read_" + std::to_string(::getpid()));
  MergeRules rules_{{"policy", {"capacity"}}};
  std::vector<Diagnostic> findings_;
  ReadScenario result_;
};

TEST_F(ReadScenarioTest, TheIncludingFileWinsKeyByKey) {
  write("parts/a.yaml", "x: {one: 1, two: 2}\ny: 1\n");
  write("parts/b.yaml", "x: {two: 22}\n");
  const RawNode root = read("include: [parts/a.yaml, parts/b.yaml]\nx: {three: 3}\n");
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(root.find("x")->find("one")->text, "1");
  EXPECT_EQ(root.find("x")->find("two")->text, "22");  // the later include wins
  EXPECT_EQ(root.find("x")->find("three")->text, "3");
  EXPECT_EQ(root.find("y")->text, "1");
  EXPECT_EQ(root.find("include"), nullptr);
}

TEST_F(ReadScenarioTest, IncludesAreRelativeToTheFileInWhichTheyStand) {
  write("parts/a.yaml", "include: b.yaml\n");
  write("parts/b.yaml", "trace: t.csv\n");
  const RawNode root = read("extends: parts/a.yaml\n");
  EXPECT_TRUE(findings_.empty());
  const RawNode& trace = *root.find("trace");
  EXPECT_EQ(resolve_path(trace.text, trace.place), (folder_ / "parts/t.csv").string());
  EXPECT_EQ(resolve_path("/t.csv", trace.place), "/t.csv");
}

TEST_F(ReadScenarioTest, CirclesAndMissingFilesAreFindings) {
  write("parts/a.yaml", "include: b.yaml\n");
  write("parts/b.yaml", "include: a.yaml\n");
  read("include: [parts/a.yaml, parts/none.yaml]\n");
  ASSERT_EQ(findings_.size(), 2U);
  EXPECT_NE(findings_[0].message.find("includes itself"), std::string::npos);
  EXPECT_NE(findings_[1].message.find("no such file"), std::string::npos);
  EXPECT_EQ(findings_[1].line, 1);
  EXPECT_EQ(findings_[1].column, 25);
  EXPECT_FALSE(result_.complete);
}

TEST_F(ReadScenarioTest, OverridesReachEveryDepth) {
  const RawNode root = read("a: {b.c: {d: 1}, e: [1, {f: 2}]}\n",
                            {{"a.b.c.d", "9"}, {"a.e.1.f", "[7, 8]"}, {"g.h", "{i: 1s}"}});
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(root.find("a")->find("b.c")->find("d")->text, "9");
  EXPECT_EQ(root.find("a")->find("e")->items[1].find("f")->items[1].text, "8");
  const RawNode& made = *root.find("g")->find("h")->find("i");
  EXPECT_EQ(made.text, "1s");
  EXPECT_EQ(*made.place.file, "--set");
  EXPECT_EQ(resolve_path("t.csv", made.place), "t.csv");
}

TEST_F(ReadScenarioTest, OverridesThatLeadNowhereAreFindings) {
  read("a: 1\nl: [1]\n",
       {{"a.b", "2"}, {"l.5", "2"}, {"", "1"}, {"x..y", "1"}, {"k", "[1"}, {"include", "a.yaml"}});
  EXPECT_EQ(findings_.size(), 6U);
}

TEST_F(ReadScenarioTest, AnotherPolicyDropsTheOldParameters) {
  const std::string text = "q: {policy: old, capacity: 5, aging: 3s}\n";
  RawNode root = read(text, {{"q.policy", "new"}});
  EXPECT_EQ(root.find("q")->find("policy")->text, "new");
  EXPECT_EQ(root.find("q")->find("aging"), nullptr);
  EXPECT_NE(root.find("q")->find("capacity"), nullptr);
  root = read(text, {{"q.policy", "old"}});
  EXPECT_NE(root.find("q")->find("aging"), nullptr);
  root = read(text, {{"q", "{policy: new, depth: 1}"}});
  EXPECT_EQ(root.find("q")->find("aging"), nullptr);
  EXPECT_NE(root.find("q")->find("depth"), nullptr);
}

TEST_F(ReadScenarioTest, NullTakesBackWhatTheBaseSays) {
  write("parts/a.yaml", "x: {one: 1, two: 2}\n");
  const RawNode root = read("extends: parts/a.yaml\nx: {one: null}\n");
  EXPECT_EQ(root.find("x")->find("one"), nullptr);
  EXPECT_NE(root.find("x")->find("two"), nullptr);
}

TEST_F(ReadScenarioTest, VariantsApplyBeforeOverrides) {
  const std::string text = "a: 1\nb: 1\nvariants:\n  z: {a: 2, b: 2}\n  y: {a: 3}\n";
  RawNode root = read(text, {{"b", "9"}}, "z");
  EXPECT_EQ(root.find("a")->text, "2");
  EXPECT_EQ(root.find("b")->text, "9");
  EXPECT_EQ(root.find("variants"), nullptr);
  EXPECT_EQ(result_.variants, (std::vector<std::string>{"z", "y"}));  // in the file's order
  root = read(text, {}, "base");
  EXPECT_EQ(root.find("a")->text, "1");
  EXPECT_TRUE(findings_.empty());
  read(text, {}, "x");
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_NE(findings_[0].hint.find("base, z, y"), std::string::npos);
}

TEST_F(ReadScenarioTest, EntriesExtendEntries) {
  RawNode map = read("c: {extends: b, w: 3}\na: {u: 1, v: 1}\nb: {extends: a, v: 2}\n");
  // At the top of a file `extends` names a file; inside a map of entries it names an entry.
  resolve_extends(map, "gpus", findings_);
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(map.find("c")->find("u")->text, "1");
  EXPECT_EQ(map.find("c")->find("v")->text, "2");
  EXPECT_EQ(map.find("c")->find("w")->text, "3");
  EXPECT_EQ(map.find("c")->find("extends"), nullptr);
}

}  // namespace
}  // namespace plimsoll
