// Addresses and their buckets at a load balancer.
#include "service/source_limits.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

SourceLimitConfig one_per_second(std::int64_t sources) {
  SourceLimitConfig config;
  config.sources = sources;
  config.requests = Frequency::of(1);
  config.request_burst = 2;
  return config;
}

AttackConfig attack_from(std::int64_t sources) {
  AttackConfig attack;
  attack.sources = sources;
  return attack;
}

TEST(SourceLimits, AnAttackPassesWhatItsAddressesMayHave) {
  SourceLimits limits{1, one_per_second(1000), {attack_from(7)}};
  int passed = 0;
  // 1,000/s for 100 s
  for (std::uint64_t id = 0; id < 100'000; ++id) {
    passed += limits.lets_pass(id, 1, sim_start + 1ms * static_cast<int>(id)) ? 1 : 0;
  }
  EXPECT_LE(passed, 7 * (100 + 2));
  EXPECT_GE(passed, 7 * (100 + 1));
}

TEST(SourceLimits, AttacksAndUsersHaveAddressesOfTheirOwn) {
  SourceLimits limits{1, one_per_second(1), {attack_from(1), attack_from(1)}};
  for (std::uint64_t id = 0; id < 100; ++id) {
    limits.lets_pass(id, 1, sim_start);
  }
  EXPECT_FALSE(limits.lets_pass(100, 1, sim_start));
  EXPECT_TRUE(limits.lets_pass(101, 2, sim_start));
  EXPECT_TRUE(limits.lets_pass(102, 0, sim_start));
}

TEST(SourceLimits, UsersBehindOneAddressAreTakenForOne) {
  SourceLimits limits{1, one_per_second(1), {}};
  EXPECT_TRUE(limits.lets_pass(0, 0, sim_start));
  EXPECT_TRUE(limits.lets_pass(1, 0, sim_start));
  EXPECT_FALSE(limits.lets_pass(2, 0, sim_start));
  EXPECT_TRUE(limits.lets_pass(3, 0, sim_start + 1s));
}

}  // namespace
}  // namespace plimsoll
