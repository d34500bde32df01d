// Datacenters with pools of their own: who is served where, by what way, and what rows by region
// say.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/path_play.hpp"

namespace plimsoll {
namespace {

using test::load;
using test::slice;
using test::tolerance;

const EdgeRow& way(const RunResult& result, const std::string& name) {
  for (const EdgeRow& one : result.edge_rows) {
    if (one.name == name) {
      return one;
    }
  }
  throw InternalError{"no such row"};
}

/// Two datacenters with a pool each. Three of four users are nearer to the eastern one.
std::string two_sites(const std::string& east_pool, const std::string& east) {
  return test::scenario_with_pools(
      "stores: {weights: {uplink: 100 Gb/s}}\npools:\n"
      "  eastern: {datacenter: east, " +
      test::plain_pool + east_pool + "}\n  western: {datacenter: west, " + test::plain_pool +
      "}\nmetrics: {window: 1000s, sample_requests: 0, regions: true}\n" + load(100, 1000) + R"(
path:
  edge:
    datacenters: {east: {)" +
      east + R"(}, west: {}}
    regions:
      america:
        share: 3
        access: {mean: 20ms}
        routes: [{datacenter: east, rtt: {mean: 30ms}}, {datacenter: west, rtt: {mean: 100ms}}]
      asia:
        share: 1
        access: {mean: 10ms}
        routes: [{datacenter: west, rtt: {mean: 40ms}}, {datacenter: east, rtt: {mean: 200ms}}]
)");
}

TEST(Regions, RowsOfRegionsAndDatacentersAddUp) {
  const std::vector<double> found =
      test::numbers_of_text(two_sites("", ""), [](const RunResult& result) {
        std::int64_t by_region = 0;
        std::int64_t by_datacenter = 0;
        for (const char* const name : {"america", "asia"}) {
          by_region += slice(result, "region", name).arrived;
        }
        for (const char* const name : {"east", "west"}) {
          by_datacenter += slice(result, "datacenter", name).measured;
        }
        const SliceSummary& all = result.slices.front();
        return fmt::format(
            "{} {} {} {} {} {} {}", by_region - all.arrived, by_datacenter - all.measured,
            slice(result, "datacenter", "east").measured -
                slice(result, "pool", "eastern").measured,
            slice(result, "region", "asia").measured - slice(result, "pool", "western").measured,
            static_cast<double>(slice(result, "region", "america").arrived) /
                static_cast<double>(all.arrived),
            slice(result, "region", "america").ttft.min, slice(result, "region", "asia").ttft.min);
      });
  EXPECT_EQ(found[0], 0);
  EXPECT_EQ(found[1], 0);
  EXPECT_EQ(found[2], 0) << "the pool of a datacenter serves its requests and no others";
  EXPECT_EQ(found[3], 0);
  EXPECT_NEAR(found[4], 0.75, tolerance(0.75, 100'000));
  EXPECT_NEAR(found[5] - found[6], 0, 1e-3) << "20 + 30 and 10 + 40 ms";
}

TEST(Regions, AnOutageSendsUsersTheLongerWay) {
  const std::vector<double> found = test::numbers_of_text(
      two_sites("", "outages: [{at: 500s, lasting: 100s}]"), [](const RunResult& result) {
        const EdgeRow& america = way(result, "america");
        const double all = static_cast<double>(america.wan.count);
        return fmt::format("{} {} {} {} {} {}",
                           static_cast<double>(america.crossings[1].second) / all, america.wan.mean,
                           america.access.mean, way(result, "asia").wan.mean,
                           slice(result, "region", "america").ttft.max -
                               slice(result, "region", "america").ttft.min,
                           slice(result, "pool", "western").measured -
                               slice(result, "datacenter", "west").measured);
      });
  EXPECT_NEAR(found[0], 0.1, tolerance(0.1, 75'000));
  EXPECT_NEAR(found[1], 0.9 * 30 + 0.1 * 100, 70 * tolerance(0.1, 75'000));
  EXPECT_NEAR(found[2], 20, 1e-6);
  EXPECT_NEAR(found[3], 40, 1e-6);
  EXPECT_GT(found[4], 69);
  EXPECT_EQ(found[5], 0);
}

TEST(Regions, ADatacenterWhoseReplicasDoNotServeIsPassedOver) {
  const std::vector<double> found = test::numbers_of_text(
      two_sites(", start: cold, store: weights, provision: 300s", ""), [](const RunResult& result) {
        const EdgeRow& america = way(result, "america");
        return fmt::format("{} {}",
                           static_cast<double>(america.crossings[0].second) /
                               static_cast<double>(america.wan.count),
                           test::share(result, Outcome::completed));
      });
  EXPECT_NEAR(found[0], 0.7, 0.002 + tolerance(0.7, 75'000));
  EXPECT_EQ(found[1], 1.0);
}

// No room at an entrance that takes 50 requests/s in: with 75/s offered a server without a queue
// takes 1 / (1 + 75/50) of them (Erlang B), the next datacenter has the others.
TEST(Regions, WhatADatacenterCannotTakeInGoesToTheNext) {
  const std::vector<double> found =
      test::numbers_of_text(two_sites("", "capacity: 50/s, queue: 0"), [](const RunResult& result) {
        const EdgeRow& america = way(result, "america");
        return fmt::format("{} {} {}",
                           static_cast<double>(america.crossings[0].second) /
                               static_cast<double>(america.wan.count),
                           test::share(result, Outcome::completed), way(result, "east").wan.max);
      });
  EXPECT_NEAR(found[0], 0.4, 0.01);
  EXPECT_EQ(found[1], 1.0);
  EXPECT_NEAR(found[2], 30, 1e-6) << "nobody waited at the entrance";
}

}  // namespace
}  // namespace plimsoll
