// How prompts begin alike: laws of popularity, and conversations guessed from a trace's lengths.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "plimsoll/workload.hpp"
#include "support/workload_builders.hpp"
#include "workload/trace_lineage.hpp"

namespace plimsoll {
namespace {

using testing::draw_arrivals;
using testing::open_loop_config;
using testing::TemporaryFolder;
using testing::write_plain;

PrefixLaw law(int tokens, int groups, double zipf) {
  PrefixLaw prefix;
  prefix.tokens = tokens;
  prefix.groups = groups;
  prefix.zipf = zipf;
  return prefix;
}

std::map<PrefixId, int> counts_of(const std::vector<Arrival>& arrivals) {
  std::map<PrefixId, int> counts;
  for (const Arrival& arrival : arrivals) {
    ++counts[arrival.prefix.common];
  }
  return counts;
}

TEST(PrefixLaws, GroupsAreAsPopularAsZipfSays) {
  Config config = open_loop_config(20);
  config.workload.prefix = law(60, 8, 1.2);
  constexpr int requests = 100'000;
  const auto counts = counts_of(draw_arrivals(config, requests));
  ASSERT_EQ(counts.size(), 8U);
  double sum = 0;
  for (int k = 1; k <= 8; ++k) {
    sum += std::pow(k, -1.2);
  }
  int k = 0;
  for (const auto& [group, count] : counts) {
    ++k;
    const double share = std::pow(k, -1.2) / sum;
    // Five standard deviations of a binomial count.
    EXPECT_NEAR(count, requests * share, 5 * std::sqrt(requests * share * (1 - share)))
        << "group " << k;
  }
}

TEST(PrefixLaws, AShortPromptIsAllPrefix) {
  Config config = open_loop_config(20);  // prompts of 100 tokens
  config.workload.prefix = law(60, 1, 0);
  EXPECT_EQ(draw_arrivals(config, 1).at(0).prefix.common_tokens, 60);
  config.workload.prefix = law(160, 1, 0);
  EXPECT_EQ(draw_arrivals(config, 1).at(0).prefix.common_tokens, 100);
}

TEST(PrefixLaws, ClassesShareTheCommonLawAndKeepTheirOwnApart) {
  Config config = open_loop_config(20);
  config.workload.prefix = law(60, 1, 0);
  for (const char* name : {"other", "own"}) {
    RequestClassConfig request_class;
    request_class.name = name;
    config.workload.classes.push_back(request_class);
  }
  config.workload.classes[2].prefix = law(30, 1, 0);
  std::map<ClassIndex, SharedPrefix> by_class;
  for (const Arrival& arrival : draw_arrivals(config, 200)) {
    by_class[arrival.request_class] = arrival.prefix;
  }
  ASSERT_EQ(by_class.size(), 3U);
  EXPECT_EQ(by_class[0].common, by_class[1].common);
  EXPECT_NE(by_class[0].common, by_class[2].common);
  EXPECT_EQ(by_class[2].common_tokens, 30);
}

TEST(PrefixLaws, OtherDrawsStayAsTheyWere) {
  Config config = open_loop_config(20);
  config.workload.prompt.kind = LengthLaw::Kind::lognormal;
  const std::vector<Arrival> without = draw_arrivals(config, 100);
  config.workload.prefix = law(60, 8, 1);
  const std::vector<Arrival> with = draw_arrivals(config, 100);
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].at, without[i].at);
    EXPECT_EQ(with[i].prompt_tokens, without[i].prompt_tokens);
    EXPECT_EQ(without[i].prefix.common, no_prefix);
  }
}

/// Rows of {prompt tokens, reusable tokens}.
std::vector<SharedPrefix> lineage(const TracePrefixConfig& config,
                                  const std::vector<std::pair<int, int>>& rows) {
  TraceLineage lineage{config};
  std::vector<SharedPrefix> prefixes;
  RequestId id = 0;
  for (const auto& [prompt, reusable] : rows) {
    Arrival row;
    row.prompt_tokens = prompt;
    row.reusable_prefix_tokens = reusable;
    lineage.fill(id++, row);
    prefixes.push_back(row.prefix);
  }
  return prefixes;
}

TEST(TraceLineage, ARowGoesOnFromTheLatestPromptThatEndsThere) {
  TracePrefixConfig config;
  config.common_tokens = 512;
  config.granularity = 512;
  const auto rows = lineage(config, {{2100, 512},     // 4 whole blocks
                                     {2200, 512},     // 4 as well, later
                                     {1600, 512},     // 3
                                     {5000, 2048},    // goes on from the second
                                     {6000, 4608},    // 9 blocks: from the one before
                                     {7000, 3072}});  // nobody ended at 6 blocks
  EXPECT_NE(rows[0].session, rows[1].session);
  EXPECT_EQ(rows[3].session, rows[1].session);
  EXPECT_EQ(rows[3].history_tokens, 2048);
  EXPECT_EQ(rows[4].session, rows[1].session);
  EXPECT_EQ(rows[5].history_tokens, 0);
  for (const SharedPrefix& row : rows) {
    EXPECT_EQ(row.common, rows[0].common);
    EXPECT_EQ(row.common_tokens, 512);
  }
}

TEST(TraceLineage, ARowThatSharesNothingHasNothingInCommon) {
  TracePrefixConfig config;
  config.common_tokens = 512;
  config.granularity = 512;
  const auto rows = lineage(config, {{2100, 0}, {5000, 2048}, {900, 511}});
  EXPECT_EQ(rows[0].common, no_prefix);
  EXPECT_EQ(rows[1].session, rows[0].session);
  EXPECT_EQ(rows[1].common, no_prefix) << "as its conversation began";
  EXPECT_EQ(rows[2].common, no_prefix);
}

TEST(TraceLineage, TracesAreFollowedOnRequestOnly) {
  TemporaryFolder folder;
  write_plain(folder.file("t.csv"),
              "arrival_s,prompt_tokens,output_tokens,reusable_prefix_tokens\n"
              "0,64,5,0\n1,100,5,64\n");
  Config config = open_loop_config(1);
  config.workload.trace = folder.file("t.csv");
  EXPECT_EQ(draw_arrivals(config, 9).at(1).prefix.session, no_prefix);
  config.workload.trace_prefix.emplace();
  const std::vector<Arrival> rows = draw_arrivals(config, 9);
  EXPECT_EQ(rows.at(1).prefix.session, rows.at(0).prefix.session);
  EXPECT_EQ(rows.at(1).prefix.history_tokens, 64);
}

}  // namespace
}  // namespace plimsoll
