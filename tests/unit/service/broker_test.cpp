// The broker's queue by hand: messages in even steps, so that every wait is arithmetic.
#include "service/broker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

double used_share(const Broker& broker, Duration until) {
  const CapacityUse use = broker.use(sim_start + until);
  return use.used / use.all;
}

/// 125 turns a second, one each 8 ms; a queue.
BrokerConfig queue_of(std::int64_t depth, std::vector<OutageConfig> outages = {}) {
  BrokerConfig config;
  config.capacity = Frequency::of(125);
  config.queue.emplace().depth = depth;
  config.outages = std::move(outages);
  return config;
}

// A message each 10 ms. From 10 s to 14 s nothing is handed on: 400 messages wait, which drain at
// the spare rate of 125 - 100 a second, in 16 s.
TEST(Broker, ABacklogDrainsAtTheSpareRate) {
  Broker broker{1, queue_of(10'000, {{10s, 4s, 1.0}})};
  for (int k = 0; k < 4000; ++k) {
    const StageResult result = broker.hand_on(1, sim_start + k * 10ms);
    const int n = k - 1000;  // since the failover
    const Duration expected = n < 0 ? 0ms : std::max<Duration>(4s - n * 2ms, 0ms);
    ASSERT_EQ(result.wait, expected) << k;
    ASSERT_EQ(result.ahead, expected) << k;
  }
  EXPECT_NEAR(used_share(broker, 40s), 4000 * 0.008 / 40, 1e-9);
}

// 200 messages a second: of the 200 of the first second 125 have had their turn.
TEST(Broker, ABacklogThatIsLostFailsWhenTheFailoverBegins) {
  BrokerConfig config = queue_of(10'000, {{1s, 500ms, 1.0}});
  config.queue->at_failover = BacklogFate::lose;
  Broker broker{1, config};
  for (int n = 0; n < 200; ++n) {
    const SimTime t = sim_start + n * 5ms;
    const StageResult result = broker.hand_on(1, t);
    ASSERT_EQ(result.outcome, n < 125 ? Outcome::completed : Outcome::failed) << n;
    ASSERT_EQ(result.ahead, n < 125 ? Duration{n * 3ms} : sim_start + 1s - t) << n;
  }
  EXPECT_EQ(broker.hand_on(1, sim_start + 1s).wait, 500ms) << "nobody is before it";
  EXPECT_EQ(broker.hand_on(1, sim_start + 1005ms).wait, 503ms);
  EXPECT_NEAR(used_share(broker, 2s), 127 * 0.008 / 2, 1e-9) << "turns that were had";
}

TEST(Broker, AFullQueueRefuses) {
  Broker broker{1, queue_of(10, {{0s, 1s, 1.0}})};
  int accepted = 0;
  for (int n = 0; n < 50; ++n) {
    accepted += broker.hand_on(1, sim_start + n * 1ms).passes() ? 1 : 0;
  }
  EXPECT_EQ(accepted, 11) << "the next one and ten that wait";
  EXPECT_EQ(broker.hand_on(1, sim_start + 500ms).outcome, Outcome::queue_full);
  EXPECT_TRUE(broker.hand_on(1, sim_start + 1009ms).passes()) << "two have gone";
}

TEST(Broker, AnOutageTakesItsPartitions) {
  BrokerConfig config = queue_of(100'000, {{0s, 1000s, 0.25}});
  config.capacity = Frequency::of(1e9);
  config.queue->partitions = 4;
  config.during_outage = DuringOutage::fail;
  Broker broker{1, config};
  int failed = 0;
  for (std::uint64_t id = 0; id < 40'000; ++id) {
    failed += broker.hand_on(id, sim_start + 1s).outcome == Outcome::failed ? 1 : 0;
  }
  EXPECT_NEAR(failed, 10'000, 4 * 87) << "standard deviation of the number: 87";
}

TEST(Broker, FailoversThatOverlapAreOne) {
  Broker broker{1, queue_of(100, {{3s, 4s, 1.0}, {2s, 2s, 1.0}})};
  EXPECT_EQ(broker.hand_on(1, sim_start + 2s).wait, 5s);
  EXPECT_EQ(broker.hand_on(1, sim_start + 7s).wait, 8ms);
}

TEST(Broker, WithoutAQueueWhoMeetsAFailoverWaits) {
  BrokerConfig config;
  config.latency.mean = 2ms;
  config.outages = {{1s, 1s, 1.0}};
  Broker broker{1, config};
  EXPECT_EQ(broker.hand_on(1, sim_start).ahead, 2ms);
  EXPECT_EQ(broker.hand_on(1, sim_start + 1500ms).ahead, 502ms);
  config.during_outage = DuringOutage::fail;
  EXPECT_EQ(Broker(1, config).hand_on(1, sim_start + 1s).outcome, Outcome::failed);
}

}  // namespace
}  // namespace plimsoll
