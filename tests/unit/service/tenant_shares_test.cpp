// Shares of tenants: max-min fairness and Jain's index by hand.
#include "service/tenant_shares.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace plimsoll {
namespace {

constexpr SimTime at(int seconds) {
  return sim_start + std::chrono::seconds{seconds};
}

TEST(TenantShares, WhoAsksForLittleHasItAndTheOthersShareTheRest) {
  EXPECT_EQ(max_min_shares({10, 1, 2}, 6), (std::vector<double>{3, 1, 2}));
  EXPECT_EQ(max_min_shares({10, 1, 10}, 9), (std::vector<double>{4, 1, 4}));
  EXPECT_EQ(max_min_shares({10, 1, 2}, 100), (std::vector<double>{10, 1, 2}));
  EXPECT_EQ(max_min_shares({4, 4}, 0), (std::vector<double>{0, 0}));
}

TEST(TenantShares, TheIndexIsOneForEqualsAndOneNthForOneThatHasAll) {
  EXPECT_EQ(jain_index({3, 3, 3}), 1.0);
  EXPECT_EQ(jain_index({5, 0, 0, 0}), 0.25);
  EXPECT_EQ(jain_index({}), 1.0);
}

TEST(TenantShares, UnlikeDemandsThatAreMetAreFair) {
  TenantShares shares{at(10)};
  for (const std::uint32_t tenant : {0U, 1U}) {
    const std::int64_t tokens = tenant == 0 ? 1000 : 10;
    shares.ask(tenant, tokens, at(20));
    shares.end(tenant, tokens, at(20), at(30));
  }
  const FairnessSummary met = shares.summarize();
  EXPECT_EQ(met.tenants, 2) << "nobody else asked";
  EXPECT_EQ(met.jain, 1.0);
  EXPECT_EQ(met.largest.front().tenant, 0);
  EXPECT_EQ(met.largest.front().fair, 1000);
}

// 1,000 and 10 are asked for, 100 served, to the first alone: 90 and 10 would
// have been fair.
TEST(TenantShares, ADemandThatIsNotMetWhileOthersAreServedIsNot) {
  TenantShares shares{at(10)};
  shares.ask(0, 1000, at(20));
  shares.ask(1, 10, at(20));
  shares.end(0, 100, at(20), at(30));
  shares.end(1, 0, at(20), at(30));
  const FairnessSummary found = shares.summarize();
  EXPECT_EQ(found.largest[0].fair, 90);
  EXPECT_EQ(found.largest[1].fair, 10);
  EXPECT_EQ(found.jain, 0.5);
}

TEST(TenantShares, WarmUpAndDrainDoNotCount) {
  TenantShares shares{at(10)};
  shares.ask(0, 10, at(5));
  shares.end(0, 10, at(5), at(20));
  shares.ask(0, 10, at(90));
  shares.close(at(100));
  shares.end(0, 10, at(90), at(110));
  const FairnessSummary found = shares.summarize();
  EXPECT_EQ(found.asked, 10);
  EXPECT_EQ(found.served, 0);
}

}  // namespace
}  // namespace plimsoll
