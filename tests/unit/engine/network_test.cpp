// Flows over the platform: the network model is plain max-min sharing, whatever the latencies.
// Each case is a process of its own (one Engine each).
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "engine/engine.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr Bytes gigabytes(std::int64_t n) {
  return Bytes::of(n * 1'000'000'000);
}
constexpr double nic_rate = 12.5e9;  // 100 Gb/s

#ifdef NDEBUG
constexpr double wall_limit_s = 2.0;
#else
constexpr double wall_limit_s = 30.0;  // sanitizers and -O0
#endif

PlatformSpec near_and_far(Duration near_latency, Duration far_latency) {
  PlatformSpec platform;
  const auto nic = BytesPerSecond::of(nic_rate);
  platform.groups.push_back({"near", 3, nic, near_latency, BytesPerSecond::of(5e9)});
  platform.groups.push_back({"far", 1, nic, far_latency, BytesPerSecond{}});
  platform.groups.push_back({"slow", 1, BytesPerSecond::of(2.5e9), Duration{0}, BytesPerSecond{}});
  platform.stores.push_back({"store", nic, Duration{0}});
  return platform;
}

/// Starts all transfers at 0 and returns when each ended, in seconds.
struct Pull {
  std::string from;
  std::string to;
  Bytes bytes;
};
std::vector<double> ends_of(const PlatformSpec& platform, const std::vector<Pull>& pulls) {
  Engine engine{platform};
  std::vector<double> ends(pulls.size(), -1.0);
  for (std::size_t i = 0; i < pulls.size(); ++i) {
    engine.transfer(pulls[i].from, pulls[i].to, pulls[i].bytes,
                    [&, i] { ends[i] = to_seconds(engine.now().time_since_epoch()); });
  }
  engine.run();
  return ends;
}

TEST(Network, AWeightPullTakesBytesOverBandwidth) {
  const auto ends = ends_of(near_and_far(100us, 35ms), {{"store", "far-0", gigabytes(350)}});
  EXPECT_NEAR(ends[0], 350e9 / nic_rate + 0.035, 1e-6);  // 28.035 s
}

TEST(Network, TwoPullsShareAnUplinkWhateverTheirLatencies) {
  const auto ends = ends_of(near_and_far(100us, 35ms), {{"store", "near-0", gigabytes(350)},
                                                        {"store", "far-0", gigabytes(350)}});
  const double both = 2 * 350e9 / nic_rate;  // 56 s
  EXPECT_NEAR(ends[0], both, 0.1);
  EXPECT_NEAR(ends[1], both, 0.1);
}

TEST(Network, SharesAreMaxMin) {
  // The flow to `slow` is held to 2.5 GB/s by its NIC; the other two split what it leaves:
  // (12.5 - 2.5) / 2 = 5 GB/s each.
  const auto ends = ends_of(near_and_far(0s, 0s), {{"store", "slow-0", gigabytes(50)},
                                                   {"store", "near-0", gigabytes(50)},
                                                   {"store", "near-1", gigabytes(50)}});
  EXPECT_NEAR(ends[1], 50.0 / 5.0, 1e-6);
  EXPECT_NEAR(ends[2], 50.0 / 5.0, 1e-6);
  EXPECT_NEAR(ends[0], 50.0 / 2.5, 1e-6);
}

TEST(Network, ASlowLinkOnTheWayCostsNoShareOfTheOthers) {
  // Nine near and one that also crosses a link of 1.25 GB/s, over an uplink of 12.5: all ten have
  // 1.25 GB/s, however unlike their routes and latencies are.
  PlatformSpec platform = near_and_far(100us, 35ms);
  platform.groups.front().count = 9;
  platform.shared_links.push_back({"wan", BytesPerSecond::of(1.25e9)});
  platform.remote_names.push_back({"store abroad", "store", "wan"});
  std::vector<Pull> pulls{{"store abroad", "far-0", gigabytes(10)}};
  for (int i = 0; i < 9; ++i) {
    pulls.push_back({"store", "near-" + std::to_string(i), gigabytes(10)});
  }
  const auto ends = ends_of(platform, pulls);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    EXPECT_NEAR(ends[i], 8.0 + (i == 0 ? 0.035 : 0.0001), 0.035);
  }
}

TEST(Network, AFlowCancelledBeforeItsLatencyPassedCarriedNothing) {
  Engine engine{near_and_far(100us, 35ms)};
  Bytes carried = gigabytes(1);
  const FlowId flow = engine.transfer("store", "far-0", gigabytes(50), [] { FAIL(); });
  engine.at(sim_start + 10ms, EventPriority::fleet,
            [&] { engine.cancel_flow(flow, [&](Bytes bytes) { carried = bytes; }); });
  engine.run();
  EXPECT_EQ(carried, Bytes{});
}

