// How those who add and remove replicas speak with the service that routes to them.
#pragma once

#include <cstdint>
#include <optional>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Is told that a replica which left has ended its last request. The call comes from within the
/// replica's step: it may schedule events and nothing else.
class DrainListener {
 public:
  virtual ~DrainListener() = default;
  virtual void on_drained(ReplicaIndex replica) = 0;
};

class ReplicaDirectory {
 public:
  virtual ~ReplicaDirectory() = default;
  /// Its GPUs cost so much together from now on. Said before it is ready, of replicas whose pool
  /// has no one price.
  virtual void replica_costs(ReplicaIndex replica, double dollars_per_hour) = 0;
  /// It gets requests from now on.
  virtual void replica_ready(ReplicaIndex replica) = 0;
  /// It gets no more; `listener`, which outlives that, is told once it has none left. What it still
  /// has after `drain_timeout` is taken from it and lost with it, as if it had failed.
  virtual void replica_leaving(ReplicaIndex replica, DrainListener& listener,
                               std::optional<Duration> drain_timeout) = 0;
  /// Requests assigned to it and not ended.
  virtual std::int64_t outstanding(ReplicaIndex replica) const = 0;
  /// Requests that wait centrally, and all that ever arrived.
  virtual std::int64_t queued() const = 0;
  virtual std::int64_t arrived() const = 0;
};

}  // namespace plimsoll
