// Command line: the parts that need no process: worst exit codes, the progress line, tables,
// --set.
#include <gtest/gtest.h>

#include <array>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/progress_bar.hpp"
#include "cli/table.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

TEST(ExitCodes, WorseOnesWinInThePromisedOrder) {
  const std::array<int, 6> worst_first = {interrupted_int,   internal_bug,    input_output,
                                          usage_or_scenario, threshold_fails, ok};
  for (std::size_t i = 0; i < worst_first.size(); ++i) {
    for (std::size_t j = i; j < worst_first.size(); ++j) {
      EXPECT_EQ(worst_exit(worst_first[i], worst_first[j]), worst_first[i]);
      EXPECT_EQ(worst_exit(worst_first[j], worst_first[i]), worst_first[i]);
    }
  }
}

TEST(ExitCodes, UnknownCodesCountAsBugs) {
  EXPECT_EQ(worst_exit(1, input_output), internal_bug);
}

TEST(ProgressLine, TellsShareRateAndTimeLeft) {
  // 25 % in 30 s leave 90 s; 1,500,000 arrivals in 30 s are 50,000 a second.
  const std::string line = progress_line(0.25, 1'500'000, 30.0);
  EXPECT_NE(line.find(" 25 %"), std::string::npos) << line;
  EXPECT_NE(line.find("1.50 M requests"), std::string::npos) << line;
  EXPECT_NE(line.find("50 k/s"), std::string::npos) << line;
  EXPECT_NE(line.find("ETA 1:30"), std::string::npos) << line;
}

TEST(ProgressLine, StaysWithinItsBarBeyondTheEnd) {
  EXPECT_EQ(progress_line(1.2, 10, 3.0).find('.'), std::string::npos);
  EXPECT_EQ(progress_line(0.0, 0, 3.0).find('#'), std::string::npos);
}

TEST(Table, AlignsColumnsWithoutTrailingBlanks) {
  EXPECT_EQ(aligned({{"A", "LONG"}, {"wide", "b"}}), "A     LONG\nwide  b\n");
}

TEST(ScenarioRequest, SplitsAtTheFirstEqualsSignAndPutsTheSeedLast) {
  ScenarioArguments arguments;
  arguments.sets = {"a.b=c=d", "e="};
  arguments.seed = "7";
  const auto request = scenario_request(arguments);
  ASSERT_EQ(request.overrides.size(), 3U);
  EXPECT_EQ(request.overrides[0], (std::pair<std::string, std::string>{"a.b", "c=d"}));
  EXPECT_EQ(request.overrides[1].second, "");
  EXPECT_EQ(request.overrides[2].first, "seed");
}

TEST(ScenarioRequest, TellsAllMalformedSettingsAtOnce) {
  ScenarioArguments arguments;
  arguments.sets = {"a", "=b", "c=d"};
  try {
    scenario_request(arguments);
    FAIL() << "malformed settings were taken";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.diagnostics().size(), 2U);
  }
}

}  // namespace
}  // namespace plimsoll::cli
