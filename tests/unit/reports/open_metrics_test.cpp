// metrics.om against the rules of OpenMetrics 1.0, by a reader of its own.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "plimsoll/report.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

struct Sample {
  std::string name;
  std::string labels;  // without le
  std::string le;
  double value = 0;
  double at = 0;
};

struct Family {
  std::string type;
  std::string unit;
  std::vector<Sample> samples;
};

/// Families in their order; every breach of the format is a failure of the test.
class Exposition {
 public:
  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.ends_with("\n# EOF\n") || text == "# EOF\n") << "the end is said";
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
      EXPECT_FALSE(ended_) << "nothing follows the end: " << line;
      if (line == "# EOF") {
        ended_ = true;
      } else if (line.starts_with("# ")) {
        take_metadata(line);
      } else {
        take_sample(line);
      }
    }
    EXPECT_TRUE(ended_);
    for (const auto& [name, family] : families) {
      check_series(name, family);
    }
  }

  std::map<std::string, Family> families;

 private:
  void take_metadata(const std::string& line) {
    static const std::regex form{R"(# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))"};
    std::smatch parts;
    ASSERT_TRUE(std::regex_match(line, parts, form)) << line;
    const std::string name = parts[2];
    if (name != current_) {
      EXPECT_EQ(families.count(name), 0U) << "families are not interleaved: " << name;
      current_ = name;
    }
    Family& family = families[name];
    EXPECT_TRUE(family.samples.empty()) << "metadata stand before samples";
    EXPECT_TRUE(said_.insert(parts[1].str() + name).second) << "each is said once";
    if (parts[1] == "TYPE") {
      family.type = parts[3];
    } else if (parts[1] == "UNIT") {
      family.unit = parts[3];
      EXPECT_TRUE(name.ends_with("_" + family.unit)) << name;
    }
  }

  void take_sample(const std::string& line) {
    static const std::regex form{
        R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)\{)re"
        R"re(((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+)\} (\S+) (\d+\.\d+))re"};
    std::smatch parts;
    ASSERT_TRUE(std::regex_match(line, parts, form)) << line;
    Sample sample;
    sample.name = parts[1];
    sample.labels = parts[2];
    sample.value = std::stod(parts[3]);
    sample.at = std::stod(parts[4]);
    const std::size_t le = sample.labels.find(",le=\"");
    if (le != std::string::npos) {
      sample.le = sample.labels.substr(le + 5, sample.labels.size() - le - 6);
      sample.labels.resize(le);
      EXPECT_TRUE(std::regex_match(sample.le, std::regex{R"(\+Inf|\d+(\.\d+)?(e[-+]\d+)?)"}));
      EXPECT_NE(sample.le.find_first_of(".eI"), std::string::npos) << "a float: " << sample.le;
    }
    Family& family = families[current_];
    const std::string suffix = sample.name.substr(std::min(current_.size(), sample.name.size()));
    const std::map<std::string, std::set<std::string>> suffixes = {
        {"gauge", {""}}, {"counter", {"_total"}}, {"histogram", {"_bucket", "_sum", "_count"}}};
    EXPECT_TRUE(sample.name.starts_with(current_)) << sample.name;
    EXPECT_EQ(suffixes.at(family.type).count(suffix), 1U) << sample.name;
    EXPECT_EQ(suffix == "_bucket", !sample.le.empty());
    family.samples.push_back(sample);
  }

  /// Series are together and in order of time; buckets rise to the count.
  static void check_series(const std::string& name, const Family& family) {
    std::set<std::string> over;
    std::string series;
    double at = -1;
    double bucket = 0;
    double bound = -1;
    double last = 0;
    for (const Sample& sample : family.samples) {
      if (sample.labels != series) {
        EXPECT_TRUE(over.insert(sample.labels).second) << name << " is interleaved";
        series = sample.labels;
        at = -1;
        last = 0;
      }
      EXPECT_GE(sample.at, at);
      if (sample.at > at) {
        bucket = 0;
        bound = -1;
      }
      at = sample.at;
      if (!sample.le.empty()) {
        const double next = sample.le == "+Inf" ? 1e300 : std::stod(sample.le);
        EXPECT_GT(next, bound);
        EXPECT_GE(sample.value, bucket);
        bound = next;
        bucket = sample.value;
      } else if (sample.name.ends_with("_count")) {
        EXPECT_EQ(bound, 1e300) << "there is a bucket +Inf";
        EXPECT_EQ(sample.value, bucket);
      } else if (family.type == "counter") {
        EXPECT_GE(sample.value, last);
        last = sample.value;
      }
    }
  }

  std::string current_;
  std::set<std::string> said_;
  bool ended_ = false;
};

