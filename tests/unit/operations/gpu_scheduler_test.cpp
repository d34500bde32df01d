// Shared GPUs: who gets them, from whom, and that no schedule of claims breaks what was promised.
// Pools are played by hand: they drain for as long as the case says.
#include "operations/gpu_scheduler.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

/// What all pools have on the nodes, and what they saw.
struct Books {
  std::vector<int> used;  // GPUs, by node
  int per_node = 0;
  int most = 0;  // GPUs in use at once
  std::int64_t preemptions = 0;
};

class FakePool final : public GpuClaimant {
 public:
  FakePool(Engine& engine, GpuScheduler& gpus, Books& books, PoolIndex pool, int tp)
      : engine_{engine}, gpus_{gpus}, books_{books}, tp_{tp}, slots_(slot_count) {
    member_ = gpus.add(pool, slot_count, *this);
  }

  void want(std::size_t slot) {
    slots_[slot].wanted = true;
    if (!slots_[slot].claimed && !slots_[slot].has) {
      claim(slot);
    }
  }
  void claim(std::size_t slot) {
    slots_[slot].claimed = true;
    gpus_.claim(member_, slot);
  }
  /// Not wanted any more: it leaves after `drain`.
  void drop(std::size_t slot, Duration drain) {
    slots_[slot].wanted = false;
    if (slots_[slot].claimed) {
      slots_[slot].claimed = false;
      gpus_.withdraw(member_, slot);
    } else if (slots_[slot].has && !slots_[slot].goes) {
      gpus_.leaving(member_, slot);
      go(slot, drain);
    }
  }

  void granted(std::size_t slot, const std::vector<int>& nodes) override {
    EXPECT_TRUE(slots_[slot].claimed);
    slots_[slot].claimed = false;
    slots_[slot].has = true;
    slots_[slot].nodes = nodes;
    ++has;
    add(nodes, 1);
  }
  void preempted(std::size_t slot, Duration grace) override {
    EXPECT_TRUE(slots_[slot].has);
    ++books_.preemptions;
    EXPECT_FALSE(slots_[slot].dead) << "a dead one is no victim";
    if (!slots_[slot].goes) {
      EXPECT_GT(has, guaranteed) << "a guaranteed replica was preempted";
    }
    go(slot, std::min(grace, drains));
  }
  int warmth(int node) const override { return node == warm_node ? 1 : 0; }
  std::int64_t preempted_busy() const override { return 0; }

  /// Its GPUs broke: `noticed` later it gives back what it had, and claims anew.
  void struck(std::size_t slot, Duration noticed) {
    EXPECT_TRUE(slots_[slot].has && !slots_[slot].dead);
    slots_[slot].dead = true;
    has -= slots_[slot].goes ? 0 : 1;
    slots_[slot].goes = true;
    give_back_after(slot, noticed);
  }

  bool has_gpus(std::size_t slot) const { return slots_[slot].has; }
  bool waits(std::size_t slot) const { return slots_[slot].claimed; }
  const std::vector<int>& nodes(std::size_t slot) const { return slots_[slot].nodes; }
  int waiting() const {
    return static_cast<int>(
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.claimed; }));
  }
  int gpus() const { return tp_; }
  /// GPUs of a node that it would have to give to a claim that goes first.
  int to_take(int node) const {
    int there = 0;
    for (const Slot& slot : slots_) {
      there += slot.has && !slot.dead && slot.nodes.front() == node ? 1 : 0;
    }
    return std::max(0, std::min(there, has - guaranteed)) * tp_;
  }

  static constexpr std::size_t slot_count = 12;
  int has = 0;  // replicas that keep their GPUs
  int guaranteed = 0;
  int warm_node = -1;
  Duration drains{1s};  // after a preemption

 private:
  struct Slot {
    bool wanted = false;
    bool claimed = false;
    bool has = false;
    bool goes = false;
    bool dead = false;
    std::uint64_t going = 0;
    std::vector<int> nodes;
  };
  void add(const std::vector<int>& nodes, int sign) {
    for (const int node : nodes) {
      int& used = books_.used[static_cast<std::size_t>(node)];
      used += sign * tp_;
      EXPECT_LE(used, books_.per_node) << "node " << node << " is over-committed";
    }
    int all = 0;
    for (const int used : books_.used) {
      all += used;
    }
    books_.most = std::max(books_.most, all);
  }
  void go(std::size_t slot, Duration after) {
    if (!slots_[slot].goes) {
      --has;
    }
    slots_[slot].goes = true;
    give_back_after(slot, after);
  }
  void give_back_after(std::size_t slot, Duration after) {
    const std::uint64_t going = ++slots_[slot].going;
    engine_.at(engine_.now() + after, EventPriority::fleet, [this, slot, going] {
      if (slots_[slot].going != going || !slots_[slot].has) {
        return;
      }
      slots_[slot].has = slots_[slot].goes = slots_[slot].dead = false;
      add(slots_[slot].nodes, -1);
      gpus_.returned(member_, slot);
      if (slots_[slot].wanted) {
        claim(slot);
      }
    });
  }

  Engine& engine_;
  GpuScheduler& gpus_;
  Books& books_;
  int tp_;
  std::size_t member_ = 0;
  std::vector<Slot> slots_;
};

