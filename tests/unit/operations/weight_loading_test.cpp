// The way of weights: who shares what, what is kept, and what measured loads say of the loaders.
// One engine a case.
#include "operations/weight_loading.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr double gb = 1e9;

/// Replicas of one share of 20 GB, each on a node of its own unless the case says otherwise. NIC
/// 10 GB/s, SSD 5, main memory 40, store uplink 4 a server; a loader reads 2.5 and copies 8.
class WeightLoadingTest : public testing::Test {
 protected:
  WeightLoadingTest() {
    config.gpus.resize(1);
    config.gpus[0].nic = rate(10);
    config.gpus[0].ssd = rate(5);
    config.loaders.resize(1);
    config.stores.resize(1);
    config.stores[0].name = "store";
    config.stores[0].uplink = rate(4);
    config.pools.resize(1);
    config.pools[0].name = "pool";
    config.pools[0].store = 0;
    config.pools[0].start = PoolStart::cold;
    WeightsConfig& weights = config.pools[0].weights.emplace();
    weights.loader = 0;
    weights.ssd_cache = weights.memory_cache = bytes(100);
    weights.memory_bandwidth = rate(40);
    routes.read = rate(2.5);
    routes.to_gpu = rate(8);
    routes.share = bytes(20);
  }

  static BytesPerSecond rate(double gigabytes) { return BytesPerSecond::of(gigabytes * gb); }
  static Bytes bytes(double gigabytes) {
    return Bytes::of(static_cast<std::int64_t>(gigabytes * gb));
  }
  static std::string server(const StoreConfig& store, int number, const std::string& region) {
    return store.name + std::to_string(number) + (crosses_wan(store, region) ? "@" + region : "");
  }
  void add_stores(PlatformSpec& platform) const {
    const std::string& region = config.pools[0].region;
    for (const StoreConfig& store : config.stores) {
      if (crosses_wan(store, region)) {
        platform.shared_links.push_back({"wan of " + store.name, *store.wan});
      }
      for (int i = 0; i < store.servers; ++i) {
        platform.stores.push_back({server(store, i, store.region), store.uplink, 0ns});
        if (crosses_wan(store, region)) {
          platform.remote_names.push_back(
              {server(store, i, region), server(store, i, store.region), "wan of " + store.name});
        }
      }
    }
  }

  /// `slots` replicas, `per_node` to a node.
  void build(int slots, int per_node = 1) {
    const GpuSpec& gpu = config.gpus[0];
    PlatformSpec platform;
    add_stores(platform);
    for (int node = 0; node * per_node < slots; ++node) {
      const std::string name = std::to_string(node);
      routes.nodes.push_back("node" + name);
      routes.memories.push_back("memory" + name);
      routes.ssds.push_back("ssd" + name);
      platform.stores.push_back({routes.nodes.back(), gpu.nic, 0ns});
      platform.stores.push_back(
          {routes.memories.back(), config.pools[0].weights->memory_bandwidth, 0ns});
      platform.stores.push_back({routes.ssds.back(), gpu.ssd, 0ns});
    }
    for (int slot = 0; slot < slots; ++slot) {
      const std::string name = std::to_string(slot);
      routes.nodes_of_slot.push_back({slot / per_node});
      routes.readers.push_back({"reader" + name});
      routes.gpus.push_back({"gpus" + name});
      platform.stores.push_back({"reader" + name, routes.read, 0ns});
      platform.stores.push_back({"gpus" + name, routes.to_gpu, 0ns});
    }
    engine = std::make_unique<Engine>(platform);
    stores = std::make_unique<ModelStores>(config, *engine, server);
    loading = std::make_unique<WeightLoading>(config, 0, routes, nodes, *stores, *engine);
    pulled.resize(static_cast<std::size_t>(slots), -1);
    loaded.resize(static_cast<std::size_t>(slots), -1);
    complete.resize(static_cast<std::size_t>(slots), -1);
  }
  void bring(Duration at, std::size_t slot, WeightsVersion version = 0) {
    engine->at(sim_start + at, EventPriority::fleet, [this, slot, version] {
      loading->bring(
          slot, version, [this, slot] { pulled[slot] = now(); },
          [this, slot] { loaded[slot] = now(); });
    });
  }
  /// bring(), of a replica that takes requests as soon as it may.
  void bring_streaming(Duration at, std::size_t slot) {
    engine->at(sim_start + at, EventPriority::fleet, [this, slot] {
      loading->bring(
          slot, 0, [] {},
          [this, slot] {
            loaded[slot] = complete[slot] = now();
            loading->streams(slot, [this, slot] { complete[slot] = now(); });
          });
    });
  }
  void at(Duration t, std::function<void()> what) {
    engine->at(sim_start + t, EventPriority::fleet, std::move(what));
  }
  /// A second store with the same weights, at 2 GB/s; the first falls back on it.
  void add_replica_store() {
    config.stores.push_back(config.stores[0]);
    config.stores[1].name = "far";
    config.stores[1].uplink = rate(2);
    config.stores[0].fallback = 1;
  }
  void map_files(double lazy = 1) {
    config.loaders[0].mapped = true;
    config.pools[0].weights->lazy = lazy;
    config.pools[0].weights->tier = WeightTier::ssd;
  }
  double now() const { return to_seconds(engine->now().time_since_epoch()); }

