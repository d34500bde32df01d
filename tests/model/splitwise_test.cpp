// Step times of the eager-2023 profile against the measured tables of Splitwise (ISCA 2024), where
// the data is at hand: PLIMSOLL_SHARED, or a folder `shared` beside the checkout.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "perf/step_time_model.hpp"
#include "support/catalog.hpp"

namespace plimsoll {
namespace {

std::filesystem::path table_path() {
  const char* shared = std::getenv("PLIMSOLL_SHARED");
  const std::filesystem::path root =
      shared != nullptr ? std::filesystem::path{shared}
                        : std::filesystem::path{PLIMSOLL_SOURCE_DIR} / ".." / "shared";
  return root / "data" / "calibration" / "engine_static.csv";
}

struct Row {
  int tp = 0;
  std::int64_t batch = 0;
  std::int64_t prompt = 0;
  std::int64_t output = 0;
  double ttft_ms = 0;
  double tpot_ms = 0;
};

/// Llama-2-70B on A100 of the Splitwise tables. Commas occur in quoted fields after column 12 only.
std::vector<Row> read_rows(const std::filesystem::path& path) {
  std::vector<Row> rows;
  std::ifstream file{path};
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("llama2-70b,A100-80G-SXM,", 0) != 0 ||
        line.find("splitwise") == std::string::npos) {
      continue;
    }
    std::vector<std::string> fields;
    std::stringstream text{line};
    for (std::string field; std::getline(text, field, ',');) {
      fields.push_back(field);
    }
    Row row;
    row.tp = std::stoi(fields.at(2));
    row.batch = static_cast<std::int64_t>(std::stod(fields.at(5)));
    row.prompt = std::stoll(fields.at(6));
    row.output = std::stoll(fields.at(7));
    row.ttft_ms = std::stod(fields.at(8));
    row.tpot_ms = std::stod(fields.at(9));
    rows.push_back(row);
  }
  return rows;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

TEST(Splitwise, Llama70bOnFourA100DecodesIn45ms) {
  Config config = test::load_entries("a100-80gb", "llama2-70b", "eager-2023");
  config.pools[0].tp = 4;
  const StepCostTable table = tabulate(*make_step_time_model(config, config.pools[0]), 2048);
  const double tpot_ms = static_cast<double>(table.latency({1, 1, 576, 0})) * 1e-12;
  EXPECT_NEAR(tpot_ms, 45.0, 0.15 * 45.0);
  const double ttft_ms = static_cast<double>(table.latency({1020, 1, 0, 1020 * 1020})) * 1e-12;
  EXPECT_NEAR(ttft_ms, 290.0, 0.20 * 290.0);
}

TEST(Splitwise, MedianErrorOfLlama70bOnA100) {
  const std::filesystem::path path = table_path();
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << "no measured tables at " << path << " (set PLIMSOLL_SHARED)";
  }
  std::vector<double> ttft_errors;
  std::vector<double> tpot_errors;
  Config config = test::load_entries("a100-80gb", "llama2-70b", "eager-2023");
  for (const Row& row : read_rows(path)) {
    config.pools[0].tp = row.tp;
    const auto model = make_step_time_model(config, config.pools[0]);
    const std::int64_t prompts = row.batch * row.prompt;
    const StepCostTable table = tabulate(*model, prompts);
    const StepWork prefill{prompts, row.batch, 0, row.batch * row.prompt * row.prompt};
    const StepWork decode{row.batch, row.batch, row.batch * (row.prompt + row.output / 2), 0};
    const auto ms = [](Femtoseconds fs) { return static_cast<double>(fs) * 1e-12; };
    if (prompts <= 4096) {  // larger passes are cut into chunks by every pool's token budget
      ttft_errors.push_back(std::abs(ms(table.latency(prefill)) / row.ttft_ms - 1));
    }
    tpot_errors.push_back(std::abs(ms(table.latency(decode)) / row.tpot_ms - 1));
  }
  ASSERT_GE(tpot_errors.size(), 15U) << "the table changed its form";
  std::cout << "median error: TTFT " << 100 * median(ttft_errors) << " %, TPOT "
            << 100 * median(tpot_errors) << " %\n";
  EXPECT_LE(median(ttft_errors), 0.10);
  EXPECT_LE(median(tpot_errors), 0.05);
}

}  // namespace
}  // namespace plimsoll
