// The arithmetic of KV transfers: layouts, copies of heads, queues of NICs.
#include "serving/kv_network.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

/// 12 layers, 2 KV heads of 100 numbers of 2 bytes: 800 bytes per token and layer. NICs carry
/// 9.6 MB/s, so a token with all its layers takes 1 ms.
Config config_of(int prefill_tp, int prefill_pp, int decode_tp, int decode_pp, int gpus_per_node) {
  Config config;
  config.gpus.resize(1);
  config.gpus[0].gpus_per_node = gpus_per_node;
  config.gpus[0].nic = BytesPerSecond::of(9.6e6);
  config.gpus[0].node_hop_latency = 2ms;
  config.models.resize(1);
  config.models[0].layers = 12;
  config.models[0].heads = 8;
  config.models[0].kv_heads = 2;
  config.models[0].head_dim = 100;
  config.pools.resize(2);
  config.pools[0].role = PoolRole::prefill;
  config.pools[0].tp = prefill_tp;
  config.pools[0].pp = prefill_pp;
  config.pools[0].replicas = 2;
  config.pools[1].role = PoolRole::decode;
  config.pools[1].tp = decode_tp;
  config.pools[1].pp = decode_pp;
  config.pools[1].replicas = 2;
  return config;
}

KvNetwork network_of(const Config& config) {
  return KvNetwork{config, {place(config, config.pools[0]), place(config, config.pools[1])}};
}

KvNetwork::Booking first_booking(const Config& config) {
  KvNetwork network = network_of(config);
  return network.send(0, 2, 100, sim_start);
}

TEST(KvNetwork, BytesOverBandwidthAndALatency) {
  const KvNetwork::Booking booking = first_booking(config_of(1, 1, 1, 1, 1));
  EXPECT_EQ(booking.bytes, Bytes::of(12 * 800 * 100));
  EXPECT_EQ(booking.begin, sim_start);
  EXPECT_EQ(booking.wire, 100ms);
  EXPECT_EQ(booking.arrives, sim_start + 102ms);
}

TEST(KvNetwork, TheSendersLatencyCanBeGiven) {
  Config config = config_of(1, 1, 1, 1, 1);
  config.pools[0].kv_transfer_latency = 7ms;
  EXPECT_EQ(first_booking(config).arrives, sim_start + 107ms);
}

TEST(KvNetwork, TensorParallelGroupsOfANodeShareItsNic) {
  const KvNetwork::Booking booking = first_booking(config_of(2, 1, 2, 1, 2));
  EXPECT_EQ(booking.bytes, Bytes::of(12 * 800 * 100)) << "one head each";
  EXPECT_EQ(booking.wire, 100ms);
  EXPECT_EQ(booking.sending_nics, 1);
}

TEST(KvNetwork, TheReceiverGetsEachCopyOfAHead) {
  const KvNetwork::Booking booking = first_booking(config_of(2, 1, 8, 1, 8));
  EXPECT_EQ(booking.bytes, Bytes::of(4 * 12 * 800 * 100)) << "2 heads on 8 GPUs";
  EXPECT_EQ(booking.wire, 400ms);
}

// From 2 x 2 GPUs to 4 of one stage, with 2 KV heads: a head each on the way out, and each of the 4
// GPUs keeps one of the two, so that each head is sent twice.
TEST(KvNetwork, LayoutsOfBothSidesMayDiffer) {
  const Bytes each_gpu = Bytes::of(12 * 400 * 100);  // all layers of one head of 100 tokens
  const KvNetwork::Booking near = first_booking(config_of(2, 2, 4, 1, 4));
  EXPECT_EQ(near.bytes, Bytes::of(4 * each_gpu.count()));
  EXPECT_EQ(near.wire, 200ms) << "one NIC on each side";
  EXPECT_EQ(near.sending_nics + near.receiving_nics, 2);
  // The stages on nodes of two: each NIC has half of the layers; the receiver's has all of them.
  Config config = config_of(2, 2, 4, 1, 2);
  config.gpus.push_back(config.gpus[0]);
  config.gpus[1].gpus_per_node = 4;
  config.pools[1].gpu = 1;
  const KvNetwork::Booking apart = first_booking(config);
  EXPECT_EQ(apart.sending_nics, 2);
  EXPECT_EQ(apart.receiving_nics, 1);
  EXPECT_EQ(apart.wire, 200ms) << "the receiver's is the slowest";
  config.gpus[1].nic = BytesPerSecond::of(4 * 9.6e6);
  EXPECT_EQ(first_booking(config).wire, 100ms) << "half of it by each of the sender's";
  config.pools[1].tp = 2;
  EXPECT_EQ(first_booking(config).bytes, Bytes::of(2 * each_gpu.count())) << "no copies";
}

TEST(KvNetwork, StagesOnSeveralNodesSendByTheirOwnNics) {
  const KvNetwork::Booking both = first_booking(config_of(1, 3, 1, 3, 1));
  EXPECT_EQ(both.bytes, Bytes::of(12 * 800 * 100));
  EXPECT_EQ(both.wire + Duration{0}, Duration{33'333'334}) << "4 of 12 layers each, rounded up";
  EXPECT_EQ(both.sending_nics, 3);
  const KvNetwork::Booking one_side = first_booking(config_of(1, 3, 1, 1, 1));
  EXPECT_EQ(one_side.wire, 100ms) << "the slowest NIC decides";
}

TEST(KvNetwork, ReplicasOfOneNodeShareItsNic) {
  Config config = config_of(1, 1, 1, 1, 2);
  KvNetwork network = network_of(config);
  network.send(0, 2, 100, sim_start);
  EXPECT_EQ(network.send(1, 3, 100, sim_start).begin, sim_start + 100ms);
  EXPECT_EQ(network.nics(0), 1);
}

// Three stages on nodes of two groups each: the second replica begins in the middle of a node.
TEST(KvNetwork, ANodeBetweenTwoReplicasIsShared) {
  Config config = config_of(1, 3, 1, 1, 2);
  KvNetwork network = network_of(config);
  EXPECT_EQ(network.nics(0), 3);
  const KvNetwork::Booking first = network.send(0, 2, 10, sim_start);
  const KvNetwork::Booking second = network.send(1, 3, 10, sim_start);
  EXPECT_EQ(first.sending_nics, 2);
  EXPECT_EQ(second.sending_nics, 2);
  EXPECT_EQ(second.begin, first.begin + first.wire);
}

TEST(KvNetwork, AQueueLeavesNoGapAndOvertakesNobody) {
  Config config = config_of(1, 1, 1, 1, 1);
  KvNetwork network = network_of(config);
  SimTime free = sim_start;
  for (int i = 0; i < 5; ++i) {
    const KvNetwork::Booking booking = network.send(0, 2, 10 + i, sim_start + i * 1ms);
    EXPECT_EQ(booking.begin, free);
    free = booking.begin + booking.wire;
  }
  EXPECT_EQ(network.send(1, 3, 10, sim_start + 4ms).begin, sim_start + 4ms) << "others' NICs";
}

}  // namespace
}  // namespace plimsoll