MonitoringRow row(std::int64_t seconds, const std::string& metric, const std::string& pool,
                  double value) {
  MonitoringRow one;
  one.at = sim_start + std::chrono::seconds{seconds};
  one.metric = metric;
  one.pool = pool;
  one.value = value;
  return one;
}

/// Three scrapes of two pools as the simulation tells them: all of one scrape, then the next.
std::string exposition(std::optional<UtcTime> start) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/metrics.om";
  OpenMetricsWriter writer{path, start};
  for (std::int64_t scrape = 1; scrape <= 3; ++scrape) {
    for (const char* pool : {"a \"quoted\" one", "b"}) {
      const auto value = static_cast<double>(scrape);
      writer.write(row(15 * scrape, "vllm:num_requests_running", pool, value));
      MonitoringRow of_replica = row(15 * scrape, "vllm:num_requests_running", pool, value);
      of_replica.replica = "7";
      writer.write(of_replica);
      writer.write(row(15 * scrape, "vllm:prompt_tokens_total", pool, 1e3 * value));
      for (const char* le : {"0.5", "1", "+Inf"}) {
        MonitoringRow bucket =
            row(15 * scrape, "vllm:e2e_request_latency_seconds_bucket", pool, value);
        bucket.le = le;
        writer.write(bucket);
      }
      writer.write(row(15 * scrape, "vllm:e2e_request_latency_seconds_sum", pool, 0.25 * value));
      writer.write(row(15 * scrape, "vllm:e2e_request_latency_seconds_count", pool, value));
    }
  }
  writer.close();
  EXPECT_EQ(test::bytes_of_file(path + ".rows"), "") << "what waited is gone";
  return test::bytes_of_file(path);
}

TEST(OpenMetrics, FollowsTheFormatAndLosesNoRow) {
  const Exposition read{exposition(std::nullopt)};
  ASSERT_EQ(read.families.size(), 3U);
  const Family& running = read.families.at("vllm:num_requests_running");
  EXPECT_EQ(running.type, "gauge");
  EXPECT_EQ(running.samples.size(), 12U);
  EXPECT_EQ(running.samples[0].labels, "pool=\"a \\\"quoted\\\" one\"");
  EXPECT_EQ(running.samples[0].at, 15);
  EXPECT_EQ(running.samples[2].value, 3);
  EXPECT_EQ(running.samples[3].labels, "pool=\"a \\\"quoted\\\" one\",replica=\"7\"");
  const Family& tokens = read.families.at("vllm:prompt_tokens");
  EXPECT_EQ(tokens.type, "counter");
  EXPECT_EQ(tokens.unit, "tokens");
  EXPECT_EQ(tokens.samples.back().value, 3000);
  const Family& latency = read.families.at("vllm:e2e_request_latency_seconds");
  EXPECT_EQ(latency.type, "histogram");
  EXPECT_EQ(latency.unit, "seconds");
  EXPECT_EQ(latency.samples.size(), 30U);
}

TEST(OpenMetrics, TimestampsFollowTheDateOfTheStart) {
  const UtcTime start{std::chrono::seconds{1'700'000'000}};
  const Exposition read{exposition(start)};
  EXPECT_EQ(read.families.at("vllm:num_requests_running").samples[0].at, 1'700'000'015);
}

TEST(OpenMetrics, ARunThatWasNeverScrapedSaysSo) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/metrics.om";
  OpenMetricsWriter{path, std::nullopt}.close();
  EXPECT_EQ(test::bytes_of_file(path), "# EOF\n");
}

}  // namespace
}  // namespace plimsoll
