// What the shipped scenarios gave when a human last looked: a change here is a change of numbers.
//
// tools/update_golden rewrites tests/golden; docs/changelog.md then says what changed and why. The
// laws that the same runs keep are in tests/invariant/matrix_test.cpp, those of the story's
// scenarios as shipped (story.csv) in tests/model/story_test.cpp.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

const std::string golden_folder = PLIMSOLL_SOURCE_DIR "/tests/golden/";

/// Scenarios with a golden file, as fingerprints.csv lists them, and their fingerprints.
struct Goldens {
  std::vector<std::string> names;
  std::vector<std::string> fingerprints;
};

Goldens goldens() {
  const test::CsvTable table{test::bytes_of_file(golden_folder + "fingerprints.csv")};
  return {table.column("scenario"), table.column("fingerprint")};
}

std::string path_of(const std::string& name) {
  const std::vector<std::string> tiny = test::tiny_scenarios();
  const bool is_tiny = std::find(tiny.begin(), tiny.end(), name) != tiny.end();
  return (is_tiny ? "tiny/" : "") + name + ".yaml";
}

std::string first_difference(const std::string& golden, const std::string& now) {
  const auto limit = std::min(golden.size(), now.size());
  std::size_t at = 0;
  while (at < limit && golden[at] == now[at]) {
    ++at;
  }
  const std::size_t line = at == 0 ? 0 : golden.rfind('\n', at - 1) + 1;
  return fmt::format("was: {}\nis:  {}", golden.substr(line, golden.find('\n', at) - line),
                     now.substr(line, now.find('\n', at) - line));
}

TEST(Golden, EveryTinyScenarioHasOne) {
  const Goldens kept = goldens();
  for (const std::string& name : test::tiny_scenarios()) {
    EXPECT_EQ(std::count(kept.names.begin(), kept.names.end(), name), 1)
        << name << ": run tools/update_golden";
  }
}

TEST(Golden, ResultsAndFingerprintsAreTheSame) {
  const Goldens kept = goldens();
  for (std::size_t i = 0; i < kept.names.size(); ++i) {
    SCOPED_TRACE(kept.names[i]);
    const LoadedScenario loaded = test::load_shipped(path_of(kept.names[i]), {});
    const test::TemporaryFolder folder;
    const std::string fingerprint = test::in_child([&] {
      RunOptions options;
      options.out_folder = folder.path();
      return fmt::format("{:016x}", run_scenario(loaded.config, options).fingerprint);
    });
    EXPECT_EQ(fingerprint, kept.fingerprints[i])
        << "what happens in the run has changed, not only how it is told";
    const std::string golden = test::bytes_of_file(golden_folder + kept.names[i] + "/result.json");
    const std::string now = test::bytes_of_file(folder.path() + "/result.json");
    EXPECT_FALSE(golden.empty());
    EXPECT_TRUE(golden == now) << first_difference(golden, now);
  }
}

}  // namespace
}  // namespace plimsoll
