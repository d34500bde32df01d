// Money by hand: GPU-hours x price, tokens x price, and parts that add up.
#include "cost/cost.hpp"

#include <gtest/gtest.h>

#include <tuple>

#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

/// Two pools of 2 replicas x 4 GPUs for an hour at $2 (on demand) and $1.50 (spot) per GPU-hour;
/// 100 requests of the free tier and 300 of plus, 1,000 prompt and 500 output tokens each.
struct Money : ::testing::Test {
  Money() : config{testing::metrics_config(2)} {
    PriceSpec price;
    price.name = "cloud";
    price.on_demand = UsdPerHour::of(2);
    price.spot = UsdPerHour::of(1.5);
    config.prices.push_back(price);
    config.pools[0].price = 0;
    config.pools[1].price = 0;
    config.pools[1].contract = Contract::spot;
    config.tiers[1].price_per_million_prompt_tokens = UsdPerMillion::of(10);
    config.tiers[1].price_per_million_output_tokens = UsdPerMillion::of(30);
    for (const PoolConfig& pool_config : config.pools) {
      PoolSummary pool;
      pool.name = pool_config.name;
      pool.replicas = 2;
      pool.gpus_per_replica = 4;
      pool.gpus = 8;
      pool.busy_ns = hour_ns;
      pool.idle_ns = hour_ns / 2;
      pool.down_ns = hour_ns / 2;
      result.pools.push_back(pool);
    }
    for (const auto& [kind, name, requests] :
         {std::tuple{"all", "", 400}, std::tuple{"tier", "free", 100},
          std::tuple{"tier", "plus", 300}}) {
      SliceSummary slice;
      slice.kind = kind;
      slice.name = name;
      slice.outcomes[static_cast<int>(Outcome::completed)] = requests;
      slice.billed_prompt_tokens = requests * 1000;
      slice.billed_output_tokens = requests * 500;
      result.slices.push_back(slice);
    }
    result.token_cells = {{0, 0, 100, 100'000, 50'000}, {1, 1, 300, 300'000, 150'000}};
  }

  Config config;
  RunResult result;
  std::vector<std::string> notes;
};

TEST_F(Money, DownTimeIsRentedToo) {
  EXPECT_DOUBLE_EQ(rented_gpu_hours(result.pools[0]), 8.0);  // 2 replica-hours x 4 GPUs
}

TEST_F(Money, TotalsAreTheSumOfTheirParts) {
  const CostSummary cost = summarize_cost(result, config, notes);
  EXPECT_DOUBLE_EQ(cost.lines[0].dollars, 16.0);
  EXPECT_DOUBLE_EQ(cost.lines[1].dollars, 12.0);
  EXPECT_DOUBLE_EQ(cost.total, cost.lines[0].dollars + cost.lines[1].dollars);
  EXPECT_DOUBLE_EQ(cost.gpu_hours, 16.0);
  EXPECT_DOUBLE_EQ(cost.per_request, 28.0 / 400);
  EXPECT_DOUBLE_EQ(cost.per_million_tokens, 28.0 / 0.2);  // 400 x 500 tokens
  EXPECT_TRUE(notes.empty());
}

TEST_F(Money, RevenueIsTokensTimesTheTiersPrices) {
  const CostSummary cost = summarize_cost(result, config, notes);
  EXPECT_DOUBLE_EQ(cost.revenue, 0.3 * 10 + 0.15 * 30);  // only plus pays
  EXPECT_DOUBLE_EQ(cost.margin, (7.5 - 28.0) / 7.5);
}

TEST_F(Money, MissingPricesAreToldNotGuessed) {
  config.pools[0].price.reset();
  config.pools[1].contract = Contract::reserved;  // the price has no such offer
  const CostSummary cost = summarize_cost(result, config, notes);
  EXPECT_EQ(cost.total, 0);
  EXPECT_DOUBLE_EQ(cost.gpu_hours, 16.0);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_NE(notes[0].find("pool0"), std::string::npos);
  EXPECT_NE(notes[1].find("reserved"), std::string::npos);
}

TEST_F(Money, NothingServedDividesByNothing) {
  for (SliceSummary& slice : result.slices) {
    slice.outcomes = {};
    slice.billed_prompt_tokens = 0;
    slice.billed_output_tokens = 0;
  }
  result.token_cells.clear();
  const CostSummary cost = summarize_cost(result, config, notes);
  EXPECT_EQ(cost.per_request, 0);
  EXPECT_EQ(cost.per_million_tokens, 0);
  EXPECT_EQ(cost.margin, 0);
}

TEST_F(Money, ALargeFleetOverAYearDoesNotOverflow) {
  result.pools[0].busy_ns = 200 * 24 * 365 * hour_ns;  // 200 replicas for a year
  result.pools[0].idle_ns = 0;
  result.pools[0].down_ns = 0;
  result.pools[0].gpus_per_replica = 32;
  EXPECT_DOUBLE_EQ(rented_gpu_hours(result.pools[0]), 200.0 * 24 * 365 * 32);
}

}  // namespace
}  // namespace plimsoll
