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

// Thresholds by place say what the rows say; rates of all regions add up to that of the whole, and
// the worst window of a datacenter that is down for the third of five windows has it empty.
TEST(Regions, ThresholdsByPlaceAreThoseOfTheRows) {
  std::string text = two_sites("", "outages: [{at: 400s, lasting: 200s}]");
  text.replace(text.find("window: 1000s"), 13, "window: 200s");
  text += R"(
thresholds:
  "ttft_ms{region:asia}": ["p(90)<0.001"]
  "e2el_ms{datacenter:east}": ["avg<0.001"]
  "request_throughput": ["value>1e9"]
  "request_throughput{region:america}": ["value>1e9"]
  "request_throughput{region:asia}": ["value>1e9"]
  "request_throughput{datacenter:east}": ["value>1 every window"]
  "request_throughput{datacenter:west}": ["value<1 every window"]
)";
  const std::vector<double> found = test::numbers_of_text(text, [](const RunResult& result) {
    const auto value = [&](const std::string& tag, const std::string& metric) {
      for (const ThresholdVerdict& verdict : result.thresholds) {
        if (verdict.threshold.tag_value == tag && verdict.threshold.metric == metric) {
          return verdict;
        }
      }
      throw InternalError{"no such threshold"};
    };
    const std::string rate = "request_throughput";
    return fmt::format(
        "{} {} {} {} {} {} {} {}",
        value("asia", "ttft_ms").value - slice(result, "region", "asia").ttft.percentiles[4],
        value("east", "e2el_ms").value - slice(result, "datacenter", "east").e2el.mean,
        value("", rate).value - value("asia", rate).value - value("america", rate).value,
        value("east", rate).worst_window_value,
        to_seconds(value("east", rate).worst_window.time_since_epoch()),
        value("west", rate).worst_window_value,
        to_seconds(value("west", rate).worst_window.time_since_epoch()),
        value("asia", "ttft_ms").holds ? 1 : 0);
  });
  EXPECT_EQ(found[0], 0);
  EXPECT_EQ(found[1], 0);
  EXPECT_NEAR(found[2], 0, 1e-9);
  EXPECT_NEAR(found[3], 0, 0.1) << "but for answers that were under way";
  EXPECT_EQ(found[4], 400);
  EXPECT_NEAR(found[5], 100, 5) << "all of the load";
  EXPECT_EQ(found[6], 400);
  EXPECT_EQ(found[7], 0);
}

