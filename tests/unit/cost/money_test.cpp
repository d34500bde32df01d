// The bill, the revenue and who causes what: arithmetic by hand, and sums that hold for any price.
#include <gtest/gtest.h>

#include <chrono>

#include "cost/bill.hpp"
#include "cost/cost.hpp"
#include "plimsoll/rng.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

UtcTime day(int year, unsigned month, unsigned day_of_month) {
  return std::chrono::sys_days{std::chrono::year{year} / std::chrono::month{month} /
                               std::chrono::day{day_of_month}};
}

/// Two pools of 2 replicas x 4 GPUs played for `hours`; both tiers' requests in both pools.
struct Books : ::testing::Test {
  Books() : config{testing::metrics_config(2)} { play(2); }

  void play(std::int64_t hours) {
    result = RunResult{};
    result.end = sim_start + std::chrono::hours{hours};
    for (const PoolConfig& pool_config : config.pools) {
      PoolSummary pool;
      pool.name = pool_config.name;
      pool.replicas = 2;
      pool.gpus_per_replica = 4;
      pool.busy_ns = hours * hour_ns;
      pool.idle_ns = hours * hour_ns;
      pool.billed_idle_ns = pool.idle_ns;
      pool.token_times = {300'000'000, 3'000'000'000};
      result.pools.push_back(pool);
    }
    result.token_cells = {{0, 0, 100, 40'000, 10'000},
                          {1, 0, 50, 10'000, 5'000},
                          {0, 1, 30, 9'000, 3'000},
                          {1, 1, 20, 20'000, 8'000}};
    SliceSummary whole;
    whole.kind = "all";
    whole.arrived = 250;
    whole.measured = 200;
    whole.good = 150;
    whole.outcomes[static_cast<int>(Outcome::completed)] = 200;
    whole.outcomes[static_cast<int>(Outcome::shed)] = 50;
    for (const TokenCell& cell : result.token_cells) {
      whole.billed_prompt_tokens += cell.prompt_tokens;
      whole.billed_output_tokens += cell.output_tokens;
    }
    result.slices = {whole, tier_slice("free", 130, 30), tier_slice("plus", 70, 20)};
  }

  static SliceSummary tier_slice(const char* name, std::int64_t completed, std::int64_t shed) {
    SliceSummary slice;
    slice.kind = "tier";
    slice.name = name;
    slice.arrived = completed + shed;
    slice.outcomes[static_cast<int>(Outcome::completed)] = completed;
    slice.outcomes[static_cast<int>(Outcome::shed)] = shed;
    return slice;
  }

  MoneySummary money() {
    std::vector<std::string> notes;
    return summarize_cost(result, config, notes).money;
  }

  /// A price that gives way to another on 2025-06-01.
  void price_pools(double before, double after) {
    PriceSpec first;
    first.name = "before";
    first.on_demand = UsdPerHour::of(before);
    first.until = day(2025, 6, 1);
    first.then = 1;
    PriceSpec second;
    second.name = "after";
    second.on_demand = UsdPerHour::of(after);
    config.prices = {first, second};
    config.pools[0].price = 0;
    config.pools[1].price = 0;
  }

  CostItemConfig& item(CostComponent component, CostDriver driver) {
    CostItemConfig& added = config.money.costs.emplace_back();
    added.name = "item" + std::to_string(config.money.costs.size());
    added.component = component;
    added.driver = driver;
    return added;
  }

  Config config;
  RunResult result;
};

std::int64_t sum_of(const std::vector<BillRow>& rows) {
  std::int64_t sum = 0;
  for (const BillRow& row : rows) {
    sum += row.billed.count();
  }
  return sum;
}

TEST_F(Books, ARunOverAChangeOfPricePaysEachForItsTime) {
  price_pools(4, 3);
  config.start = day(2025, 5, 31) + std::chrono::hours{23};
  ASSERT_EQ(price_changes(config), std::vector<SimTime>{sim_start + std::chrono::hours{1}});
  // One replica of pool 1 was off in the first hour: it rented 1 of 2 replica-hours then, 3 in all.
  result.pools[1].idle_ns -= hour_ns;
  result.rent_marks = {{sim_start + std::chrono::hours{1}, {2 * hour_ns, hour_ns}, {}}};
  const std::vector<BillRow> rows = gpu_rows(result, config);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].billed.count(), 2 * 4 * 4'000'000);
  EXPECT_EQ(rows[1].billed.count(), 2 * 4 * 3'000'000);
  EXPECT_EQ(rows[2].billed.count(), 1 * 4 * 4'000'000);
  EXPECT_EQ(rows[3].billed.count(), 2 * 4 * 3'000'000);
  EXPECT_EQ(rows[0].sku, "before");
  EXPECT_EQ(rows[1].begin, rows[0].end);
  EXPECT_EQ(rows[1].end, result.end);
  EXPECT_DOUBLE_EQ(rows[0].quantity + rows[1].quantity + rows[2].quantity + rows[3].quantity,
                   4 * (4.0 + 3.0));
}

