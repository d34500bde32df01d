// Affine round costs against the table's own costs, evaluated step by step.
#include "serving/round_cost.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

constexpr Femtoseconds us = 1'000'000'000;
constexpr int budget = 64;

/// Costs that rise from entry to entry by up to `most`.
std::vector<Femtoseconds> random_rise(Draws& draws, std::uint32_t most) {
  std::vector<Femtoseconds> costs{0};
  for (int i = 1; i <= budget; ++i) {
    costs.push_back(costs.back() + static_cast<Femtoseconds>(draws.below(most)));
  }
  return costs;
}

CostColumn random_column(Draws& draws) {
  CostColumn column;
  column.device = random_rise(draws, 2'000'000'000);
  if (draws.below(2) == 0) {  // as in the last stage of a pipeline; no line through 0
    column.head = random_rise(draws, 10'000'000);
    const auto once = static_cast<Femtoseconds>(draws.below(2'000'000'000));
    std::for_each(column.head.begin() + 1, column.head.end(),
                  [once](Femtoseconds& cost) { cost += once; });
  } else {
    column.head.assign(budget + 1, 0);
  }
  column.kv_token = draws.below(50'000'000);
  column.kv_read = draws.below(2'000'000'000);
  column.pair = draws.below(1'000'000);
  column.chunk = draws.below(2'000'000'000);
  column.host = static_cast<Femtoseconds>(draws.below(200)) * us;
  column.prompt_host = column.host + static_cast<Femtoseconds>(draws.below(200)) * us;
  column.prompt_pass = draws.below(2) == 0 ? 0 : 1 + static_cast<std::int64_t>(draws.below(budget));
  return column;
}

/// `stages` stages of at most three kinds.
StepCostTable random_table(Draws& draws, int stages) {
  StepCostTable table;
  for (int left = stages; left > 0; left -= table.kinds.back().count) {
    const bool rest = table.kinds.size() == 2;
    const int count =
        rest ? left : 1 + static_cast<int>(draws.below(static_cast<std::uint32_t>(left)));
    table.kinds.push_back({random_column(draws), count});
  }
  table.serial = draws.below(1'000'000'000);
  table.serial_sample = draws.below(10'000'000);
  if (stages > 1) {
    table.hops = random_rise(draws, 500'000'000);
  }
  return table;
}

/// Reads KV more often than not; what grows has some to begin with.
StepWork random_work(Draws& draws, std::int64_t growth) {
  StepWork work;
  work.tokens = 1 + static_cast<std::int64_t>(draws.below(budget));
  work.samples = draws.below(static_cast<std::uint32_t>(work.tokens) + 1);
  if (growth > 0 || draws.below(3) > 0) {
    work.kv_tokens = 1 + static_cast<std::int64_t>(draws.below(3000));
  }
  if (draws.below(2) == 0) {
    work.attention_pairs = draws.below(5000);
  }
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
      longest = std::max(longest, table.latency(now));
      all += table.stages() > 1 ? table.bottleneck(now) : 0;
    }
  }
  return std::max({longest, all, least_step});
}

TEST(AffineCost, IsExactUpToItsBreakpointAndNotBeyond) {
  Draws draws = RandomStream{5, "affine"}.of(0);
  int broken = 0;
  for (int i = 0; i < 500; ++i) {
    const CostColumn column = random_column(draws);
    const std::int64_t growth = draws.below(65);
    const StepWork work = random_work(draws, growth);
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
    const StepCostTable table = random_table(draws, stages);
    ASSERT_EQ(table.stages(), stages);
    std::vector<StepWork> work;
    std::vector<std::int64_t> growth;
    for (int m = 0; m < stages; ++m) {
      growth.push_back(draws.below(65));
      work.push_back(random_work(draws, growth.back()));
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

INSTANTIATE_TEST_SUITE_P(PipelineStages, RoundCostOfStages, ::testing::Values(1, 2, 4, 7));

CostColumn constant(Femtoseconds cost) {
  CostColumn column;
  column.device = {0, cost};
  column.head = {0, 0};
  return column;
}

TEST(RoundCost, EqualMicroBatchesFillThePipeline) {
  // Two stages of 30 us and 20 us and a hop of 5 us, two micro-batches: the slow stage is always
  // busy, 2 x 30 us.
  StepCostTable table;
  table.kinds = {{constant(30 * us), 1}, {constant(20 * us), 1}};
  table.hops = {5 * us, 5 * us};
  const std::vector<StepWork> work(2, StepWork{1, 1, 0, 0});
  const std::vector<std::int64_t> growth(2, 0);
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 2).value, 60 * us);
  // One alone passes through both stages: 55 us.
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 1).value, 55 * us);
}

TEST(RoundCost, KindsCountAsOftenAsTheyOccur) {
  // Five stages: 3 x 10, 12 and 15 us, 4 us of hops, 1 us + 0.5 us a sample serial. A micro-batch
  // takes 1.5 + 57 + 4 through all, and 1.5 + 15 in the last; five of them are 5 x 16.5.
  StepCostTable table;
  table.kinds = {{constant(10 * us), 3}, {constant(12 * us), 1}, {constant(15 * us), 1}};
  table.hops = {0, 4 * us};
  table.serial = us;
  table.serial_sample = us / 2;
  EXPECT_EQ(table.stages(), 5);
  const std::vector<StepWork> work(5, StepWork{1, 1, 0, 0});
  const std::vector<std::int64_t> growth(5, 0);
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 1).value, 62 * us + us / 2);
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 3).value, 62 * us + us / 2);
  EXPECT_EQ(round_cost(table, work.data(), growth.data(), 5).value, 82 * us + us / 2);
}

TEST(RoundCost, TimeAlwaysAdvances) {
  StepCostTable table;
  table.kinds = {{constant(0), 1}};
  const StepWork work{1, 1, 10, 0};
  const std::int64_t growth = 1;
  const AffineCost cost = round_cost(table, &work, &growth, 1);
  EXPECT_EQ(cost.value, least_step);
  EXPECT_EQ(cost.slope, 0);
}

}  // namespace
}  // namespace plimsoll
