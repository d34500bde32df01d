// Cost room: who caused what a run has to pay, and at which load it would pay for itself.
#include "cost/unit_costs.hpp"

#include <algorithm>
#include <utility>

#include "cost/amounts.hpp"
#include "cost/bill.hpp"
#include "cost/cost.hpp"
#include "cost/revenue.hpp"
#include "plimsoll/counted_classes.hpp"

namespace plimsoll {

MicroUsd gpu_cost(const MoneySummary& money, const std::string& pool) {
  MicroUsd amount;
  for (const BillRow& row : money.bill) {
    if (row.component == CostComponent::gpu && row.resource == pool) {
      amount = amount + row.billed;
    }
  }
  return amount;
}

MicroUsd offer_cost(const MoneySummary& money, const std::string& pool, const std::string& offer) {
  MicroUsd amount;
  for (const BillRow& row : money.bill) {
    if (row.component == CostComponent::gpu && row.resource == pool && row.offer == offer) {
      amount = amount + row.billed;
    }
  }
  return amount;
}

TokenWork work_of(const PoolSummary& pool, std::int64_t prompt_tokens, std::int64_t output_tokens) {
  const bool known = pool.token_times.prompt_ps > 0 && pool.token_times.output_ps > 0;
  const Int128 prompt_ps = known ? pool.token_times.prompt_ps : 1;
  const Int128 output_ps = known ? pool.token_times.output_ps : 1;
  return {prompt_ps * prompt_tokens, output_ps * output_tokens};
}

namespace {

/// What one cell pays for prompts and outputs.
struct CellCost {
  MicroUsd prompt;
  MicroUsd output;
};

/// Adds an amount to cells in proportion to weights, two a cell: of prompts, of outputs.
void hand_out(MicroUsd amount, const std::vector<Int128>& weights, std::vector<CellCost>& costs,
              MicroUsd& unattributed) {
  const std::vector<MicroUsd> parts = split(amount, weights);
  MicroUsd given;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    costs[i].prompt = costs[i].prompt + parts[2 * i];
    costs[i].output = costs[i].output + parts[2 * i + 1];
    given = given + parts[2 * i] + parts[2 * i + 1];
  }
  unattributed = unattributed + (amount - given);
}

/// A pool's GPU cost over its cells, by the time that its replicas work on prompts and outputs.
void split_pool(const PoolSummary& pool, std::size_t index, MicroUsd amount,
                const std::vector<TokenCell>& cells, std::vector<CellCost>& costs,
                MicroUsd& unattributed) {
  std::vector<Int128> weights;
  for (const TokenCell& cell : cells) {
    const bool inside = cell.pool == index;
    const TokenWork work = work_of(pool, cell.prompt_tokens, cell.output_tokens);
    weights.push_back(inside ? work.prompt : 0);
    weights.push_back(inside ? work.output : 0);
  }
  hand_out(amount, weights, costs, unattributed);
}

/// What is no GPU, in proportion to what is; by tokens where no GPU has a price.
void split_shared(MicroUsd amount, const std::vector<TokenCell>& cells,
                  std::vector<CellCost>& costs, MicroUsd& unattributed) {
  bool priced = false;
  for (const CellCost& cost : costs) {
    priced = priced || cost.prompt.count() + cost.output.count() > 0;
  }
  std::vector<Int128> weights;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    weights.push_back(priced ? costs[i].prompt.count() : cells[i].prompt_tokens);
    weights.push_back(priced ? costs[i].output.count() : cells[i].output_tokens);
  }
  hand_out(amount, weights, costs, unattributed);
}

std::vector<CellCost> cell_costs(MoneySummary& money, const RunResult& result,
                                 const BilledLoad& load) {
  std::vector<CellCost> costs(load.cells.size());
  MicroUsd shared = money.total;
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const MicroUsd amount = gpu_cost(money, result.pools[p].name);
    split_pool(result.pools[p], p, amount, load.cells, costs, money.unattributed);
    shared = shared - amount;
  }
  split_shared(shared, load.cells, costs, money.unattributed);
  return costs;
}

void add_cell(UnitCost& unit, const TokenCell& cell, const CellCost& cost) {
  unit.completed += cell.completed;
  unit.prompt_tokens += cell.prompt_tokens;
  unit.output_tokens += cell.output_tokens;
  unit.prompt_cost = unit.prompt_cost + cost.prompt;
  unit.output_cost = unit.output_cost + cost.output;
}

