// Cost room: forming dollars, once, from integer totals.
#include "cost/cost.hpp"

#include <fmt/core.h>

namespace plimsoll {
namespace {

constexpr double ns_per_hour = 3.6e12;
constexpr double million = 1e6;

double revenue_of(const RunResult& result, const Config& config) {
  double revenue = 0;
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind != "tier") {
      continue;
    }
    for (const TierConfig& tier : config.tiers) {
      if (tier.name == slice.name) {
        revenue += static_cast<double>(slice.billed_prompt_tokens) / million *
                       tier.price_per_million_prompt_tokens.count() +
                   static_cast<double>(slice.billed_output_tokens) / million *
                       tier.price_per_million_output_tokens.count();
      }
    }
  }
  return revenue;
}

double gpu_hours(std::int64_t replica_ns, const PoolSummary& pool) {
  return static_cast<double>(replica_ns) / ns_per_hour * static_cast<double>(pool.gpus_per_replica);
}

/// Of a pool whose slots are rented under several contracts: each at its own price.
double mixed_rent(const PoolSummary& pool, const PriceSpec& price) {
  double dollars = 0;
  for (std::size_t contract = 0; contract < pool.elasticity->rented_ns.size(); ++contract) {
    dollars += gpu_hours(pool.elasticity->rented_ns[contract], pool) *
               price_of(price, static_cast<Contract>(contract)).count();
  }
  return dollars;
}

}  // namespace

double rented_gpu_hours(const PoolSummary& pool) {
  return gpu_hours(pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns, pool);
}

const char* contract_name(Contract contract) {
  constexpr const char* names[] = {"on_demand", "reserved", "spot"};
  return names[static_cast<int>(contract)];
}

CostSummary summarize_cost(const RunResult& result, const Config& config,
                           std::vector<std::string>& notes) {
  CostSummary cost;
  for (std::size_t i = 0; i < result.pools.size(); ++i) {
    const PoolSummary& pool = result.pools[i];
    const PoolConfig& pool_config = config.pools[i];
    CostLine line;
    line.pool = pool.name;
    line.gpu_hours = rented_gpu_hours(pool);
    if (pool_config.price) {
      const PriceSpec& price = config.prices[*pool_config.price];
      const UsdPerHour hourly = price_of(price, pool_config.contract);
      line.price = price.name;
      const bool mixed = pool_config.procurement && pool.elasticity;
      line.dollars = mixed ? mixed_rent(pool, price) : line.gpu_hours * hourly.count();
      if (hourly.count() == 0) {
        notes.push_back(fmt::format("Price {} has no {} offer: pool {} counts as free", price.name,
                                    contract_name(pool_config.contract), pool.name));
      }
    } else {
      notes.push_back(fmt::format("Pool {} has no price: its GPU-hours cost nothing", pool.name));
    }
    cost.gpu_hours += line.gpu_hours;
    cost.total += line.dollars;
    cost.lines.push_back(line);
  }
  const SliceSummary& whole = result.slices.front();
  const std::int64_t completed = whole.outcomes[static_cast<std::size_t>(Outcome::completed)];
  if (completed > 0) {
    cost.per_request = cost.total / static_cast<double>(completed);
  }
  if (whole.billed_output_tokens > 0) {
    cost.per_million_tokens =
        cost.total / (static_cast<double>(whole.billed_output_tokens) / million);
  }
  cost.revenue = revenue_of(result, config);
  if (cost.revenue > 0) {
    cost.margin = (cost.revenue - cost.total) / cost.revenue;
  }
  return cost;
}

}  // namespace plimsoll