class GpuSchedulerTest : public testing::Test {
 protected:
  GpuSchedulerTest() {
    config.gpus.resize(1);
    config.gpus[0].gpus_per_node = 8;
    SharedGpusConfig& shared = config.shared_gpus.emplace_back();
    shared.name = "cluster";
    shared.nodes = 2;
    shared.grace = 10s;
  }
  /// Before build().
  void pool(int tp, int priority, int guaranteed = 0, int pp = 1) {
    PoolConfig& pool = config.pools.emplace_back();
    pool.tp = tp;
    pool.pp = pp;
    pool.allocation = AllocationConfig{0, priority, guaranteed};
  }
  void build() {
    gpus = std::make_unique<GpuScheduler>(config, 0, engine);
    books.used.assign(static_cast<std::size_t>(most_nodes(config.shared_gpus[0])), 0);
    books.per_node = config.gpus[0].gpus_per_node;
    for (std::size_t p = 0; p < config.pools.size(); ++p) {
      pools.push_back(std::make_unique<FakePool>(engine, *gpus, books, static_cast<PoolIndex>(p),
                                                 config.pools[p].tp));
      pools.back()->guaranteed = config.pools[p].allocation->guaranteed;
    }
  }
  void at(Duration t, std::function<void()> what) {
    engine.at(sim_start + t, EventPriority::window, std::move(what));
  }
  void want(std::size_t pool, std::size_t from, std::size_t to) {
    for (std::size_t slot = from; slot < to; ++slot) {
      pools[pool]->want(slot);
    }
  }

  /// What breaks is noticed after `noticed`.
  void strike(const GpuRange& range, Duration noticed = 2s) {
    for (int gpu = range.first; gpu < range.first + range.count; ++gpu) {
      broken[{range.node, gpu}] += 1;
    }
    for (const StruckReplica& replica : gpus->strike(range)) {
      pools[replica.pool]->struck(replica.slot, noticed);
    }
  }
  void repair(const GpuRange& range) {
    for (int gpu = range.first; gpu < range.first + range.count; ++gpu) {
      broken[{range.node, gpu}] -= 1;
    }
    static_cast<void>(gpus->repair(range));
  }
  int broken_on(int node) const {
    int count = 0;
    for (const auto& [gpu, faults] : broken) {
      count += gpu.first == node && faults > 0 ? 1 : 0;
    }
    return count;
  }

