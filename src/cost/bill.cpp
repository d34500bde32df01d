// Cost room: what a run has to pay, row by row.
#include "cost/bill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "config/price_book.hpp"
#include "cost/amounts.hpp"
#include "cost/cost.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t ns_per_hour = 3'600'000'000'000;
constexpr std::int64_t bytes_per_gb = 1'000'000'000;

using ByContract = std::array<std::int64_t, contract_count>;

/// Its slots are rented under contracts of their own.
bool is_mixed(const RunResult& result, const Config& config, std::size_t pool) {
  return config.pools[pool].procurement && result.pools[pool].elasticity;
}

ByContract under(Contract contract, std::int64_t replica_ns) {
  ByContract rented{};
  rented[static_cast<std::size_t>(contract)] = replica_ns;
  return rented;
}

const RentMark& mark_at(const RunResult& result, SimTime at) {
  for (const RentMark& mark : result.rent_marks) {
    if (mark.at == at) {
      return mark;
    }
  }
  throw InternalError{"the rented GPU time at a change of price was not kept"};
}

/// Replica-nanoseconds that `pool` rented up to `at`, a price change or the end.
ByContract rented_until(const RunResult& result, const Config& config, std::size_t pool,
                        SimTime at) {
  const bool mixed = is_mixed(result, config, pool);
  const Contract contract = config.pools[pool].contract;
  if (at >= result.end) {
    return mixed ? result.pools[pool].elasticity->rented_ns
                 : under(contract, rented_ns(result.pools[pool]));
  }
  const RentMark& mark = mark_at(result, at);
  return mixed ? mark.by_contract.at(pool) : under(contract, mark.rented_ns.at(pool));
}

/// GPU-nanoseconds of shared GPUs up to `at`, a price change or the end.
std::int64_t shared_until(const RunResult& result, std::size_t s, SimTime at) {
  if (at >= result.end) {
    return result.allocation->shared[s].total_ns;
  }
  for (const RentMark& mark : result.rent_marks) {
    if (mark.at == at) {
      return mark.shared_gpu_ns.at(s);
    }
  }
  throw InternalError{"the time of shared GPUs at a change of price was not kept"};
}

const char* pricing_of(Contract contract) {
  return contract == Contract::on_demand ? "Standard"
         : contract == Contract::spot    ? "Dynamic"
                                         : "Committed";
}

/// Whose GPUs a row is for.
struct RowSubject {
  std::string resource;
  std::string gpu;
  std::string remark{};
};

BillRow gpu_row(const RowSubject& subject, Contract contract, const PriceSpec& price,
                Int128 gpu_ns) {
  const UnitPrice hourly = UnitPrice::of(price_of(price, contract).count());
  const UnitPrice list =
      price.on_demand.count() > 0 ? UnitPrice::of(price.on_demand.count()) : hourly;
  BillRow row;
  row.component = CostComponent::gpu;
  row.resource = subject.resource;
  row.description =
      fmt::format("{} GPUs, {}{}", subject.gpu, contract_name(contract), subject.remark);
  row.sku = price.name;
  row.provider = price.provider;
  row.region = price.region;
  row.pricing = pricing_of(contract);
  row.quantity = static_cast<double>(gpu_ns) / static_cast<double>(ns_per_hour);
  row.unit = "GPU-hours";
  row.unit_price = static_cast<double>(hourly.nano) / 1e9;
  row.list_unit_price = static_cast<double>(list.nano) / 1e9;
  row.billed = amount_of(gpu_ns, ns_per_hour, hourly);
  row.listed = amount_of(gpu_ns, ns_per_hour, list);
  return row;
}

/// A price, and from when to when it is in force.
struct PriceSpan {
  const PriceSpec* price = nullptr;
  SimTime begin{};
  SimTime end{};
};

