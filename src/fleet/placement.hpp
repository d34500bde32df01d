// Where the GPUs of replicas sit: tensor-parallel groups within a node, stages over nodes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// One pool on its nodes.
struct Placement {
  int nodes = 0;
  int gpus_used = 0;
  int gpus_stranded = 0;            // on the nodes but in no replica
  bool stages_cross_nodes = false;  // pipeline hops leave the node
  /// First node of each replica; its stages follow on the same or the next nodes.
  std::vector<std::int32_t> first_node;
};

/// Fills nodes in order; a tensor-parallel group never spans nodes. Throws ConfigError when
/// tp > gpus_per_node.
Placement place(const Config& config, const PoolConfig& pool);

/// GPUs that a replica takes of each of its nodes, laid as place() does: {8, 8} or {4}. tp is
/// within a node.
std::vector<int> gpus_by_node(const GpuSpec& gpu, const PoolConfig& pool);

}  // namespace plimsoll