  Config config;
  WeightRoutes routes;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ModelStores> stores;
  WeightNodes nodes{"pool pool", false, {}};
  std::unique_ptr<WeightLoading> loading;
  std::vector<double> pulled;  // seconds, by slot; -1: never
  std::vector<double> loaded;
  std::vector<double> complete;  // the last layer is there
};

constexpr double tolerance = 1e-6;

TEST_F(WeightLoadingTest, WhatANodeHasWasReadWhenItWasPulled) {
  build(2, 2);
  bring(1s, 0);
  bring(3s, 1);  // waits for the pull of the first
  at(20s, [this] { loading->released(1); });
  bring(30s, 1);  // from main memory, where the other one keeps it
  engine->run();
  for (std::size_t slot = 0; slot < 2; ++slot) {
    ASSERT_EQ(loading->reads_of(slot).size(), 1U);
    // 20 GB at 4 GB/s.
    EXPECT_NEAR(to_seconds(loading->reads_of(slot)[0].began.time_since_epoch()), 1, tolerance);
    EXPECT_NEAR(to_seconds(loading->reads_of(slot)[0].ended.time_since_epoch()), 6, tolerance);
  }
  EXPECT_GT(loaded[1], 30);
}

TEST_F(WeightLoadingTest, PullsAtOnceShareTheUplinkMaxMin) {
  build(4);
  for (std::size_t slot = 0; slot < 3; ++slot) {
    bring(0s, slot);
  }
  bring(5s, 3);
  engine->run();
  // Three share 4 GB/s until 5 s: 20/3 GB each. Then four do: 40/3 GB more take 40/3 s.
  for (std::size_t slot = 0; slot < 3; ++slot) {
    EXPECT_NEAR(pulled[slot], 5 + 40.0 / 3, tolerance);
    EXPECT_NEAR(loaded[slot], pulled[slot] + 20.0 / 8, tolerance) << "each on its own node";
  }
  // The last has 40/3 GB by then, and the uplink alone for the other 20/3.
  EXPECT_NEAR(pulled[3], 5 + 40.0 / 3 + 20.0 / 3 / 4, tolerance);
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "uplink of store store");
  const ResourceUse uplink = loading->uses()[0];
  EXPECT_EQ(uplink.bytes, bytes(80).count());
  EXPECT_NEAR(uplink.utilization, 1.0, 1e-6);
}

TEST_F(WeightLoadingTest, ServersOfAStoreShareThePulls) {
  config.stores[0].servers = 2;
  build(4);
  for (std::size_t slot = 0; slot < 4; ++slot) {
    bring(0s, slot);
  }
  engine->run();
  for (std::size_t slot = 0; slot < 4; ++slot) {
    EXPECT_NEAR(pulled[slot], 20.0 / 2, tolerance) << "two a server";
  }
}

// ceil(log2 n) rounds of share / NIC after the first pull: NICs are full duplex, and each node that
// has the weights sends to one more at a time.
TEST_F(WeightLoadingTest, PeersSpreadWeightsLikeATree) {
  config.pools[0].weights->peers.emplace();
  build(11);
  for (std::size_t slot = 0; slot < 11; ++slot) {
    bring(0s, slot);
  }
  engine->run();
  const double first = 20.0 / 4;
  const double round = 20.0 / 10;
  for (std::size_t slot = 0; slot < 11; ++slot) {
    EXPECT_NEAR(pulled[slot], first + std::ceil(std::log2(static_cast<double>(slot + 1))) * round,
                tolerance)
        << slot;
  }
  const std::vector<StoreBytes> from = loading->pulled_from();
  ASSERT_EQ(from.size(), 2U);
  EXPECT_EQ(from[0].bytes, bytes(20).count()) << "the store sends it once";
  EXPECT_EQ(from[1].store, "peers");
  EXPECT_EQ(from[1].bytes, 10 * bytes(20).count());
}

// A node that sends to two at once gives each half of its NIC.
TEST_F(WeightLoadingTest, UploadsOfANodeShareItsNic) {
  config.pools[0].weights->peers.emplace().uploads = 2;
  build(3);
  at(0s, [this] { loading->adopt(0); });
  bring(1s, 1);
  bring(1s, 2);
  engine->run();
  EXPECT_NEAR(pulled[1], 1 + 20.0 / 5, tolerance);
  EXPECT_NEAR(pulled[2], 1 + 20.0 / 5, tolerance);
  EXPECT_EQ(loading->pulled_from()[0].bytes, 0);
}

