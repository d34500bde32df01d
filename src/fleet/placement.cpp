// Where the GPUs of replicas sit: tensor-parallel groups within a node, stages over nodes.
#include "fleet/placement.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {

Placement place(const Config& config, const PoolConfig& pool) {
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  if (pool.tp > gpu.gpus_per_node) {
    throw ConfigError(
        {Diagnostic{"", 0, 0, "pools." + pool.name + ".tp",
                    fmt::format("a tensor-parallel group of {} GPUs does not fit one node of {} {}",
                                pool.tp, gpu.gpus_per_node, gpu.name),
                    fmt::format("set tp to at most {} and spread the model over stages with pp",
                                gpu.gpus_per_node)}});
  }
  const int groups_per_node = gpu.gpus_per_node / pool.tp;
  const int slots = replica_slots(pool);
  Placement placement;
  placement.stages_cross_nodes = pool.pp > groups_per_node;
  placement.gpus_used = slots * pool.tp * pool.pp;
  placement.first_node.reserve(static_cast<std::size_t>(slots));
  if (placement.stages_cross_nodes) {
    // Stages are laid one after the other over the nodes' groups; no group stays empty.
    for (int replica = 0; replica < slots; ++replica) {
      placement.first_node.push_back(replica * pool.pp / groups_per_node);
    }
    placement.nodes = (slots * pool.pp + groups_per_node - 1) / groups_per_node;
  } else {
    // A replica that fits a node stays within one: its hops then use NVLink.
    const int replicas_per_node = groups_per_node / pool.pp;
    for (int replica = 0; replica < slots; ++replica) {
      placement.first_node.push_back(replica / replicas_per_node);
    }
    placement.nodes = (slots + replicas_per_node - 1) / replicas_per_node;
  }
  placement.gpus_stranded = placement.nodes * gpu.gpus_per_node - placement.gpus_used;
  return placement;
}

std::vector<int> gpus_by_node(const GpuSpec& gpu, const PoolConfig& pool) {
  const int groups_per_node = gpu.gpus_per_node / pool.tp;
  std::vector<int> gpus;
  for (int stages = pool.pp; stages > 0; stages -= groups_per_node) {
    gpus.push_back(std::min(stages, groups_per_node) * pool.tp);
  }
  return gpus;
}

}  // namespace plimsoll
