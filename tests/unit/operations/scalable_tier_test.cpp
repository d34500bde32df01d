// Instances of a tier: when they serve, who goes first, what they cost.
#include "operations/scalable_tier.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

class FakePort final : public TierPort {
 public:
  explicit FakePort(Engine& engine) : engine_{engine} {}
  void set_instances(std::int64_t instances) override {
    told.emplace_back(engine_.now().time_since_epoch(), instances);
  }
  std::optional<double> scrape(ScalingSignal, Duration) override { return 0.5; }
  std::vector<std::pair<Duration, std::int64_t>> told;

 private:
  Engine& engine_;
};

class ScalableTierTest : public ::testing::Test {
 protected:
  static TierAutoscaleConfig bounds() {
    TierAutoscaleConfig config;
    config.min_instances = 2;
    config.max_instances = 9;
    config.provisioning_delay = 30s;
    return config;
  }
  void at(Duration when, std::int64_t instances) {
    engine.at(sim_start + when, EventPriority::window,
              [this, instances] { tier.scale_to(instances); });
  }

  Engine engine{PlatformSpec{}};
  TierAutoscaleConfig config = bounds();
  FakePort port{engine};
  ScalableTier tier{engine, config, 3, port};
};

TEST_F(ScalableTierTest, AddedInstancesServeAfterTheDelayAndAreRentedFromTheOrder) {
  at(10s, 5);
  engine.run_until(sim_start + 39s);
  EXPECT_EQ(tier.instances().ready, 3);
  EXPECT_EQ(tier.instances().loading, 2);
  engine.run_until(sim_start + 100s);
  EXPECT_EQ(tier.instances().ready, 5);
  EXPECT_EQ(tier.instances().loading, 0);
  ASSERT_EQ(port.told.size(), 1u);
  EXPECT_EQ(port.told[0], (std::pair<Duration, std::int64_t>{40s, 5}));
  EXPECT_EQ(tier.instance_ns(), (3 * 10.0 + 5 * 90.0) * 1e9);
}

TEST_F(ScalableTierTest, WhatDoesNotServeYetIsCalledOffFirst) {
  at(10s, 5);
  at(20s, 8);  // three more
  at(25s, 4);  // all of those, and one of the two before
  engine.run_until(sim_start + 100s);
  EXPECT_EQ(tier.instances().ready, 4);
  ASSERT_EQ(port.told.size(), 1u);
  EXPECT_EQ(port.told[0], (std::pair<Duration, std::int64_t>{40s, 4}));
  EXPECT_EQ(tier.instance_ns(), (3 * 10.0 + 5 * 10.0 + 8 * 5.0 + 4 * 75.0) * 1e9);
}

TEST_F(ScalableTierTest, ServingInstancesGoAtOnceAndBoundsHold) {
  at(10s, 1);
  at(20s, 50);
  engine.run_until(sim_start + 15s);
  EXPECT_EQ(tier.instances().ready, 2);
  engine.run_until(sim_start + 60s);
  EXPECT_EQ(tier.instances().ready, 9);
}

}  // namespace
}  // namespace plimsoll