TEST_F(WeightLoadingTest, WhenAPeerDiesTheStoreSendsTheRest) {
  config.pools[0].weights->peers.emplace();
  build(3);
  at(0s, [this] { loading->adopt(0); });
  bring(0s, 1);
  bring(0s, 2);
  at(1s, [this] { loading->node_lost(0); });
  engine->run();
  // Half came from the peer; the rest comes at 4 GB/s, then the last one has it from a peer.
  EXPECT_NEAR(pulled[1], 1 + 10.0 / 4, tolerance);
  EXPECT_NEAR(pulled[2], 1 + 10.0 / 4 + 20.0 / 10, tolerance);
  EXPECT_NEAR(static_cast<double>(loading->pulled_from()[0].bytes), 10 * gb, 1e3);
  EXPECT_NEAR(static_cast<double>(loading->pulled_from()[1].bytes), 30 * gb, 1e3);
}

TEST_F(WeightLoadingTest, WhoGivesUpHisTurnLeavesThePeerToTheNext) {
  config.pools[0].weights->peers.emplace();
  build(4);
  at(0s, [this] { loading->adopt(0); });
  bring(0s, 1);
  bring(0s, 2);
  bring(0s, 3);
  at(1s, [this] {
    loading->give_up(2);  // that waits
    loading->give_up(1);  // that receives
  });
  engine->run();
  EXPECT_EQ(pulled[1], -1);
  EXPECT_EQ(pulled[2], -1);
  EXPECT_NEAR(pulled[3], 1 + 2, tolerance);
}

// A peer has the part of its own rank: each node of a replica finds the node of the same one.
TEST_F(WeightLoadingTest, RanksHaveTheirPartsFromTheSameRank) {
  config.pools[0].weights->peers.emplace();
  build(4);
  routes.nodes_of_slot = {{0, 1}, {2, 3}};
  routes.readers = {{"reader0", "reader1"}, {"reader2", "reader3"}};
  routes.gpus = {{"gpus0", "gpus1"}, {"gpus2", "gpus3"}};
  nodes.nodes.clear();
  loading = std::make_unique<WeightLoading>(config, 0, routes, nodes, *stores, *engine);
  bring(0s, 0);
  bring(0s, 1);
  engine->run();
  // The first replica's two parts share the uplink; the second has both from it, over two NICs.
  EXPECT_NEAR(pulled[0], 2 * 20.0 / 4, tolerance);
  EXPECT_NEAR(pulled[1], 2 * 20.0 / 4 + 20.0 / 10, tolerance);
}

// In n shards from n servers a node gets n uplinks, up to its NIC.
TEST_F(WeightLoadingTest, ShardsComeFromSeveralServersAtOnce) {
  config.stores[0].servers = 2;
  config.pools[0].weights->shards = 2;
  build(2);
  bring(0s, 0);
  bring(100s, 0, 1);
  bring(110s, 1, 1);
  at(111s, [this] { loading->give_up(1); });  // with both shards under way
  engine->run();
  EXPECT_NEAR(pulled[0], 100 + 20.0 / 8, tolerance);
  EXPECT_EQ(pulled[1], -1);
  EXPECT_NEAR(static_cast<double>(loading->uses()[0].bytes), 48 * gb, 1e3);
}

TEST_F(WeightLoadingTest, MoreServersThanTheNicTakesDoNotHelp) {
  config.stores[0].servers = 5;
  config.pools[0].weights->shards = 5;
  build(1);
  bring(0s, 0);
  engine->run();
  EXPECT_NEAR(pulled[0], 20.0 / 10, tolerance);
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "NICs of pool pool");
}

TEST_F(WeightLoadingTest, TheNicBindsWhereItIsTheTightestLink) {
  config.stores[0].uplink = rate(100);
  build(2);
  bring(0s, 0);
  bring(0s, 1);
  engine->run();
  EXPECT_NEAR(pulled[0], 20.0 / 10, tolerance);
  EXPECT_NEAR(pulled[1], 20.0 / 10, tolerance);
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "NICs of pool pool");
}

TEST_F(WeightLoadingTest, ReplicasOfANodePullOnceAndShareItsMemory) {
  config.pools[0].weights->memory_bandwidth = rate(10);
  build(2, 2);
  bring(0s, 0);
  bring(1s, 1);
  engine->run();
  EXPECT_NEAR(pulled[0], 20.0 / 4, tolerance);
  EXPECT_NEAR(pulled[1], 20.0 / 4, tolerance);
  // Two copies of at most 8 GB/s each out of 10.
  EXPECT_NEAR(loaded[0], 5 + 20.0 / 5, tolerance);
  EXPECT_EQ(loading->bound_of(0, StartPhase::load), "main memories of pool pool");
  EXPECT_EQ(loading->uses()[0].bytes, bytes(20).count());
}