/// The prices of who rents at the price `named`, up to the end of the run.
std::vector<PriceSpan> price_spans(const RunResult& result, const Config& config,
                                   std::size_t named) {
  std::vector<PriceSpan> spans;
  SimTime begin = sim_start;
  for (const std::size_t price : prices_to_come(config.prices, named)) {
    const PriceSpec& spec = config.prices[price];
    const bool changes = config.start && spec.until;
    const SimTime end = changes ? std::min(result.end, time_of(config, *spec.until)) : result.end;
    spans.push_back({&spec, begin, end});
    begin = end;
    if (end >= result.end) {
      break;
    }
  }
  return spans;
}

/// The GPU time of shared GPUs in [begin, end): of the pools on them, then what nobody had.
std::vector<Int128> shared_gpu_ns(const RunResult& result, const Config& config, std::size_t s,
                                  SimTime begin, SimTime end) {
  const SharedGpusConfig& shared = config.shared_gpus[s];
  const auto contract = static_cast<std::size_t>(shared.contract);
  Int128 rest = shared_until(result, s, end);
  rest -= begin == sim_start ? 0 : shared_until(result, s, begin);
  std::vector<Int128> parts;
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    if (config.pools[p].allocation && config.pools[p].allocation->from == s) {
      const std::int64_t before =
          begin == sim_start ? 0 : rented_until(result, config, p, begin)[contract];
      const std::int64_t rented = rented_until(result, config, p, end)[contract] - before;
      parts.push_back(static_cast<Int128>(rented) * result.pools[p].gpus_per_replica);
      rest -= parts.back();
    }
  }
  PLIMSOLL_CHECK(rest >= 0, "pools have no more GPUs than there are");
  parts.push_back(rest);
  return parts;
}

/// Shared GPUs are rented once: what they cost is split by whose they were, to the micro-dollar.
void split_shared_rows(std::vector<BillRow>& rows, const RunResult& result, const Config& config,
                       std::size_t s) {
  const SharedGpusConfig& shared = config.shared_gpus[s];
  for (const PriceSpan& span : price_spans(result, config, *shared.price)) {
    const std::vector<Int128> parts = shared_gpu_ns(result, config, s, span.begin, span.end);
    const std::string& gpu = config.gpus[shared.gpu].name;
    const Int128 all = std::accumulate(parts.begin(), parts.end(), Int128{0});
    const BillRow whole = gpu_row({shared.name, gpu}, shared.contract, *span.price, all);
    BillRow rest =
        gpu_row({shared.name, gpu, ", unallocated"}, shared.contract, *span.price, parts.back());
    rest.begin = span.begin;
    rest.end = span.end;
    const std::vector<MicroUsd> billed = split(whole.billed, parts);
    const std::vector<MicroUsd> listed = split(whole.listed, parts);
    std::size_t part = 0;
    for (std::size_t p = 0; p < result.pools.size(); ++p) {
      if (!config.pools[p].allocation || config.pools[p].allocation->from != s) {
        continue;
      }
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const BillRow& each) {
        return each.resource == result.pools[p].name && each.begin == span.begin;
      });
      row->billed = billed[part];
      row->listed = listed[part++];
    }
    rest.billed = billed.back();
    rest.listed = listed.back();
    rows.push_back(rest);
  }
}

/// What an item's quantities are multiplied with.
struct Drivers {
  std::int64_t elapsed_ns = 0;
  std::int64_t arrivals = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cached_output_tokens = 0;
  Int128 gpu_ns = 0;
  Int128 weight_bytes = 0;  // of every model and precision, once
  std::int64_t api_instance_ns = 0;
  Int128 cache_bytes = 0;  // capacities of the path's caches, on average
};

Int128 weight_bytes(const Config& config) {
  std::vector<std::pair<std::size_t, Precision>> seen;
  Int128 bytes = 0;
  for (const PoolConfig& pool : config.pools) {
    const std::pair<std::size_t, Precision> weights{pool.model, pool.weight_precision};
    if (std::find(seen.begin(), seen.end(), weights) == seen.end()) {
      seen.push_back(weights);
      bytes += static_cast<Int128>(config.models[pool.model].parameters) *
               bytes_of(pool.weight_precision);
    }
  }
  return bytes;
}

