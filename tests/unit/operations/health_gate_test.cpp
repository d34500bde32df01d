// A gate over a window that lies some time back: by hand.
#include "operations/rollout/health_gate.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

HealthGateConfig gate_of(Duration window, Duration delay, int minimum) {
  HealthGateConfig config;
  config.threshold = 0.1;
  config.minimum_answers = minimum;
  config.window = window;
  config.delay = delay;
  return config;
}

AnswerCounts counts(std::int64_t answers, std::int64_t degraded, std::int64_t failed = 0) {
  return {answers, degraded, failed};
}

TEST(HealthGate, FiresAtItsThreshold) {
  HealthGate gate{gate_of(60s, 0s, 10)};
  EXPECT_FALSE(gate.look(sim_start + 10s, counts(100, 9)));
  EXPECT_TRUE(gate.look(sim_start + 20s, counts(110, 11)));
}

TEST(HealthGate, FewAnswersSayNothing) {
  HealthGate gate{gate_of(60s, 0s, 10)};
  EXPECT_FALSE(gate.look(sim_start + 10s, counts(9, 9)));
  EXPECT_TRUE(gate.look(sim_start + 20s, counts(10, 10)));
}

TEST(HealthGate, KnowsOnlyWhatIsOldEnough) {
  HealthGate gate{gate_of(60s, 30s, 10)};
  EXPECT_FALSE(gate.look(sim_start + 10s, counts(100, 100)));
  EXPECT_FALSE(gate.look(sim_start + 20s, counts(200, 200)));
  EXPECT_FALSE(gate.look(sim_start + 30s, counts(300, 300)));
  EXPECT_TRUE(gate.look(sim_start + 40s, counts(400, 400))) << "as it was at 10 s";
}

TEST(HealthGate, ForgetsWhatLiesBeforeTheWindow) {
  HealthGate gate{gate_of(20s, 0s, 10)};
  EXPECT_FALSE(gate.look(sim_start + 10s, counts(9, 9)));  // too few
  EXPECT_FALSE(gate.look(sim_start + 20s, counts(200, 9)));
  EXPECT_FALSE(gate.look(sim_start + 30s, counts(300, 9)));
  EXPECT_FALSE(gate.look(sim_start + 40s, counts(400, 18))) << "9 of 200";
  EXPECT_TRUE(gate.look(sim_start + 50s, counts(420, 30))) << "21 of 120";
}

TEST(HealthGate, CountsWhatItsSignalSays) {
  for (const GateSignal signal : {GateSignal::degraded, GateSignal::failed, GateSignal::bad}) {
    HealthGateConfig config = gate_of(60s, 0s, 1);
    config.signal = signal;
    HealthGate degraded{config};
    HealthGate failed{config};
    EXPECT_EQ(degraded.look(sim_start + 1s, counts(10, 5, 0)), signal != GateSignal::failed);
    EXPECT_EQ(failed.look(sim_start + 1s, counts(10, 0, 5)), signal != GateSignal::degraded);
  }
}

TEST(HealthGate, LooksFurtherBackWhenItsWindowHoldsTooFew) {
  // One answer in 10 s, half of them bad: a window of 20 s never holds ten.
  HealthGate gate{gate_of(20s, 0s, 10)};
  for (int i = 1; i < 10; ++i) {
    EXPECT_FALSE(gate.look(sim_start + i * 10s, counts(i, i / 2)));
  }
  EXPECT_TRUE(gate.look(sim_start + 100s, counts(10, 5)));
  EXPECT_EQ(gate.known(), 10);
}

TEST(HealthGate, ALimitWithAShareOfSlowOnesIsAPercentile) {
  HealthGateConfig config = gate_of(60s, 0s, 10);
  config.slow_share = 0.05;
  HealthGate gate{config};
  EXPECT_FALSE(gate.look(sim_start + 10s, {1000, 0, 0, 49})) << "the 95th percentile is quick";
  EXPECT_TRUE(gate.look(sim_start + 20s, {1000, 0, 0, 50}));
  HealthGate calm{config};
  EXPECT_FALSE(calm.look(sim_start + 10s, counts(1000, 0))) << "nothing is slow";
}

}  // namespace
}  // namespace plimsoll