TEST(Regions, AnOutageSendsUsersTheLongerWay) {
  const std::vector<double> found = test::numbers_of_text(
      two_sites("", "outages: [{at: 500s, lasting: 100s}]") + "faults: {reload: 0s}\n",
      [](const RunResult& result) {
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

/// The eastern pool is down from 500 to 800 s. `failover` is that of the eastern datacenter.
std::string east_dies(const std::string& failover, const std::string& more = "") {
  return two_sites("", failover) + R"(
faults:
  health_check: {interval: 1s, timeout: 500ms, failures: 2}
  request_timeout: 60s
  max_retries: 3
  reload: 1s
  processes:
    machine: {scope: node, pool: eastern, law: timeline, at: 500s, for: 300s}
)" + more;
}

std::string to_west(const std::string& rtt) {
  return "failover: [{datacenter: west, rtt: {mean: " + rtt + "}}]";
}

std::int64_t went_on(const RunResult& result) {
  std::int64_t sum = 0;
  for (const FailoverSummary& way : result.path.failovers) {
    sum += way.waiting + way.retried;
  }
  return sum;
}

std::int64_t lost_and_went_on(const RunResult& result) {
  return result.path.failovers.empty() ? 0 : result.path.failovers.front().retried;
}

// What the dead replica had is lost when that is noticed, goes west, and is answered there: nobody
// waits for 300 s, and who went pays the round trip between the two.
TEST(Regions, LostRequestsGoToTheNextDatacenter) {
  const auto tell = [](const RunResult& result) {
    const SliceSummary& east = slice(result, "datacenter", "east");
    const SliceSummary& west = slice(result, "datacenter", "west");
    return fmt::format("{} {} {} {} {} {}", test::share(result, Outcome::completed),
                       lost_and_went_on(result), result.operations.losses.retried,
                       result.slices.front().ttft.max,
                       east.measured + west.measured - result.slices.front().measured,
                       west.measured - slice(result, "pool", "western").measured);
  };
  const std::vector<double> stay = test::numbers_of_text(east_dies(""), tell);
  const std::vector<double> near = test::numbers_of_text(east_dies(to_west("0ms")), tell);
  const std::vector<double> far = test::numbers_of_text(east_dies(to_west("10s")), tell);
  EXPECT_EQ(stay[1], 0);
  EXPECT_GT(stay[3], 290'000) << "until the machine is repaired";
  for (const std::vector<double>& found : {near, far}) {
    EXPECT_EQ(found[0], 1.0);
    EXPECT_GT(found[1], 75) << "at 75/s, for more than a second";
    EXPECT_EQ(found[1], found[2]) << "all that were lost, and no others";
    EXPECT_EQ(found[4], 0);
    EXPECT_EQ(found[5], 0) << "a request belongs to the datacenter that answered it";
  }
  EXPECT_LT(near[3], 5'000) << "until it is noticed";
  EXPECT_NEAR(far[3] - near[3], 10'000, 20);
}

/// The eastern datacenter is out from 500 to 600 s, with a share of the requests that come to it.
std::string east_goes_down(const std::string& share, const std::string& failover) {
  return two_sites("", "outages: [{at: 500s, lasting: 100s, share: " + share + "}]" + failover) +
         R"(
faults:
  health_check: {interval: 1s, timeout: 500ms, failures: 2}
  request_timeout: 60s
  reload: 10s
)";
}

double zone_seconds(const RunResult& result, std::size_t pool) {
  return static_cast<double>(
             result.pools[pool].down_by_cause[static_cast<std::size_t>(DownCause::zone)]) /
         1e9;
}

// All that stands in it stops for as long as it is out and loads for 10 s more; what it had is lost
// when that is noticed, goes west and is answered there. Of an outage of a part of the requests
// the replicas know nothing.
TEST(Regions, ADatacenterThatIsOutTakesItsReplicasWithIt) {
  const auto tell = [](const RunResult& result) {
    const OutageSummary& east = result.operations.outages[0];
    const double up = static_cast<double>(east.up_ns) / 1e9;
    return fmt::format("{} {} {} {} {} {} {} {}", test::share(result, Outcome::completed),
                       result.operations.losses.lost, lost_and_went_on(result), east.outages,
                       zone_seconds(result, 0), east.availability - up / (up + 110),
                       zone_seconds(result, 1), result.slices.front().ttft.max);
  };
  const std::vector<double> whole =
      test::numbers_of_text(east_goes_down("1", ", " + to_west("0ms")), tell);
  EXPECT_EQ(whole[0], 1.0);
  EXPECT_GT(whole[1], 0);
  EXPECT_EQ(whole[2], whole[1]) << "all that were lost go on";
  EXPECT_EQ(whole[3], 1);
  EXPECT_EQ(whole[4], 110);
  EXPECT_NEAR(whole[5], 0, 1e-12);
  EXPECT_EQ(whole[6], 0) << "the other one is not concerned";
  EXPECT_LT(whole[7], 5'000) << "nobody waits until it is back";
  const std::vector<double> part =
      test::numbers_of_text(east_goes_down("0.99", ", " + to_west("0ms")), tell);
  EXPECT_EQ(part[1], 0);
  EXPECT_EQ(part[3], 0);
  EXPECT_EQ(part[4], 0);
}

// An outage is a fault: with a machine that breaks meanwhile, the pool is out until both are over,
// and what is not said of faults is that section's default.
TEST(Regions, AnOutageAndAFaultOverlapAsFaultsDo) {
  const std::vector<double> both = test::numbers_of_text(
      east_goes_down("1", "") +
          "  processes:\n"
          "    machine: {scope: node, pool: eastern, law: timeline, at: 550s, for: 150s}\n",
      [](const RunResult& result) {
        return fmt::format("{} {}", zone_seconds(result, 0), result.operations.outages[0].outages);
      });
  EXPECT_EQ(both[0], 210) << "from 500 to 700 s, and the load";
  EXPECT_EQ(both[1], 1);
  const std::vector<double> alone = test::numbers_of_text(
      two_sites("", "outages: [{at: 500s, lasting: 100s}]"), [](const RunResult& result) {
        return fmt::format("{} {}", zone_seconds(result, 0), result.operations.faults ? 1 : 0);
      });
  EXPECT_EQ(alone[0], 220) << "the default of reload is 2 min";
  EXPECT_EQ(alone[1], 1);
}

// The way west takes 5 s, and nobody waits for more than 4 s: all that were lost leave on it, from
// `serving`, where their visit began.
TEST(Regions, WhoLeavesWhileFailingOverIsCountedOnce) {
  std::string text = east_dies(to_west("10s"));
  text.replace(text.find("path:"), 5, "path:\n  clients: {patience: {mean: 4s}}");
  const std::vector<double> found = test::numbers_of_text(text, [](const RunResult& result) {
    const StageSummary& serving = test::row(result, Stage::serving);
    return fmt::format("{} {} {} {} {} {}", lost_and_went_on(result), serving.left_on_the_way,
                       serving.outcomes[static_cast<std::size_t>(Outcome::abandoned)],
                       serving.offered - test::row(result, Stage::wan).served,
                       static_cast<double>(slice(result, "datacenter", "east").arrived),
                       test::share(result, Outcome::completed));
  });
  EXPECT_GT(found[0], 75);
  EXPECT_EQ(found[1], 0);
  EXPECT_GE(found[2], found[0]);
  EXPECT_EQ(found[3], 0) << "one visit each";
}

// Nobody to go to: they wait, and go as soon as western replicas serve again.
TEST(Regions, RequestsWaitUntilAnotherDatacenterServes) {
  const std::string west_dies =
      "    other: {scope: node, pool: western, law: timeline, at: 400s, for: 250s}\n";
  const std::vector<double> found =
      test::numbers_of_text(east_dies(to_west("10ms"), west_dies), [](const RunResult& result) {
        return fmt::format("{} {} {}", test::share(result, Outcome::completed), went_on(result),
                           slice(result, "region", "america").ttft.max);
      });
  EXPECT_EQ(found[0], 1.0);
  EXPECT_NEAR(found[1], 75 * 150, 75 * 4 + tolerance(0.5, 75 * 150) * 75 * 150);
  EXPECT_NEAR(found[2], 151'000, 3'000) << "from 500 s to the load after the repair at 650 s";
}

// Where no datacenter loses its replicas a failover order changes nothing.
TEST(Regions, AFailoverOrderThatIsNotNeededChangesNothing) {
  const auto tell = [](const RunResult& result) {
    return fmt::format("{} {} {}", result.fingerprint >> 32U, result.fingerprint & 0xffffffffU,
                       went_on(result));
  };
  const std::vector<double> with = test::numbers_of_text(two_sites("", to_west("10ms")), tell);
  const std::vector<double> without = test::numbers_of_text(two_sites("", ""), tell);
  EXPECT_EQ(with[0], without[0]);
  EXPECT_EQ(with[1], without[1]);
  EXPECT_EQ(with[2], 0);
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
