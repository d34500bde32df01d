// A pool, as the scheduler of shared GPUs sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

class GpuClaimant {
 public:
  virtual ~GpuClaimant() = default;
  /// The claim of a slot is met: these nodes have its GPUs, those of the first stages first.
  virtual void granted(std::size_t slot, const std::vector<int>& nodes) = 0;
  /// Others get the slot's GPUs: it gives them back within `grace`, at once unless it serves.
  virtual void preempted(std::size_t slot, Duration grace) = 0;
  /// How near the pool's weights are to a node's GPUs: the larger, the nearer.
  virtual int warmth(int node) const = 0;
  /// Replicas preempted so far with requests that grace did not let end.
  virtual std::int64_t preempted_busy() const = 0;
};

}  // namespace plimsoll
