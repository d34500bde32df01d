// A pool whose slots are rented under several contracts: each at its own price.
#include <gtest/gtest.h>

#include "cost/cost.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

TEST(ContractMix, EverySlotIsPaidAtThePriceOfItsContract) {
  Config config = testing::metrics_config(1);
  PriceSpec price;
  price.name = "cloud";
  price.on_demand = UsdPerHour::of(4);
  price.reserved = UsdPerHour::of(2.5);
  price.spot = UsdPerHour::of(1);
  config.prices.push_back(price);
  config.pools[0].price = 0;
  config.pools[0].procurement.emplace();
  RunResult result;
  result.end = SimTime{std::chrono::hours{2}};
  result.slices.emplace_back().kind = "all";
  PoolSummary pool;
  pool.name = config.pools[0].name;
  pool.replicas = 4;
  pool.gpus_per_replica = 8;
  pool.gpus = 32;
  pool.busy_ns = 5 * hour_ns;
  pool.off_ns = 3 * hour_ns;
  pool.elasticity.emplace();
  pool.elasticity->rented_ns[static_cast<std::size_t>(Contract::on_demand)] = hour_ns;
  pool.elasticity->rented_ns[static_cast<std::size_t>(Contract::reserved)] = 2 * hour_ns;
  pool.elasticity->rented_ns[static_cast<std::size_t>(Contract::spot)] = 2 * hour_ns;
  result.pools.push_back(pool);
  std::vector<std::string> notes;
  const CostSummary cost = summarize_cost(result, config, notes);
  EXPECT_DOUBLE_EQ(cost.gpu_hours, 40.0);
  EXPECT_DOUBLE_EQ(cost.total, 8 * (1 * 4 + 2 * 2.5 + 2 * 1.0));
  ASSERT_EQ(cost.lines.size(), 1U);
  EXPECT_DOUBLE_EQ(cost.lines[0].dollars, cost.total);
}

}  // namespace
}  // namespace plimsoll
