// Admission tier_shed: the lower tiers go first.
#include <gtest/gtest.h>

#include <string>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

std::unique_ptr<AdmissionPolicy> tier_shed(const std::string& measure, double from, double to) {
  PolicyConfig config;
  config.policy = "tier_shed";
  config.params.set_text("measure", measure);
  config.params.set_number("from", from);
  config.params.set_number("to", to);
  return builtin_policies().admissions.make(config);
}

ServiceLoad load_of(std::int64_t waiting, std::int64_t outstanding, std::int64_t replicas) {
  ServiceLoad load;
  load.waiting = waiting;
  load.outstanding = outstanding;
  load.replicas = replicas;
  return load;
}

bool admits(AdmissionPolicy& policy, double standing, const ServiceLoad& load) {
  RequestView request;
  request.tier_standing = standing;
  return policy.admit(request, load, sim_start) == AdmitResult::admitted;
}

TEST(TierShed, ShedsTheLowestAtFromTheHighestAtToAndTheRestBetween) {
  const auto policy = tier_shed("outstanding", 10, 30);
  for (const double standing : {0.0, 0.5, 1.0}) {
    const auto threshold = static_cast<std::int64_t>(2 * (10 + 20 * standing));  // two replicas
    EXPECT_TRUE(admits(*policy, standing, load_of(0, threshold - 1, 2))) << standing;
    EXPECT_FALSE(admits(*policy, standing, load_of(0, threshold, 2))) << standing;
  }
}

TEST(TierShed, NeverShedsAHigherTierBeforeALowerOne) {
  for (const std::string measure : {"outstanding", "waiting"}) {
    const auto policy = tier_shed(measure, 5, 9);
    for (std::int64_t held = 0; held < 40; ++held) {
      const ServiceLoad load = load_of(held, held, 3);
      EXPECT_LE(admits(*policy, 0, load), admits(*policy, 0.3, load)) << held;
      EXPECT_LE(admits(*policy, 0.3, load), admits(*policy, 1, load)) << held;
    }
  }
}

TEST(TierShed, OutstandingCountsWhoWaitsToo) {
  EXPECT_FALSE(admits(*tier_shed("outstanding", 10, 10), 0, load_of(6, 4, 1)));
  EXPECT_TRUE(admits(*tier_shed("waiting", 10, 10), 0, load_of(6, 400, 1)));
  EXPECT_FALSE(admits(*tier_shed("waiting", 10, 10), 0, load_of(10, 0, 1)));
}

TEST(TierShed, WithoutAReplicaTheLoadIsThatOfOne) {
  EXPECT_TRUE(admits(*tier_shed("waiting", 10, 20), 0, load_of(9, 0, 0)));
  EXPECT_FALSE(admits(*tier_shed("waiting", 10, 20), 0, load_of(10, 0, 0)));
}

TEST(TierShed, AToBelowFromIsFrom) {
  const auto policy = tier_shed("waiting", 10, 1);
  EXPECT_TRUE(admits(*policy, 1, load_of(9, 0, 1)));
  EXPECT_FALSE(admits(*policy, 1, load_of(10, 0, 1)));
}

}  // namespace
}  // namespace plimsoll
