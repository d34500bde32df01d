// Money of whole runs: a change of price in the middle, autoscaled pools, and sums to the last
// micro-dollar.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using Overrides = std::vector<std::pair<std::string, std::string>>;

/// What is wrong with the money of a run; empty when nothing is.
std::string faults_of(const RunResult& result) {
  const MoneySummary& money = result.cost.money;
  std::string faults;
  std::int64_t bill = 0;
  for (const BillRow& row : money.bill) {
    bill += row.billed.count();
  }
  std::int64_t revenue = 0;
  for (const RevenueRow& row : money.revenue) {
    revenue += row.amount.count();
  }
  if (bill != money.total.count() || revenue != money.revenue_total.count()) {
    faults += fmt::format(" sums {} {}", bill, revenue);
  }
  for (const char* kind : {"tier", "model"}) {
    std::int64_t cost = money.unattributed.count();
    for (const UnitCost& unit : money.units) {
      cost += unit.kind == kind || unit.kind == "class"
                  ? unit.prompt_cost.count() + unit.output_cost.count()
                  : 0;
    }
    if (cost != bill) {
      faults += fmt::format(" {}s {}", kind, cost);
    }
  }
  for (const PoolSummary& pool : result.pools) {
    const double rented =
        static_cast<double>(pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns) *
        static_cast<double>(pool.gpus_per_replica) / 3.6e12;
    double billed = 0;
    for (const BillRow& row : money.bill) {
      billed += row.resource == pool.name ? row.quantity : 0;
    }
    if (std::abs(rented - billed) > 1e-12 * rented) {
      faults += fmt::format(" {} rented {} billed {}", pool.name, rented, billed);
    }
  }
  return faults;
}

/// Faults, then the rows of the bill as "resource price begin_ns quantity;".
std::string books(const Overrides& overrides) {
  const LoadedScenario loaded = test::load_shipped("tiny/price_change.yaml", overrides);
  return test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    std::string text = faults_of(result) + "|";
    for (const BillRow& row : result.cost.money.bill) {
      if (row.component == CostComponent::gpu) {
        text += fmt::format("{} {} {} {:.9f};", row.resource, row.sku,
                            row.begin.time_since_epoch().count(), row.quantity);
      }
    }
    return text;
  });
}

TEST(Money, ARunOverAChangeOfPriceAddsUp) {
  const std::string text = books({});
  EXPECT_EQ(text.substr(0, text.find('|')), "");
  // The fixed pool's one GPU rents 60 s at the old price.
  EXPECT_NE(text.find("base aws-a100-80gb-2023 0 0.016666667;"), std::string::npos) << text;
  EXPECT_NE(text.find("base aws-a100-80gb-2025 60000000000 "), std::string::npos) << text;
  EXPECT_NE(text.find("main aws-a100-80gb-2025 60000000000 "), std::string::npos) << text;
}

TEST(Money, AddsUpWhereverThePriceChanges) {
  for (const char* start : {"2025-05-31T23:59:37Z", "2025-05-31T23:57:01Z", "2025-05-31T23:59:59Z",
                            "2025-06-01", "2024-01-01"}) {
    const std::string text = books({{"start", start}});
    EXPECT_EQ(text.substr(0, text.find('|')), "") << start;
  }
}

TEST(Money, FollowsTheDateAlone) {
  const std::string after = books({{"start", "2025-06-01"}});
  EXPECT_EQ(after.find("2023"), std::string::npos) << after;
  const std::string before = books({{"start", "2024-01-01"}});
  EXPECT_EQ(before.find("2025"), std::string::npos) << before;
}

TEST(Money, IsTheSameStepByStep) {
  EXPECT_EQ(books({}), books({{"fast_forward", "false"}}));
}

}  // namespace
}  // namespace plimsoll
