// Windows and samples: the arithmetic of weighing back, and what waits when a window begins.
#include "simulation/horizon.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <string>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

Config steady(double rate) {
  Config config;
  config.duration = 100s;
  config.workload.arrivals.rate = Frequency::of(rate);
  return config;
}

TEST(WeighWindows, EachStandsForWhatIsNearestToIt) {
  Config config = steady(10);
  config.horizon.windows = {{10s, 20s}, {60s, 80s}};
  const HorizonSummary horizon = weigh_windows(config, {{100, 90, 900}, {200, 100, 1000}}, {0, 7});
  // Half way between them is 40 s: 40 s x 10/s and 60 s x 10/s.
  EXPECT_NEAR(horizon.windows[0].represented_arrivals, 400, 1e-9);
  EXPECT_NEAR(horizon.windows[1].represented_arrivals, 600, 1e-9);
  EXPECT_NEAR(horizon.windows[1].expected_arrivals, 200, 1e-9);
  EXPECT_NEAR(horizon.requests, 1000, 1e-9);
  EXPECT_NEAR(horizon.completed, 400 * 0.9 + 600 * 0.5, 1e-9);
  EXPECT_NEAR(horizon.output_tokens, 400 * 9.0 + 600 * 5.0, 1e-9);
  EXPECT_EQ(horizon.covered, 30s);
  EXPECT_EQ(horizon.windows[1].carried, 7);
}

TEST(WeighWindows, OneWindowOfEverythingIsItself) {
  Config config = steady(10);
  config.horizon.windows = {{0s, 100s}};
  const HorizonSummary horizon = weigh_windows(config, {{1000, 950, 9500}}, {0});
  EXPECT_NEAR(horizon.completed, 950, 1e-9);
  EXPECT_NEAR(horizon.output_tokens, 9500, 1e-9);
}

TEST(WeighCost, DollarsOfTheHorizonBuyItsRequests) {
  CostSummary cost;
  cost.total = 100;
  cost.revenue = 50;
  SliceSummary whole;
  whole.billed_output_tokens = 1'000'000;
  HorizonSummary horizon;
  horizon.completed = 2000;
  horizon.output_tokens = 4e6;
  weigh_cost(cost, whole, horizon);
  EXPECT_DOUBLE_EQ(cost.per_request, 0.05);
  EXPECT_DOUBLE_EQ(cost.per_million_tokens, 25);
  EXPECT_DOUBLE_EQ(cost.revenue, 200);
  EXPECT_DOUBLE_EQ(cost.margin, 0.5);
}

TEST(Sample, OneNthOfTheFleetAndBack) {
  Config config = steady(10);
  config.horizon.sample = 4;
  config.pools.resize(1);
  config.pools[0].replicas = 400;
  config.stores.resize(1);
  config.stores[0].uplink = BytesPerSecond::of(8e9);
  config.service.queue_capacity = 1000;
  const Config cell = sampled(config);
  EXPECT_EQ(cell.pools[0].replicas, 100);
  EXPECT_DOUBLE_EQ(cell.stores[0].uplink.count(), 2e9);
  EXPECT_EQ(cell.service.queue_capacity, 250);
  RunResult result;
  result.slices.resize(1);
  result.slices[0].arrived = 10;
  result.slices[0].outcomes[0] = 9;
  result.slices[0].in_flight = 1;
  result.slices[0].request_throughput = 2.5;
  result.slices[0].ttft.mean = 12;
  result.pools.resize(1);
  result.pools[0].busy_ns = 7;
  scale_back(result, 4);
  EXPECT_EQ(result.slices[0].arrived, 40);
  EXPECT_EQ(result.slices[0].outcomes[0] + result.slices[0].in_flight, 40);
  EXPECT_DOUBLE_EQ(result.slices[0].request_throughput, 10);
  EXPECT_DOUBLE_EQ(result.slices[0].ttft.mean, 12) << "latencies are those of the cell";
  EXPECT_EQ(result.pools[0].busy_ns, 28);
}

RunResult play_shipped(const std::string& name, const test::Overrides& overrides) {
  return run_scenario(test::load_shipped("tiny/" + name + ".yaml", overrides).config, {});
}

TEST(PlayedWindows, OneWindowOfEverythingIsTheFullRun) {
  const auto fingerprint = [](const std::string& windows) {
    return test::in_child([&] {
      return std::to_string(play_shipped("spike", {{"windows", windows}}).fingerprint);
    });
  };
  const std::string everything =
      std::to_string(to_seconds(test::load_shipped("tiny/spike.yaml", {}).config.duration));
  EXPECT_EQ(fingerprint("[[0, " + everything + "s]]"), fingerprint("all"));
}

/// Requests in the system when a window begins, of the full run and as carried.
TEST(PlayedWindows, BeginFromTheBacklogThatTheFullRunHas) {
  const RunResult full = play_shipped("windowed", {{"windows", "all"}});
  double waiting = 0;
  for (const WindowSummary& window : full.windows) {
    if (window.end <= SimTime{29min + 30s}) {
      waiting = static_cast<double>(window.queued + window.running);
    }
  }
  const double carried = std::stod(test::in_child(
      [] { return std::to_string(play_shipped("windowed", {}).horizon->windows.at(1).carried); }));
  ASSERT_GT(waiting, 100) << "the full run should be overloaded by then";
  EXPECT_NEAR(carried / waiting, 1, 0.25);
}

TEST(PlayedWindows, CarryNothingWhenTheFleetKeepsUp) {
  // Some 3.15/s can be served; 1.45/s doubles to 2.9/s. Whatever took the estimate of routers for
  // the capacity would see a backlog grow here.
  const RunResult result = play_shipped("windowed", {{"workload.arrivals.rate", "1.45/s"}});
  EXPECT_EQ(result.horizon->windows.at(0).carried, 0);
  EXPECT_LT(result.horizon->windows.at(1).carried, 10);
}

TEST(PlayedWindows, CountWhatArrivedInThemAndLetTheFleetLiveOn) {
  const RunResult result = play_shipped("windowed", {});
  const HorizonSummary& horizon = *result.horizon;
  const SliceSummary& all = result.slices.front();
  EXPECT_EQ(all.measured_arrivals, horizon.windows[0].arrived + horizon.windows[1].arrived);
  for (const WindowCoverage& window : horizon.windows) {
    EXPECT_NEAR(static_cast<double>(window.arrived), window.expected_arrivals,
                4.5 * std::sqrt(window.expected_arrivals));
  }
  EXPECT_EQ(horizon.windows[0].carried, 0) << "nothing waits before load exceeds capacity";
  // All of the 40 minutes are paid for, though 3 of them were measured.
  EXPECT_GE(result.end, SimTime{40min});
  const PoolSummary& pool = result.pools.front();
  EXPECT_EQ(pool.busy_ns + pool.idle_ns, result.end.time_since_epoch().count());
}

}  // namespace
}  // namespace plimsoll
