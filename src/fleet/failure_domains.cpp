// What breaks together: replicas and shared GPUs by GPU, node, rack, zone and datacenter.
#include "fleet/failure_domains.hpp"

#include <algorithm>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// The node, within its pool, of stage `stage` of replica `replica`: as place() lays them.
int node_of_stage(const Config& config, const PoolConfig& pool, const Placement& placement,
                  int replica, int stage) {
  if (!placement.stages_cross_nodes) {
    return placement.first_node[static_cast<std::size_t>(replica)];
  }
  const int groups_per_node = config.gpus[pool.gpu].gpus_per_node / pool.tp;
  return (replica * pool.pp + stage) / groups_per_node;
}

}  // namespace

std::optional<std::size_t> datacenter_of_shared(const Config& config, std::size_t shared) {
  std::optional<std::size_t> found;
  for (const PoolConfig& pool : config.pools) {
    if (!pool.allocation || pool.allocation->from != shared) {
      continue;
    }
    const std::optional<std::size_t> datacenter = datacenter_of(config, pool);
    if (!datacenter || (found && found != datacenter)) {
      return std::nullopt;
    }
    found = datacenter;
  }
  return found;
}

FailureDomains::FailureDomains(const Config& config,
                               const std::vector<const Placement*>& placements)
    : nodes_per_rack_{config.faults ? config.faults->nodes_per_rack : 1},
      zones_{config.faults ? config.faults->zones : 1} {
  ReplicaIndex first_replica = 0;
  for (std::size_t p = 0; p < placements.size(); ++p) {
    if (!config.pools[p].allocation) {
      add_pool(config, p, *placements[p], first_replica);
    }
    first_replica += static_cast<ReplicaIndex>(replica_slots(config.pools[p]));
  }
  for (std::size_t s = 0; s < config.shared_gpus.size(); ++s) {
    add_shared(config, s);
  }
}

void FailureDomains::add_pool(const Config& config, std::size_t p, const Placement& placement,
                              ReplicaIndex first_replica) {
  const PoolConfig& pool = config.pools[p];
  const int first = nodes();
  for (int number = 0; number < placement.nodes; ++number) {
    places_.push_back({{false, p}, number});
    datacenters_.push_back(datacenter_of(config, pool));
  }
  replicas_of_node_.resize(places_.size());
  for (int r = 0; r < replica_slots(pool); ++r) {
    const ReplicaIndex replica = first_replica + static_cast<ReplicaIndex>(r);
    for (int stage = 0; stage < pool.pp; ++stage) {
      const int node = first + node_of_stage(config, pool, placement, r, stage);
      auto& there = replicas_of_node_[static_cast<std::size_t>(node)];
      if (there.empty() || there.back() != replica) {
        there.push_back(replica);
      }
      gpus_.resize(gpus_.size() + static_cast<std::size_t>(pool.tp), Gpu{{false, p}, replica, {}});
    }
  }
}

void FailureDomains::add_shared(const Config& config, std::size_t s) {
  const SharedGpusConfig& shared = config.shared_gpus[s];
  const int per_node = config.gpus[shared.gpu].gpus_per_node;
  gpus_of_shared_node_.push_back(per_node);
  for (int number = 0; number < most_nodes(shared); ++number) {
    places_.push_back({{true, s}, number});
    datacenters_.push_back(datacenter_of_shared(config, s));
    for (int gpu = 0; gpu < per_node; ++gpu) {
      gpus_.push_back({{true, s}, 0, {s, number, gpu, 1}});
    }
  }
  replicas_of_node_.resize(places_.size());
}

bool FailureDomains::contains(FaultScope scope, int unit, int node) const {
  return scope == FaultScope::zone   ? zone_of(node) == unit
         : scope == FaultScope::rack ? rack_of(node) == unit
                                     : node == unit;
}

std::vector<int> FailureDomains::units(FaultScope scope, std::optional<NodeOwner> owner) const {
  std::vector<int> units;
  const bool gpus = scope == FaultScope::gpu;
  const std::size_t all = gpus ? gpus_.size() : places_.size();
  for (std::size_t i = 0; i < all; ++i) {
    const int unit = scope == FaultScope::zone   ? zone_of(static_cast<int>(i))
                     : scope == FaultScope::rack ? rack_of(static_cast<int>(i))
                                                 : static_cast<int>(i);
    const bool wanted = !owner || (gpus ? gpus_[i].owner : places_[i].owner) == *owner;
    if (wanted) {
      units.push_back(unit);
    }
  }
  std::sort(units.begin(), units.end());
  units.erase(std::unique(units.begin(), units.end()), units.end());
  return units;
}

Struck FailureDomains::struck_by(FaultScope scope, int unit) const {
  PLIMSOLL_CHECK(scope != FaultScope::link && scope != FaultScope::store,
                 "links and stores have no replicas");
  if (scope == FaultScope::gpu) {
    const Gpu& gpu = gpus_[static_cast<std::size_t>(unit)];
    Struck struck;
    if (gpu.owner.shared) {
      struck.shared_gpus.push_back(gpu.range);
    } else {
      struck.replicas.push_back(gpu.replica);
    }
    return struck;
  }
  std::vector<int> found;
  for (int node = 0; node < nodes(); ++node) {
    if (contains(scope, unit, node)) {
      found.push_back(node);
    }
  }
  return on_nodes(std::move(found));
}

Struck FailureDomains::in_datacenter(std::size_t datacenter) const {
  std::vector<int> found;
  for (int node = 0; node < nodes(); ++node) {
    if (datacenters_[static_cast<std::size_t>(node)] == datacenter) {
      found.push_back(node);
    }
  }
  return on_nodes(std::move(found));
}

Struck FailureDomains::on_nodes(std::vector<int> nodes) const {
  Struck struck;
  for (const int node : nodes) {
    const auto& there = replicas_of_node_[static_cast<std::size_t>(node)];
    struck.replicas.insert(struck.replicas.end(), there.begin(), there.end());
    const NodePlace& place = place_of(node);
    if (place.owner.shared) {
      struck.shared_gpus.push_back(
          {place.owner.index, place.number, 0, gpus_of_shared_node_[place.owner.index]});
    }
  }
  std::sort(struck.replicas.begin(), struck.replicas.end());
  struck.replicas.erase(std::unique(struck.replicas.begin(), struck.replicas.end()),
                        struck.replicas.end());
  struck.nodes = std::move(nodes);
  return struck;
}

}  // namespace plimsoll