/// Of each class that does not count, as `config` lists them.
std::vector<UnitCost> uncounted_units(const std::vector<CellCost>& costs, const BilledLoad& load,
                                      const Config& config) {
  std::vector<UnitCost> units;
  for (std::size_t c = 0; c < config.workload.classes.size(); ++c) {
    if (counts(config, static_cast<ClassIndex>(c))) {
      continue;
    }
    UnitCost& unit = units.emplace_back();
    unit.kind = "class";
    unit.name = config.workload.classes[c].name;
    for (std::size_t i = 0; i < costs.size(); ++i) {
      if (load.cells[i].request_class == c) {
        add_cell(unit, load.cells[i], costs[i]);
      }
    }
  }
  return units;
}

std::vector<UnitCost> unit_costs(MoneySummary& money, const RunResult& result,
                                 const BilledLoad& load, const Config& config) {
  const std::vector<CellCost> costs = cell_costs(money, result, load);
  std::vector<UnitCost> units(config.tiers.size() + config.models.size());
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const TokenCell& cell = load.cells[i];
    if (!counts(config, cell.request_class)) {
      continue;
    }
    const std::size_t tier = config.workload.classes[cell.request_class].tier;
    const std::size_t model = config.tiers.size() + config.pools[cell.pool].model;
    add_cell(units[tier], cell, costs[i]);
    add_cell(units[model], cell, costs[i]);
  }
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool tier = i < config.tiers.size();
    UnitCost& unit = units[i];
    unit.kind = tier ? "tier" : "model";
    unit.name = tier ? config.tiers[i].name : config.models[i - config.tiers.size()].name;
    unit.users = tier ? mean_users(result, config, unit.name) : 0;
    for (const RevenueRow& row : money.revenue) {
      const bool inside = tier ? row.tier == unit.name : row.model == unit.name;
      unit.revenue = inside ? unit.revenue + row.amount : unit.revenue;
      unit.stolen = inside ? unit.stolen + row.stolen : unit.stolen;
    }
  }
  // Draft models serve nobody.
  units.erase(std::remove_if(
                  units.begin(), units.end(),
                  [](const UnitCost& unit) { return unit.kind == "model" && unit.completed == 0; }),
              units.end());
  for (UnitCost& unit : uncounted_units(costs, load, config)) {
    units.push_back(std::move(unit));
  }
  return units;
}

MicroUsd share_of(MicroUsd amount, Int128 part, Int128 whole) {
  return whole <= 0 ? MicroUsd{} : split(amount, {part, whole - part}).front();
}

void add_waste(MoneySummary& money, const RunResult& result, const BilledLoad& load) {
  for (const PoolSummary& pool : result.pools) {
    const MicroUsd amount = gpu_cost(money, pool.name);
    money.idle = money.idle + share_of(amount, pool.billed_idle_ns, rented_ns(pool));
    money.down = money.down + share_of(amount, pool.down_ns, rented_ns(pool));
  }
  for (const BillRow& row : money.bill) {
    money.unused = row.unused ? money.unused + row.billed : money.unused;
  }
  const SliceSummary& whole = result.slices.front();
  money.missed = share_of(money.total, whole.measured - whole.good, whole.measured);
  if (load.good > 0) {
    money.cost_per_good_request = to_dollars(money.total) / static_cast<double>(load.good);
  }
}

/// The time in which requests arrived that the load is of.
Duration paid_arrivals(const RunResult& result, const Config& config) {
  const Duration run = result.end.time_since_epoch();
  return config.duration > Duration::zero() ? std::min(run, config.duration) : run;
}

