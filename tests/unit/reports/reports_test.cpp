// What is written: JSON that adds up, CSV with all its columns, failures that name the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cost/cost.hpp"
#include "metrics/collector.hpp"
#include "metrics/verdict.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/report.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

namespace fs = std::filesystem;
using testing::at_ms;
using ::testing::HasSubstr;
using ::testing::Not;

std::string read(const fs::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

struct Reports : ::testing::Test {
  Reports() : config{testing::metrics_config(2)} {
    folder = fs::temp_directory_path() / ("plimsoll_reports_" + std::to_string(getpid()));
    fs::create_directories(folder);
    config.metrics.sample_requests = 10;
    ThresholdConfig threshold;
    threshold.metric = "ttft_ms";
    threshold.statistic = "p";
    threshold.percentile = 99;
    threshold.comparison = "<";
    threshold.bound = 50;
    threshold.text = "p(99)<50";
    config.thresholds.push_back(threshold);
    MetricsCollector collector{config};
    for (int i = 0; i < 20; ++i) {
      const auto id = static_cast<RequestId>(i);
      if (i % 5 == 4) {
        testing::play(collector, testing::refused_request(id, i * 100, Outcome::queue_full, 1));
      } else {
        testing::play(collector, testing::served_request(id, i * 100, 0));
      }
    }
    collector.on_arrival(20, 0, at_ms(2000));  // still waiting at the end
    result = collector.finish(at_ms(5000), at_ms(2000), testing::gauges_at(config, at_ms(5000)), 1);
    tell_bottleneck(result);
    result.cost = summarize_cost(result, config, result.notes);
    result.pools[0].memory_arithmetic = "80 GB x 0.9 = 72 GB";
  }
  ~Reports() override { fs::remove_all(folder); }

  Config config;
  RunResult result;
  fs::path folder;
};

TEST_F(Reports, ResultJsonAddsUpAndKeepsItsOrder) {
  const auto path = (folder / "result.json").string();
  write_result_json(path, result, config);
  const auto json = nlohmann::ordered_json::parse(read(path));
  std::int64_t sum = json["requests"]["in_flight"];
  for (const auto& outcome : json["requests"]["outcomes"]) {
    sum += outcome.get<std::int64_t>();
  }
  EXPECT_EQ(json["requests"]["arrived"], sum);
  EXPECT_EQ(sum, 21);
  EXPECT_EQ(json["requests"].size(), 3U);
  EXPECT_EQ(json["requests"]["outcomes"].size(), static_cast<std::size_t>(outcome_count));
  std::vector<std::string> keys;
  for (const auto& item : json.items()) {
    keys.push_back(item.key());
  }
  EXPECT_EQ(keys,
            (std::vector<std::string>{"scenario", "seed", "verdict", "requests", "metrics",
                                      "slices", "windows", "thresholds", "gpu_time", "memory_fit",
                                      "cost", "skipped_rows", "notes", "fingerprint"}));
  EXPECT_EQ(json["metrics"]["mean_ttft_ms"], 100.0);
  EXPECT_EQ(json["metrics"]["unfinished"], 5);
  for (const char* name :
       {"p99_ttft_ms", "p99.9_e2el_ms", "median_tpot_ms", "std_itl_ms", "request_throughput",
        "request_goodput", "availability", "gpu_utilization", "kv_cache_usage", "gpu_hours"}) {
    EXPECT_TRUE(json["metrics"].contains(name)) << name;
  }
  EXPECT_EQ(json["verdict"]["kind"], "fails");
  EXPECT_FALSE(fs::exists(path + ".tmp"));
}

TEST_F(Reports, ResultJsonSaysNothingOfPathsOrWallClock) {
  result.wall_seconds = 123.5;
  result.events = 987'654'321;
  const std::string text = result_json(result, config);
  EXPECT_THAT(text, Not(HasSubstr("wall")));
  EXPECT_THAT(text, Not(HasSubstr("987654321")));
  EXPECT_THAT(text, Not(HasSubstr(folder.string())));
  EXPECT_EQ(text, result_json(result, config));
}

TEST_F(Reports, WhatAScenarioLeavesOutIsNotReported) {
  const std::string plain = result_json(result, config);
  EXPECT_THAT(plain, Not(HasSubstr("prefix")));
  EXPECT_THAT(plain, Not(HasSubstr("perceived")));
  config.workload.classes[1].stream = false;
  config.pools[1].prefix_cache = true;
  result.pools[1].prefix.emplace().hit_tokens = 4711;
  const auto json = nlohmann::json::parse(result_json(result, config));
  EXPECT_EQ(json["metrics"]["mean_perceived_ms"], 100.0)
      << "class 0, which streams, alone completed";
  EXPECT_EQ(json["metrics"]["prefix_hit_rate"], 0.0);
  EXPECT_FALSE(json["gpu_time"]["pools"][0].contains("prefix_cache"));
  EXPECT_EQ(json["gpu_time"]["pools"][1]["prefix_cache"]["hit_tokens"], 4711);
  EXPECT_THAT(terminal_summary(result, config, SummaryStyle{}), HasSubstr("Prefix cache of pool1"));
}

TEST_F(Reports, AllThatScalesIsTold) {
  EXPECT_FALSE(nlohmann::json::parse(result_json(result, config)).contains("scaling"));
  for (const char* const target : {"pool1", "api_tier", "response_cache"}) {
    ScalingSummary scaling;
    scaling.pool = target;
    scaling.scale_ups = static_cast<std::int64_t>(result.scaling.size()) + 1;
    scaling.forecasts = scaling.pool == "api_tier";
    scaling.forecast_mape = 0.25;
    result.scaling.push_back(scaling);
  }
  const auto json = nlohmann::json::parse(result_json(result, config));
  ASSERT_EQ(json["scaling"].size(), 3U);
  EXPECT_EQ(json["scaling"][1]["target"], "api_tier");
  EXPECT_EQ(json["scaling"][1]["scale_ups"], 2);
  EXPECT_EQ(json["scaling"][1]["forecast_mape"], 0.25);
  EXPECT_EQ(json["scaling"][2]["target"], "response_cache");
  EXPECT_FALSE(json["scaling"][2].contains("forecast_mape"));
  auto of_pool = json["gpu_time"]["pools"][1]["scaling"];
  of_pool["target"] = "pool1";
  EXPECT_EQ(json["scaling"][0], of_pool);
}

TEST_F(Reports, RunJsonCountsGpuCompletedRequestsApart) {
  result.wall_seconds = 0.5;
  result.events = 100;
  const auto path = (folder / "run.json").string();
  write_run_json(path, result, run_facts(result));
  const auto json = nlohmann::json::parse(read(path));
  EXPECT_EQ(json["requests_per_wall_second"], 32.0);      // 16 completed
  EXPECT_EQ(json["edge_requests_per_wall_second"], 8.0);  // 4 refused
  EXPECT_GT(json["peak_rss_bytes"].get<std::int64_t>(), 1'000'000);
  EXPECT_EQ(json["events"], 100);
}

/// Two pools at $2 and, reserved, $1.50 on a list price of $2; a start.
void set_prices(Config& config, RunResult& result) {
  PriceSpec price;
  price.name = "cloud, large";
  price.provider = "A \"cloud\"";
  price.region = "eu-1";
  price.on_demand = UsdPerHour::of(2);
  price.reserved = UsdPerHour::of(1.5);
  config.prices = {price};
  config.pools[0].price = 0;
  config.pools[1].price = 0;
  config.pools[1].contract = Contract::reserved;
  config.start = UtcTime{std::chrono::hours{24}};
  result.cost = summarize_cost(result, config, result.notes);
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    quoted ^= c == '"';
    if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

TEST_F(Reports, CostCsvSpeaksFocus) {
  set_prices(config, result);
  write_cost_csv((folder / "c.csv").string(), result, config);
  const auto lines = lines_of(read(folder / "c.csv"));
  ASSERT_EQ(lines.size(), 3U);
  const auto header = fields_of(lines[0]);
  // All columns that FOCUS 1.2 makes mandatory.
  for (const char* column :
       {"BilledCost",        "BillingAccountId",   "BillingAccountName", "BillingCurrency",
        "BillingPeriodEnd",  "BillingPeriodStart", "ChargeCategory",     "ChargeClass",
        "ChargeDescription", "ChargePeriodEnd",    "ChargePeriodStart",  "ContractedCost",
        "EffectiveCost",     "InvoiceIssuerName",  "ListCost",           "PricingQuantity",
        "PricingUnit",       "ProviderName",       "PublisherName",      "ServiceCategory",
        "ServiceName"}) {
    EXPECT_EQ(std::count(header.begin(), header.end(), column), 1) << column;
  }
  const auto field = [&](std::size_t row, const char* column) {
    const auto at = std::find(header.begin(), header.end(), column) - header.begin();
    return fields_of(lines.at(row)).at(static_cast<std::size_t>(at));
  };
  // 2 replicas x 4 GPUs x 5 s at $2 and $1.50 an hour.
  EXPECT_EQ(field(1, "BilledCost"), "0.022222");
  EXPECT_EQ(field(2, "BilledCost"), "0.016667");
  EXPECT_EQ(field(2, "ListCost"), "0.022222");
  EXPECT_EQ(field(2, "PricingCategory"), "Committed");
  EXPECT_EQ(field(2, "CommitmentDiscountId"), "\"cloud, large\"");
  EXPECT_EQ(field(1, "CommitmentDiscountId"), "");
  EXPECT_EQ(field(1, "ProviderName"), "\"A \"\"cloud\"\"\"");
  EXPECT_EQ(field(1, "RegionId"), "eu-1");
  EXPECT_EQ(field(1, "ChargePeriodStart"), "1970-01-02T00:00:00Z");
  EXPECT_EQ(field(1, "ChargePeriodEnd"), "1970-01-02T00:00:05Z");
  EXPECT_EQ(field(1, "ServiceCategory"), "AI and Machine Learning");
  EXPECT_EQ(field(1, "ResourceId"), "pool0");
}

TEST_F(Reports, CsvRowsHaveAsManyFieldsAsTheirHeader) {
  set_prices(config, result);
  write_timeseries_csv((folder / "t.csv").string(), result.windows);
  write_requests_csv((folder / "r.csv").string(), result, config);
  write_cost_csv((folder / "c.csv").string(), result, config);
  const auto commas = [](const std::string& line) {
    bool quoted = false;
    int count = 0;
    for (const char c : line) {
      quoted ^= c == '"';
      count += c == ',' && !quoted ? 1 : 0;
    }
    return count;
  };
  for (const char* name : {"t.csv", "r.csv", "c.csv"}) {
    const auto lines = lines_of(read(folder / name));
    ASSERT_GE(lines.size(), 2U) << name;
    for (const std::string& line : lines) {
      EXPECT_EQ(commas(line), commas(lines.front())) << name << ": " << line;
    }
  }
  EXPECT_EQ(lines_of(read(folder / "r.csv")).size(), 1U + 10U);
  EXPECT_EQ(lines_of(read(folder / "c.csv")).size(), 1U + 2U);
  EXPECT_THAT(read(folder / "c.csv"), HasSubstr("BilledCost"));
}

TEST_F(Reports, ARequestRowIsItsStory) {
  result.sample.resize(1);
  result.sample[0] = SampledRequest{};
  result.sample[0].arrived = at_ms(1500);
  result.sample[0].finished = at_ms(1550);
  result.sample[0].outcome = Outcome::timed_out;
  result.sample[0].prompt_tokens = 7;
  write_requests_csv((folder / "r.csv").string(), result, config);
  EXPECT_EQ(lines_of(read(folder / "r.csv"))[1],
            "0,free,free,llama2-70b,,,timed_out,7,0,0,0,1.5,,,1.55,,,,");
}

TEST_F(Reports, StreamedWindowsGiveTheSameFile) {
  write_timeseries_csv((folder / "held.csv").string(), result.windows);
  TimeseriesWriter writer{(folder / "streamed.csv").string()};
  for (const WindowSummary& window : result.windows) {
    writer.write(window);
  }
  EXPECT_FALSE(fs::exists(folder / "streamed.csv"));
  writer.close();
  EXPECT_EQ(read(folder / "held.csv"), read(folder / "streamed.csv"));
}

/// The message of the IoError that `write` ends with.
template <class Write>
std::string io_error(const Write& write) {
  try {
    write();
  } catch (const IoError& error) {
    return error.what();
  }
  return "no IoError";
}

TEST_F(Reports, AFullDiskIsAnErrorThatNamesTheFile) {
  EXPECT_THAT(io_error([&] { write_result_json("/dev/full", result, config); }),
              HasSubstr("/dev/full"));
  EXPECT_THAT(io_error([&] { write_resolved_scenario("/dev/full", "a"); }), HasSubstr("/dev/full"));
  EXPECT_THAT(io_error([&] { write_cost_csv("/dev/full", result, config); }),
              HasSubstr("/dev/full"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(Reports, ScrapesHaveTheirSecondsAsTheyWereWritten) {
  const auto path = (folder / "monitoring.csv").string();
  MonitoringWriter writer{path};
  MonitoringRow row;
  row.metric = "m";
  for (const int second : {15, 30, 59, 230}) {
    row.at = at_ms(second * 1000);
    writer.write(row);
  }
  writer.close();
  EXPECT_EQ(read(path),
            "at_s,metric,pool,replica,le,value\n15,m,,,,0\n30,m,,,,0\n59,m,,,,0\n"
            "230,m,,,,0\n");
}

TEST_F(Reports, AMissingFolderIsAnErrorThatNamesTheFile) {
  const auto path = (folder / "missing" / "result.json").string();
  EXPECT_THAT(io_error([&] { write_result_json(path, result, config); }), HasSubstr(path));
  EXPECT_THAT(io_error([&] { TimeseriesWriter writer{path}; }), HasSubstr(path));
}

TEST_F(Reports, TheSummaryAnswersThePlannerFirst) {
  const std::string text = terminal_summary(result, config, SummaryStyle{});
  EXPECT_THAT(lines_of(text)[0], HasSubstr("tiny: FAILS"));
  EXPECT_THAT(text, HasSubstr("ttft_ms p(99)<50 fails"));
  EXPECT_THAT(text, HasSubstr("Nearest to its limit"));
  EXPECT_THAT(text, HasSubstr("21 arrived"));
  EXPECT_THAT(text, HasSubstr("4 queue_full"));
  EXPECT_THAT(text, HasSubstr("23.81 % never finished"));  // 5 of 21
  EXPECT_THAT(text, HasSubstr("80 GB x 0.9 = 72 GB"));
  EXPECT_THAT(text, HasSubstr("vllm-modern rests on assumed figures"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b[")));
  EXPECT_THAT(terminal_summary(result, config, SummaryStyle{100, true}), HasSubstr("\x1b["));
  for (const std::string& line : lines_of(text)) {
    EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST_F(Reports, SeveralTiersHaveARowEach) {
  const std::string several = terminal_summary(result, config, SummaryStyle{});
  EXPECT_THAT(several, HasSubstr("answered % TTFT p50"));
  const auto last = std::remove_if(
      result.slices.begin(), result.slices.end(),
      [](const SliceSummary& slice) { return slice.kind == "tier" && slice.name == "plus"; });
  ASSERT_NE(last, result.slices.end());
  result.slices.erase(last, result.slices.end());
  EXPECT_THAT(terminal_summary(result, config, SummaryStyle{}), Not(HasSubstr("answered %")))
      << "one tier is the whole";
}

TEST_F(Reports, PoolsWhoseMachinesAreBoughtTellOfWhatIsWantedAndRented) {
  PoolSummary& pool = result.pools[0];
  config.pools[0].procurement.emplace();
  config.pools[0].replicas = 8;
  pool.replicas = 14;
  pool.busy_ns = 300;
  pool.idle_ns = pool.down_ns = pool.draining_ns = 0;
  pool.off_ns = 400;
  const std::string text = terminal_summary(result, config, SummaryStyle{});
  EXPECT_THAT(text, HasSubstr("8 of 14"));
  EXPECT_THAT(text, HasSubstr("replicas rented busy %"));
  EXPECT_THAT(text, HasSubstr(" 6.00 ")) << "14 slots x 300 / 700";
}

TEST_F(Reports, VariantsStandSideBySide) {
  const auto path = (folder / "result.json").string();
  write_result_json(path, result, config);
  const std::string text = compare_summary({{"base", path}, {"twice", path}}, SummaryStyle{});
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr("free TTFT p99 plus TTFT p99")) << "one column a tier";
  EXPECT_THAT(lines[1], HasSubstr("base"));
  EXPECT_THAT(lines[2], HasSubstr("twice"));
  EXPECT_THAT(lines[2], HasSubstr("fails"));
  write_resolved_scenario(path, "{\"a\": 1}");
  EXPECT_THROW(compare_summary({{"base", path}}, SummaryStyle{}), ConfigError);
  EXPECT_THROW(compare_summary({{"base", path + "x"}}, SummaryStyle{}), IoError);
}

}  // namespace
}  // namespace plimsoll
