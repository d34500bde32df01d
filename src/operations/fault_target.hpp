// What a fault does to a pool: its machines stop and come back.
#pragma once

#include <cstddef>

#include "plimsoll/operations_summary.hpp"

namespace plimsoll {

class FaultTarget {
 public:
  virtual ~FaultTarget() = default;
  /// The machine of a slot stops; it may be off, loading, serving or draining. True when it was
  /// rented: then its replica is down, with the requests that it had. Not called again before
  /// machine_repaired.
  virtual bool machine_failed(std::size_t slot, DownCause cause) = 0;
  /// The machine can be used again. Nothing waits at its replica any more.
  virtual void machine_repaired(std::size_t slot) = 0;
};

}  // namespace plimsoll
