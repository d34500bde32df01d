// How shared GPUs were allocated, as it goes into result.json. Definitions: docs/metrics.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/operations_summary.hpp"

namespace plimsoll {

/// Claims of one pool, each of which asks for the GPUs of one replica.
struct ClaimSummary {
  std::int64_t claims = 0;
  std::int64_t granted = 0;
  std::int64_t waited = 0;     // of these, not at once
  std::int64_t withdrawn = 0;  // not granted, and not wanted any more
  std::int64_t waiting = 0;    // at the end
  std::int64_t wait_ns = 0;    // of all claims, withdrawn and waiting ones included
  std::int64_t longest_wait_ns = 0;
  std::int64_t reserving = 0;       // claims that had nodes reserved while they waited
  std::int64_t preempting = 0;      // claims that preempted replicas of others
  std::int64_t preempted = 0;       // replicas that others took the GPUs of, or had leave sooner
  std::int64_t preempted_busy = 0;  // of these, with requests that grace did not let end
};

/// An order of nodes.
struct NodeDelivery {
  std::int64_t nodes = 0;
  double ordered_s = 0;
  double delivered_s = -1;  // -1: not before the end
};

struct PoolShare {
  std::size_t pool = 0;  // into RunResult::pools, whose replica time x gpus_per_replica it has
  int priority = 0;
  int guaranteed = 0;
  ClaimSummary claims;
  std::int64_t gpu_ns = 0;  // that it had
  double share = 0;         // of all GPU time
};

/// GPU-nanoseconds: those of the pools + unallocated + down = total, that of GPUs while they were
/// there.
struct SharedGpusSummary {
  std::string name;
  std::string gpu;
  std::int64_t nodes = 0;  // at the end
  std::int64_t gpus = 0;
  std::int64_t most_allocated = 0;  // GPUs, at any moment
  std::int64_t total_ns = 0;
  std::int64_t unallocated_ns = 0;  // worked, and no replica had them
  std::int64_t down_ns = 0;         // broken, and no replica had them
  std::int64_t broken_ns = 0;       // broken, those of replicas that died included
  std::int64_t blocked_ns = 0;      // of these, while a claim waited that could not use them (yet)
  double allocated_share = 0;       // of all GPU time
  double busy_share = 0;            // in steps
  double availability = 1;          // of GPUs: 1 - broken_ns / total_ns
  double fragmentation = 0;         // blocked_ns / unallocated_ns
  std::vector<PoolShare> pools;     // in the order of pools
  std::vector<NodeDelivery> deliveries;
};

struct AllocationSummary {
  std::vector<SharedGpusSummary> shared;
  LossSummary losses;  // attempts that ended with a replica
};

}  // namespace plimsoll