/// Revenue = cost at x times the load: fixed_revenue + x load_revenue = fixed_cost + x load_cost.
void add_break_even(MoneySummary& money, const RunResult& result, const BilledLoad& load,
                    const Config& config) {
  money.served_rate = result.most_completed_per_second;
  const std::int64_t completed = counted(load, config, &TokenCell::completed);
  MicroUsd load_cost;
  MicroUsd load_revenue;
  for (const BillRow& row : money.bill) {
    load_cost = row.follows_load ? load_cost + row.billed : load_cost;
  }
  for (const RevenueRow& row : money.revenue) {
    load_revenue = row.follows_load ? load_revenue + row.amount : load_revenue;
  }
  const MicroUsd gap = (money.total - load_cost) - (money.revenue_total - load_revenue);
  const MicroUsd gained = load_revenue - load_cost;
  money.breaks_even = gap.count() <= 0 || gained.count() > 0;
  if (gap.count() > 0 && gained.count() > 0) {
    // Nobody arrives in the drain.
    const double seconds = to_seconds(paid_arrivals(result, config));
    money.break_even_share = gap / gained;
    money.break_even_rate =
        seconds > 0 ? money.break_even_share * static_cast<double>(completed) / seconds : 0;
  }
}

/// Arrivals of a slice that were not answered, but for those that limits or authorization refused:
/// who has no right to an answer would not have paid for one.
std::int64_t missed_sales(const SliceSummary& slice) {
  std::int64_t missed = slice.arrived - slice.in_flight;
  for (const Outcome outcome :
       {Outcome::completed, Outcome::cached, Outcome::rate_limited, Outcome::unauthorized}) {
    missed -= slice.outcomes[static_cast<std::size_t>(outcome)];
  }
  return missed;
}

/// Requests of a tier that completed and were paid for.
std::int64_t paid_requests(const BilledLoad& load, const Config& config, const std::string& tier) {
  const auto of_tier = [&](const std::vector<TokenCell>& cells) {
    std::int64_t sum = 0;
    for (const TokenCell& cell : cells) {
      const bool its = config.tiers[config.workload.classes[cell.request_class].tier].name == tier;
      sum += its && counts(config, cell.request_class) ? cell.completed : 0;
    }
    return sum;
  };
  return of_tier(load.cells) - of_tier(load.stolen);
}

/// By tier what a paid request brings in tokens, for each that was not answered. Of windows, whose
/// estimate of unanswered requests knows no tiers, over all of them.
MicroUsd unearned(const MoneySummary& money, const RunResult& result, const BilledLoad& load,
                  const Config& config) {
  const auto token_revenue = [&money](const std::string* tier) {
    MicroUsd sum;
    for (const RevenueRow& row : money.revenue) {
      sum = row.follows_load && (tier == nullptr || row.tier == *tier) ? sum + row.amount : sum;
    }
    return sum;
  };
  const auto times = [](MicroUsd amount, std::int64_t part, std::int64_t whole) {
    return whole <= 0 ? MicroUsd{}
                      : MicroUsd::of(static_cast<std::int64_t>(static_cast<Int128>(amount.count()) *
                                                               part / whole));
  };
  if (result.horizon) {
    return times(token_revenue(nullptr), load.unanswered,
                 counted(load, config, &TokenCell::completed));
  }
  MicroUsd sum;
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind == "tier") {
      sum = sum + times(token_revenue(&slice.name), missed_sales(slice),
                        paid_requests(load, config, slice.name));
    }
  }
  return sum;
}

}  // namespace

void add_unit_costs(MoneySummary& money, const RunResult& result, const BilledLoad& load,
                    const Config& config) {
  money.units = unit_costs(money, result, load, config);
  add_waste(money, result, load);
  add_break_even(money, result, load, config);
  money.unearned = unearned(money, result, load, config);
  for (const TierConfig& tier : config.tiers) {
    money.users += mean_users(result, config, tier.name);
  }
  const double months = to_seconds(result.end.time_since_epoch()) / to_seconds(price_month);
  if (money.users > 0 && months > 0) {
    const double user_months = static_cast<double>(money.users) * months;
    money.revenue_per_user_month = to_dollars(money.revenue_total) / user_months;
    money.cost_per_user_month = to_dollars(money.total) / user_months;
  }
  Int128 gpu_ns = 0;
  for (const PoolSummary& pool : result.pools) {
    gpu_ns += static_cast<Int128>(rented_ns(pool)) * pool.gpus_per_replica;
  }
  if (result.allocation) {
    for (const SharedGpusSummary& shared : result.allocation->shared) {
      gpu_ns += shared.unallocated_ns + shared.down_ns;
    }
  }
  if (gpu_ns > 0) {
    money.revenue_per_gpu_hour =
        to_dollars(money.revenue_total) / (static_cast<double>(gpu_ns) / 3.6e12);
  }
}

}  // namespace plimsoll
