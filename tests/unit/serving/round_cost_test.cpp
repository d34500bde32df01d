// Affine round costs against CostColumn::cost evaluated step by step.
#include "serving/round_cost.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

constexpr Femtoseconds us = 1'000'000'000;

CostColumn random_column(Draws& draws) {
  CostColumn column;
  Femtoseconds device = 0;
  for (int tokens = 0; tokens <= 64; ++tokens) {
    column.device.push_back(device);
    device += static_cast<Femtoseconds>(draws.below(2'000'000'000));
  }
  column.kv_token = draws.below(50'000'000);
  column.pair = draws.below(1'000'000);
  column.sample_device = draws.below(10'000'000);
  column.host = static_cast<Femtoseconds>(draws.below(200)) * us;
  column.serial = draws.below(1'000'000'000);
  column.serial_sample = draws.below(10'000'000);
  return column;
}

StepWork random_work(Draws& draws) {
  StepWork work;
  work.tokens = 1 + static_cast<std::int64_t>(draws.below(64));
  work.samples = draws.below(static_cast<std::uint32_t>(work.tokens) + 1);
  work.kv_tokens = draws.below(3000);
  work.attention_pairs = draws.below(5000);
  return work;
}

StepWork later(StepWork work, std::int64_t growth, std::int64_t j) {
  work.kv_tokens += growth * j;
  return work;
}

/// max(max_i latency_i, sum_i bottleneck_i), from the definition.
Femtoseconds direct_round(const StepCostTable& table, const std::vector<StepWork>& work,
                          const std::vector<std::int64_t>& growth, std::int64_t j) {
  Femtoseconds longest = 0;
  Femtoseconds all = 0;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (work[i].tokens > 0) {
      const StepWork now = later(work[i], growth[i], j);
      longest = std::max(longest, table.latency.cost(now));
      all += table.stages > 1 ? table.bottleneck.cost(now) : 0;
    }
  }
  return std::max({longest, all, least_step});
}

TEST(AffineCost, IsExactUpToItsBreakpointAndNotBeyond) {
  Draws draws = RandomStream{5, "affine"}.of(0);
  int broken = 0;
  for (int i = 0; i < 500; ++i) {
    const CostColumn column = random_column(draws);
    const StepWork work = random_work(draws);
    const std::int64_t growth = draws.below(65);
    const AffineCost cost = affine_cost(column, work, growth);
    ASSERT_GE(cost.steps, 1);
    const std::int64_t last = std::min<std::int64_t>(cost.steps, 5000);
    for (std::int64_t j = 0; j < last; ++j) {
      ASSERT_EQ(cost.value + j * cost.slope, column.cost(later(work, growth, j))) << j;
    }
    if (cost.steps < unlimited_steps) {
      ++broken;
      ASSERT_LT(cost.value + cost.steps * cost.slope, column.cost(later(work, growth, cost.steps)));
    }
  }
  EXPECT_GT(broken, 50);  // the draws reach both sides of the breakpoint
  EXPECT_LT(broken, 450);
}

class RoundCostOfStages : public ::testing::TestWithParam<int> {};

TEST_P(RoundCostOfStages, IsTheDefinitionAtEveryStep) {
  const int stages = GetParam();
  Draws draws = RandomStream{6, "round"}.of(static_cast<std::uint64_t>(stages));
  int broken = 0;
  for (int i = 0; i < 500; ++i) {
    StepCostTable table;
    table.stages = stages;
    table.latency = random_column(draws);
    if (stages > 1) {
      table.bottleneck = random_column(draws);
    }
    std::vector<StepWork> work;
    std::vector<std::int64_t> growth;
    for (int m = 0; m < stages; ++m) {
      work.push_back(random_work(draws));
      growth.push_back(draws.below(65));
    }
    if (stages > 1 && i % 5 == 0) {
      work.back() = StepWork{};  // one micro-batch is empty
      growth.back() = 0;
    }
    const AffineCost cost = round_cost(table, work.data(), growth.data(), stages);
    ASSERT_GE(cost.steps, 1);
    broken += cost.steps < unlimited_steps ? 1 : 0;
    const std::int64_t last = std::min<std::int64_t>(cost.steps, 3000);
    for (std::int64_t j = 0; j < last; ++j) {
      ASSERT_EQ(cost.value + j * cost.slope, direct_round(table, work, growth, j)) << j;
    }
  }
  EXPECT_GT(broken, 50);
}

INSTANTIATE_TEST_SUITE_P(PipelineStages, RoundCostOfStages, ::testing::Values(1, 2, 4));

TEST(RoundCost, EqualMicroBatchesFillThePipeline) {
  // Two stages of 30 us and 20 us, two micro-batches: the slow stage is always busy, 2 x 30 us.
  StepCostTable table;
  table.stages = 2;
  table.latency.device = {0, 50 * us};
  table.bottleneck.device = {0, 30 * us};
  const std::vector<StepWork> work(2, StepWork{1, 1, 0, 0});
  const std::vector<std::int64_t> growth(2, 0);
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 2).value, 60 * us);
  // One alone passes through both stages: 50 us.
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 1).value, 50 * us);
}

TEST(RoundCost, TimeAlwaysAdvances) {
  StepCostTable table;
  table.latency.device = {0, 0};
  const StepWork work{1, 1, 10, 0};
  const std::int64_t growth = 1;
  const AffineCost cost = round_cost(table, &work, &growth, 1);
  EXPECT_EQ(cost.value, least_step);
  EXPECT_EQ(cost.slope, 0);
}

}  // namespace
}  // namespace plimsoll