TEST(Network, OppositeDirectionsDoNotShare) {
  const auto ends = ends_of(near_and_far(0s, 0s), {{"near-0", "near-1", gigabytes(125)},
                                                   {"near-1", "near-0", gigabytes(125)}});
  EXPECT_NEAR(ends[0], 10.0, 1e-6);
  EXPECT_NEAR(ends[1], 10.0, 1e-6);
}

TEST(Network, SameDirectionSharesTheNic) {
  const auto ends = ends_of(near_and_far(0s, 0s), {{"near-0", "near-1", gigabytes(125)},
                                                   {"near-0", "near-2", gigabytes(125)}});
  EXPECT_NEAR(ends[0], 20.0, 1e-6);
  EXPECT_NEAR(ends[1], 20.0, 1e-6);
}

TEST(Network, ANodeNeedsNoNetworkToReachItself) {
  const auto ends = ends_of(near_and_far(1s, 1s), {{"near-0", "near-0", gigabytes(125)}});
  EXPECT_EQ(ends[0], 0.0);
}

TEST(Network, AnEmptyTransferTakesTheLatency) {
  const auto ends = ends_of(near_and_far(250ms, 0s), {{"near-0", "near-1", Bytes{}}});
  EXPECT_NEAR(ends[0], 0.5, 1e-6);
}

TEST(Network, ReadsShareTheirDisk) {
  Engine engine{near_and_far(0s, 0s)};
  std::vector<double> ends;
  const auto note = [&] { ends.push_back(to_seconds(engine.now().time_since_epoch())); };
  engine.read("near-0", gigabytes(25), note);
  engine.read("near-0", gigabytes(50), note);
  engine.read("near-1", gigabytes(100), note);
  engine.run();
  ASSERT_EQ(ends.size(), 3U);
  EXPECT_NEAR(ends[0], 2 * 25.0 / 5.0, 1e-6);  // half of 5 GB/s each
  EXPECT_NEAR(ends[1], 75.0 / 5.0, 1e-6);      // all 75 GB of that disk
  EXPECT_NEAR(ends[2], 100.0 / 5.0, 1e-6);     // a disk of its own
}

TEST(Network, TheOthersShareWhatACancelledFlowHad) {
  Engine engine{near_and_far(100us, 35ms)};
  std::vector<double> ends(3, -1.0);
  std::vector<FlowId> flows;
  for (std::size_t i = 0; i < 3; ++i) {
    flows.push_back(engine.transfer("store", "near-" + std::to_string(i), gigabytes(50), [&, i] {
      ends[i] = to_seconds(engine.now().time_since_epoch());
    }));
  }
  Bytes carried;
  engine.at(sim_start + 6s + 100us, EventPriority::fleet, [&] {
    engine.cancel_flow(flows[1], [&](Bytes bytes) {
      carried = bytes;
      EXPECT_EQ(engine.now(), sim_start + 6s + 100us);
    });
    engine.cancel_flow(flows[1], [](Bytes) { FAIL() << "it is cancelled once"; });
  });
  engine.run();
  // A third of the uplink for 6 s is 25 GB; then half of it for the other 25.
  EXPECT_NEAR(ends[0], 10.0001, 1e-6);
  EXPECT_NEAR(ends[2], 10.0001, 1e-6);
  EXPECT_EQ(ends[1], -1.0);
  EXPECT_NEAR(static_cast<double>(carried.count()), 25e9, 100);
}

/// Two flows that share a NIC for a while, one that is cancelled, one whose latency has not passed
/// by the end of the run after 4 s.
void tell_what_is_carried_in_4_s(bool stopped) {
  Engine engine{near_and_far(0us, 35ms)};
  FlowId over = 0;
  FlowId under_way = 0;
  FlowId cancelled = 0;
  FlowId late = 0;
  engine.at(sim_start, EventPriority::fleet, [&] {
    over = engine.transfer("store", "near-0", gigabytes(1), [] {});
    under_way = engine.transfer("near-1", "near-0", gigabytes(125), [] { FAIL(); });
    cancelled = engine.transfer("near-1", "near-2", gigabytes(50), [] { FAIL(); });
    engine.cancel_flow(cancelled, {});
  });
  engine.at(sim_start + 4s - 1ms, EventPriority::fleet,
            [&] { late = engine.transfer("store", "far-0", gigabytes(1), [] { FAIL(); }); });
  if (stopped) {
    engine.at(sim_start + 4s, EventPriority::fleet, [&] { engine.stop(); });
    engine.run();
  } else {
    engine.run_until(sim_start + 4s);
  }
  EXPECT_EQ(engine.now(), sim_start + 4s);
  // 12.5 GB/s for 4 s, of which the other flow has 1 GB.
  EXPECT_NEAR(static_cast<double>(engine.carried(under_way).count()), 49e9, 1e5);
  EXPECT_EQ(engine.carried(over), Bytes{});
  EXPECT_EQ(engine.carried(cancelled), Bytes{});
  EXPECT_EQ(engine.carried(late), Bytes{});
}

