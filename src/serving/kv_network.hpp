// How the KV of prompts gets from prefill to decode replicas: the NICs of their nodes, by
// arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "fleet/placement.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// Each NIC carries one transfer at a time, in the order in which they are sent. A transfer begins
/// when all NICs of both replicas are free, holds them until the slowest has carried its part, and
/// has arrived a latency later. A replica whose stages lie on several nodes sends (receives) each
/// stage's layers by that node's NIC. What travels is what the receiving replica keeps: with
/// tp > KV heads, each of its copies. Weight pulls are not in the way, and the network between the
/// NICs is not a bottleneck. O(nodes of both replicas) per transfer.
class KvNetwork {
 public:
  /// The replicas of all pools, in order of ReplicaIndex.
  KvNetwork(const Config& config, const std::vector<Placement>& placements);

  struct Booking {
    SimTime begin{};    // the NICs are held from then on
    SimTime arrives{};  // later than `now` by a nanosecond at least
    Duration wire{};
    Bytes bytes;
    std::int64_t sending_nics = 0;
    std::int64_t receiving_nics = 0;
  };
  /// Books the transfer of the KV of `tokens` > 0 tokens at `now`, not earlier than any before.
  Booking send(ReplicaIndex from, ReplicaIndex to, std::int64_t tokens, SimTime now);

  PoolIndex pool_of(ReplicaIndex replica) const { return replicas_[replica].pool; }
  /// NICs of the nodes of a pool.
  std::int64_t nics(PoolIndex pool) const { return pools_[pool].nics; }

 private:
  /// A node that holds layers of a replica.
  struct Port {
    std::uint32_t nic = 0;
    std::int64_t layers = 0;
  };
  struct Member {
    PoolIndex pool = 0;
    std::uint32_t first_port = 0;
    std::uint32_t ports = 0;
  };
  struct PoolNetwork {
    std::int64_t nics = 0;
    BytesPerSecond bandwidth;
    Duration latency{};
    std::int64_t layer_bytes = 0;  // of one token in one layer of a whole replica
  };
  void add_replica(const Config& config, PoolIndex pool, const Placement& placement,
                   std::size_t number, std::uint32_t first_nic);
  Duration wire_of(const Member& member, std::int64_t bytes_per_layer) const;

  std::vector<PoolNetwork> pools_;
  std::vector<Member> replicas_;
  std::vector<Port> ports_;
  std::vector<SimTime> free_;  // by NIC; a pool only sends or only receives
};

}  // namespace plimsoll
