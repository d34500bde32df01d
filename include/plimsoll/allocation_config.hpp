// What a validated scenario says of GPUs that several pools share. Part of config.hpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "plimsoll/money_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Nodes of one GPU type whose GPUs go to replicas of several pools, as these ask for them. They
/// are rented throughout, whoever has them.
struct SharedGpusConfig {
  std::string name;
  std::size_t gpu = 0;  // into Config::gpus
  int nodes = 1;
  std::optional<std::size_t> price;  // into Config::prices
  Contract contract = Contract::on_demand;
  bool preemption = true;           // a claim may take GPUs of replicas that come after it
  Duration grace{};                 // a preempted replica that serves drains for at most so long
  Bytes ssd_cache;                  // of a node, for weights of all pools
  Bytes memory_cache;               // likewise, of its main memory
  BytesPerSecond memory_bandwidth;  // of a node's main memory, shared by its loads
};

/// A pool that takes the machines of its replicas from shared GPUs.
struct AllocationConfig {
  std::size_t from = 0;  // into Config::shared_gpus
  int priority = 0;      // larger goes first
  int guaranteed = 0;    // replicas that come before everybody's and are never preempted
};

}  // namespace plimsoll
