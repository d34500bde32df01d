// What alarms lead to: which bypass is closed, which key is suspended, what was a false alarm.
#include "service/enforcement.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

class EnforcementTest : public testing::Test {
 protected:
  EnforcementTest() {
    config.tiers = {TierConfig{}};
    config.workload.classes = {RequestClassConfig{}};
    config.path.emplace().limits.emplace();
    limits_config().keys = {8, 0, 4};
    limits_config().bypasses = {{100s, std::nullopt}, {500s, 200s}};
    limits_config().metering.emplace().response_time = 30s;
  }
  LimitsConfig& limits_config() { return *config.path->limits; }
  void open() {
    keys.emplace(config, 1);
    limits.emplace(config, *keys);
    enforcement.emplace(limits_config(), *keys, *limits);
  }
  void alarm(std::uint32_t key, Duration at) {
    enforcement->on_alarm({key, 1000, 10}, sim_start + at);
  }
  void bypassed(std::uint32_t key, Duration at) { enforcement->on_bypassed(key, sim_start + at); }
  PathSummary summary() const {
    PathSummary summary;
    enforcement->tell(summary);
    return summary;
  }

  Config config;
  std::optional<ApiKeys> keys;
  std::optional<Limits> limits;
  std::optional<Enforcement> enforcement;
};

TEST_F(EnforcementTest, AnAlarmOfAKeyThatUsedNoBypassClosesNone) {
  open();
  bypassed(2, 110s);
  alarm(1, 120s);
  EXPECT_TRUE(limits->is_open(0, sim_start + 400s));
  EXPECT_EQ(summary().detected, never);
  EXPECT_EQ(summary().false_alarms, 1);
  alarm(2, 180s);
  EXPECT_TRUE(limits->is_open(0, sim_start + 209s));
  EXPECT_FALSE(limits->is_open(0, sim_start + 210s));
  EXPECT_EQ(summary().detected, sim_start + 180s);
  EXPECT_EQ(summary().enforced, sim_start + 210s);
  EXPECT_EQ(summary().anomalies, 2);
  EXPECT_EQ(summary().false_alarms, 1);
}

TEST_F(EnforcementTest, EachBypassIsDetectedByItself) {
  open();
  bypassed(2, 110s);
  alarm(2, 180s);
  EXPECT_TRUE(limits->is_open(1, sim_start + 500s));
  alarm(2, 510s);
  EXPECT_TRUE(limits->is_open(1, sim_start + 600s)) << "the key has not used this one";
  bypassed(2, 520s);
  bypassed(3, 530s);
  alarm(3, 540s);
  EXPECT_FALSE(limits->is_open(1, sim_start + 570s));
  const PathSummary told = summary();
  ASSERT_EQ(told.bypasses.size(), 2U);
  EXPECT_EQ(told.bypasses[0].requests, 1);
  EXPECT_EQ(told.bypasses[1].requests, 2);
  EXPECT_EQ(told.bypasses[1].detected, sim_start + 540s);
  EXPECT_EQ(told.bypasses[1].enforced, sim_start + 570s);
}

TEST_F(EnforcementTest, SuspendsTheKeyAndLeavesTheBypass) {
  limits_config().metering->action = AlarmAction::suspend_key;
  limits_config().metering->suspension = 100s;
  open();
  bypassed(2, 110s);
  alarm(2, 180s);
  alarm(2, 190s);  // about to be suspended
  alarm(5, 200s);
  const auto refuses = [&](std::uint32_t key, Duration at) {
    return enforcement->refuses(key, sim_start + at);
  };
  EXPECT_FALSE(refuses(2, 209s));
  EXPECT_TRUE(refuses(2, 210s));
  EXPECT_TRUE(refuses(2, 309s));
  EXPECT_FALSE(refuses(2, 310s)) << "for 100 s";
  EXPECT_TRUE(refuses(5, 250s)) << "an honest key as well";
  EXPECT_FALSE(refuses(6, 250s));
  EXPECT_TRUE(limits->is_open(0, sim_start + 400s));
  const PathSummary told = summary();
  EXPECT_EQ(told.detected, sim_start + 180s);
  EXPECT_EQ(told.enforced, never);
  ASSERT_TRUE(told.suspensions);
  EXPECT_EQ(told.suspensions->keys, 2);
  EXPECT_EQ(told.suspensions->refused, 3);
  EXPECT_EQ(told.suspensions->innocent_keys, 1);
  EXPECT_EQ(told.suspensions->innocent_refused, 1);
}

}  // namespace
}  // namespace plimsoll