TEST_F(Books, WithoutADateAPriceHoldsThroughout) {
  price_pools(4, 3);
  EXPECT_TRUE(price_changes(config).empty());
  ASSERT_EQ(gpu_rows(result, config).size(), 2U);
  EXPECT_EQ(money().total.count(), 2 * 4 * 4 * 4'000'000);
}

TEST_F(Books, APriceThatChangesAfterTheEndIsNeverPaid) {
  price_pools(4, 3);
  config.start = day(2025, 5, 1);
  EXPECT_EQ(gpu_rows(result, config).size(), 2U);
}

TEST_F(Books, WhatIsNoGpuIsPaidByItsDriver) {
  CostItemConfig& cpu = item(CostComponent::cpu, CostDriver::cpu_time);
  cpu.vcpu_price = UsdPerHour::of(0.04);
  cpu.vcpus = 100;
  cpu.vcpus_per_gpu = 12;
  cpu.vcpu_time_per_request = std::chrono::milliseconds{36};
  CostItemConfig& store = item(CostComponent::storage, CostDriver::bytes_held);
  store.held_price = UsdPerGbMonth::of(0.023);
  store.held = Bytes::of(365'000'000'000'000);  // 365 TB for 2 of 730 hours: 1 TB-month
  CostItemConfig& egress = item(CostComponent::network, CostDriver::bytes_moved);
  egress.moved_price = UsdPerGb::of(0.05);
  egress.per_request = Bytes::of(1'000'000);       // 250 arrivals: 0.25 GB
  egress.per_output_token = Bytes::of(1'000'000);  // 26,000 tokens: 26 GB
  egress.per_gpu_hour = Bytes::of(500'000'000);    // 32 GPU-hours: 16 GB
  CostItemConfig& fee = item(CostComponent::other, CostDriver::subscription);
  fee.fee = UsdPerMonth::of(365);
  const std::vector<BillRow> rows = item_rows(result, billed_load(result), config);
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].billed.count(), (100 * 2 + 12 * 32) * 40'000);
  EXPECT_EQ(rows[1].billed.count(), 100);  // 250 x 36 ms = 9 s = 0.0025 h, at $0.04
  EXPECT_EQ(rows[2].billed.count(), 23'000'000);
  EXPECT_EQ(rows[3].billed.count(), 800'000);
  EXPECT_EQ(rows[4].billed.count(), 1'312'500);
  EXPECT_EQ(rows[5].billed.count(), 1'000'000);
  EXPECT_FALSE(rows[3].follows_load);
  EXPECT_TRUE(rows[4].follows_load);
}

TEST_F(Books, WeightsAreHeldOnceForEachModelAndPrecision) {
  config.models[0].parameters = 1'000'000'000'000;
  config.pools[1].weight_precision = Precision::int8;
  CostItemConfig& store = item(CostComponent::storage, CostDriver::bytes_held);
  store.held_price = UsdPerGbMonth::of(1);
  store.weight_copies = 73;  // 3 TB of weights x 73 for 2 of 730 hours: 600 GB-months
  EXPECT_EQ(item_rows(result, billed_load(result), config).front().billed.count(), 600'000'000);
}

