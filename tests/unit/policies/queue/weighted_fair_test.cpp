// Queue weighted_fair: service in proportion to weights, whatever is sent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "unit/policies/queue/queue_harness.hpp"

namespace plimsoll {
namespace {

using testing::Line;

const std::vector<double> weights = {1, 2, 5};

PolicyConfig weighted(const std::string& by = "tier", const std::string& cost = "tokens") {
  PolicyConfig config;
  config.policy = "weighted_fair";
  config.params.set_text("by", by);
  config.params.set_text("cost", cost);
  config.params.set_number("weight", 1);
  for (std::size_t tier = 0; tier < weights.size(); ++tier) {
    config.params.set_tier_number("weight", static_cast<TierIndex>(tier), weights[tier]);
  }
  return config;
}

RequestView of_tier(TierIndex tier, std::int32_t prompt = 100, double output = 0) {
  RequestView request;
  request.tier = tier;
  request.request_class = tier;
  request.prompt_tokens = prompt;
  request.predicted_output.tokens = output;
  return request;
}

double tokens_of(const RequestView& request) {
  return request.prompt_tokens + request.predicted_output.tokens;
}

/// Jain's index of service per weight (Jain, Chiu, Hawe 1984): 1 when all get their shares.
double jain(const std::vector<double>& served) {
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < served.size(); ++i) {
    const double x = served[i] / weights[i];
    sum += x;
    squares += x * x;
  }
  return sum * sum / (static_cast<double>(served.size()) * squares);
}

/// Every tier always has requests waiting; tier 0 sends five times as many, and tier 2 short ones.
std::vector<double> serve_under_backlog(const PolicyConfig& config, int requests) {
  Line line{config};
  Draws draws = RandomStream{3, "backlog"}.of(0);
  const auto send = [&](TierIndex tier) {
    const std::uint32_t spread = draws.below(tier == 2 ? 100 : 900);
    line.join(of_tier(tier, static_cast<std::int32_t>(50 + spread), 20));
  };
  for (int i = 0; i < requests; ++i) {
    for (const int tier : {0, 0, 0, 0, 0, 1, 2, 2, 2, 2}) {
      send(static_cast<TierIndex>(tier));
    }
  }
  std::vector<double> served(weights.size(), 0);
  for (int i = 0; i < requests; ++i) {
    const RequestView request = line.serve();
    served[request.tier] += tokens_of(request);
  }
  return served;
}

TEST(WeightedFair, GivesTokensInProportionToWeightsUnderBacklog) {
  const std::vector<double> served = serve_under_backlog(weighted(), 3000);
  EXPECT_GT(jain(served), 0.9999);
  PolicyConfig fcfs;
  fcfs.policy = "fcfs";
  EXPECT_LT(jain(serve_under_backlog(fcfs, 3000)), 0.8);
}

TEST(WeightedFair, KeepsTheBoundOfStartTimeFairQueueingAtEveryMoment) {
  // |W_f / w_f - W_g / w_g| <= l_f / w_f + l_g / w_g while both are backlogged (Goyal et al.,
  // theorem 1), with l the longest request; half a token for rounding to integers.
  Line line{weighted()};
  Draws draws = RandomStream{4, "bound"}.of(0);
  for (int i = 0; i < 4000; ++i) {
    line.join(
        of_tier(static_cast<TierIndex>(i % 3), static_cast<std::int32_t>(draws.below(1000)), 1));
  }
  std::vector<double> served(weights.size(), 0);
  for (int i = 0; i < 1500; ++i) {
    const RequestView request = line.serve();
    served[request.tier] += tokens_of(request);
    for (std::size_t f = 0; f < weights.size(); ++f) {
      for (std::size_t g = 0; g < f; ++g) {
        const double apart = std::abs(served[f] / weights[f] - served[g] / weights[g]);
        ASSERT_LE(apart, 1000 / weights[f] + 1000 / weights[g] + 0.5) << f << " and " << g;
      }
    }
  }
}

TEST(WeightedFair, SharesRequestsWhenTold) {
  const PolicyConfig config = weighted("tier", "requests");
  Line line{config};
  for (int i = 0; i < 900; ++i) {
    line.join(of_tier(static_cast<TierIndex>(i % 3), i % 3 == 2 ? 5000 : 10));
  }
  std::vector<double> served(weights.size(), 0);
  for (int i = 0; i < 240; ++i) {
    served[line.serve().tier] += 1;
  }
  // 240 in 1 : 2 : 5
  EXPECT_NEAR(served[0], 30, 1);
  EXPECT_NEAR(served[1], 60, 1);
  EXPECT_NEAR(served[2], 150, 1);
}

TEST(WeightedFair, ByClassEachClassHasAShareOfItsTiersWeight) {
  Line line{weighted("class")};
  for (int i = 0; i < 600; ++i) {
    RequestView request = of_tier(1);
    request.request_class = static_cast<ClassIndex>(i % 6 == 0 ? 7 : 3);  // a sixth against five
    line.join(request);
  }
  int rare = 0;
  for (int i = 0; i < 100; ++i) {
    rare += line.serve().request_class == 7 ? 1 : 0;
  }
  EXPECT_NEAR(rare, 50, 1);
}

TEST(WeightedFair, ByTenantATenantGetsNoMoreForSendingMore) {
  Line line{weighted("tenant")};
  Draws draws = RandomStream{5, "tenants"}.of(0);
  // Tenant k of 8 sends in proportion to 1 / (k + 1): the first eight times as much as the last.
  std::vector<int> senders;
  for (int tenant = 0; tenant < 8; ++tenant) {
    senders.insert(senders.end(), static_cast<std::size_t>(840 / (tenant + 1)), tenant);
  }
  const auto jain_of_tenants = [&](Line& served_line, int requests) {
    std::vector<double> served(8, 0);
    for (int i = 0; i < requests; ++i) {
      const RequestView request = served_line.serve();
      served[request.tenant] += tokens_of(request);
    }
    double sum = 0;
    double squares = 0;
    for (const double one : served) {
      sum += one;
      squares += one * one;
    }
    return sum * sum / (8 * squares);
  };
  Line by_tier{weighted("tier")};
  for (int round = 0; round < 10; ++round) {
    for (const int sender : senders) {
      RequestView request = of_tier(0, static_cast<std::int32_t>(50 + draws.below(300)));
      request.tenant = static_cast<std::uint32_t>(sender);
      line.join(request);
      by_tier.join(request);
    }
  }
  EXPECT_GT(jain_of_tenants(line, 4000), 0.999);
  EXPECT_LT(jain_of_tenants(by_tier, 4000), 0.7);
}

TEST(WeightedFair, ATenantPaysByTheWeightOfTheTierOfEachRequest) {
  Line line{weighted("tenant")};
  for (int i = 0; i < 300; ++i) {
    RequestView request = of_tier(i % 2 == 0 ? TierIndex{0} : TierIndex{2});
    request.tenant = i % 2 == 0 ? 11 : 12;
    line.join(request);
  }
  int heavy = 0;
  for (int i = 0; i < 60; ++i) {
    heavy += line.serve().tenant == 12 ? 1 : 0;
  }
  EXPECT_NEAR(heavy, 50, 1);  // 1 : 5
}

TEST(WeightedFair, WhoWasAwayHasNoCreditAndNoDebt) {
  Line line{weighted()};
  for (int i = 0; i < 200; ++i) {
    line.join(of_tier(1));
  }
  for (int i = 0; i < 100; ++i) {
    line.serve();
  }
  for (int i = 0; i < 100; ++i) {
    line.join(of_tier(2));  // 5 : 2 from now on, not 100 first
  }
  int newcomer = 0;
  for (int i = 0; i < 70; ++i) {
    newcomer += line.serve().tier == 2 ? 1 : 0;
  }
  EXPECT_NEAR(newcomer, 50, 2);
}

TEST(WeightedFair, WhoGivesUpIsNotCharged) {
  Line line{weighted()};
  for (int i = 0; i < 1000; ++i) {
    line.join(of_tier(0));
  }
  for (int i = 0; i < 1000; ++i) {
    line.give_up();
  }
  for (int i = 0; i < 90; ++i) {
    line.join(of_tier(static_cast<TierIndex>(i % 2)));
  }
  int first = 0;
  for (int i = 0; i < 30; ++i) {
    first += line.serve().tier == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 10, 1);  // 1 : 2; none if a thousand unserved requests had been charged
}

}  // namespace
}  // namespace plimsoll
