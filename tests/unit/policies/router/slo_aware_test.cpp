// Router slo_aware: the cheapest and fullest replica that answers in time.
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::RouterHarness;

/// 1,000 prompt tokens/s, 10 slots, 2 requests/s: with headroom 0.5 and an objective of 2 s a
/// request may be predicted to wait 1 s.
ReplicaLoad busy(std::int64_t pending, std::int64_t outstanding = 1, std::uint32_t pool = 0,
                 double dollars = 1) {
  ReplicaLoad load;
  load.pending_prompt_tokens = pending;
  load.outstanding = outstanding;
  load.pool = pool;
  load.dollars_per_hour = dollars;
  load.prefill_rate = 1000;
  load.request_rate = 2;
  load.slots = 10;
  return load;
}

std::uint32_t pick(RouterHarness& harness, std::int32_t prompt,
                   Duration objective = std::chrono::seconds{2}, Duration on_the_way = {}) {
  RequestView request;
  request.on_the_way = on_the_way;
  request.prompt_tokens = prompt;
  request.ttft_objective = objective;
  return harness.router().pick(request, harness.draws()).replica;
}

TEST(SloAware, TakesTheFullestThatAnswersInTime) {
  RouterHarness harness{"slo_aware", 4};
  harness.tell_all({busy(100), busy(700), busy(950), busy(5000)});
  EXPECT_EQ(pick(harness, 200), 1U);  // 700 + 200 ms; 950 + 200 would be late
  EXPECT_EQ(pick(harness, 40), 2U);
  EXPECT_EQ(pick(harness, 400), 0U);
}

TEST(SloAware, TheSoonestWhenNoneAnswersInTime) {
  RouterHarness harness{"slo_aware", 3};
  harness.tell_all({busy(3000), busy(2000), busy(4000)});
  EXPECT_EQ(pick(harness, 100), 1U);
  harness.tell(1, closed());
  EXPECT_EQ(pick(harness, 100), 0U);
}

TEST(SloAware, ACheapPoolFirstWhileItAnswersInTime) {
  RouterHarness harness{"slo_aware", 2};
  harness.tell_all({busy(0, 0, 0, 5.0), busy(600, 3, 1, 1.0)});
  EXPECT_EQ(pick(harness, 300), 1U);
  EXPECT_EQ(pick(harness, 500), 0U) << "too late for the cheap one";
}

TEST(SloAware, TheWayToTheServiceUsesUpItsPartOfTheObjective) {
  using std::chrono::seconds;
  RouterHarness harness{"slo_aware", 4};
  harness.tell_all({busy(100), busy(700), busy(950), busy(5000)});
  EXPECT_EQ(pick(harness, 200, seconds{5}, seconds{3}), pick(harness, 200, seconds{2}));
  EXPECT_EQ(pick(harness, 200, seconds{2}, seconds{3}), 0U) << "late anyway: the soonest";
}

TEST(SloAware, GoesByWhatAReplicaCostsNotByWhatItsPoolDidFirst) {
  RouterHarness harness{"slo_aware", 3};
  // Pool 0 is told of before it is bought; its second replica comes from a dearer offer.
  harness.tell_all({closed(), busy(100, 1, 1, 2), closed()});
  harness.tell(0, busy(100, 1, 0, 3));
  EXPECT_EQ(pick(harness, 100), 1U) << "it is not free";
  harness.tell(2, busy(100, 1, 0, 1));
  EXPECT_EQ(pick(harness, 100), 2U) << "an offer of the same pool that is cheaper";
  harness.tell(2, busy(5000, 1, 0, 1));
  EXPECT_EQ(pick(harness, 100), 1U) << "late";
  harness.tell(2, busy(100, 1, 0, 4));
  EXPECT_EQ(pick(harness, 100), 1U) << "it has become dear";
}

TEST(SloAware, FullSlotsCountAsTheTimeThatTheirRequestsTake) {
  RouterHarness harness{"slo_aware", 2};
  // 12 + 1 - 10 = 3 in line at 2/s: 1.5 s. 9 + 1 - 10: nobody in line.
  harness.tell_all({busy(0, 12), busy(900, 9)});
  EXPECT_EQ(pick(harness, 50), 1U);
  EXPECT_EQ(pick(harness, 50, std::chrono::seconds{4}), 0U) << "1.5 s is fuller and within 2 s";
}

TEST(SloAware, TiersWithoutAnObjectiveHaveTheDefault) {
  RouterHarness harness{"slo_aware", 2};  // otherwise: 2 s in the harness
  harness.tell_all({busy(100), busy(800)});
  EXPECT_EQ(pick(harness, 100, Duration::max()), 1U);
  EXPECT_EQ(pick(harness, 300, Duration::max()), 0U);
}

TEST(SloAware, AsksToBeToldOfFirstTokens) {
  EXPECT_TRUE((RouterHarness{"slo_aware", 1}.router().follows_prefill()));
  EXPECT_FALSE((RouterHarness{"least_requests", 1}.router().follows_prefill()));
}

TEST(SloAware, AmongEqualBacklogsTheOneWithFewerRequests) {
  RouterHarness harness{"slo_aware", 3};
  harness.tell_all({busy(0, 5), busy(0, 2), busy(0, 8)});
  EXPECT_EQ(pick(harness, 100), 1U);
}

}  // namespace
}  // namespace plimsoll
