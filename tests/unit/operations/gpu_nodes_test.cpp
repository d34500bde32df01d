// The GPUs of an inventory: whatever happens to them in whatever order, each is counted once.
#include "operations/gpu_nodes.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

TEST(GpuNodes, BrokenGpusAreNobodysOrTheirHoldersUntilGivenBack) {
  GpuNodes nodes{2, 4, 2};
  nodes.take(0, {0, 7, 2});  // GPUs 0 and 1
  EXPECT_EQ(nodes.strike(0, 0, 1).size(), 1U);
  EXPECT_EQ(nodes.strike(0, 3, 1).size(), 0U) << "nobody's";
  EXPECT_EQ(nodes.free(0), 1);
  EXPECT_EQ(nodes.down(), 1) << "GPU 0 is broken, and a replica has it";
  EXPECT_EQ(nodes.broken(), 2);
  EXPECT_EQ(nodes.working_of(0, {0, 7, 2}), 1);
  nodes.give_back(0, {0, 7, 2});
  EXPECT_EQ(nodes.free(0), 2);
  EXPECT_EQ(nodes.down(), 2);
  nodes.take(0, {1, 0, 2});  // GPUs 1 and 2: the first that work
  EXPECT_TRUE(nodes.strike(0, 0, 1).empty()) << "broken before";
  EXPECT_TRUE(nodes.repair(0, 0, 1).empty());
  EXPECT_EQ(nodes.free(0), 0) << "another fault of GPU 0 lasts";
  nodes.repair(0, 0, 1);
  EXPECT_EQ(nodes.free(0), 1);
}

TEST(GpuNodes, ANodeMayBreakBeforeItComes) {
  GpuNodes nodes{2, 4, 1};
  nodes.strike(1, 0, 4);
  EXPECT_EQ(nodes.broken(), 0) << "it is not there";
  EXPECT_EQ(nodes.working(1), 0);
  nodes.settle(sim_start + 10s);
  nodes.arrive(1);
  EXPECT_EQ(nodes.there(), 8);
  EXPECT_EQ(nodes.free(), 4);
  EXPECT_EQ(nodes.down(), 4);
  nodes.settle(sim_start + 15s);
  nodes.repair(1, 0, 4);
  EXPECT_EQ(nodes.free(1), 4);
  const GpuTimes times = nodes.times(sim_start + 20s);
  constexpr std::int64_t second = 1'000'000'000;
  EXPECT_EQ(times.total, (20 * 4 + 10 * 4) * second);
  EXPECT_EQ(times.down, 5 * 4 * second);
  EXPECT_EQ(times.free, (20 * 4 + 5 * 4) * second);
}

/// Random histories: counts are those of a table of GPUs kept beside.
TEST(GpuNodes, CountsAreThoseOfEveryGpu) {
  constexpr int per_node = 4;
  constexpr int count = 3;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draws draws = RandomStream{seed, "gpus"}.of(0);
    const auto below = [&draws](int bound) {
      return static_cast<int>(draws.below(static_cast<std::uint32_t>(bound)));
    };
    GpuNodes nodes{count, per_node, 2};
    std::vector<std::vector<int>> faults(count, std::vector<int>(per_node));
    std::vector<GpuHolder> holders(count);  // one on a node, at most
    std::vector<int> there{1, 1, 0};
    std::int64_t total = 0;
    SimTime now{};
    for (int i = 0; i < 60; ++i) {
      const Duration passed{below(100)};
      now += passed;
      nodes.settle(now);
      total += passed.count() * nodes.there();
      const int node = below(count);
      const auto n = static_cast<std::size_t>(node);
      const int gpu = below(per_node);
      int& lasting = faults[n][static_cast<std::size_t>(gpu)];
      switch (below(5)) {
        case 0:
          nodes.strike(node, gpu, 1);
          ++lasting;
          break;
        case 1:
          if (lasting > 0) {
            nodes.repair(node, gpu, 1);
            --lasting;
          }
          break;
        case 2:
          if (holders[n].gpus == 0 && nodes.free(node) >= 2) {
            holders[n] = {n, static_cast<std::size_t>(i), 2};
            nodes.take(node, holders[n]);
          }
          break;
        case 3:
          if (holders[n].gpus > 0) {
            nodes.give_back(node, holders[n]);
            holders[n] = {};
          }
          break;
        default:
          if (there[2] == 0 && node == 2) {
            nodes.arrive(2);
            there[2] = 1;
          }
      }
      int broken = 0;
      int taken = 0;
      for (std::size_t each = 0; each < count; ++each) {
        for (const int lasts : faults[each]) {
          broken += there[each] > 0 && lasts > 0 ? 1 : 0;
        }
        taken += holders[each].gpus;
      }
      ASSERT_EQ(nodes.broken(), broken) << "seed " << seed;
      ASSERT_EQ(nodes.taken(), taken) << "seed " << seed;
      ASSERT_EQ(nodes.free() + nodes.down() + nodes.taken(), nodes.there()) << "seed " << seed;
      ASSERT_LE(nodes.down(), nodes.broken()) << "seed " << seed;
    }
    ASSERT_EQ(nodes.times(now).total, total) << "seed " << seed;
  }
}

}  // namespace
}  // namespace plimsoll
