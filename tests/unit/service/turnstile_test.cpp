// A capacity in requests/s: waits by hand, rates that are no whole number of nanoseconds.
#include "service/turnstile.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

TEST(Turnstile, EachWaitsForThoseBefore) {
  Turnstile turnstile{Frequency::of(100)};  // one each 10 ms
  EXPECT_EQ(turnstile.take(sim_start), 0ms);
  EXPECT_EQ(turnstile.take(sim_start + 4ms), 6ms);
  EXPECT_EQ(turnstile.take(sim_start + 4ms), 16ms);
  EXPECT_EQ(turnstile.wait_at(sim_start + 30ms), 0ms);
  EXPECT_EQ(turnstile.take(sim_start + 31ms), 0ms);
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 80ms).used, 40e6);
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 80ms).all, 80e6);
}

TEST(Turnstile, TurnsYetToComeAreNotUsedYet) {
  Turnstile turnstile{Frequency::of(100)};
  for (int i = 0; i < 20; ++i) {
    turnstile.take(sim_start + 50ms);
  }
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 50ms).used, 0);
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 150ms).used, 100e6) << "ten of twenty";
  turnstile.drop_waiting(sim_start + 155ms);
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 155ms).used, 105e6) << "the others are not had";
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 1s).used, 105e6);
  turnstile.take(sim_start + 2s);  // at a time to come, after time that nobody uses
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 1500ms).used, 105e6);
  EXPECT_DOUBLE_EQ(turnstile.use(sim_start + 2005ms).used, 110e6);
  EXPECT_EQ(Turnstile{}.use(sim_start + 1s).all, 0) << "no capacity";
}

TEST(Turnstile, KeepsOddRatesOverManyTurns) {
  Turnstile turnstile{Frequency::of(150'000)};  // 6,666.67 ns
  Duration wait{};
  for (int i = 0; i < 150'000; ++i) {
    wait = turnstile.take(sim_start);
  }
  EXPECT_NEAR(static_cast<double>(wait.count()), 1e9 - 6666.67, 2);
}

TEST(Turnstile, TurnsAreGivenInOrderOfTime) {
  Turnstile turnstile{Frequency::of(100)};
  turnstile.take(sim_start + 1s);
  EXPECT_THROW(turnstile.take(sim_start + 999ms), InternalError);
}

TEST(Turnstile, WithoutCapacityNobodyWaits) {
  Turnstile turnstile;
  EXPECT_EQ(turnstile.take(sim_start), 0ms);
  EXPECT_EQ(turnstile.take(sim_start), 0ms);
  EXPECT_FALSE(turnstile.limited());
}

}  // namespace
}  // namespace plimsoll
