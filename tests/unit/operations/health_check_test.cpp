// When a dead replica is noticed: by hand.
#include "operations/health_check.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

FaultsConfig checks(Duration interval, Duration timeout, int failures) {
  FaultsConfig faults;
  faults.check_interval = interval;
  faults.check_timeout = timeout;
  faults.check_failures = failures;
  return faults;
}

TEST(HealthCheck, TheLastOfSomeChecksInARowMustFail) {
  // Checks at 20, 30 and 40 s fail; the last one is known to have at 41 s.
  EXPECT_EQ(noticed_at(checks(10s, 1s, 3), sim_start + 11s), sim_start + 41s);
  EXPECT_EQ(noticed_at(checks(10s, 1s, 1), sim_start + 11s), sim_start + 21s);
}

TEST(HealthCheck, AReplicaThatDiesAtACheckFailsIt) {
  EXPECT_EQ(noticed_at(checks(10s, 2s, 1), sim_start + 20s), sim_start + 22s);
  EXPECT_EQ(noticed_at(checks(10s, 2s, 1), sim_start + 20s + 1ns), sim_start + 32s);
}

TEST(HealthCheck, NobodyIsNoticedBeforeItDied) {
  for (int ms = 0; ms < 5000; ms += 7) {
    const SimTime died = sim_start + std::chrono::milliseconds{ms};
    const SimTime noticed = noticed_at(checks(700ms, 0ms, 2), died);
    EXPECT_GE(noticed, died + 700ms);
    EXPECT_LE(noticed, died + 1400ms);
  }
}

}  // namespace
}  // namespace plimsoll
