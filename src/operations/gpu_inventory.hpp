// GPUs that several pools share, as faults see them.
#pragma once

#include <cstddef>
#include <vector>

#include "fleet/failure_domains.hpp"
#include "plimsoll/ids.hpp"

namespace plimsoll {

/// A replica that stands on GPUs to which something happened.
struct StruckReplica {
  PoolIndex pool = 0;
  std::size_t slot = 0;
};

class GpuInventory {
 public:
  virtual ~GpuInventory() = default;
  /// A fault of these GPUs begins. Nobody gets them before it is over; the replicas that have some
  /// of them and were not dead before are returned.
  virtual std::vector<StruckReplica> strike(const GpuRange& range) = 0;
  /// It is over. Returns the replicas that have some of the GPUs which work again: dead ones, whose
  /// pools have not given them back yet.
  virtual std::vector<StruckReplica> repair(const GpuRange& range) = 0;
};

}  // namespace plimsoll
