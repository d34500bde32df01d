// What the verdict names as nearest to its limit.
#include "metrics/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/collector.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

using namespace plimsoll::testing;
using ::testing::HasSubstr;

constexpr auto zone = static_cast<std::size_t>(DownCause::zone);
constexpr auto loading = static_cast<std::size_t>(DownCause::loading);

/// Busy whenever it serves, with few sequences; down for `down` of 1,000 replica-ns.
PoolSummary pool(const std::string& name, std::int64_t down) {
  PoolSummary pool;
  pool.name = name;
  pool.busy_ns = 990 - down;
  pool.idle_ns = 10;
  pool.down_ns = down;
  pool.gpu_utilization = 0.99;
  pool.running_mean = 10;
  pool.sequence_slots = 100;
  return pool;
}

TEST(Bottleneck, ReplicasThatAreDownComeBeforeTheGpuTimeOfThoseThatAreLeft) {
  RunResult result;
  result.pools = {pool("chat", 0), pool("code", 750)};
  result.pools[1].down_by_cause[loading] = 4;
  result.pools[1].down_by_cause[zone] = 746;
  EXPECT_EQ(
      bottleneck(result),
      "replicas of pool code that are down (75.0 % of their rented time: zone 74.6 %, loading "
      "0.4 %)");
  const Verdict verdict = judge(result, "OVERLOADED: so it is");
  EXPECT_THAT(verdict.reasons.back(), HasSubstr("Nearest to its limit: replicas of pool code"));
}

TEST(Bottleneck, AFewThatAreDownLeaveItWhereItWas) {
  RunResult result;
  result.pools = {pool("chat", 0), pool("code", 99)};
  result.pools[1].down_by_cause[zone] = 99;
  EXPECT_EQ(replicas_down(result), "");
  EXPECT_THAT(bottleneck(result), HasSubstr("GPU time of pool"));
}

TEST(Availability, WhoWaitsAtTheEndOfAnOverloadedRunWasNotAnswered) {
  // 100 requests a window of 10 s, of which each second one is answered; the line grows by 50.
  Config config = metrics_config();
  config.duration = std::chrono::seconds{100};
  config.thresholds.emplace_back();
  config.thresholds[0].metric = "availability";
  config.thresholds[0].comparison = ">=";
  config.thresholds[0].bound = 0.99;
  MetricsCollector collector{config};
  RequestId id = 0;
  std::vector<PoolGauges> gauges;
  for (int i = 0; i < 1000; ++i) {
    const RequestRecord record = served_request(id++, i * 100);
    collector.on_arrival(record.id, 0, record.arrived);
    if (i % 2 == 0) {
      collector.on_first_token(record);
      collector.on_end(record);
    }
    if (i % 100 == 99) {
      gauges = gauges_at(config, at_ms(100 * (i + 1)));
      gauges[0].waiting = id / 2;
      if (i < 999) {
        collector.close_window(at_ms(100 * (i + 1)), gauges, 0);
      }
    }
  }
  const RunResult result = collector.finish(at_ms(100'000), at_ms(100'000), gauges, 0);
  EXPECT_EQ(result.verdict.kind, VerdictKind::overloaded);
  EXPECT_DOUBLE_EQ(result.thresholds[0].value, 0.5) << "500 of 1,000 that came";
  EXPECT_FALSE(result.thresholds[0].holds);
  EXPECT_DOUBLE_EQ(result.slices.front().availability, 0.5);
}

}  // namespace
}  // namespace plimsoll
