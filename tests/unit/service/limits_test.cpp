// Token buckets against the definition of conformance, concurrency, tenants and bypasses.
#include "service/limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

struct Unit {
  SimTime at{};
  double units = 1;
};

/// Random arrivals, some in bursts, and those of them that a bucket lets pass.
std::vector<Unit> passed(const BucketLaw& law, double largest) {
  const RandomStream stream{3, "arrivals"};
  Draws draws = stream.of(0);
  std::vector<Unit> passed;
  SimTime t = sim_start;
  std::int64_t full_at = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::uint32_t gap = draws.below(10) < 6 ? 0 : draws.below(400);
    t += std::chrono::milliseconds{gap};
    const double units =
        largest <= 1 ? 1.0 : 1.0 + draws.below(static_cast<std::uint32_t>(largest));
    if (law.conforms(full_at, t, units)) {
      full_at = law.take(full_at, t, units);
      passed.push_back({t, units});
    }
  }
  return passed;
}

/// In every span between two of them at most rate x span + burst units pass, and in some span
/// nearly as many.
void expect_conformance(double rate, double burst, double largest) {
  const BucketLaw law{Frequency::of(rate), burst};
  const std::vector<Unit> units = passed(law, largest);
  double slack = burst;
  for (std::size_t i = 0; i < units.size(); ++i) {
    double sum = 0;
    for (std::size_t j = i; j < units.size(); ++j) {
      sum += units[j].units;
      const double allowed = rate * to_seconds(units[j].at - units[i].at) + burst;
      ASSERT_LE(sum, allowed + 1e-5) << "from " << i << " to " << j;
      slack = std::min(slack, allowed - sum);
    }
  }
  EXPECT_LT(slack, largest + 1) << "the bucket is tighter than it need be";
  EXPECT_GT(units.size(), 50U);
}

TEST(BucketLaw, ConformsInEverySpan) {
  expect_conformance(5, 10, 1);
  expect_conformance(1.0 / 3, 2, 1);
  expect_conformance(300, 900, 500);
}

TEST(BucketLaw, ARequestBeyondTheBurstNeverPasses) {
  const BucketLaw law{Frequency::of(100), 50};
  EXPECT_TRUE(law.conforms(0, sim_start, 50));
  EXPECT_FALSE(law.conforms(0, sim_start + 1h, 51));
}

TEST(BucketLaw, SettlesToWhatWasUsed) {
  const BucketLaw law{Frequency::of(10), 100};
  std::int64_t full_at = law.take(0, sim_start, 60);
  EXPECT_FALSE(law.conforms(full_at, sim_start, 50));
  full_at = law.settle(full_at, sim_start, -10);  // 50 were used
  EXPECT_TRUE(law.conforms(full_at, sim_start, 50));
  EXPECT_FALSE(law.conforms(full_at, sim_start, 51));
  full_at = law.settle(full_at, sim_start, 70);  // 120 were: a debt of 20
  EXPECT_FALSE(law.conforms(full_at, sim_start + 2s, 1));
  EXPECT_TRUE(law.conforms(full_at, sim_start + 2100ms, 1));
  full_at = law.settle(full_at, sim_start + 1h, -70);
  EXPECT_FALSE(law.conforms(full_at, sim_start + 1h, 101)) << "a full bucket gets no fuller";
}

class LimitsTest : public testing::Test {
 protected:
  LimitsTest() {
    config.tiers = {TierConfig{}, TierConfig{}};
    config.workload.classes = {RequestClassConfig{}, RequestClassConfig{}};
    config.workload.classes[1].name = "other";
    config.path.emplace().limits.emplace();
    limits().keys = {8, 0, 4};
  }
  LimitsConfig& limits() { return *config.path->limits; }
  static RateLimitConfig one_per_second() {
    RateLimitConfig limit;
    limit.requests = Frequency::of(1);
    return limit;
  }

  Config config;
};

using Decision = Limits::Decision;

TEST_F(LimitsTest, EachKeyAndEachTenantHasItsOwnBucket) {
  limits().key = one_per_second();
  limits().tenant = RateLimitConfig{};
  limits().tenant->requests = Frequency::of(1);
  limits().tenant->request_burst = 2;
  const ApiKeys keys{config, 1};
  Limits all{config, keys};
  const auto ask = [&](std::uint32_t key, Duration at) {
    return all.decide({0, key, 1}, sim_start + at);
  };
  EXPECT_EQ(ask(0, 0ms), Decision::allowed);
  EXPECT_EQ(ask(0, 0ms), Decision::refused) << "its key";
  EXPECT_EQ(ask(1, 0ms), Decision::allowed);
  EXPECT_EQ(ask(2, 0ms), Decision::refused) << "its tenant";
  EXPECT_EQ(ask(4, 0ms), Decision::allowed) << "another tenant";
  EXPECT_EQ(ask(2, 1s), Decision::allowed) << "a refusal takes nothing from the key's bucket";
}

