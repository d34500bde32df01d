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
  EXPECT_DOUBLE_EQ(turnstile.utilization(sim_start + 80ms), 0.5);
}

TEST(Turnstile, KeepsOddRatesOverManyTurns) {
  Turnstile turnstile{Frequency::of(150'000)};  // 6,666.67 ns
  Duration wait{};
  for (int i = 0; i < 150'000; ++i) {
    wait = turnstile.take(sim_start);
  }
  EXPECT_NEAR(static_cast<double>(wait.count()), 1e9 - 6666.67, 2);
}

TEST(Turnstile, WithoutCapacityNobodyWaits) {
  Turnstile turnstile;
  EXPECT_EQ(turnstile.take(sim_start), 0ms);
  EXPECT_EQ(turnstile.take(sim_start), 0ms);
  EXPECT_FALSE(turnstile.limited());
}

}  // namespace
}  // namespace plimsoll
