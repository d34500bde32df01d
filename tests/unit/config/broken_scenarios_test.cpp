// Every scenario in tests/cli/bad names its findings in its first lines:
//   # finding LINE:COLUMN KEY_PATH | FRAGMENT OF THE MESSAGE
// The loader must find exactly these.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "plimsoll/scenario.hpp"
#include "unit/config/test_policies.hpp"

namespace plimsoll {
namespace {

namespace fs = std::filesystem;

struct Expected {
  std::string place;  // "5:7"
  std::string key_path;
  std::string fragment;
};

std::vector<fs::path> broken_scenarios() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{PLIMSOLL_SOURCE_DIR "/tests/cli/bad"}) {
    if (entry.path().extension() == ".yaml") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Expected> expected_findings(const fs::path& file) {
  constexpr std::string_view mark = "# finding ";
  std::vector<Expected> expected;
  std::ifstream stream{file};
  for (std::string line; std::getline(stream, line) && line.starts_with(mark);) {
    line.erase(0, mark.size());
    const std::size_t space = line.find(' ');
    const std::size_t bar = line.find(" | ");
    const std::string path = line.substr(space + 1, bar - space - 1);
    expected.push_back({line.substr(0, space), path == "-" ? "" : path, line.substr(bar + 3)});
  }
  return expected;
}

std::vector<Diagnostic> findings_of(const fs::path& file) {
  try {
    load_scenario(ScenarioRequest{file.string(), {}, ""}, test_policies());
  } catch (const ConfigError& error) {
    return error.diagnostics();
  }
  return {};
}

bool matches(const Diagnostic& finding, const Expected& expected, const fs::path& file) {
  return finding.file == file.string() &&
         fmt::format("{}:{}", finding.line, finding.column) == expected.place &&
         finding.key_path == expected.key_path &&
         (finding.message + " (" + finding.hint + ")").find(expected.fragment) != std::string::npos;
}

class BrokenScenario : public ::testing::TestWithParam<fs::path> {};

TEST_P(BrokenScenario, HasExactlyTheseFindings) {
  const std::vector<Expected> expected = expected_findings(GetParam());
  const std::vector<Diagnostic> findings = findings_of(GetParam());
  std::string all;
  for (const Diagnostic& finding : findings) {
    all += "  " + format_diagnostic(finding) + "\n";
  }
  ASSERT_FALSE(expected.empty()) << "the file names no finding";
  EXPECT_EQ(findings.size(), expected.size()) << all;
  for (const Expected& one : expected) {
    const bool found =
        std::any_of(findings.begin(), findings.end(),
                    [&](const Diagnostic& finding) { return matches(finding, one, GetParam()); });
    EXPECT_TRUE(found) << one.place << " " << one.key_path << " | " << one.fragment << "\n" << all;
  }
}

std::string test_name(const ::testing::TestParamInfo<fs::path>& info) {
  return info.param.stem().string().substr(3);
}

INSTANTIATE_TEST_SUITE_P(Files, BrokenScenario, ::testing::ValuesIn(broken_scenarios()), test_name);

TEST(BrokenScenarios, AreFortyAtLeast) {
  EXPECT_GE(broken_scenarios().size(), 40U);
}

TEST(BrokenScenarios, TheirCommonBaseHasNoFault) {
  const std::string base = PLIMSOLL_SOURCE_DIR "/tests/cli/bad/parts/small.yaml";
  EXPECT_NO_THROW(load_scenario(ScenarioRequest{base, {}, ""}, test_policies()));
}

}  // namespace
}  // namespace plimsoll