TEST_F(LimitsTest, ConcurrencyIsGivenBack) {
  TierLimitConfig tier;
  tier.tier = 1;
  tier.limit.concurrency = 2;
  limits().tiers = {tier};
  const ApiKeys keys{config, 1};
  Limits all{config, keys};
  const LimitedRequest request{1, 0, 1};
  EXPECT_EQ(all.decide(request, sim_start), Decision::allowed);
  EXPECT_EQ(all.decide(request, sim_start), Decision::allowed);
  EXPECT_EQ(all.decide(request, sim_start), Decision::refused);
  EXPECT_EQ(all.decide({0, 0, 1}, sim_start), Decision::allowed) << "a tier without a limit";
  all.leave(request, 1, sim_start);
  EXPECT_EQ(all.decide(request, sim_start), Decision::allowed);
}

TEST_F(LimitsTest, ABypassLetsPassUntilItIsClosed) {
  limits().key = one_per_second();
  limits().bypasses = {{10s, std::nullopt}};
  const ApiKeys keys{config, 1};
  Limits all{config, keys};
  const auto ask = [&](Duration at) { return all.decide({0, 0, 1}, sim_start + at); };
  EXPECT_EQ(ask(9500ms), Decision::allowed);
  EXPECT_EQ(ask(9600ms), Decision::refused);
  EXPECT_EQ(ask(10s), Decision::bypassed);
  EXPECT_EQ(ask(10500ms), Decision::allowed) << "within the limit it is no abuse";
  EXPECT_EQ(ask(10600ms), Decision::bypassed);
  all.close_bypass(0, sim_start + 11s);
  EXPECT_EQ(ask(10700ms), Decision::bypassed);
  EXPECT_EQ(ask(11s), Decision::refused);
}

TEST_F(LimitsTest, ClosingOneBypassLeavesTheNext) {
  limits().key = one_per_second();
  limits().bypasses = {{10s, std::nullopt}, {20s, 5s}};
  const ApiKeys keys{config, 1};
  Limits all{config, keys};
  const auto ask = [&](Duration at) {
    all.decide({0, 0, 1}, sim_start + at);
    return all.decide({0, 0, 1}, sim_start + at);
  };
  EXPECT_EQ(ask(10s), Decision::bypassed);
  all.close_bypass(0, sim_start + 11s);
  EXPECT_EQ(ask(11s), Decision::refused);
  EXPECT_EQ(ask(20s), Decision::bypassed);
  EXPECT_EQ(ask(25s), Decision::refused) << "it ends by itself";
}

TEST_F(LimitsTest, ClassesMayHaveKeysOfTheirOwn) {
  limits().class_keys = {{1, {3, 0, 2}}};
  const ApiKeys keys{config, 1};
  EXPECT_EQ(keys.count(), 11U);
  EXPECT_EQ(keys.tenants(), 4U);
  for (std::uint64_t id = 0; id < 200; ++id) {
    EXPECT_LT(keys.draw(id, 0), 8U);
    const std::uint32_t own = keys.draw(id, 1);
    EXPECT_GE(own, 8U);
    EXPECT_LT(own, 11U);
    EXPECT_EQ(keys.class_of(own), "other");
  }
  EXPECT_EQ(keys.tenant_of(9), 2U);
  EXPECT_EQ(keys.tenant_of(10), 3U);
  EXPECT_EQ(keys.number_in_group(10), 2U);
  EXPECT_EQ(keys.class_of(7), "");
}

/// A request that was let in.
struct Admitted {
  SimTime at{};
  SimTime ends{};
  double expected = 0;
  double used = 0;
};