  /// Up to four faults of nodes and GPUs within 15 s, of which some last for ever.
  void strike_at_random(Draws& draws, SimTime begin) {
    const auto below = [&draws](std::uint32_t bound) {
      return static_cast<int>(draws.below(bound));
    };
    for (int i = below(5); i > 0; --i) {
      const int node = below(static_cast<std::uint32_t>(config.shared_gpus[0].nodes));
      const bool whole = below(2) == 0;
      const int gpu = whole ? 0 : below(8);
      const GpuRange range{0, node, gpu, whole ? 8 : 1};
      const Duration from = std::chrono::milliseconds{below(15'000)};
      const Duration lasting = std::chrono::milliseconds{below(9000)};
      const Duration noticed = std::chrono::milliseconds{below(3000)};
      const bool for_ever = below(3) == 0;
      engine.at(begin + from, EventPriority::window,
                [this, range, noticed] { strike(range, noticed); });
      if (!for_ever) {
        engine.at(begin + from + lasting, EventPriority::window, [this, range] { repair(range); });
      }
    }
  }

  /// A claim of the pool that waits finds no node with its GPUs free, or with those of replicas
  /// that rank lower.
  void expect_nothing_for(std::size_t p) {
    const FakePool& pool = *pools[p];
    if (pool.waiting() == 0) {
      return;
    }
    const bool within_guarantee = pool.has < pool.guaranteed;
    for (int node = 0; node < config.shared_gpus[0].nodes; ++node) {
      int found = books.per_node - broken_on(node) - books.used[static_cast<std::size_t>(node)];
      for (std::size_t other = 0; other < pools.size(); ++other) {
        const bool ranks_lower = other != p && config.shared_gpus[0].preemption &&
                                 (within_guarantee || config.pools[other].allocation->priority <
                                                          config.pools[p].allocation->priority);
        found += ranks_lower ? pools[other]->to_take(node) : 0;
      }
      EXPECT_LT(found, pool.gpus()) << "pool " << p << " waits for no reason, node " << node;
    }
  }

  Config config;
  Engine engine{PlatformSpec{}};
  std::unique_ptr<GpuScheduler> gpus;
  Books books;
  std::vector<std::unique_ptr<FakePool>> pools;
  std::map<std::pair<int, int>, int> broken;  // faults, by node and GPU
};

TEST_F(GpuSchedulerTest, TheFirstClaimsGoByPriorityThenByAge) {
  pool(4, 0);
  pool(4, 5);
  build();
  want(0, 0, 4);
  want(1, 0, 3);
  EXPECT_EQ(pools[0]->has + pools[1]->has, 0) << "nothing is granted before the start";
  gpus->start();
  EXPECT_EQ(pools[1]->has, 3);
  EXPECT_EQ(pools[0]->has, 1);
  EXPECT_TRUE(pools[0]->has_gpus(0)) << "the oldest claim";
  EXPECT_EQ(gpus->free_gpus(), 0);
}

TEST_F(GpuSchedulerTest, ReplicasArePackedAndGoWhereTheirWeightsAre) {
  config.shared_gpus[0].nodes = 3;
  pool(2, 0);
  pool(8, 0);
  build();
  gpus->start();
  pools[0]->warm_node = 1;
  want(0, 0, 5);
  EXPECT_EQ(pools[0]->nodes(0), std::vector<int>{1}) << "of empty nodes the warm one";
  EXPECT_EQ(pools[0]->nodes(3), std::vector<int>{1}) << "then the fullest";
  EXPECT_EQ(pools[0]->nodes(4), std::vector<int>{0});
  want(1, 0, 2);
  EXPECT_EQ(pools[1]->nodes(0), std::vector<int>{2});
  EXPECT_TRUE(pools[1]->waits(1)) << "6 GPUs of node 0 are no 8";
  at(10s, [] {});
  engine.run();
  const SharedGpusSummary summary = gpus->summary();
  EXPECT_EQ(summary.total_ns, 24 * 10'000'000'000);
  EXPECT_EQ(summary.unallocated_ns, 6 * 10'000'000'000);
  EXPECT_EQ(summary.blocked_ns, summary.unallocated_ns) << "free, and of no use to who waits";
  EXPECT_EQ(summary.pools[0].gpu_ns, 10 * 10'000'000'000);
}

TEST_F(GpuSchedulerTest, StagesOverNodesTakeWholeOnes) {
  config.shared_gpus[0].nodes = 3;
  pool(4, 0, 0, 3);  // 12 GPUs: a node and a half
  pool(4, 0);
  build();
  gpus->start();
  want(1, 0, 1);
  want(0, 0, 1);
  const std::vector<int> nodes = pools[0]->nodes(0);
  EXPECT_EQ(nodes, (std::vector<int>{1, 0})) << "a whole node, and the half of one in use";
  EXPECT_EQ(gpus->free_gpus(), 8);
}

TEST_F(GpuSchedulerTest, PreemptsTheLowestPriorityAndFewestGpusWithinGrace) {
  pool(8, 5);
  pool(4, 0);
  pool(2, 3);
  build();
  gpus->start();
  want(1, 0, 2);           // node 0
  want(2, 0, 4);           // node 1
  pools[1]->drains = 20s;  // longer than the grace
  at(1s, [this] { want(0, 0, 1); });
  at(5s, [this] { EXPECT_TRUE(pools[0]->waits(0)); });
  at(12s, [this] {
    EXPECT_TRUE(pools[0]->has_gpus(0));
    EXPECT_EQ(pools[1]->has, 0);
    EXPECT_EQ(pools[1]->waiting(), 2);
    EXPECT_EQ(pools[2]->has, 4) << "of higher priority";
  });
  engine.run();
  const SharedGpusSummary summary = gpus->summary();
  EXPECT_EQ(summary.pools[0].claims.preempting, 1);
  EXPECT_EQ(summary.pools[0].claims.longest_wait_ns, 10'000'000'000) << "the grace";
  EXPECT_EQ(summary.pools[1].claims.preempted, 2);
  EXPECT_EQ(summary.pools[2].claims.preempted, 0);
}

TEST_F(GpuSchedulerTest, EqualPriorityAndGuaranteedReplicasAreNotPreempted) {
  pool(8, 5);
  pool(8, 5);
  pool(8, 0, 1);
  build();
  gpus->start();
  want(2, 0, 2);  // both nodes: one of the two is guaranteed
  at(1s, [this] { want(0, 0, 2); });
  at(5s, [this] { want(1, 0, 1); });
  at(30s, [this] {
    EXPECT_EQ(pools[2]->has, 1);
    EXPECT_EQ(pools[0]->has, 1);
    EXPECT_EQ(pools[1]->has, 0);
  });
  engine.run();
  EXPECT_EQ(books.preemptions, 1);
}

TEST_F(GpuSchedulerTest, AGuaranteeComesBeforeEveryPriority) {
  pool(8, 5);
  pool(8, 0, 1);
  build();
  gpus->start();
  want(0, 0, 3);
  at(1s, [this] { want(1, 0, 2); });
  at(30s, [this] {
    EXPECT_EQ(pools[1]->has, 1) << "its guarantee, and no more";
    EXPECT_EQ(pools[0]->has, 1);
  });
  engine.run();
  EXPECT_EQ(books.preemptions, 1);
}

TEST_F(GpuSchedulerTest, WithoutPreemptionClaimsWaitForWhoLeaves) {
  config.shared_gpus[0].preemption = false;
  pool(8, 5);
  pool(8, 0);
  build();
  gpus->start();
  want(1, 0, 2);
  at(1s, [this] { want(0, 0, 1); });
  at(60s, [this] {
    EXPECT_TRUE(pools[0]->waits(0));
    want(1, 2, 3);
    pools[1]->drop(0, 100s);  // drains for longer than the grace, which binds nobody here
  });
  at(159s, [this] { EXPECT_TRUE(pools[0]->waits(0)); });
  at(161s, [this] {
    EXPECT_TRUE(pools[0]->has_gpus(0));
    EXPECT_TRUE(pools[1]->waits(2)) << "asked later, and comes after";
  });
  engine.run();
  EXPECT_EQ(books.preemptions, 0);
}

TEST_F(GpuSchedulerTest, AWithdrawnClaimKeepsNothing) {
  pool(8, 5);
  pool(8, 0);
  build();
  gpus->start();
  want(1, 0, 2);
  at(1s, [this] { want(0, 0, 1); });  // preempts one, which drains for a second
  at(1500ms, [this] { pools[0]->drop(0, 0s); });
  at(3s, [this] {
    EXPECT_EQ(pools[1]->has, 2) << "who was preempted is there again";
    EXPECT_EQ(gpus->free_gpus(), 0);
  });
  engine.run();
  EXPECT_EQ(gpus->summary().pools[0].claims.withdrawn, 1);
}

TEST_F(GpuSchedulerTest, WhatWasKeptForAWithdrawnClaimGoesToTheNextAtOnce) {
  config.shared_gpus[0].nodes = 1;
  pool(8, 5);
  pool(4, 0);
  build();
  gpus->start();
  pools[1]->drains = 5s;
  want(1, 0, 1);
  at(1s, [this] {
    want(0, 0, 1);  // preempts it, and keeps the other half of the node meanwhile
    want(1, 1, 2);
  });
  at(2s, [this] {
    EXPECT_TRUE(pools[1]->waits(1));
    pools[0]->drop(0, 0s);
  });
  at(3s, [this] { EXPECT_TRUE(pools[1]->has_gpus(1)); });
  engine.run();
}

TEST_F(GpuSchedulerTest, ABrokenNodeTakesItsReplicasAndTheRestIsDealtAnew) {
  pool(4, 5);
  pool(4, 0, 1);
  build();
  gpus->start();
  want(1, 0, 2);  // node 0
  want(0, 0, 2);  // node 1
  at(10s, [this] { strike({0, 0, 0, 8}, 3s); });
  at(12s, [this] {
    EXPECT_EQ(pools[1]->has, 0);
    EXPECT_EQ(pools[0]->has, 2) << "nobody asks for GPUs yet";
  });
  at(15s, [this] {
    EXPECT_EQ(pools[1]->has, 1) << "its guarantee holds on what is left";
    EXPECT_EQ(pools[0]->has, 1);
    EXPECT_EQ(pools[1]->waiting(), 1);
    EXPECT_EQ(gpus->free_gpus(), 0);
  });
  at(100s, [this] { repair({0, 0, 0, 8}); });
  at(101s, [this] {
    EXPECT_EQ(pools[0]->has, 2);
    EXPECT_EQ(pools[1]->has, 2);
  });
  engine.run();
  const SharedGpusSummary summary = gpus->summary();
  constexpr std::int64_t second = 1'000'000'000;
  EXPECT_EQ(summary.broken_ns, 8 * 90 * second);
  EXPECT_EQ(summary.down_ns, 8 * 87 * second) << "3 s long dead replicas have them";
}

TEST_F(GpuSchedulerTest, ABrokenGpuLeavesTheOthersOfItsNode) {
  config.shared_gpus[0].nodes = 1;
  pool(4, 0);
  build();
  gpus->start();
  want(0, 0, 2);
  at(10s, [this] { strike({0, 0, 5, 1}); });
  at(11s, [this] {
    EXPECT_TRUE(pools[0]->has_gpus(0));
    want(0, 2, 3);
    EXPECT_TRUE(pools[0]->waits(2));
  });
  at(13s, [this] {
    EXPECT_EQ(pools[0]->waiting(), 2) << "three GPUs are no four";
    EXPECT_EQ(gpus->free_gpus(), 3);
  });
  at(20s, [this] { repair({0, 0, 5, 1}); });
  at(21s, [this] { EXPECT_EQ(pools[0]->has, 2); });
  engine.run();
}

TEST_F(GpuSchedulerTest, OrderedNodesComeAfterStockOutAndLeadTime) {
  config.shared_gpus[0].nodes = 1;
  NodeProcurementConfig& procurement = config.shared_gpus[0].procurement.emplace();
  procurement.lead_time.mean = 20s;
  procurement.stock_outs = {{5s, 10s}};
  procurement.orders = {{0s, 1}, {10s, 1}};
  pool(8, 0);
  build();
  gpus->start();
  want(0, 0, 3);
  at(19s, [this] { EXPECT_EQ(pools[0]->has, 1); });
  at(21s, [this] { EXPECT_EQ(pools[0]->has, 2); });
  at(34s, [this] { EXPECT_EQ(pools[0]->has, 2); });
  at(36s, [this] { EXPECT_EQ(pools[0]->has, 3) << "from 15 s on, 20 s"; });
  at(40s, [] {});
  engine.run();
  const SharedGpusSummary summary = gpus->summary();
  EXPECT_EQ(summary.gpus, 24);
  EXPECT_EQ(summary.total_ns, 8 * (40 + 20 + 5) * std::int64_t{1'000'000'000});
  EXPECT_EQ(summary.unallocated_ns, 0);
  EXPECT_EQ(summary.deliveries[1].delivered_s, 35);
}

/// Eight replicas of 2 GPUs each stay for up to 8 s and are replaced at once; one of 8 GPUs waits.
TEST_F(GpuSchedulerTest, AClaimThatIsOvertakenForLongEnoughHasANodeReserved) {
  for (const Duration reserve_after : {Duration{30s}, Duration{1000h}}) {
    config.pools.clear();
    pools.clear();
    books = Books{};
    config.shared_gpus[0].reserve_after = reserve_after;
    pool(2, 0);
    pool(8, 0);
    build();
    const SimTime begin = engine.now();
    gpus->start();
    want(0, 0, 8);
    want(1, 0, 1);
    Draws draws = RandomStream{3, "stays"}.of(0);
    for (int second = 1; second < 300; ++second) {
      const std::size_t slot = draws.below(8);
      engine.at(begin + std::chrono::seconds{second}, EventPriority::window, [this, slot] {
        if (pools[0]->has_gpus(slot)) {
          pools[0]->drop(slot, 100ms);
          pools[0]->want(slot);  // its place is claimed anew, as soon as it is free
        }
      });
    }
    engine.run_until(begin + 29s);
    EXPECT_TRUE(pools[1]->waits(0));
    engine.run_until(begin + 100s);
    EXPECT_EQ(pools[1]->has_gpus(0), reserve_after == Duration{30s});
    engine.run_until(begin + 400s);
    EXPECT_EQ(pools[1]->has_gpus(0), reserve_after == Duration{30s})
        << "else smaller claims overtake it for ever";
    EXPECT_EQ(gpus->summary().pools[1].claims.reserving, reserve_after == Duration{30s} ? 1 : 0);
  }
}

TEST_F(GpuSchedulerTest, OnlyReplicasThatItCouldPreemptGetGpusOfAReservedNode) {
  config.shared_gpus[0].nodes = 1;
  pool(8, 5);     // waits, from the beginning with the node reserved
  pool(4, 5, 0);  // ranks like it, and stays
  pool(2, 5);
  pool(2, 0);
  build();
  gpus->start();
  want(1, 0, 1);
  at(1s, [this] { want(0, 0, 1); });
  at(2s, [this] {
    want(2, 0, 1);
    want(3, 0, 1);
    EXPECT_TRUE(pools[2]->waits(0)) << "it would stay";
    EXPECT_TRUE(pools[3]->has_gpus(0)) << "it goes when it has to";
  });
  at(10s, [this] { pools[1]->drop(0, 0s); });
  at(20s, [this] {
    EXPECT_TRUE(pools[0]->has_gpus(0));
    EXPECT_FALSE(pools[3]->has_gpus(0));
  });
  engine.run();
  EXPECT_EQ(books.preemptions, 1);
}

/// Random pools, claims and ends of claims, faults and repairs; then demands stand still.
TEST_F(GpuSchedulerTest, NoScheduleBreaksItsPromises) {
  std::int64_t preemptions = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Draws draws = RandomStream{seed, "claims"}.of(0);
    const auto below = [&draws](std::uint32_t bound) {
      return static_cast<int>(draws.below(bound));
    };
    config.pools.clear();
    pools.clear();
    books = Books{};
    broken.clear();
    const bool reserves = below(2) == 0;
    config.shared_gpus[0].reserve_after = reserves ? Duration{1s} : Duration{1000h};
    config.shared_gpus[0].nodes = 1 + below(4);
    config.shared_gpus[0].preemption = below(4) > 0;
    config.shared_gpus[0].grace = std::chrono::milliseconds{below(3) * 700};
    int guaranteed_nodes = config.shared_gpus[0].nodes;
    constexpr int sizes[] = {1, 2, 4, 8};
    const int count = 2 + below(3);
    for (int p = 0; p < count; ++p) {
      const int guaranteed = std::min(below(2), guaranteed_nodes);
      guaranteed_nodes -= guaranteed;
      const int size = sizes[below(4)];
      const int priority = below(3);
      pool(size, priority, guaranteed);
    }
    build();
    const SimTime begin = engine.now();
    gpus->start();
    Duration t{};
    for (int i = 0; i < 60; ++i) {
      t += std::chrono::milliseconds{below(500)};
      const auto p = static_cast<std::size_t>(below(static_cast<std::uint32_t>(count)));
      const auto slot = static_cast<std::size_t>(below(FakePool::slot_count));
      const bool wants = below(3) > 0;
      const Duration drain = std::chrono::milliseconds{below(900)};
      engine.at(begin + t, EventPriority::window, [this, p, slot, wants, drain] {
        if (wants) {
          pools[p]->want(slot);
        } else {
          pools[p]->drop(slot, drain);
        }
      });
    }
    strike_at_random(draws, begin);
    // Demands stand still: preemption comes to an end, which is the end of all events.
    engine.run_until(begin + t + 40s);
    const std::int64_t settled = books.preemptions;
    engine.run_until(begin + t + 100s);
    EXPECT_EQ(books.preemptions, settled) << "replicas take each other's place for ever";
    preemptions += settled;
    for (std::size_t p = 0; p < pools.size() && !reserves; ++p) {
      expect_nothing_for(p);
    }
    EXPECT_LE(books.most, config.shared_gpus[0].nodes * books.per_node);
    static_cast<void>(gpus->summary());  // checks that GPU time adds up
  }
  EXPECT_GT(preemptions, 300) << "schedules without preemption show nothing";
}

}  // namespace
}  // namespace plimsoll