TEST(Network, WhatFlowsUnderWayHaveCarriedIsToldAfterAStop) {
  tell_what_is_carried_in_4_s(true);
}

TEST(Network, WhatFlowsUnderWayHaveCarriedIsToldAtTheEndOfATime) {
  tell_what_is_carried_in_4_s(false);
}

TEST(Network, FlowsMayBeCancelledBeforeTheyBeginWhenTheyEndAndAfterwards) {
  Engine engine{near_and_far(0us, 35ms)};
  std::int64_t carried = 0;
  const auto add = [&](Bytes bytes) { carried += bytes.count(); };
  const auto never_done = [] { FAIL() << "cancelled"; };
  const FlowId at_once = engine.transfer("store", "near-0", gigabytes(10), never_done);
  engine.cancel_flow(at_once, add);
  const FlowId to_itself = engine.transfer("near-1", "near-1", Bytes::of(7), never_done);
  engine.cancel_flow(to_itself, add);
  const FlowId read = engine.read("near-0", gigabytes(5), never_done);
  bool done = false;
  const FlowId over = engine.transfer("store", "near-2", gigabytes(25), [&] { done = true; });
  engine.at(sim_start + 500ms, EventPriority::fleet, [&] { engine.cancel_flow(read, add); });
  engine.at(sim_start + 3s, EventPriority::fleet, [&] { engine.cancel_flow(over, add); });
  engine.run();
  EXPECT_TRUE(done) << "alone from the beginning: 2 s";
  EXPECT_EQ(engine.now(), sim_start + 3s);
  EXPECT_NEAR(static_cast<double>(carried), 7 + 2.5e9, 100);
}

TEST(Network, ManyFlowsThatComeAndAreCancelledNeverHang) {
  Engine engine{near_and_far(100us, 35ms)};
  int done = 0;
  std::int64_t carried = 0;
  const int flows = 300;
  int cancelled = 0;
  for (int i = 0; i < flows; ++i) {
    engine.at(sim_start + 37ms * i, EventPriority::fleet, [&, i] {
      const FlowId flow =
          engine.transfer("store", "near-" + std::to_string(i % 3), gigabytes(1), [&] { ++done; });
      engine.at(engine.now() + 53ms * (i % 11), EventPriority::fleet, [&, flow] {
        engine.cancel_flow(flow, [&](Bytes bytes) {
          carried += bytes.count();
          ++cancelled;
        });
      });
    });
  }
  engine.run();
  EXPECT_EQ(done + cancelled, flows);
  EXPECT_GT(done, 0);
  EXPECT_GT(cancelled, 0);
  const double seconds = to_seconds(engine.now().time_since_epoch());
  EXPECT_LE(1e9 * done + static_cast<double>(carried), nic_rate * seconds);
}

TEST(Network, UnknownPlacesAreOurBug) {
  Engine engine{near_and_far(0s, 0s)};
  EXPECT_THROW(engine.transfer("near-0", "nowhere", Bytes{}, [] {}), InternalError);
  EXPECT_THROW(engine.read("far-0", Bytes{}, [] {}), InternalError);  // has no disk
}

TEST(Network, AFleetPullsThroughOneUplinkQuickly) {
  PlatformSpec platform;
  const auto nic = BytesPerSecond::of(nic_rate);
  platform.groups.push_back({"node", 1750, nic, Duration{100'000}, BytesPerSecond{}});
  platform.stores.push_back({"store", nic, Duration{0}});
  const auto begin = std::chrono::steady_clock::now();
  Engine engine{platform};
  int ended = 0;
  for (int i = 0; i < 1750; ++i) {
    // Unequal sizes: every completion changes the shares of the rest.
    engine.transfer("store", "node-" + std::to_string(i),
                    Bytes::of(350'000'000'000 + i * 1'000'000), [&] { ++ended; });
  }
  engine.run();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(ended, 1750);
  const double bytes = 1750 * 350e9 + 1e6 * 1750 * 1749 / 2;
  EXPECT_NEAR(to_seconds(engine.now().time_since_epoch()), bytes / nic_rate, 0.01);
  EXPECT_LT(wall.count(), wall_limit_s);
}

}  // namespace
}  // namespace plimsoll
