// Admission token_bucket: never more than rate x time + burst, and never less than that allows.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

__extension__ typedef __int128 Wide;

PolicyConfig bucket(double rate, double burst, const std::string& by = "tier",
                    const std::string& cost = "requests") {
  PolicyConfig config;
  config.policy = "token_bucket";
  config.params.set_text("by", by);
  config.params.set_text("cost", cost);
  config.params.set_number("rate", rate);
  config.params.set_number("burst", burst);
  return config;
}

struct Call {
  std::int64_t at = 0;  // ns
  std::int32_t cost = 1;
  bool admitted = false;
};

/// Plays calls in order of time through a bucket that holds tokens.
void play(const PolicyConfig& config, std::vector<Call>& calls) {
  const auto policy = builtin_policies().admissions.make(config);
  for (Call& call : calls) {
    RequestView request;
    request.prompt_tokens = call.cost;
    const AdmitResult result = policy->admit(request, ServiceLoad{}, SimTime{Duration{call.at}});
    EXPECT_NE(result, AdmitResult::shed);
    call.admitted = result == AdmitResult::admitted;
  }
}

/// A rate of thousandths per second as exact integers: what may pass in `ns`, in 10^-12 tokens.
Wide allowance(std::int64_t thousandths, std::int64_t ns, std::int64_t burst) {
  return Wide{thousandths} * ns + Wide{burst} * 1'000'000'000'000;
}

std::vector<Call> random_calls(std::uint64_t seed, int count) {
  std::vector<Call> calls;
  Draws draws = RandomStream{seed, "calls"}.of(0);
  std::int64_t at = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint32_t gap = draws.below(200'000'000);
    const std::uint32_t pause = draws.below(20);
    const std::uint32_t cost = draws.below(9);
    at += pause == 0 ? std::int64_t{gap} * 40 : gap / 8;
    calls.push_back({at, 1 + static_cast<std::int32_t>(cost), false});
  }
  return calls;
}

TEST(TokenBucket, NeverAdmitsMoreThanRateTimesTimePlusBurstInAnyInterval) {
  // 7.3 tokens/s, burst 25: over every pair of calls, in exact integers.
  std::vector<Call> calls = random_calls(1, 700);
  play(bucket(7.3, 25, "tier", "tokens"), calls);
  int refused = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    refused += calls[i].admitted ? 0 : 1;
    Wide admitted = 0;
    for (std::size_t j = i; j < calls.size(); ++j) {
      admitted += calls[j].admitted ? Wide{calls[j].cost} * 1'000'000'000'000 : 0;
      ASSERT_TRUE(admitted <= allowance(7300, calls[j].at - calls[i].at, 25)) << i << " .. " << j;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(TokenBucket, RefusesNobodyWhoConforms) {
  // Drop from random calls whatever would break the law over some interval; the rest conforms.
  const std::vector<Call> all = random_calls(2, 500);
  std::vector<Call> conforming;
  for (const Call& call : all) {
    Wide sum = Wide{call.cost} * 1'000'000'000'000;
    bool fits = sum <= allowance(7300, 0, 25);
    for (std::size_t i = conforming.size(); i-- > 0 && fits;) {
      sum += Wide{conforming[i].cost} * 1'000'000'000'000;
      fits = sum <= allowance(7300, call.at - conforming[i].at, 25);
    }
    if (fits) {
      conforming.push_back(call);
    }
  }
  ASSERT_GT(conforming.size(), 100U);
  ASSERT_LT(conforming.size(), all.size() - 50);
  play(bucket(7.3, 25, "tier", "tokens"), conforming);
  for (const Call& call : conforming) {
    ASSERT_TRUE(call.admitted) << "at " << call.at;
  }
}

TEST(TokenBucket, IsExactToTheNanosecond) {
  // 3/s: a token after 333,333,333.3 ns, hence at 333,333,334 and not before.
  for (const std::int64_t at : {333'333'333, 333'333'334}) {
    std::vector<Call> calls{{0, 1, false}, {at, 1, false}};
    play(bucket(3, 1), calls);
    EXPECT_TRUE(calls[0].admitted);
    EXPECT_EQ(calls[1].admitted, at == 333'333'334) << at;
  }
}

TEST(TokenBucket, ALongPauseFillsItToTheBurstAndNoFurther) {
  constexpr std::int64_t year = 31'536'000'000'000'000;
  std::vector<Call> calls;
  for (int i = 0; i < 6; ++i) {
    calls.push_back({9 * year, 1, false});
  }
  play(bucket(1e9, 5), calls);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i].admitted, i < 5) << i;
  }
}

TEST(TokenBucket, TiersHaveBucketsAndRatesOfTheirOwn) {
  PolicyConfig config = bucket(1, 1);
  config.params.set_tier_number("burst", 1, 3);
  const auto policy = builtin_policies().admissions.make(config);
  std::vector<int> admitted(2, 0);
  for (int i = 0; i < 10; ++i) {
    RequestView request;
    request.tier = static_cast<TierIndex>(i % 2);
    const bool passes = policy->admit(request, {}, sim_start) == AdmitResult::admitted;
    admitted[request.tier] += passes ? 1 : 0;
  }
  EXPECT_EQ(admitted, (std::vector<int>{1, 3}));
}

TEST(TokenBucket, ByClassAndAllTogether) {
  for (const std::string by : {"class", "all"}) {
    const auto policy = builtin_policies().admissions.make(bucket(1, 2, by));
    int admitted = 0;
    for (int i = 0; i < 12; ++i) {
      RequestView request;
      request.request_class = static_cast<ClassIndex>(i % 3);
      admitted += policy->admit(request, {}, sim_start) == AdmitResult::admitted ? 1 : 0;
    }
    EXPECT_EQ(admitted, by == "class" ? 6 : 2) << by;
  }
}

TEST(TokenBucket, TokensAreThePromptsAndThePredictedOutputs) {
  const auto policy = builtin_policies().admissions.make(bucket(1, 100, "tier", "tokens"));
  RequestView request;
  request.prompt_tokens = 60;
  request.predicted_output.tokens = 40.4;
  EXPECT_EQ(policy->admit(request, {}, sim_start), AdmitResult::admitted);
  request.prompt_tokens = 1;
  request.predicted_output.tokens = 0;
  EXPECT_EQ(policy->admit(request, {}, sim_start), AdmitResult::rate_limited);
}

}  // namespace
}  // namespace plimsoll