/// Instances of a tier of the path that scales, on average; those it has without an autoscaler.
double mean_instances(const RunResult& result, const std::string& tier, double standing) {
  for (const ScalingSummary& scaling : result.scaling) {
    if (scaling.pool == tier) {
      return scaling.replicas_mean;
    }
  }
  return standing;
}

Int128 held_by(const CacheConfig& cache, const std::string& tier, const RunResult& result) {
  if (!cache.autoscale || !cache.node) {
    return cache.capacity.count();
  }
  return std::llround(mean_instances(result, tier, cache.capacity / *cache.node) *
                      static_cast<double>(cache.node->count()));
}

/// One cache, or one at every location.
Int128 edge_bytes(const EdgeConfig& edge) {
  Int128 at_locations = 0;
  for (const RegionConfig& region : edge.regions) {
    at_locations += static_cast<Int128>(region.cdn_capacity.value_or(edge.cdn->capacity).count()) *
                    region.locations.value_or(0);
  }
  return at_locations > 0 ? at_locations : Int128{edge.cdn->capacity.count()};
}

Int128 cache_bytes(const PathConfig& path, const RunResult& result) {
  Int128 bytes = 0;
  if (path.edge && path.edge->cdn) {
    bytes += edge_bytes(*path.edge);
  }
  if (path.conversation_cache) {
    bytes += held_by(path.conversation_cache->cache, "conversation_cache", result);
  }
  if (path.response_cache) {
    bytes += held_by(*path.response_cache, "response_cache", result);
  }
  return bytes;
}

std::int64_t api_instance_ns(const ApiTierConfig& tier, const RunResult& result) {
  const std::int64_t elapsed = result.end.time_since_epoch().count();
  if (!tier.autoscale) {
    return tier.instances * elapsed;
  }
  return std::llround(mean_instances(result, "api_tier", tier.instances) *
                      static_cast<double>(elapsed));
}

Drivers drivers_of(const RunResult& result, const BilledLoad& load, const Config& config) {
  Drivers drivers;
  drivers.elapsed_ns = result.end.time_since_epoch().count();
  drivers.arrivals = load.arrived;
  drivers.prompt_tokens = load.prompt_tokens();
  drivers.output_tokens = load.output_tokens();
  drivers.cached_output_tokens = load.cached_output_tokens;
  for (const PoolSummary& pool : result.pools) {
    drivers.gpu_ns += static_cast<Int128>(rented_ns(pool)) * pool.gpus_per_replica;
  }
  if (result.allocation) {
    for (const SharedGpusSummary& shared : result.allocation->shared) {
      drivers.gpu_ns += shared.unallocated_ns + shared.down_ns;
    }
  }
  drivers.weight_bytes = weight_bytes(config);
  if (config.path) {
    drivers.api_instance_ns =
        config.path->api_tier ? api_instance_ns(*config.path->api_tier, result) : 0;
    drivers.cache_bytes = cache_bytes(*config.path, result);
  }
  return drivers;
}

/// Appends a row unless its quantity is 0.
class ItemRows {
 public:
  ItemRows(const CostItemConfig& item, SimTime end, std::vector<BillRow>& rows)
      : item_{item}, end_{end}, rows_{rows} {}

  void add(const char* description, bool follows_load, Int128 quantity, Int128 unit_quantity,
           const char* unit, double price) {
    if (quantity == 0) {
      return;
    }
    BillRow row;
    row.component = item_.component;
    row.resource = item_.name;
    row.description = description;
    row.sku = item_.name;
    row.provider = item_.provider;
    row.region = item_.region;
    row.pricing = "Standard";
    row.end = end_;
    row.quantity = static_cast<double>(quantity) / static_cast<double>(unit_quantity);
    row.unit = unit;
    row.follows_load = follows_load;
    const UnitPrice unit_price = UnitPrice::of(price);
    row.unit_price = static_cast<double>(unit_price.nano) / 1e9;
    row.list_unit_price = row.unit_price;
    row.billed = amount_of(quantity, unit_quantity, unit_price);
    row.listed = row.billed;
    rows_.push_back(row);
  }

