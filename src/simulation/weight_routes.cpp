// Where the weights of a pool's replicas lie and go, as hosts of the engine.
#include "simulation/weight_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace plimsoll {
namespace {

/// Nodes of a replica.
int nodes_of(const Config& config, const PoolConfig& pool) {
  const int gpus_per_node = config.gpus[pool.gpu].gpus_per_node;
  return std::max(1, (pool.tp * pool.pp + gpus_per_node - 1) / gpus_per_node);
}

/// A loader's rate for all GPUs of a replica that sit on one node.
BytesPerSecond of_gpus(double one, int gpus) {
  return BytesPerSecond::of(one * gpus);
}

/// The first pool on the same nodes whose replicas load the same files in the same parts.
std::size_t same_weights(const Config& config, PoolIndex index) {
  const PoolConfig& pool = config.pools[index];
  const auto draft = [](const PoolConfig& of) {
    return of.speculation ? std::optional{of.speculation->draft} : std::nullopt;
  };
  for (std::size_t p = 0; p < index; ++p) {
    const PoolConfig& other = config.pools[p];
    if (pool.allocation && other.allocation && pool.allocation->from == other.allocation->from &&
        pool.weights && other.weights && pool.model == other.model &&
        pool.weight_precision == other.weight_precision && draft(pool) == draft(other) &&
        pool.weights->lazy == other.weights->lazy &&
        nodes_of(config, pool) == nodes_of(config, other)) {
      return p;
    }
  }
  return index;
}

/// From each store with a wan to each other region that has pools.
void add_wans(const Config& config, PlatformSpec& platform) {
  std::set<std::string> regions;
  for (const PoolConfig& pool : config.pools) {
    regions.insert(pool.region);
    if (has_offers(pool)) {
      for (const OfferConfig& offer : pool.procurement->offers) {
        regions.insert(offer.region);
      }
    }
  }
  for (const StoreConfig& store : config.stores) {
    for (const std::string& region : regions) {
      if (!crosses_wan(store, region)) {
        continue;
      }
      const std::string link = fmt::format("wan:{}@{}", store.name, region);
      platform.shared_links.push_back({link, *store.wan});
      for (int server = 0; server < store.servers; ++server) {
        platform.remote_names.push_back(
            {host_of_store(store, server, region), host_of_store(store, server), link});
      }
    }
  }
}

}  // namespace

std::string host_of_store(const StoreConfig& store, int server) {
  return server == 0 ? "store:" + store.name : fmt::format("store:{}#{}", store.name, server);
}

std::string host_of_store(const StoreConfig& store, int server, const std::string& region) {
  const std::string host = host_of_store(store, server);
  return crosses_wan(store, region) ? host + "@" + region : host;
}

WeightRoutes weight_routes(const Config& config, const PoolPlan& plan) {
  const PoolConfig& pool = config.pools[plan.shape.pool];
  const GpuSpec& gpu = config.gpus[pool.gpu];
  const int gpus = pool.tp * pool.pp;
  const int nodes = nodes_of(config, pool);
  const int gpus_on_node = (gpus + nodes - 1) / nodes;
  const Bytes all = plan.fit.total_weights + plan.fit.total_draft_weights;
  WeightRoutes routes;
  routes.share = Bytes::of((all.count() + nodes - 1) / nodes);
  double read = gpu.pcie.count();
  double to_gpu = gpu.pcie.count();
  if (pool.weights && pool.weights->loader) {
    const LoaderSpec& loader = config.loaders[*pool.weights->loader];
    to_gpu = std::min(to_gpu, loader.to_gpu.count());
    read = loader.overlaps ? std::min(to_gpu, loader.read.count()) : loader.read.count();
  }
  routes.read = of_gpus(read, gpus_on_node);
  routes.to_gpu = of_gpus(to_gpu, gpus_on_node);
  routes.weights = same_weights(config, plan.shape.pool);
  const SharedGpusConfig* const shared =
      pool.allocation ? &config.shared_gpus[pool.allocation->from] : nullptr;
  for (int node = 0; node < (shared ? most_nodes(*shared) : plan.placement.nodes); ++node) {
    const std::string host = shared ? host_of_shared_node(*shared, node) : host_of_node(pool, node);
    routes.nodes.push_back(host);
    routes.memories.push_back("memory:" + host);
    routes.ssds.push_back("ssd:" + host);
  }
  for (std::size_t slot = 0; slot < plan.placement.first_node.size(); ++slot) {
    routes.nodes_of_slot.emplace_back();
    routes.readers.emplace_back();
    routes.gpus.emplace_back();
    for (int n = 0; n < nodes; ++n) {
      routes.nodes_of_slot.back().push_back(shared ? 0 : plan.placement.first_node[slot] + n);
      routes.readers.back().push_back(fmt::format("reader:{}-{}-{}", pool.name, slot, n));
      routes.gpus.back().push_back(fmt::format("gpus:{}-{}-{}", pool.name, slot, n));
    }
  }
  return routes;
}

void add_weight_hosts(const Config& config, const std::vector<std::unique_ptr<PoolPlan>>& plans,
                      PlatformSpec& platform) {
  for (const StoreConfig& store : config.stores) {
    for (int server = 0; server < store.servers; ++server) {
      platform.stores.push_back({host_of_store(store, server), store.uplink, store.latency});
    }
  }
  add_wans(config, platform);
  std::vector<bool> added(config.shared_gpus.size(), false);
  for (const auto& plan : plans) {
    const PoolConfig& pool = config.pools[plan->shape.pool];
    if (!pool.weights) {
      continue;
    }
    const WeightRoutes routes = weight_routes(config, *plan);
    const bool there = pool.allocation && added[pool.allocation->from];
    if (pool.allocation) {
      added[pool.allocation->from] = true;
    }
    for (std::size_t node = 0; !there && node < routes.nodes.size(); ++node) {
      platform.stores.push_back({routes.memories[node], pool.weights->memory_bandwidth, {}});
      platform.stores.push_back({routes.ssds[node], config.gpus[pool.gpu].ssd, {}});
    }
    for (std::size_t slot = 0; slot < routes.gpus.size(); ++slot) {
      for (std::size_t part = 0; part < routes.gpus[slot].size(); ++part) {
        platform.stores.push_back({routes.readers[slot][part], routes.read, {}});
        platform.stores.push_back({routes.gpus[slot][part], routes.to_gpu, {}});
      }
    }
  }
}

}  // namespace plimsoll
