// What the story's scenarios as shipped did when a human last looked: fingerprints alone, since
// their tables are docs/scenarios.md. Rows of story.csv may cut a scenario short by overrides.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

/// `key=value;key=value`, as story.csv has them.
test::Overrides overrides_of(const std::string& text) {
  test::Overrides overrides;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::size_t equals = text.find('=', at);
    overrides.emplace_back(text.substr(at, equals - at), text.substr(equals + 1, end - equals - 1));
    at = end + 1;
  }
  return overrides;
}

TEST(Story, AsShippedHasTheSameFingerprints) {
  const test::CsvTable table{test::bytes_of_file(PLIMSOLL_SOURCE_DIR "/tests/golden/story.csv")};
  const std::vector<std::string> names = table.column("scenario");
  const std::vector<std::string> sets = table.column("set");
  const std::vector<std::string> fingerprints = table.column("fingerprint");
  ASSERT_GE(names.size(), 8U);
  std::vector<std::function<std::string()>> bodies;
  for (std::size_t i = 0; i < names.size(); ++i) {
    bodies.emplace_back([name = names[i], set = sets[i]] {
      const LoadedScenario loaded = test::load_shipped(name + ".yaml", overrides_of(set));
      return fmt::format("{:016x}", run_scenario(loaded.config, {}).fingerprint);
    });
  }
  const std::vector<std::string> found = test::in_children(bodies);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(found[i], fingerprints[i]) << names[i] << ": what happens in the run has changed";
  }
}

}  // namespace
}  // namespace plimsoll
