// Cost room: bill, revenue and what follows from them, from integer totals.
#include "cost/cost.hpp"

#include <fmt/core.h>

#include "cost/bill.hpp"
#include "cost/revenue.hpp"
#include "cost/unit_costs.hpp"
#include "plimsoll/counted_classes.hpp"

namespace plimsoll {
namespace {

constexpr double ns_per_hour = 3.6e12;
constexpr double million = 1e6;

MoneySummary summarize_money(const RunResult& result, const BilledLoad& load,
                             const Config& config) {
  MoneySummary money;
  money.bill = gpu_rows(result, config);
  for (BillRow& row : item_rows(result, load, config)) {
    money.bill.push_back(std::move(row));
  }
  money.revenue = revenue_rows(result, load, config);
  for (const BillRow& row : money.bill) {
    MicroUsd& component = money.by_component[static_cast<std::size_t>(row.component)];
    component = component + row.billed;
    money.total = money.total + row.billed;
  }
  for (const RevenueRow& row : money.revenue) {
    money.revenue_total = money.revenue_total + row.amount;
    money.stolen = money.stolen + row.stolen;
  }
  add_unit_costs(money, result, load, config);
  return money;
}

CostLine line_of(const PoolSummary& pool, const PoolConfig& pool_config, const Config& config,
                 const MoneySummary& money, std::vector<std::string>& notes) {
  CostLine line;
  line.pool = pool.name;
  line.gpu_hours = rented_gpu_hours(pool);
  if (has_offers(pool_config)) {
    line.price = "offers";
    line.dollars = to_dollars(gpu_cost(money, pool.name));
    return line;
  }
  if (!pool_config.price) {
    notes.push_back(fmt::format("Pool {} has no price: its GPU-hours cost nothing", pool.name));
    return line;
  }
  const PriceSpec& price = config.prices[*pool_config.price];
  line.price = price.name;
  line.dollars = to_dollars(gpu_cost(money, pool.name));
  if (price_of(price, pool_config.contract).count() == 0) {
    notes.push_back(fmt::format("Price {} has no {} offer: pool {} counts as free", price.name,
                                contract_name(pool_config.contract), pool.name));
  }
  return line;
}

std::int64_t sum_of(const std::vector<TokenCell>& cells, std::int64_t TokenCell::*count) {
  std::int64_t sum = 0;
  for (const TokenCell& cell : cells) {
    sum += cell.*count;
  }
  return sum;
}

/// What did not come from users drives the bill as they do.
void add_uncounted(BilledLoad& load, const RunResult& result, const Config& config) {
  if (result.horizon || all_count(config)) {
    return;
  }
  for (const SliceSummary& slice : result.slices) {
    for (std::size_t c = 0; c < config.workload.classes.size(); ++c) {
      const bool its = slice.kind == "class" && slice.name == config.workload.classes[c].name;
      load.arrived += its && !counts(config, static_cast<ClassIndex>(c)) ? slice.arrived : 0;
    }
  }
}

/// Shared GPUs are paid for also when nobody has them.
void add_unallocated(CostSummary& cost, const std::vector<SharedGpusSummary>& all) {
  for (const SharedGpusSummary& shared : all) {
    CostLine line;
    line.pool = shared.name;
    line.gpu_hours = static_cast<double>(shared.unallocated_ns + shared.down_ns) / ns_per_hour;
    for (const BillRow& row : cost.money.bill) {
      if (row.component == CostComponent::gpu && row.resource == shared.name) {
        line.price = row.sku;
      }
    }
    line.dollars = to_dollars(gpu_cost(cost.money, shared.name));
    cost.gpu_hours += line.gpu_hours;
    cost.lines.push_back(line);
  }
}

}  // namespace

double rented_gpu_hours(const PoolSummary& pool) {
  return static_cast<double>(rented_ns(pool)) / ns_per_hour *
         static_cast<double>(pool.gpus_per_replica);
}

const char* contract_name(Contract contract) {
  constexpr const char* names[] = {"on_demand", "reserved", "spot", "reserved_3y"};
  return names[static_cast<int>(contract)];
}

std::int64_t counted(const BilledLoad& load, const Config& config, std::int64_t TokenCell::*count) {
  std::int64_t sum = 0;
  for (const TokenCell& cell : load.cells) {
    sum += counts(config, cell.request_class) ? cell.*count : 0;
  }
  return sum;
}

std::int64_t BilledLoad::completed() const {
  return sum_of(cells, &TokenCell::completed);
}

std::int64_t BilledLoad::prompt_tokens() const {
  return sum_of(cells, &TokenCell::prompt_tokens);
}

std::int64_t BilledLoad::output_tokens() const {
  return sum_of(cells, &TokenCell::output_tokens);
}

BilledLoad billed_load(const RunResult& result) {
  if (result.horizon) {
    return result.horizon->load;
  }
  const SliceSummary& whole = result.slices.front();
  BilledLoad load;
  load.arrived = whole.arrived;
  load.cells = result.token_cells;
  for (const BypassedCell& cell : result.path.bypassed_cells) {
    load.stolen.push_back(
        {cell.request_class, cell.pool, cell.completed, cell.prompt_tokens, cell.output_tokens});
  }
  load.cached_output_tokens = result.cached_output_tokens;
  if (whole.measured > 0) {
    const Int128 completed = whole.outcomes[static_cast<std::size_t>(Outcome::completed)];
    load.good =
        static_cast<std::int64_t>((completed * whole.good + whole.measured / 2) / whole.measured);
  }
  return load;
}

CostSummary summarize_cost(const RunResult& result, const Config& config,
                           std::vector<std::string>& notes) {
  CostSummary cost;
  BilledLoad load = billed_load(result);
  add_uncounted(load, result, config);
  cost.money = summarize_money(result, load, config);
  for (std::size_t i = 0; i < result.pools.size(); ++i) {
    cost.lines.push_back(line_of(result.pools[i], config.pools[i], config, cost.money, notes));
    cost.gpu_hours += cost.lines.back().gpu_hours;
  }
  if (result.allocation) {
    add_unallocated(cost, result.allocation->shared);
  }
  cost.total = to_dollars(cost.money.total);
  const std::int64_t completed = counted(load, config, &TokenCell::completed);
  const std::int64_t output_tokens = counted(load, config, &TokenCell::output_tokens);
  if (completed > 0) {
    cost.per_request = cost.total / static_cast<double>(completed);
  }
  if (output_tokens > 0) {
    cost.per_million_tokens = cost.total / (static_cast<double>(output_tokens) / million);
  }
  cost.revenue = to_dollars(cost.money.revenue_total);
  if (cost.revenue > 0) {
    cost.margin = (cost.revenue - cost.total) / cost.revenue;
  }
  return cost;
}

}  // namespace plimsoll
