// What breaks together: replicas and shared GPUs by GPU, node, rack and zone.
#include "fleet/failure_domains.hpp"

#include <algorithm>

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

std::vector<int> FailureDomains::nodes_of(FaultScope scope, int unit) const {
  std::vector<int> found;
  for (int node = 0; node < nodes() && scope != FaultScope::gpu; ++node) {
    if (contains(scope, unit, node)) {
      found.push_back(node);
    }
  }
  return found;
}

std::vector<ReplicaIndex> FailureDomains::replicas(FaultScope scope, int unit) const {
  if (scope == FaultScope::gpu) {
    const Gpu& gpu = gpus_[static_cast<std::size_t>(unit)];
    return gpu.owner.shared ? std::vector<ReplicaIndex>{} : std::vector{gpu.replica};
  }
  PLIMSOLL_CHECK(scope != FaultScope::link && scope != FaultScope::store,
                 "links and stores have no replicas");
  std::vector<ReplicaIndex> found;
  for (const int node : nodes_of(scope, unit)) {
    const auto& there = replicas_of_node_[static_cast<std::size_t>(node)];
    found.insert(found.end(), there.begin(), there.end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::vector<GpuRange> FailureDomains::shared_gpus(FaultScope scope, int unit) const {
  if (scope == FaultScope::gpu) {
    const Gpu& gpu = gpus_[static_cast<std::size_t>(unit)];
    return gpu.owner.shared ? std::vector{gpu.range} : std::vector<GpuRange>{};
  }
  std::vector<GpuRange> found;
  for (const int node : nodes_of(scope, unit)) {
    const NodePlace& place = place_of(node);
    if (place.owner.shared) {
      found.push_back(
          {place.owner.index, place.number, 0, gpus_of_shared_node_[place.owner.index]});
    }
  }
  return found;
}

}  // namespace plimsoll
