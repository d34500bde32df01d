// Same scenario and seed, same bytes; and draws of one purpose do not move those of another.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using test::CsvTable;
using test::Overrides;

constexpr const char* result_files[] = {"/result.json", "/timeseries.csv", "/requests.csv",
                                        "/cost.csv"};

/// All result files of a run, one after the other.
std::string bytes_of_run(const Config& config) {
  const test::TemporaryFolder folder;
  const std::string trouble = test::in_child([&] {
    RunOptions options;
    options.out_folder = folder.path();
    run_scenario(config, options);
    return std::string{};
  });
  EXPECT_EQ(trouble, "");
  std::string bytes;
  for (const char* file : result_files) {
    bytes += test::bytes_of_file(folder.path() + file);
  }
  return bytes;
}

std::string bytes_of_run(const std::string& scenario, const Overrides& overrides) {
  return bytes_of_run(test::load_shipped("tiny/" + scenario + ".yaml", overrides).config);
}

TEST(Determinism, SameSeedSameBytesAndAnotherSeedOthers) {
  for (const std::string& scenario : test::tiny_scenarios()) {
    SCOPED_TRACE(scenario);
    const std::string first = bytes_of_run(scenario, {});
    EXPECT_GT(first.size(), 1000u);
    EXPECT_TRUE(first == bytes_of_run(scenario, {}));
    EXPECT_FALSE(first == bytes_of_run(scenario, {{"seed", "987654321"}}));
  }
}

TEST(Determinism, TheResolvedScenarioGivesTheSameBytes) {
  for (const std::string& scenario : test::tiny_scenarios()) {
    SCOPED_TRACE(scenario);
    const LoadedScenario loaded = test::load_shipped("tiny/" + scenario + ".yaml", {});
    const LoadedScenario again = load_scenario_text(loaded.resolved_yaml, "/resolved.yaml", {},
                                                    policy_catalog(builtin_policies()));
    EXPECT_EQ(again.resolved_yaml, loaded.resolved_yaml);
    EXPECT_TRUE(bytes_of_run(loaded.config) == bytes_of_run(again.config));
  }
}

/// Some columns of requests.csv of a run that samples everything, row by row.
std::vector<std::string> drawn(const Overrides& overrides,
                               const std::vector<std::string>& columns) {
  Overrides all = overrides;
  all.emplace_back("metrics.sample_requests", "1000000");
  const LoadedScenario loaded = test::load_shipped("tiny/spike.yaml", all);
  const test::TemporaryFolder folder;
  EXPECT_EQ(test::in_child([&] {
              RunOptions options;
              options.out_folder = folder.path();
              run_scenario(loaded.config, options);
              return std::string{};
            }),
            "");
  const CsvTable table{test::bytes_of_file(folder.path() + "/requests.csv")};
  std::vector<std::string> rows(table.rows());
  for (const std::string& name : columns) {
    const std::vector<std::string> column = table.column(name);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] += column[i] + " ";
    }
  }
  EXPECT_GT(rows.size(), 100u);
  return rows;
}

TEST(Determinism, RoutersDoNotMoveWhatUsersSend) {
  const std::vector<std::string> sent = {"id", "arrived_s", "prompt_tokens", "output_tokens"};
  const std::vector<std::string> where = {"id", "replica"};
  const auto requests = drawn({}, sent);
  const auto replicas = drawn({}, where);
  for (const PolicyDoc& doc : builtin_policies().routers.docs()) {
    SCOPED_TRACE(doc.name);
    const Overrides overrides = {{"service.router.policy", doc.name}};
    EXPECT_EQ(drawn(overrides, sent), requests);
    // Where all replicas cost the same, cost_aware decides as the default, least_requests, does.
    if (doc.name == "least_requests" || doc.name == "cost_aware") {
      EXPECT_EQ(drawn(overrides, where), replicas);
    } else {
      EXPECT_NE(drawn(overrides, where), replicas);
    }
  }
}

TEST(Determinism, OneLawDoesNotMoveTheDrawsOfAnother) {
  const auto requests = drawn({}, {"id", "arrived_s", "prompt_tokens"});
  const Overrides longer = {{"workload.lengths.output.cv", "0.5"}};
  EXPECT_EQ(drawn(longer, {"id", "arrived_s", "prompt_tokens"}), requests);
  EXPECT_NE(drawn(longer, {"output_tokens"}), drawn({}, {"output_tokens"}));

  const auto lengths = drawn({}, {"prompt_tokens", "output_tokens"});
  auto faster = drawn({{"workload.arrivals.rate", "30/s"}}, {"prompt_tokens", "output_tokens"});
  ASSERT_GT(faster.size(), lengths.size());
  faster.resize(lengths.size());
  EXPECT_EQ(faster, lengths);
}

}  // namespace
}  // namespace plimsoll