TEST_F(WeightLoadingTest, WhatANodeHasIsNotPulled) {
  config.pools[0].weights->tier = WeightTier::ssd;
  build(1);
  bring(0s, 0);
  engine->at(sim_start + 50s, EventPriority::fleet, [this] { loading->released(0); });
  bring(100s, 0);  // it was read once: now it lies in main memory
  engine->run();
  EXPECT_NEAR(pulled[0], 100, tolerance);
  EXPECT_NEAR(loaded[0], 100 + 20.0 / 8, tolerance);
  EXPECT_EQ(loading->uses()[0].bytes, 0);
  EXPECT_EQ(loading->uses()[2].bytes, bytes(20).count()) << "read from SSD once";
}

TEST_F(WeightLoadingTest, FromSsdReadsFirstAndCopiesThen) {
  config.pools[0].weights->tier = WeightTier::ssd;
  build(1);
  bring(0s, 0);
  engine->run();
  EXPECT_NEAR(loaded[0], 20.0 / 2.5 + 20.0 / 8, tolerance);
  EXPECT_EQ(loading->bound_of(0, StartPhase::load), "loader of pool pool");
}

TEST_F(WeightLoadingTest, ALoaderThatOverlapsTakesTheSlowerOfBoth) {
  config.loaders[0].overlaps = true;
  config.pools[0].weights->tier = WeightTier::ssd;
  build(2, 2);
  bring(0s, 0);
  engine->at(sim_start + 50s, EventPriority::fleet, [] {});
  engine->run();
  EXPECT_NEAR(loaded[0], 20.0 / 2.5, tolerance);
}

TEST_F(WeightLoadingTest, APullThatTakesLongerHidesTheCopy) {
  config.loaders[0].overlaps = true;
  build(1);
  bring(0s, 0);
  engine->run();
  EXPECT_NEAR(loaded[0], 20.0 / 4, tolerance);
}

TEST_F(WeightLoadingTest, MachinesThatAreGivenBackComeEmptyAndKeptOnesDoNot) {
  build(1);
  bring(0s, 0);
  engine->at(sim_start + 50s, EventPriority::fleet, [this] { loading->released(0); });
  bring(60s, 0);
  engine->run();
  EXPECT_NEAR(pulled[0], 60 + 20.0 / 4, tolerance);
}

TEST_F(WeightLoadingTest, PrefetchedWeightsAreThereAlready) {
  config.pools[0].weights->prefetch = WeightTier::memory;
  build(2);
  engine->at(sim_start, EventPriority::fleet, [this] { loading->prefetch(); });
  bring(20s, 1);
  engine->run();
  EXPECT_NEAR(pulled[1], 20, tolerance) << "both nodes had theirs after 10 s";
  EXPECT_NEAR(loaded[1], 20 + 20.0 / 8, tolerance);
  EXPECT_EQ(loading->uses()[0].bytes, bytes(40).count());
}

TEST_F(WeightLoadingTest, ANodeOfAReplicaThatServesPullsNothingAgain) {
  config.pools[0].weights->prefetch = WeightTier::ssd;
  build(3);
  at(0s, [this] {
    loading->adopt(0);
    loading->prefetch();
  });
  engine->run();
  EXPECT_EQ(loading->uses()[0].bytes, bytes(40).count()) << "to the two others";
}

TEST_F(WeightLoadingTest, AStartThatIsGivenUpTellsNobody) {
  build(1);
  bring(0s, 0);
  engine->at(sim_start + 2s, EventPriority::fleet, [this] { loading->give_up(0); });
  engine->run();
  EXPECT_EQ(pulled[0], -1);
  EXPECT_EQ(loaded[0], -1);
}

TEST_F(WeightLoadingTest, TheOthersShareWhatAStartThatIsGivenUpHad) {
  build(3);
  for (std::size_t slot = 0; slot < 3; ++slot) {
    bring(0s, slot);
  }
  at(6s, [this] { loading->give_up(1); });
  engine->run();
  // A third of 4 GB/s for 6 s is 8 GB, then half of it for the other 12.
  EXPECT_NEAR(pulled[0], 6 + 12.0 / 2, tolerance);
  EXPECT_NEAR(pulled[2], 6 + 12.0 / 2, tolerance);
  EXPECT_EQ(pulled[1], -1);
  const ResourceUse uplink = loading->uses()[0];
  EXPECT_NEAR(static_cast<double>(uplink.bytes), 48 * gb, 100)
      << "what the aborted pull carried too";
  EXPECT_NEAR(uplink.utilization, 1.0, 1e-6);
}

