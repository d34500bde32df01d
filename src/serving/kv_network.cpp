// Transfers of KV, one after the other per NIC.
#include "serving/kv_network.hpp"

#include <algorithm>
#include <cmath>

#include "fleet/model_shape.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

KvNetwork::KvNetwork(const Config& config, const std::vector<Placement>& placements) {
  for (std::size_t p = 0; p < config.pools.size(); ++p) {
    const PoolConfig& pool = config.pools[p];
    const GpuSpec& gpu = config.gpus[pool.gpu];
    PoolNetwork network;
    network.nics = placements[p].nodes;
    network.bandwidth = gpu.nic;
    network.latency = pool.kv_transfer_latency.value_or(gpu.node_hop_latency);
    network.layer_bytes = pool.tp * static_cast<std::int64_t>(kv_bytes_per_layer(
                                        config.models[pool.model], pool.tp, pool.kv_precision));
    pools_.push_back(network);
    const auto first_nic = static_cast<std::uint32_t>(free_.size());
    free_.resize(free_.size() + static_cast<std::size_t>(network.nics), sim_start);
    for (int number = 0; number < replica_slots(pool); ++number) {
      add_replica(config, static_cast<PoolIndex>(p), placements[p],
                  static_cast<std::size_t>(number), first_nic);
    }
  }
}

/// Stages follow each other over the groups of tp GPUs of their nodes, as `place` lays them.
void KvNetwork::add_replica(const Config& config, PoolIndex index, const Placement& placement,
                            std::size_t number, std::uint32_t first_nic) {
  const PoolConfig& pool = config.pools[index];
  const int groups_per_node = config.gpus[pool.gpu].gpus_per_node / pool.tp;
  const int first_group =
      placement.stages_cross_nodes ? static_cast<int>(number) * pool.pp % groups_per_node : 0;
  Member member{index, static_cast<std::uint32_t>(ports_.size()), 0};
  for (int stage = 0; stage < pool.pp; ++stage) {
    const auto node = static_cast<std::uint32_t>(placement.first_node[number] +
                                                 (first_group + stage) / groups_per_node);
    const int layers = stage_layers(config.models[pool.model].layers, pool.pp, stage);
    if (member.ports == 0 || ports_.back().nic != first_nic + node) {
      ports_.push_back({first_nic + node, 0});
      ++member.ports;
    }
    ports_.back().layers += layers;
  }
  replicas_.push_back(member);
}

/// How long its NICs need for their parts, the slowest of them; rounded up.
Duration KvNetwork::wire_of(const Member& member, std::int64_t bytes_per_layer) const {
  std::int64_t most = 0;
  for (std::uint32_t i = 0; i < member.ports; ++i) {
    most = std::max(most, ports_[member.first_port + i].layers * bytes_per_layer);
  }
  const double ns = static_cast<double>(most) * 1e9 / pools_[member.pool].bandwidth.count();
  return Duration{std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(ns)))};
}

KvNetwork::Booking KvNetwork::send(ReplicaIndex from, ReplicaIndex to, std::int64_t tokens,
                                   SimTime now) {
  const Member& sender = replicas_[from];
  const Member& receiver = replicas_[to];
  const std::int64_t bytes_per_layer = tokens * pools_[receiver.pool].layer_bytes;
  Booking booking;
  booking.begin = now;
  booking.wire = std::max(wire_of(sender, bytes_per_layer), wire_of(receiver, bytes_per_layer));
  std::int64_t layers = 0;
  for (std::uint32_t i = 0; i < sender.ports; ++i) {
    booking.begin = std::max(booking.begin, free_[ports_[sender.first_port + i].nic]);
    layers += ports_[sender.first_port + i].layers;
  }
  for (std::uint32_t i = 0; i < receiver.ports; ++i) {
    booking.begin = std::max(booking.begin, free_[ports_[receiver.first_port + i].nic]);
  }
  const SimTime end = booking.begin + booking.wire;
  for (std::uint32_t i = 0; i < sender.ports; ++i) {
    free_[ports_[sender.first_port + i].nic] = end;
  }
  for (std::uint32_t i = 0; i < receiver.ports; ++i) {
    free_[ports_[receiver.first_port + i].nic] = end;
  }
  booking.arrives = end + pools_[sender.pool].latency;
  booking.bytes = Bytes::of(layers * bytes_per_layer);
  booking.sending_nics = sender.ports;
  booking.receiving_nics = receiver.ports;
  return booking;
}

}  // namespace plimsoll
