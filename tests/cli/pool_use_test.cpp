// What a run used, from a monitoring.csv by hand.
#include "cli/pool_use.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

TEST(PoolUse, PercentilesAreNearestRanks) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) {
    values.push_back(i);
  }
  const Spread spread = spread_of(values);
  EXPECT_EQ(spread.median, 50);
  EXPECT_EQ(spread.p95, 95);
  EXPECT_EQ(spread.most, 100);
  EXPECT_EQ(spread_of({7}).median, 7);
  EXPECT_EQ(spread_of({}).most, 0);
}

TEST(PoolUse, CountsSequencesKvAndBusyReplicasOfEachPool) {
  const std::string path = ::testing::TempDir() + "/pool_use_test.csv";
  std::ofstream{path} << "at_s,metric,pool,replica,le,value\n"
                         "1,vllm:num_requests_running,a,,,5\n"
                         "1,vllm:kv_cache_usage_perc,a,,,0.25\n"
                         "1,vllm:num_requests_running,b,,,0\n"
                         "1,vllm:num_requests_running,a,0,,4\n"
                         "1,vllm:kv_cache_usage_perc,a,0,,0.9\n"
                         "1,vllm:num_requests_running,a,1,,1\n"
                         "1,vllm:num_requests_running,b,2,,0\n"
                         "2,vllm:num_requests_running,a,,,3\n"
                         "2,vllm:num_requests_running,a,0,,3\n"
                         "2,vllm:num_requests_running,a,1,,0\n"
                         "2,vllm:time_to_first_token_seconds_bucket,a,,0.1,9\n";
  Config config;
  config.pools.resize(2);
  config.pools[0].name = "a";
  config.pools[1].name = "b";
  const std::vector<PoolUse> uses = pool_use(path, config);
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses[0].running.most, 5);
  EXPECT_EQ(uses[0].running.median, 3);
  EXPECT_EQ(uses[0].kv.most, 0.25) << "a pool's share, not a replica's";
  EXPECT_EQ(uses[0].busy.most, 2);
  EXPECT_EQ(uses[0].busy.median, 1);
  EXPECT_EQ(uses[1].busy.most, 0);
  std::remove(path.c_str());
  EXPECT_THROW(pool_use(path, config), IoError);
}

TEST(PoolUse, ScrapesAThousandTimesAtMost) {
  Config config;
  config.duration = std::chrono::hours{5};
  EXPECT_EQ(settings_for_use(config).front(), "monitoring.scrape_interval=18000ms");
  config.duration = std::chrono::minutes{1};
  EXPECT_EQ(settings_for_use(config).front(), "monitoring.scrape_interval=1000ms");
}

}  // namespace
}  // namespace plimsoll::cli