/// Random requests of one key in order of time, of which those that are let in end after up to
/// `longest`, having used up to one and a half of what was expected, or nothing.
std::vector<Admitted> admitted(Limits& limits, Duration longest) {
  const RandomStream stream{5, "requests"};
  Draws draws = stream.of(0);
  std::vector<Admitted> all;
  std::multimap<SimTime, std::size_t> in_flight;
  SimTime t = sim_start;
  for (int i = 0; i < 4000; ++i) {
    const std::uint32_t gap = draws.below(10) < 4 ? 0 : draws.below(300);
    t += std::chrono::milliseconds{gap};
    while (!in_flight.empty() && in_flight.begin()->first <= t) {
      const Admitted& one = all[in_flight.begin()->second];
      limits.leave({0, 0, one.expected}, one.used, one.ends);
      in_flight.erase(in_flight.begin());
    }
    const double expected = 20.0 + draws.below(180);
    const double share = draws.below(4) == 0 ? 0.0 : 0.01 * draws.below(150);
    const std::uint32_t lasts =
        draws.below(static_cast<std::uint32_t>(longest / std::chrono::milliseconds{1}) + 1);
    if (limits.decide({0, 0, expected}, t) == Limits::Decision::allowed) {
      all.push_back({t, t + std::chrono::milliseconds{lasts}, expected, expected * share});
      in_flight.emplace(all.back().ends, all.size() - 1);
    }
  }
  return all;
}

// The bucket's level is at most burst before the first of a span and at least 0 after the last; in
// between it gains rate x time and what comes back of requests that were in flight before.
TEST_F(LimitsTest, NeverLetsInMoreThanRateAndBurstOfUsedTokensBesideWhatIsInFlight) {
  constexpr double rate = 300;
  constexpr double burst = 900;
  limits().charge = TokenCharge::used;
  limits().key = RateLimitConfig{};
  limits().key->tokens = Frequency::of(rate);
  limits().key->token_burst = burst;
  for (const Duration longest : {Duration{1ms}, Duration{400ms}, Duration{5s}, Duration{60s}}) {
    const ApiKeys keys{config, 1};
    Limits all{config, keys};
    const std::vector<Admitted> let_in = admitted(all, longest);
    ASSERT_GT(let_in.size(), 200U);
    double least_slack = burst;
    for (std::size_t i = 0; i < let_in.size(); i += 7) {
      const SimTime from = let_in[i].at;
      std::vector<const Admitted*> before;
      for (std::size_t m = 0; m < i; ++m) {
        if (let_in[m].ends > from) {
          before.push_back(&let_in[m]);
        }
      }
      for (std::size_t j = i; j < let_in.size(); j += 1 + (j - i) / 8) {
        const SimTime to = let_in[j].at;
        double taken = 0;
        for (std::size_t k = i; k <= j; ++k) {
          // Who ended at this very moment has settled, if it was let in before the last one came.
          taken += let_in[k].ends <= to && k < j ? let_in[k].used : let_in[k].expected;
        }
        double given_back = 0;
        for (const Admitted* one : before) {
          given_back += one->ends <= to ? std::max(0.0, one->expected - one->used) : 0.0;
        }
        const double allowed = rate * to_seconds(to - from) + burst + given_back;
        ASSERT_LE(taken, allowed + 1e-3) << "from " << i << " to " << j;
        least_slack = std::min(least_slack, allowed - taken);
      }
    }
    EXPECT_LT(least_slack, 200.0) << "the bucket is tighter than it need be";
  }
}

// What is computed for a key in the long run is rate x time, whatever was expected of its answers.
TEST_F(LimitsTest, BucketsThatChargeWhatIsUsedKeepTheRateOfWhatIsUsed) {
  const auto used_in_100s = [&](TokenCharge charge, double used) {
    limits().charge = charge;
    limits().key = RateLimitConfig{};
    limits().key->tokens = Frequency::of(100);
    limits().key->token_burst = 200;
    const ApiKeys keys{config, 1};
    Limits all{config, keys};
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
      const SimTime t = sim_start + i * 10ms;
      const LimitedRequest request{0, 0, 50};
      if (all.decide(request, t) == Decision::allowed) {
        sum += used;
        all.leave(request, used, t + 5ms);
      }
    }
    return sum;
  };
  const double allowed = 100 * 100 + 200;
  EXPECT_NEAR(used_in_100s(TokenCharge::used, 10), allowed, 200);
  EXPECT_NEAR(used_in_100s(TokenCharge::used, 200), allowed, 300);
  EXPECT_NEAR(used_in_100s(TokenCharge::expected, 10), allowed / 5, 100);
  EXPECT_NEAR(used_in_100s(TokenCharge::expected, 200), allowed * 4, 500);
}

}  // namespace
}  // namespace plimsoll
