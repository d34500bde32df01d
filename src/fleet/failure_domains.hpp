// What breaks together: which replicas and which shared GPUs stand on a GPU, node, rack or zone, or
// in a datacenter.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fleet/placement.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// Whose a node is: a pool's, or that of shared GPUs.
struct NodeOwner {
  bool shared = false;
  std::size_t index = 0;  // into Config::pools or Config::shared_gpus

  friend bool operator==(const NodeOwner&, const NodeOwner&) = default;
};

struct NodePlace {
  NodeOwner owner;
  int number = 0;  // among its owner's
};

/// GPUs first .. first + count - 1 of a node of shared ones.
struct GpuRange {
  std::size_t shared = 0;  // into Config::shared_gpus
  int node = 0;
  int first = 0;
  int count = 0;
};

/// All that stops together, each ascending.
struct Struck {
  std::vector<ReplicaIndex> replicas;  // with nodes of their own
  std::vector<GpuRange> shared_gpus;
  std::vector<int> nodes;  // none with a GPU
};

/// The datacenter of all pools on shared GPUs `shared` (into Config::shared_gpus); none: they stand
/// in none, or in several.
std::optional<std::size_t> datacenter_of_shared(const Config& config, std::size_t shared);

/// Nodes are numbered over all pools in their order, then over all shared GPUs in theirs; so are
/// GPUs: those that replicas use, then all shared ones; and the replicas of all pools. Nodes fill
/// racks one after the other; rack r is in zone r mod zones. A datacenter has the nodes of the
/// pools that name it, whatever their racks and zones.
class FailureDomains {
 public:
  /// `placements` by pool; those of pools on shared GPUs are not looked at.
  FailureDomains(const Config& config, const std::vector<const Placement*>& placements);

  /// Units of a scope of machines (not store); those of `owner` alone when it is given (only for
  /// gpu, node and link).
  std::vector<int> units(FaultScope scope, std::optional<NodeOwner> owner) const;
  /// What stops with a unit of scope gpu, node, rack or zone.
  Struck struck_by(FaultScope scope, int unit) const;
  /// What stops with a datacenter (into EdgeConfig::datacenters).
  Struck in_datacenter(std::size_t datacenter) const;

  int nodes() const { return static_cast<int>(places_.size()); }
  const NodePlace& place_of(int node) const { return places_[static_cast<std::size_t>(node)]; }
  int rack_of(int node) const { return node / nodes_per_rack_; }
  int zone_of(int node) const { return rack_of(node) % zones_; }

 private:
  /// A GPU that a replica uses, or a shared one.
  struct Gpu {
    NodeOwner owner;
    ReplicaIndex replica = 0;
    GpuRange range;
  };
  void add_pool(const Config& config, std::size_t pool, const Placement& placement,
                ReplicaIndex first_replica);
  void add_shared(const Config& config, std::size_t shared);
  bool contains(FaultScope scope, int unit, int node) const;
  /// What stands on these nodes.
  Struck on_nodes(std::vector<int> nodes) const;

  int nodes_per_rack_;
  int zones_;
  std::vector<NodePlace> places_;
  std::vector<std::optional<std::size_t>> datacenters_;  // by node
  std::vector<Gpu> gpus_;
  std::vector<int> gpus_of_shared_node_;                     // by shared GPUs
  std::vector<std::vector<ReplicaIndex>> replicas_of_node_;  // ascending
};

}  // namespace plimsoll