 private:
  const CostItemConfig& item_;
  SimTime end_;
  std::vector<BillRow>& rows_;
};

void add_cpu(ItemRows& rows, const CostItemConfig& item, const Drivers& drivers) {
  const double price = item.vcpu_price.count();
  const Int128 held = static_cast<Int128>(item.vcpus) * drivers.elapsed_ns +
                      static_cast<Int128>(item.vcpus_per_api_instance) * drivers.api_instance_ns +
                      static_cast<Int128>(item.vcpus_per_gpu) * drivers.gpu_ns;
  rows.add("CPU time held", false, held, ns_per_hour, "vCPU-hours", price);
  rows.add("CPU time of requests", true,
           static_cast<Int128>(item.vcpu_time_per_request.count()) * drivers.arrivals, ns_per_hour,
           "vCPU-hours", price);
}

/// In megabyte-microseconds, rounded down: 500 PB held for a year times a price stay within 2^126.
void add_held(ItemRows& rows, const CostItemConfig& item, const Drivers& drivers) {
  constexpr std::int64_t bytes_per_mb = 1'000'000;
  const Int128 bytes = item.held.count() + drivers.weight_bytes * item.weight_copies +
                       drivers.cache_bytes * item.cache_copies;
  const Int128 month_us = price_month.count() / 1000;
  rows.add("Bytes held", false, bytes * (drivers.elapsed_ns / 1000) / bytes_per_mb, month_us * 1000,
           "GB-months", item.held_price.count());
}

void add_moved(ItemRows& rows, const CostItemConfig& item, const Drivers& drivers) {
  const double price = item.moved_price.count();
  rows.add("Bytes by GPU time", false,
           static_cast<Int128>(item.per_gpu_hour.count()) * (drivers.gpu_ns / 1'000'000) /
               (ns_per_hour / 1'000'000),
           bytes_per_gb, "GB", price);
  const Int128 by_load =
      static_cast<Int128>(item.per_request.count()) * drivers.arrivals +
      static_cast<Int128>(item.per_prompt_token.count()) * drivers.prompt_tokens +
      static_cast<Int128>(item.per_output_token.count()) * drivers.output_tokens;
  rows.add("Bytes of requests and tokens", true, by_load, bytes_per_gb, "GB", price);
  // Clients get them as they get others.
  rows.add("Bytes of cached answers", true,
           static_cast<Int128>(item.per_output_token.count()) * drivers.cached_output_tokens,
           bytes_per_gb, "GB", price);
}

/// A pool at one price: a row for each span of it and each contract.
void add_contract_rows(std::vector<BillRow>& rows, const RunResult& result, const Config& config,
                       std::size_t p) {
  ByContract before{};
  for (const PriceSpan& span : price_spans(result, config, *config.pools[p].price)) {
    const ByContract rented = rented_until(result, config, p, span.end);
    for (std::size_t c = 0; c < contract_count; ++c) {
      const auto contract = static_cast<Contract>(c);
      // A pool of one contract has its row even when it rented nothing.
      const bool own = contract == config.pools[p].contract && !is_mixed(result, config, p);
      if (own || rented[c] > before[c]) {
        const PoolSummary& pool = result.pools[p];
        const Int128 gpu_ns = static_cast<Int128>(rented[c] - before[c]) * pool.gpus_per_replica;
        BillRow row = gpu_row({pool.name, pool.gpu}, contract, *span.price, gpu_ns);
        row.region = row.region.empty() ? config.pools[p].region : row.region;
        row.begin = span.begin;
        row.end = span.end;
        rows.push_back(row);
      }
    }
    before = rented;
  }
}

/// Replica-nanoseconds that a pool rented from an offer up to `at`.
std::int64_t rented_from(const RunResult& result, std::size_t pool, std::size_t offer, SimTime at) {
  if (at >= result.end) {
    return result.pools[pool].elasticity->offers.at(offer).rented_ns;
  }
  return mark_at(result, at).by_offer.at(pool).at(offer);
}