TEST_F(WeightLoadingTest, APullThatAnotherStartWaitsForGoesOn) {
  build(2, 2);
  bring(0s, 0);
  bring(1s, 1);
  at(2s, [this] { loading->give_up(0); });
  engine->run();
  EXPECT_EQ(pulled[0], -1);
  EXPECT_NEAR(pulled[1], 20.0 / 4, tolerance);
}

TEST_F(WeightLoadingTest, ReadsAndCopiesOfAStartThatIsGivenUpEndToo) {
  config.pools[0].weights->tier = WeightTier::ssd;
  config.pools[0].weights->memory_bandwidth = rate(8);
  routes.read = rate(5);
  build(2, 2);
  bring(0s, 0);
  bring(0s, 1);
  at(2s, [this] { loading->give_up(0); });
  engine->run();
  // Two share 5 GB/s of SSD for 2 s; the other 15 GB come alone, then it copies alone.
  EXPECT_NEAR(loaded[1], 2 + 15.0 / 5 + 20.0 / 8, tolerance);
}

TEST_F(WeightLoadingTest, WithoutAWeightsBlockEachPullIsItsOwn) {
  config.pools[0].weights.reset();
  PlatformSpec platform;
  add_stores(platform);
  platform.stores.push_back({"node0", rate(10), 0ns});
  routes.nodes = {"node0"};
  routes.nodes_of_slot = {{0}, {0}};
  engine = std::make_unique<Engine>(platform);
  stores = std::make_unique<ModelStores>(config, *engine, server);
  nodes.nodes.clear();
  loading = std::make_unique<WeightLoading>(config, 0, routes, nodes, *stores, *engine);
  pulled = loaded = {-1, -1};
  bring(0s, 0);
  bring(0s, 1);
  at(4s, [this] { loading->give_up(0); });
  engine->run();
  EXPECT_EQ(loaded[0], -1);
  EXPECT_NEAR(loaded[1], 4 + 12.0 / 4, tolerance) << "8 GB at half the uplink, then all of it";
}

TEST_F(WeightLoadingTest, ADeadNodeForgetsItsMainMemoryAndKeepsItsSsds) {
  config.pools[0].weights->tier = WeightTier::memory;
  build(2);
  at(1s, [this] { loading->node_lost(0); });
  at(2s, [this] { loading->node_back(0); });
  bring(10s, 0);
  bring(10s, 1);
  engine->run();
  EXPECT_NEAR(loaded[0], 10 + 20.0 / 2.5 + 20.0 / 8, tolerance) << "read from SSD again";
  EXPECT_NEAR(loaded[1], 10 + 20.0 / 8, tolerance) << "the other node is warm";
}

TEST_F(WeightLoadingTest, APrefetchToADeadNodeEndsAndBeginsAnew) {
  config.pools[0].weights->prefetch = WeightTier::memory;
  build(2);
  at(0s, [this] { loading->prefetch(); });
  at(4s, [this] { loading->node_lost(0); });
  at(30s, [this] { loading->node_back(0); });
  bring(31s, 0);
  bring(20s, 1);
  engine->run();
  // Node 1: 8 GB at half the uplink, the other 12 alone: there after 7 s.
  EXPECT_NEAR(pulled[1], 20, tolerance);
  EXPECT_NEAR(pulled[0], 30 + 20.0 / 4, tolerance);
  EXPECT_NEAR(static_cast<double>(loading->uses()[0].bytes), 48 * gb, 100);
}

TEST_F(WeightLoadingTest, WhileTheNearestStoreIsUpNothingComesFromAnother) {
  add_replica_store();
  build(3);
  for (std::size_t slot = 0; slot < 3; ++slot) {
    bring(0s, slot);
  }
  engine->run();
  EXPECT_NEAR(pulled[2], 60.0 / 4, tolerance);
  EXPECT_EQ(loading->pulled_from()[0].bytes, bytes(60).count());
  EXPECT_EQ(loading->pulled_from()[1].bytes, 0);
}

TEST_F(WeightLoadingTest, PullsGoOnAtTheNextStoreWhenTheirsGoesDown) {
  add_replica_store();
  build(2);
  bring(0s, 0);
  bring(0s, 1);
  at(4s, [this] { stores->set_up(0, false); });
  engine->run();
  // 8 GB each from the first, at 2 GB/s; the other 12 at 1.
  EXPECT_NEAR(pulled[0], 4 + 12.0, tolerance);
  EXPECT_NEAR(pulled[1], 4 + 12.0, tolerance);
  const std::vector<StoreBytes> from = loading->pulled_from();
  EXPECT_EQ(from[1].store, "far");
  EXPECT_NEAR(static_cast<double>(from[0].bytes), 16 * gb, 100);
  EXPECT_NEAR(static_cast<double>(from[1].bytes), 24 * gb, 100);
  EXPECT_EQ(from[0].bytes + from[1].bytes, bytes(40).count()) << "every byte once";
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "uplink of store far");
}

