// What a validated scenario says of GPUs that several pools share. Part of config.hpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/elasticity_config.hpp"
#include "plimsoll/money_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A tranche of nodes, all ordered at one moment and delivered together.
struct NodeOrderConfig {
  Duration at{};
  int nodes = 1;
};

/// How shared GPUs become more.
struct NodeProcurementConfig {
  DurationLaw lead_time;  // from the order to the delivery; not rented yet
  std::vector<StockOutConfig> stock_outs;
  std::vector<NodeOrderConfig> orders;  // sorted by `at`
};

/// Nodes of one GPU type whose GPUs go to replicas of several pools, as these ask for them. They
/// are rented from their delivery on, whoever has them.
struct SharedGpusConfig {
  std::string name;
  std::size_t gpu = 0;  // into Config::gpus
  int nodes = 1;        // at t = 0
  std::optional<NodeProcurementConfig> procurement;
  std::optional<std::size_t> price;  // into Config::prices
  Contract contract = Contract::on_demand;
  bool preemption = true;           // a claim may take GPUs of replicas that come after it
  Duration grace{};                 // a preempted replica that serves drains for at most so long
  Duration reserve_after{};         // a claim that nobody could meet for so long has nodes reserved
  Bytes ssd_cache;                  // of a node, for weights of all pools
  Bytes memory_cache;               // likewise, of its main memory
  BytesPerSecond memory_bandwidth;  // of a node's main memory, shared by its loads
};

/// The nodes that there can ever be.
inline int most_nodes(const SharedGpusConfig& shared) {
  int nodes = shared.nodes;
  if (shared.procurement) {
    for (const NodeOrderConfig& order : shared.procurement->orders) {
      nodes += order.nodes;
    }
  }
  return nodes;
}

/// A pool that takes the machines of its replicas from shared GPUs.
struct AllocationConfig {
  std::size_t from = 0;  // into Config::shared_gpus
  int priority = 0;      // larger goes first
  int guaranteed = 0;    // replicas that come before everybody's and are never preempted
};

}  // namespace plimsoll