TEST_F(Books, ThePathPaysForItsInstancesAndCaches) {
  PathConfig& path = config.path.emplace();
  path.api_tier.emplace().instances = 50;
  path.response_cache.emplace().capacity = Bytes::of(200'000'000'000);
  path.conversation_cache.emplace().cache.capacity = Bytes::of(165'000'000'000);
  CostItemConfig& cpu = item(CostComponent::cpu, CostDriver::cpu_time);
  cpu.vcpu_price = UsdPerHour::of(0.04);
  cpu.vcpus_per_api_instance = 4;
  CostItemConfig& memory = item(CostComponent::storage, CostDriver::bytes_held);
  memory.held_price = UsdPerGbMonth::of(10);
  memory.cache_copies = 2;
  const std::vector<BillRow> rows = item_rows(result, billed_load(result), config);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].billed.count(), 50 * 4 * 2 * 40'000);
  EXPECT_EQ(rows[1].billed.count(), 20'000'000);  // 730 GB for 2 of 730 hours at $10
  // Tiers that scale are paid for what they had on average.
  path.api_tier->autoscale.emplace();
  path.response_cache->autoscale.emplace();
  path.response_cache->node = Bytes::of(100'000'000'000);
  ScalingSummary tier;
  tier.pool = "api_tier";
  tier.replicas_mean = 75;
  ScalingSummary cache;
  cache.pool = "response_cache";
  cache.replicas_mean = 5.65;
  result.scaling = {tier, cache};
  const std::vector<BillRow> scaled = item_rows(result, billed_load(result), config);
  EXPECT_EQ(scaled[0].billed.count(), 75 * 4 * 2 * 40'000);
  EXPECT_EQ(scaled[1].billed.count(), 40'000'000);  // 1,460 GB
}

TEST_F(Books, RevenueIsProRataAndByModel) {
  config.money.users = {{"plus", 730}};
  RevenueConfig subscription;
  subscription.name = "plus";
  subscription.kind = RevenueKind::subscription;
  subscription.tier = 1;
  subscription.price = UsdPerMonth::of(20);
  RevenueConfig tokens;
  tokens.name = "api";
  tokens.kind = RevenueKind::tokens;
  tokens.tier = 0;
  tokens.model = 0;
  tokens.prompt_price = UsdPerMillion::of(10);
  tokens.output_price = UsdPerMillion::of(30);
  RevenueConfig contract;
  contract.name = "enterprise";
  contract.kind = RevenueKind::contract;
  contract.price = UsdPerMonth::of(7'300);
  config.money.revenue = {tokens, contract, subscription};
  const MoneySummary books = money();
  ASSERT_EQ(books.revenue.size(), 3U);
  EXPECT_EQ(books.revenue[0].amount.count(), 49'000 * 10 + 13'000 * 30);
  EXPECT_EQ(books.revenue[1].amount.count(), 20'000'000);
  EXPECT_EQ(books.revenue[2].amount.count(), 40'000'000);  // 730 users x $20 x 2 / 730
  EXPECT_DOUBLE_EQ(books.revenue_per_user_month, to_dollars(books.revenue_total) / 2);
}

TEST_F(Books, CostFollowsTheTimeThatTokensTake) {
  price_pools(1, 1);
  config.pools[1].price.reset();
  const MoneySummary books = money();  // $16: 16 GPU-hours of pool 0
  // Prompts 50,000 x 0.3 ms = 15 s, outputs 15,000 x 3 ms = 45 s; free has 12 and 30 of the 60 s.
  const UnitCost& free_tier = books.units.at(0);
  EXPECT_NEAR(to_dollars(free_tier.prompt_cost), 16.0 * 12 / 60, 2e-6);
  EXPECT_NEAR(to_dollars(free_tier.output_cost), 16.0 * 30 / 60, 2e-6);
  EXPECT_EQ(books.unattributed.count(), 0);
}

TEST_F(Books, IdleTimeAndMissedAnswersAreSharesOfTheBill) {
  price_pools(2, 2);
  result.pools[1].down_ns = result.pools[1].idle_ns;
  result.pools[1].idle_ns = 0;
  result.pools[1].billed_idle_ns = 0;
  const MoneySummary books = money();
  EXPECT_EQ(books.total.count(), 64'000'000);
  EXPECT_EQ(books.idle.count(), 16'000'000);
  EXPECT_EQ(books.down.count(), 16'000'000);
  EXPECT_EQ(books.missed.count(), 16'000'000);  // 50 of 200
  EXPECT_DOUBLE_EQ(books.cost_per_good_request, 64.0 / 150);
}

TEST_F(Books, BreaksEvenWhereRevenueMeetsCost) {
  price_pools(1, 1);  // $32 that do not follow load
  config.tiers[0].price_per_million_output_tokens = UsdPerMillion::of(1000);  // earns $13
  CostItemConfig& egress = item(CostComponent::network, CostDriver::bytes_moved);
  egress.moved_price = UsdPerGb::of(1);
  egress.per_request = Bytes::of(20'000'000);  // 250 arrivals: $5
  const MoneySummary books = money();
  EXPECT_TRUE(books.breaks_even);
  EXPECT_DOUBLE_EQ(books.break_even_share, 32.0 / (13 - 5));
  EXPECT_DOUBLE_EQ(books.break_even_rate, 4 * 200.0 / 7200);
  EXPECT_EQ(books.unearned.count(), 13'000'000 * 30 / 130) << "the other tier never pays";
  // An hour of arrivals and an hour of drain: the same answers are twice the rate.
  config.duration = std::chrono::hours{1};
  EXPECT_DOUBLE_EQ(money().break_even_rate, 4 * 200.0 / 3600);
  egress.per_request = Bytes::of(60'000'000);  // $15 a load that earns $13
  EXPECT_FALSE(money().breaks_even);
}

TEST_F(Books, WhoeverHasNoRightToAnAnswerWouldNotHavePaidForOne) {
  price_pools(1, 1);
  config.tiers[0].price_per_million_output_tokens = UsdPerMillion::of(1000);
  SliceSummary& free_tier = result.slices[1];
  const std::int64_t before = money().unearned.count();
  for (const Outcome refused : {Outcome::rate_limited, Outcome::unauthorized}) {
    free_tier.arrived += 1000;
    free_tier.outcomes[static_cast<std::size_t>(refused)] = 1000;
    EXPECT_EQ(money().unearned.count(), before);
  }
  free_tier.arrived += 30;
  free_tier.outcomes[static_cast<std::size_t>(Outcome::timed_out)] = 30;
  EXPECT_EQ(money().unearned.count(), 2 * before);
}

TEST_F(Books, AGoodRequestCostsItsShareOfTheBillWhateverTheWarmUp) {
  price_pools(2, 2);
  const double all_measured = money().cost_per_good_request;
  result.slices.front().measured = 100;  // half of the 200 came before the warm-up was over
  result.slices.front().good = 75;
  EXPECT_DOUBLE_EQ(money().cost_per_good_request, all_measured);
}

TEST_F(Books, WhatABypassLetPassIsNoRevenue) {
  price_pools(1, 1);
  config.tiers[0].price_per_million_prompt_tokens = UsdPerMillion::of(10);
  config.tiers[0].price_per_million_output_tokens = UsdPerMillion::of(30);
  result.path.bypassed_cells = {{0, 1, 30, 9'000, 3'000}};  // all of the class in that pool
  const MoneySummary books = money();
  EXPECT_EQ(books.revenue_total.count(), 40'000 * 10 + 10'000 * 30);
  EXPECT_EQ(books.stolen.count(), 9'000 * 10 + 3'000 * 30);
  EXPECT_EQ(books.units.at(0).revenue.count(), books.revenue_total.count());
  EXPECT_EQ(books.units.at(0).stolen.count(), books.stolen.count());
  // Of the 130 of the tier that completed 100 were paid for.
  EXPECT_EQ(books.unearned.count(), books.revenue_total.count() * 30 / 100);
}

TEST_F(Books, RevenueAndWhatIsStolenAreTokensTimesPrice) {
  Draws draws = RandomStream{12, "books"}.of(0);
  const auto some_of = [&](std::int64_t count) {
    return static_cast<std::int64_t>(draws.below(static_cast<std::uint32_t>(count + 1)));
  };
  price_pools(1, 1);
  for (int trial = 0; trial < 200; ++trial) {
    for (TierConfig& tier : config.tiers) {
      tier.price_per_million_prompt_tokens = UsdPerMillion::of(50 * draws.uniform());
      tier.price_per_million_output_tokens = UsdPerMillion::of(50 * draws.uniform());
    }
    result.path.bypassed_cells.clear();
    const MoneySummary honest = money();
    ASSERT_EQ(honest.stolen.count(), 0);
    for (const TokenCell& cell : result.token_cells) {
      BypassedCell stolen{cell.request_class, cell.pool};
      stolen.completed = some_of(cell.completed);
      stolen.prompt_tokens = some_of(cell.prompt_tokens);
      stolen.output_tokens = some_of(cell.output_tokens);
      result.path.bypassed_cells.push_back(stolen);
    }
    const MoneySummary books = money();
    ASSERT_EQ(books.revenue_total.count() + books.stolen.count(), honest.revenue_total.count());
    for (const char* kind : {"tier", "model"}) {
      std::int64_t revenue = 0;
      std::int64_t stolen = 0;
      for (const UnitCost& unit : books.units) {
        revenue += unit.kind == kind ? unit.revenue.count() : 0;
        stolen += unit.kind == kind ? unit.stolen.count() : 0;
      }
      ASSERT_EQ(revenue, books.revenue_total.count()) << kind;
      ASSERT_EQ(stolen, books.stolen.count()) << kind;
    }
    ASSERT_EQ(books.total.count(), honest.total.count()) << "stolen tokens cost as others do";
  }
}

TEST_F(Books, AnswersFromCachesAreSentAsOthersAre) {
  price_pools(1, 1);
  CostItemConfig& egress = item(CostComponent::network, CostDriver::bytes_moved);
  egress.moved_price = UsdPerGb::of(1);
  egress.per_output_token = Bytes::of(1'000);
  const std::int64_t without =
      money().by_component[static_cast<std::size_t>(CostComponent::network)].count();
  result.cached_output_tokens = 3'000'000;  // 3 GB
  const MoneySummary books = money();
  EXPECT_EQ(books.by_component[static_cast<std::size_t>(CostComponent::network)].count(),
            without + 3'000'000);
  EXPECT_EQ(books.bill.back().description, "Bytes of cached answers");
  EXPECT_TRUE(books.bill.back().follows_load);
}

TEST_F(Books, NothingIsLostForAnyPriceBook) {
  Draws draws = RandomStream{11, "books"}.of(0);
  const auto some = [&](double most) { return most * draws.uniform(); };
  for (int trial = 0; trial < 500; ++trial) {
    config.money.costs.clear();
    play(1 + draws.below(9'000));
    const double before = some(50);
    const double after = some(50);
    price_pools(before, after);
    config.start = day(2025, 6, 1) - std::chrono::hours{draws.below(9'000)};
    for (PoolSummary& pool : result.pools) {
      pool.busy_ns -= static_cast<std::int64_t>(draws.below(1'000'000'000));
      pool.token_times.prompt_ps = draws.below(1'000'000);
    }
    for (const SimTime at : price_changes(config)) {
      RentMark mark;
      mark.at = at;
      for (const PoolSummary& pool : result.pools) {
        mark.rented_ns.push_back(
            static_cast<std::int64_t>(static_cast<double>(rented_ns(pool)) * draws.uniform()));
      }
      result.rent_marks.push_back(mark);
    }
    CostItemConfig& cpu = item(CostComponent::cpu, CostDriver::cpu_time);
    cpu.vcpu_price = UsdPerHour::of(some(1));
    cpu.vcpus = draws.below(1'000'000);
    CostItemConfig& logs = item(CostComponent::monitoring, CostDriver::bytes_moved);
    logs.moved_price = UsdPerGb::of(some(1));
    logs.per_request = Bytes::of(draws.below(1'000'000));
    const MoneySummary books = money();
    ASSERT_EQ(sum_of(books.bill), books.total.count());
    std::int64_t components = 0;
    for (const MicroUsd amount : books.by_component) {
      components += amount.count();
    }
    ASSERT_EQ(components, books.total.count());
    for (const char* kind : {"tier", "model"}) {
      std::int64_t units = books.unattributed.count();
      for (const UnitCost& unit : books.units) {
        units += unit.kind == kind ? unit.prompt_cost.count() + unit.output_cost.count() : 0;
      }
      ASSERT_EQ(units, books.total.count()) << kind;
    }
    ASSERT_LE(books.idle.count() + books.down.count(), books.total.count());
  }
}

}  // namespace
}  // namespace plimsoll
