// Published traces: Azure's conversations of 2023, against a reading of its own by plain C++; the
// reusable prefixes of Mooncake's.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "plimsoll/workload.hpp"
#include "support/workload_builders.hpp"

namespace plimsoll {
namespace {

/// The data folder that may lie beside the checkout; empty when absent.
std::string trace_path(const char* name) {
  const char* shared = std::getenv("PLIMSOLL_SHARED");
  const std::filesystem::path beside = std::filesystem::path{PLIMSOLL_SOURCE_DIR} / "../shared";
  const std::filesystem::path folder = shared != nullptr ? shared : beside;
  const auto path = folder / "data/traces" / name;
  return std::filesystem::exists(path) ? path.string() : std::string{};
}

struct Totals {
  std::int64_t rows = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t time_ms = 0;  // sum over rows; the trace has milliseconds
};

Totals read_plainly(const std::string& path) {
  Totals totals;
  gzFile file = gzopen(path.c_str(), "rb");
  char line[256];
  gzgets(file, line, sizeof line);  // the header
  while (gzgets(file, line, sizeof line) != nullptr) {
    double at = 0;
    long prompt = 0;
    long output = 0;
    if (std::sscanf(line, "%lf,%ld,%ld", &at, &prompt, &output) == 3) {
      ++totals.rows;
      totals.prompt_tokens += prompt;
      totals.output_tokens += output;
      totals.time_ms += std::llround(at * 1000);
    }
  }
  gzclose(file);
  return totals;
}

TEST(PublishedTrace, EveryRowOfAzure2023Arrives) {
  const std::string path = trace_path("azure2023_conv.csv.gz");
  if (path.empty()) {
    GTEST_SKIP() << "no azure2023_conv.csv.gz: set PLIMSOLL_SHARED to the folder that has "
                    "data/traces";
  }
  Config config = testing::open_loop_config(1);
  config.workload.trace = path;
  Totals totals;
  SimTime last{};
  for (const Arrival& arrival : testing::draw_arrivals(config, 1'000'000)) {
    ASSERT_GE(arrival.at, last);
    last = arrival.at;
    ++totals.rows;
    totals.prompt_tokens += arrival.prompt_tokens;
    totals.output_tokens += arrival.output_tokens;
    ASSERT_EQ(arrival.at.time_since_epoch().count() % 1'000'000, 0);
    totals.time_ms += arrival.at.time_since_epoch().count() / 1'000'000;
  }
  const Totals plain = read_plainly(path);
  EXPECT_EQ(totals.rows, 19366);
  EXPECT_EQ(totals.rows, plain.rows);
  EXPECT_EQ(totals.prompt_tokens, plain.prompt_tokens);
  EXPECT_EQ(totals.output_tokens, plain.output_tokens);
  EXPECT_EQ(totals.time_ms, plain.time_ms);
}

TEST(PublishedTrace, RowsOfMooncakeGoOnFromEarlierOnes) {
  const std::string path = trace_path("mooncake_conversation.csv.gz");
  if (path.empty()) {
    GTEST_SKIP() << "no mooncake_conversation.csv.gz: set PLIMSOLL_SHARED to the folder that has "
                    "data/traces";
  }
  Config config = testing::open_loop_config(1);
  config.workload.trace = path;
  config.workload.trace_prefix.emplace();
  config.workload.trace_prefix->common_tokens = 512;
  config.workload.trace_prefix->granularity = 512;
  std::int64_t begin_alike = 0;
  std::int64_t more = 0;
  std::int64_t go_on = 0;
  for (const Arrival& arrival : testing::draw_arrivals(config, 1'000'000)) {
    begin_alike += arrival.prefix.common != no_prefix ? 1 : 0;
    more += arrival.reusable_prefix_tokens > 512 ? 1 : 0;
    go_on += arrival.prefix.history_tokens > 0 ? 1 : 0;
    ASSERT_LE(arrival.prefix.history_tokens, arrival.reusable_prefix_tokens);
    ASSERT_LE(arrival.prefix.common_tokens, arrival.prompt_tokens);
  }
  EXPECT_EQ(more, 4658);
  EXPECT_EQ(go_on, 4655) << "docs/step_time.md says so";
  EXPECT_EQ(begin_alike, 12'030) << "all but the first";
}

}  // namespace
}  // namespace plimsoll
