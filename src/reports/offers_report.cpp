// Reports room: what pools had from their offers.
#include "reports/offers_report.hpp"

#include <fmt/format.h>

#include <vector>

#include "cost/cost.hpp"
#include "cost/unit_costs.hpp"
#include "plimsoll/report.hpp"
#include "reports/csv_field.hpp"
#include "reports/output_file.hpp"
#include "reports/text_table.hpp"

namespace plimsoll {
namespace {

constexpr const char* header =
    "pool,offer,provider,region,contract,orders,deliveries,reclaims,lost,sold_out,most_nodes,"
    "rented_replica_ns,node_hours,gpu_hours,dollars\n";

double gpu_hours(const PoolSummary& pool, const OfferUse& use) {
  return static_cast<double>(use.rented_ns) / 3.6e12 * static_cast<double>(pool.gpus_per_replica);
}

std::string csv_row(const RunResult& result, const PoolSummary& pool, const OfferUse& use) {
  const MicroUsd cost = offer_cost(result.cost.money, pool.name, use.offer);
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}.{:06}\n", csv_field(pool.name),
                     csv_field(use.offer), csv_field(use.provider), csv_field(use.region),
                     contract_name(use.contract), use.orders, use.deliveries, use.reclaims,
                     use.lost, use.sold_out, use.most_nodes, use.rented_ns, node_hours(use),
                     gpu_hours(pool, use), cost.count() / 1'000'000, cost.count() % 1'000'000);
}

std::vector<std::string> table_row(const RunResult& result, const PoolSummary& pool,
                                   const OfferUse& use) {
  return {pool.name,
          use.offer,
          use.provider,
          use.region.empty() ? "-" : use.region,
          contract_name(use.contract),
          fmt::format("{}", use.most_nodes),
          fmt::format("{:.1f}", node_hours(use)),
          fmt::format("{:.2f}", to_dollars(offer_cost(result.cost.money, pool.name, use.offer))),
          fmt::format("{}", use.orders),
          fmt::format("{}", use.reclaims),
          fmt::format("{}", use.lost),
          fmt::format("{}", use.sold_out)};
}

}  // namespace

double node_hours(const OfferUse& use) {
  return static_cast<double>(use.rented_ns) / 3.6e12 * static_cast<double>(use.nodes_per_replica);
}

std::string offers_table(const RunResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const PoolSummary& pool : result.pools) {
    if (pool.elasticity) {
      for (const OfferUse& use : pool.elasticity->offers) {
        rows.push_back(table_row(result, pool, use));
      }
    }
  }
  if (rows.empty()) {
    return {};
  }
  return "\n" + text_table({{"pool", false},
                            {"offer", false},
                            {"provider", false},
                            {"region", false},
                            {"contract", false},
                            {"most nodes"},
                            {"node-hours"},
                            {"$"},
                            {"orders"},
                            {"reclaims"},
                            {"lost"},
                            {"sold out"}},
                           rows);
}

void write_offers_csv(const std::string& path, const RunResult& result) {
  OutputFile file{path};
  file.write(header);
  for (const PoolSummary& pool : result.pools) {
    if (pool.elasticity) {
      for (const OfferUse& use : pool.elasticity->offers) {
        file.write(csv_row(result, pool, use));
      }
    }
  }
  file.close();
}

}  // namespace plimsoll
