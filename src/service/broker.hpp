// Hands messages to the queues before the GPUs: a latency, a capacity, a queue, failovers.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "service/passage.hpp"

namespace plimsoll {

/// One partition of a broker's queue: messages in order, one turn each 1 / capacity, none while it
/// fails over. O(1) a message and no events: since its failovers are known, a message's turn is
/// known when it comes. It is that of a queue that never fails, played in working time, which
/// stands still during failovers.
class BrokerPartition {
 public:
  /// `failovers` do not overlap and are in order of time.
  BrokerPartition(Frequency capacity, double depth, BacklogFate fate,
                  std::vector<OutageConfig> failovers)
      : turnstile_{capacity}, depth_{depth}, fate_{fate}, failovers_{std::move(failovers)} {}

  /// A message comes at `t`, in order of time. It waits for its turn, finds no room (queue_full) or
  /// is lost with the backlog when a failover begins (failed, then).
  StageResult take(SimTime t);
  bool fails_over_at(SimTime t) const;
  /// Nanoseconds in which messages had their turns until `t`.
  double used_ns(SimTime t) const { return turnstile_.use(working_time(t)).used; }

 private:
  SimTime working_time(SimTime t) const;
  SimTime clock_time(SimTime working) const;
  void lose_backlogs(SimTime t);
  SimTime begin_of(std::size_t failover) const { return sim_start + failovers_[failover].at; }

  Turnstile turnstile_;  // in working time
  double depth_;
  BacklogFate fate_;
  std::vector<OutageConfig> failovers_;
  std::size_t begun_ = 0;  // failovers whose backlog has been seen to
};

/// Without a queue of its own, whoever comes too early waits for a turn, however many do, and
/// whoever meets a failover waits until it is over; with one, see BrokerPartition.
class Broker {
 public:
  Broker(std::uint64_t seed, const BrokerConfig& config);

  /// The message of the attempt `id` comes at `t`; with a capacity, in order of time.
  StageResult hand_on(std::uint64_t id, SimTime t);
  /// Until when the attempt `id` that comes at `t` is to be held, before it takes its turn; `t`: it
  /// is not. Only with a capacity and no queue: whoever took a turn yet to come would hold up those
  /// whom the outage does not hit.
  SimTime held_until(std::uint64_t id, SimTime t) const {
    const bool by_event = limited() && partitions_.empty() && during_outage_ == DuringOutage::hold;
    return by_event ? passage_.outages().end_for(id, t) : t;
  }
  /// Some attempt may be held.
  bool holds() const {
    return limited() && partitions_.empty() && !passage_.outages().spans().empty();
  }
  bool limited() const { return passage_.turnstile().limited(); }
  /// Of all partitions until `t`; failovers are time that is not used.
  CapacityUse use(SimTime t) const;

 private:
  StageResult queue_up(std::uint64_t id, SimTime t);

  Passage passage_;
  DuringOutage during_outage_;
  RandomStream partition_stream_;
  std::vector<BrokerPartition> partitions_;  // none: no queue of its own
};

}  // namespace plimsoll
