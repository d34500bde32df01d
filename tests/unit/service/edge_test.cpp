// Regions and datacenters by hand: shares, round trips, failover.
#include "service/edge.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

LatencyLaw fixed(Duration value) {
  LatencyLaw law;
  law.mean = value;
  return law;
}

/// Two datacenters; the near one is down from 10 s to 20 s, which routing knows after 2 s.
EdgeConfig two_datacenters() {
  EdgeConfig config;
  config.failover_delay = 2s;
  config.datacenters.resize(2);
  config.datacenters[0].name = "near";
  config.datacenters[0].outages = {{10s, 10s, 1.0}};
  config.datacenters[1].name = "far";
  RegionConfig here;
  here.name = "here";
  here.share = 3;
  here.access = fixed(10ms);
  here.routes = {{0, fixed(30ms)}, {1, fixed(101ms)}};
  RegionConfig there = here;
  there.name = "there";
  there.share = 1;
  there.routes = {{0, fixed(50ms)}};
  config.regions = {here, there};
  return config;
}

TEST(Edge, UsersAreWhereTheSharesSay) {
  const Edge edge{1, two_datacenters()};
  const RandomStream stream{2, "users"};
  constexpr int count = 100'000;
  int here = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    Draws draws = stream.of(id);
    here += edge.region_of(draws()) == 0 ? 1 : 0;
  }
  EXPECT_NEAR(here / static_cast<double>(count), 0.75, 4 * std::sqrt(0.75 * 0.25 / count));
}

TEST(Edge, EdgeLocationsHaveACapacityAndOutages) {
  EdgeConfig config = two_datacenters();
  config.regions[0].capacity = Frequency::of(10);
  config.regions[0].queue = 2;
  config.regions[0].outages = {{10s, 1s, 1.0}};
  Edge edge{1, config};
  EXPECT_EQ(edge.access(1, 0, sim_start).wait, 0ms);
  const StageResult second = edge.access(2, 0, sim_start);
  EXPECT_EQ(second.wait, 100ms);
  EXPECT_EQ(second.ahead, 105ms) << "its turn, and half of the round trip";
  EXPECT_EQ(second.latency, 10ms);
  EXPECT_TRUE(edge.access(3, 0, sim_start).passes());
  EXPECT_EQ(edge.access(4, 0, sim_start).outcome, Outcome::shed);
  EXPECT_TRUE(edge.access(5, 1, sim_start).passes()) << "another region";
  EXPECT_EQ(edge.access(6, 0, sim_start + 10s).outcome, Outcome::failed);
  EXPECT_TRUE(edge.access(7, 0, sim_start + 11s).passes());
}

TEST(Edge, HalfOfARoundTripPassesBeforeARequestGoesOn) {
  Edge edge{1, two_datacenters()};
  EXPECT_EQ(edge.access(1, 0, sim_start).ahead, 5ms);
  EXPECT_EQ(edge.access(1, 0, sim_start).latency, 10ms);
  const Edge::Crossing crossing = edge.cross(1, 0, sim_start, Sites{}, 0);
  EXPECT_EQ(crossing.result.ahead, 15ms);
  EXPECT_EQ(crossing.result.latency, 30ms);
  EXPECT_EQ(crossing.datacenter, 0);
}

TEST(Edge, FailsOverOnceItKnows) {
  Edge edge{1, two_datacenters()};
  const auto cross = [&](std::uint16_t region, Duration at) {
    return edge.cross(1, region, sim_start + at, Sites{}, 0).result;
  };
  EXPECT_TRUE(cross(0, 9999ms).passes());
  EXPECT_EQ(cross(0, 10s).outcome, Outcome::failed);
  EXPECT_EQ(cross(0, 11999ms).outcome, Outcome::failed);
  EXPECT_TRUE(cross(0, 12s).passes());
  EXPECT_EQ(cross(0, 12s).latency, 101ms) << "the far one";
  EXPECT_EQ(cross(0, 20s).latency, 30ms) << "back at the near one";
  EXPECT_EQ(cross(1, 15s).outcome, Outcome::failed) << "no other way";
  EXPECT_EQ(cross(1, 15s).ahead, 0ms);
}

// The near one takes in a request each 20 ms, and two may wait.
TEST(Edge, AFullEntranceSendsOnAndTheLastOneSheds) {
  EdgeConfig config = two_datacenters();
  config.datacenters[0].capacity = Frequency::of(50);
  config.datacenters[0].queue = 2;
  Edge edge{1, config};
  EXPECT_TRUE(edge.limited());
  for (int n = 0; n < 3; ++n) {
    const Edge::Crossing crossing = edge.cross(1, 0, sim_start, Sites{}, 0);
    EXPECT_EQ(crossing.result.wait, n * 20ms);
    EXPECT_EQ(crossing.result.ahead, 15ms + n * 20ms);
    EXPECT_EQ(crossing.result.latency, 30ms) << "beside the wait";
  }
  EXPECT_EQ(edge.cross(1, 0, sim_start, Sites{}, 0).datacenter, 1) << "the far one has room";
  EXPECT_EQ(edge.cross(1, 1, sim_start, Sites{}, 0).result.outcome, Outcome::shed)
      << "no other way";
  EXPECT_EQ(edge.cross(1, 0, sim_start + 20ms, Sites{}, 0).datacenter, 0);
}

}  // namespace
}  // namespace plimsoll