TEST_F(WeightLoadingTest, PullsGoBackToTheNearestStoreWhenItIsRepaired) {
  add_replica_store();
  build(2);
  bring(0s, 0);
  bring(0s, 1);
  at(4s, [this] { stores->set_up(0, false); });
  at(7s, [this] { stores->set_up(0, true); });
  engine->run();
  // Each has 8 GB at 2 GB/s, then 3 at 1, then the other 9 at 2.
  EXPECT_NEAR(pulled[0], 7 + 9.0 / 2, tolerance);
  EXPECT_NEAR(pulled[1], 7 + 9.0 / 2, tolerance);
  const std::vector<StoreBytes> from = loading->pulled_from();
  EXPECT_NEAR(static_cast<double>(from[0].bytes), 34 * gb, 100);
  EXPECT_NEAR(static_cast<double>(from[1].bytes), 6 * gb, 100);
  EXPECT_EQ(from[0].bytes + from[1].bytes, bytes(40).count()) << "every byte once";
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "uplink of store store");
}

TEST_F(WeightLoadingTest, APullFromTheLeastBusyStoreStaysWhereItIsWhenAnotherIsRepaired) {
  add_replica_store();
  config.stores[0].choice = StoreChoice::least_busy;
  build(1);
  at(0s, [this] { stores->set_up(0, false); });
  bring(1s, 0);
  at(4s, [this] { stores->set_up(0, true); });
  engine->run();
  EXPECT_NEAR(pulled[0], 1 + 20.0 / 2, tolerance);
  EXPECT_EQ(loading->pulled_from()[1].bytes, bytes(20).count());
}

