// What breaks together: replicas by GPU, node, rack and zone.
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
    const PoolConfig& pool = config.pools[p];
    const int first = nodes();
    first_node_.push_back(first);
    pool_of_node_.resize(pool_of_node_.size() + static_cast<std::size_t>(placements[p]->nodes), p);
    replicas_of_node_.resize(pool_of_node_.size());
    for (int r = 0; r < replica_slots(pool); ++r) {
      const ReplicaIndex replica = first_replica + static_cast<ReplicaIndex>(r);
      for (int stage = 0; stage < pool.pp; ++stage) {
        const int node = first + node_of_stage(config, pool, *placements[p], r, stage);
        auto& there = replicas_of_node_[static_cast<std::size_t>(node)];
        if (there.empty() || there.back() != replica) {
          there.push_back(replica);
        }
        for (int gpu = 0; gpu < pool.tp; ++gpu) {
          pool_of_gpu_.push_back(p);
          replica_of_gpu_.push_back(replica);
        }
      }
    }
    first_replica += static_cast<ReplicaIndex>(replica_slots(pool));
  }
}

int FailureDomains::node_in_pool(int node) const {
  return node - first_node_[pool_of_node(node)];
}

bool FailureDomains::contains(FaultScope scope, int unit, int node) const {
  return scope == FaultScope::zone   ? zone_of(node) == unit
         : scope == FaultScope::rack ? rack_of(node) == unit
                                     : node == unit;
}

std::vector<int> FailureDomains::units(FaultScope scope, std::optional<std::size_t> pool) const {
  std::vector<int> units;
  const bool gpus = scope == FaultScope::gpu;
  const std::vector<std::size_t>& pools = gpus ? pool_of_gpu_ : pool_of_node_;
  for (int i = 0; i < static_cast<int>(pools.size()); ++i) {
    const int unit = scope == FaultScope::zone   ? zone_of(i)
                     : scope == FaultScope::rack ? rack_of(i)
                                                 : i;
    const bool wanted = !pool || pools[static_cast<std::size_t>(i)] == *pool;
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
    return {replica_of_gpu_[static_cast<std::size_t>(unit)]};
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

}  // namespace plimsoll