/// A pool with offers: a row for each of them and each span of its price; of commitments another
/// for what was not rented.
void add_offer_rows(std::vector<BillRow>& rows, const RunResult& result, const Config& config,
                    std::size_t p) {
  const PoolSummary& pool = result.pools[p];
  const std::vector<OfferConfig>& offers = config.pools[p].procurement->offers;
  for (std::size_t o = 0; o < offers.size(); ++o) {
    const OfferConfig& offer = offers[o];
    std::int64_t before = 0;
    for (const PriceSpan& span : price_spans(result, config, offer.price)) {
      const std::int64_t rented = rented_from(result, p, o, span.end);
      const Int128 gpu_ns = static_cast<Int128>(rented - before) * pool.gpus_per_replica;
      const auto add = [&](Int128 quantity, bool unused) {
        if (quantity > 0) {
          const char* const remark = unused ? ", unused" : "";
          BillRow row = gpu_row({pool.name, pool.gpu, ", offer " + offer.name + remark},
                                offer.contract, *span.price, quantity);
          row.offer = offer.name;
          row.unused = unused;
          row.region = offer.region;
          row.begin = span.begin;
          row.end = span.end;
          rows.push_back(row);
        }
      };
      add(gpu_ns, false);
      if (is_committed(offer)) {
        const Int128 gpus = Int128{*offer.stock} * config.gpus[config.pools[p].gpu].gpus_per_node;
        add(gpus * (span.end - span.begin).count() - gpu_ns, true);
      }
      before = rented;
    }
  }
}

}  // namespace

std::int64_t rented_ns(const PoolSummary& pool) {
  return pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
}

std::vector<SimTime> price_changes(const Config& config) {
  std::vector<SimTime> changes;
  const auto add = [&](std::size_t named) {
    for (const std::size_t price : prices_to_come(config.prices, named)) {
      if (config.prices[price].until) {
        changes.push_back(time_of(config, *config.prices[price].until));
      }
    }
  };
  for (const PoolConfig& pool : config.pools) {
    if (!config.start) {
      continue;
    }
    if (pool.price) {
      add(*pool.price);
    }
    if (has_offers(pool)) {
      for (const OfferConfig& offer : pool.procurement->offers) {
        add(offer.price);
      }
    }
  }
  std::sort(changes.begin(), changes.end());
  changes.erase(std::unique(changes.begin(), changes.end()), changes.end());
  return changes;
}

std::vector<BillRow> gpu_rows(const RunResult& result, const Config& config) {
  std::vector<BillRow> rows;
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    if (config.pools[p].price) {
      add_contract_rows(rows, result, config, p);
    } else if (has_offers(config.pools[p])) {
      add_offer_rows(rows, result, config, p);
    }
  }
  for (std::size_t s = 0; s < config.shared_gpus.size(); ++s) {
    if (config.shared_gpus[s].price) {
      split_shared_rows(rows, result, config, s);
    }
  }
  return rows;
}

std::vector<BillRow> item_rows(const RunResult& result, const BilledLoad& load,
                               const Config& config) {
  std::vector<BillRow> bill;
  if (config.money.costs.empty()) {
    return bill;
  }
  const Drivers drivers = drivers_of(result, load, config);
  for (const CostItemConfig& item : config.money.costs) {
    ItemRows rows{item, result.end, bill};
    switch (item.driver) {
      case CostDriver::cpu_time:
        add_cpu(rows, item, drivers);
        break;
      case CostDriver::bytes_held:
        add_held(rows, item, drivers);
        break;
      case CostDriver::bytes_moved:
        add_moved(rows, item, drivers);
        break;
      case CostDriver::subscription:
        rows.add("Fee", false, drivers.elapsed_ns, price_month.count(), "months", item.fee.count());
        break;
    }
  }
  return bill;
}

}  // namespace plimsoll