// What is under way when a run ends has carried, and been carried, until then.
TEST_F(WeightLoadingTest, LinksThatCarryAtTheEndWereBusyUpToIt) {
  build(2);
  bring(1s, 0);
  bring(1s, 1);
  at(4s, [this] { engine->stop(); });
  engine->run();
  const std::vector<ResourceUse> uses = loading->uses();
  ASSERT_EQ(uses.size(), 4U);
  EXPECT_EQ(uses[0].busy_ns, 3'000'000'000);
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "uplink of store store") << "so far";
  EXPECT_EQ(loading->bound_of(0, StartPhase::load), "") << "not known yet";
  EXPECT_NEAR(static_cast<double>(uses[0].bytes), 12 * gb, 100) << "4 GB/s";
  EXPECT_NEAR(uses[0].utilization, 1.0, 1e-6);
  EXPECT_EQ(uses[1].busy_ns, 2 * 3'000'000'000) << "two NICs";
  EXPECT_NEAR(static_cast<double>(uses[1].bytes), 12 * gb, 100);
}

TEST_F(WeightLoadingTest, ReadsPeersAndFallbacksAtTheEndAreCountedToo) {
  add_replica_store();
  config.pools[0].weights->peers.emplace();
  build(3);
  at(0s, [this] { loading->adopt(0); });
  bring(0s, 1);     // from the peer, 10 GB/s: there after 2 s, copied at 8
  bring(0s, 2, 1);  // nobody has it: from the store, 4 GB/s, then 2
  at(2s, [this] { stores->set_up(0, false); });
  at(3s, [this] { engine->stop(); });
  engine->run();
  const std::vector<StoreBytes> from = loading->pulled_from();
  ASSERT_EQ(from.size(), 3U);
  EXPECT_NEAR(static_cast<double>(from[0].bytes), 8 * gb, 100);
  EXPECT_NEAR(static_cast<double>(from[1].bytes), 2 * gb, 100);
  EXPECT_EQ(from[2].bytes, bytes(20).count());
  const std::vector<ResourceUse> uses = loading->uses();
  ASSERT_EQ(uses.size(), 6U);
  EXPECT_NEAR(static_cast<double>(uses[2].bytes), 30 * gb, 100) << "NICs";
  EXPECT_EQ(uses[5].busy_ns, 1'000'000'000) << "main memories";
  EXPECT_NEAR(static_cast<double>(uses[5].bytes), 8 * gb, 100);
}

TEST_F(WeightLoadingTest, AStartThatIsGivenUpAsItsStoreGoesDownLeavesNothingBehind) {
  add_replica_store();
  build(2);
  bring(0s, 0);
  bring(0s, 1);
  at(4s, [this] {
    stores->set_up(0, false);
    stores->set_up(1, false);
    loading->give_up(0);
    stores->set_up(1, true);
  });
  engine->run();
  EXPECT_EQ(pulled[0], -1);
  EXPECT_NEAR(pulled[1], 4 + 12.0 / 2, tolerance) << "alone at the second";
}

TEST_F(WeightLoadingTest, TheLeastBusyStoreTakesThePull) {
  add_replica_store();
  config.stores[0].choice = StoreChoice::least_busy;
  build(3);
  for (std::size_t slot = 0; slot < 3; ++slot) {
    bring(0s, slot);
  }
  engine->run();
  // Pulls for 4 GB/s and 2: the first goes near, the second far, the third near again.
  EXPECT_EQ(loading->pulled_from()[0].bytes, bytes(40).count());
  EXPECT_NEAR(pulled[0], 20.0 / 2, tolerance);
  EXPECT_NEAR(pulled[1], 20.0 / 2, tolerance);
  EXPECT_NEAR(pulled[2], 20.0 / 2, tolerance);
}

TEST_F(WeightLoadingTest, AWanBoundsAllPullsFromAfarTogether) {
  config.stores[0].servers = 2;
  config.stores[0].region = "us";
  config.stores[0].wan = rate(1);
  config.pools[0].region = "eu";
  build(2);
  bring(0s, 0);
  bring(10s, 1);
  engine->run();
  // Two servers of 4 GB/s behind 1 GB/s: 10 GB alone, then half of it each.
  EXPECT_NEAR(pulled[0], 10 + 10 / 0.5, tolerance);
  EXPECT_NEAR(pulled[1], 30 + 10 / 1.0, tolerance);
  EXPECT_EQ(loading->bound_of(0, StartPhase::pull), "wan of store store");
  EXPECT_NEAR(loading->uses()[1].utilization, 1.0, 1e-6);
}

TEST_F(WeightLoadingTest, AWanIsNoBoundWithinItsRegion) {
  config.stores[0].region = "eu";
  config.stores[0].wan = rate(1);
  config.pools[0].region = "eu";
  build(1);
  bring(0s, 0);
  engine->run();
  EXPECT_NEAR(pulled[0], 20.0 / 4, tolerance);
}

TEST_F(WeightLoadingTest, ReplicasThatMapTheSameFileShareOneRead) {
  map_files();
  build(2, 2);
  bring(0s, 0);
  bring(4s, 1);
  at(15s, [this] { loading->released(1); });
  bring(20s, 1);  // it lies in main memory by then
  at(19s, [this] { EXPECT_NEAR(loaded[1], 8, tolerance) << "with the read that was under way"; });
  engine->run();
  EXPECT_NEAR(loaded[0], 20.0 / 2.5, tolerance) << "copied as it is read";
  EXPECT_NEAR(loaded[1], 20 + 20.0 / 8, tolerance);
  EXPECT_EQ(loading->uses()[2].bytes, bytes(20).count()) << "read from SSD once";
}

TEST_F(WeightLoadingTest, WhoMapsAFileLateCopiesWhatIsThereAtTheSpeedOfMemory) {
  map_files();
  build(2, 2);
  bring(0s, 0);
  bring(7s, 1);
  engine->run();
  EXPECT_NEAR(loaded[0], 8, tolerance);
  EXPECT_NEAR(loaded[1], 7 + 20.0 / 8, tolerance) << "the read ended before its copy";
}

TEST_F(WeightLoadingTest, ASharedReadEndsWithTheLastWhoWaits) {
  map_files();
  build(2, 2);
  bring(0s, 0);
  bring(1s, 1);
  at(2s, [this] { loading->give_up(0); });
  at(4s, [this] { loading->give_up(1); });
  bring(10s, 0);
  engine->run();
  EXPECT_NEAR(loaded[0], 10 + 8, tolerance) << "nobody read it to its end";
  EXPECT_NEAR(static_cast<double>(loading->uses()[2].bytes), (10 + 20) * gb, 100);
}

TEST_F(WeightLoadingTest, AMappedFileThatWasEvictedIsReadAgain) {
  map_files();
  config.pools[0].weights->memory_cache = bytes(30);  // one version, not two
  build(1);
  bring(0s, 0);
  bring(20s, 0, 1);  // pulled, into main memory
  bring(50s, 0);
  engine->run();
  EXPECT_NEAR(loaded[0], 50 + 8, tolerance);
}

TEST_F(WeightLoadingTest, ALazyReplicaServesWithItsShareAndTheRestStreamsIn) {
  map_files(0.25);
  build(2, 2);
  bring(0s, 0);
  bring(3s, 1);
  at(9s, [this] { loading->give_up(1); });
  bring(10s, 1);
  at(9s, [this] {
    EXPECT_NEAR(loaded[0], 5.0 / 2.5, tolerance);
    EXPECT_NEAR(loaded[1], 3 + 5.0 / 8, tolerance) << "that share is in main memory";
  });
  engine->run();
  EXPECT_NEAR(loaded[1], 10 + 5.0 / 8, tolerance);
  EXPECT_EQ(loading->uses()[2].bytes, bytes(20).count()) << "both pieces once";
}

TEST_F(WeightLoadingTest, TheLastLayerOfALazyLoadComesWhenThatOfAWholeOneDoes) {
  map_files(0.01);
  build(2, 2);
  bring_streaming(0s, 0);
  bring_streaming(3s, 1);  // shares the read of the first
  engine->run();
  EXPECT_NEAR(loaded[0], 0.2 / 2.5, tolerance);
  EXPECT_NEAR(complete[0], 20 / 2.5, tolerance) << "as for who waits for all of it";
  EXPECT_NEAR(complete[1], 20 / 2.5, tolerance);
}

TEST_F(WeightLoadingTest, NobodyHearsOfTheLastLayerOfALoadThatWasGivenUp) {
  map_files(0.25);
  build(1);
  bring_streaming(0s, 0);
  at(5s, [this] { loading->give_up(0); });
  engine->run();
  EXPECT_NEAR(complete[0], 2, tolerance);
}

TEST_F(WeightLoadingTest, TheRestOfALazyLoadTakesBandwidthFromOthers) {
  map_files(0.5);
  config.pools[0].weights->tier = WeightTier::memory;
  config.pools[0].weights->memory_bandwidth = rate(8);
  build(2, 2);
  bring(0s, 0);
  bring(1250ms, 1);
  engine->run();
  EXPECT_NEAR(loaded[0], 10.0 / 8, tolerance);
  EXPECT_NEAR(loaded[1], 1.25 + 10.0 / 4, tolerance) << "the other's rest has half of it";
}

TEST_F(WeightLoadingTest, GpusThatKeepTheirWeightsServeAtOnce) {
  config.pools[0].weights->tier = WeightTier::gpu;
  build(1);
  bring(3s, 0);
  engine->at(sim_start + 4s, EventPriority::fleet, [this] { EXPECT_EQ(loaded[0], 3); });
  bring(10s, 0, 1);  // another version has to come
  engine->run();
  EXPECT_NEAR(pulled[0], 10 + 20.0 / 4, tolerance);
}

TEST_F(WeightLoadingTest, PoolsThatShareNodesFindWhatOthersLeftThere) {
  // A second pool of other weights and a third of the first one's, on the same two nodes.
  config.pools.resize(3, config.pools[0]);
  nodes.stay = true;
  nodes.nodes.assign(2, WeightNode{bytes(100), bytes(30)});
  build(2);
  const auto more = [&](PoolIndex pool, std::size_t weights) {
    WeightRoutes others = routes;
    others.weights = weights;
    return std::make_unique<WeightLoading>(config, pool, others, nodes, *stores, *engine);
  };
  const auto other = more(1, 1);
  const auto same = more(2, 0);
  double same_loaded = -1;
  double other_loaded = -1;
  bring(0s, 0);  // 5 s over the uplink, 2.5 s into the GPUs
  engine->at(sim_start + 20s, EventPriority::fleet, [&] {
    loading->released(0);
    EXPECT_EQ(same->warmth(0), 2) << "in main memory";
    EXPECT_EQ(same->warmth(1), 0);
    EXPECT_EQ(other->warmth(0), 0);
    same->settle_on(1, {0});
    same->bring(
        1, 0, [] {}, [&] { same_loaded = now(); });
  });
  engine->at(sim_start + 40s, EventPriority::fleet, [&] {
    other->settle_on(1, {0});
    other->bring(
        1, 0, [] {},
        [&] {
          other_loaded = now();
          EXPECT_EQ(same->warmth(0), 1) << "of 30 GB of main memory the other has 20: SSD";
        });
  });
  engine->run();
  EXPECT_NEAR(loaded[0], 7.5, tolerance);
  EXPECT_NEAR(same_loaded, 20 + 2.5, tolerance) << "nothing is pulled twice";
  EXPECT_NEAR(other_loaded, 40 + 7.5, tolerance);
}

TEST(WeightCache, TheLeastRecentlyUsedGo) {
  WeightCache cache{Bytes::of(10)};
  cache.insert({0, 1}, Bytes::of(4));
  cache.insert({0, 2}, Bytes::of(4));
  cache.touch({0, 1});
  cache.insert({0, 3}, Bytes::of(4));
  EXPECT_TRUE(cache.holds({0, 1}));
  EXPECT_FALSE(cache.holds({0, 2}));
  EXPECT_TRUE(cache.holds({0, 3}));
  EXPECT_EQ(cache.used(), Bytes::of(8));
  cache.insert({0, 4}, Bytes::of(11));
  EXPECT_FALSE(cache.holds({0, 4})) << "larger than the whole";
  EXPECT_TRUE(cache.holds({0, 1}));
  cache.insert({0, 4}, Bytes::of(10));
  EXPECT_FALSE(cache.holds({0, 1}));
  EXPECT_FALSE(cache.holds({0, 3}));
  EXPECT_EQ(cache.used(), Bytes::of(10));
  cache.touch({0, 99});
  cache.clear();
  EXPECT_EQ(cache.used(), Bytes{});
}

}  // namespace
}  // namespace plimsoll
