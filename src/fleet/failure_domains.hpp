// What breaks together: which replicas stand on a GPU, node, rack or zone.
#pragma once

#include <cstdint>
#include <vector>

#include "fleet/placement.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// Nodes are numbered over all pools in their order, and so are GPUs that replicas use and the
/// replicas themselves. Nodes fill racks one after the other; rack r is in zone r mod zones.
class FailureDomains {
 public:
  /// `placements` by pool.
  FailureDomains(const Config& config, const std::vector<const Placement*>& placements);

  /// Units of a scope of machines (not store); those of `pool` alone when it is given (only for
  /// gpu, node and link).
  std::vector<int> units(FaultScope scope, std::optional<std::size_t> pool) const;
  /// Replicas that stop with a unit of scope gpu, node, rack or zone, ascending.
  std::vector<ReplicaIndex> replicas(FaultScope scope, int unit) const;
  /// Nodes that stop with a unit of scope node, rack or zone, ascending; none with a GPU.
  std::vector<int> nodes_of(FaultScope scope, int unit) const;

  int nodes() const { return static_cast<int>(pool_of_node_.size()); }
  std::size_t pool_of_node(int node) const { return pool_of_node_[static_cast<std::size_t>(node)]; }
  /// The number of a node within its pool.
  int node_in_pool(int node) const;
  int rack_of(int node) const { return node / nodes_per_rack_; }
  int zone_of(int node) const { return rack_of(node) % zones_; }

 private:
  bool contains(FaultScope scope, int unit, int node) const;

  int nodes_per_rack_;
  int zones_;
  std::vector<std::size_t> pool_of_node_;
  std::vector<int> first_node_;  // by pool
  std::vector<std::size_t> pool_of_gpu_;
  std::vector<ReplicaIndex> replica_of_gpu_;
  std::vector<std::vector<ReplicaIndex>> replicas_of_node_;  // ascending
};

}  // namespace plimsoll
