// Windows and samples: the arithmetic of weighing back, and what waits when a window begins.
#include "simulation/horizon.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <sstream>
#include <string>

#include "plimsoll/run_scenario.hpp"
#include "plimsoll/workload.hpp"
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

/// A window of one class in one pool; `output` tokens, and as many of prompts.
CoveredCounts window_of(std::int64_t arrived, std::int64_t completed, std::int64_t output) {
  CoveredCounts window;
  window.arrived = arrived;
  window.completed = completed;
  window.good = completed / 2;
  window.output_tokens = output;
  window.cells = {{0, 0, completed, output, output}, {0, 1, 0, 0, 0}};
  window.classes = {{arrived, arrived, completed, 0}};
  return window;
}

TEST(WeighWindows, EachStandsForWhatIsNearestToIt) {
  Config config = steady(10);
  config.horizon.windows = {{10s, 20s}, {60s, 80s}};
  const HorizonSummary horizon =
      weigh_windows(config, {window_of(100, 90, 900), window_of(200, 100, 1000)}, {{0, 0}, {7, 0}});
  // Half way between them is 40 s: 40 s x 10/s and 60 s x 10/s.
  EXPECT_NEAR(horizon.windows[0].represented_arrivals, 400, 1e-9);
  EXPECT_NEAR(horizon.windows[1].represented_arrivals, 600, 1e-9);
  EXPECT_NEAR(horizon.windows[1].expected_arrivals, 200, 1e-9);
  EXPECT_NEAR(horizon.requests, 1000, 1e-9);
  EXPECT_NEAR(horizon.completed, 400 * 0.9 + 600 * 0.5, 1e-9);
  EXPECT_NEAR(horizon.output_tokens, 400 * 9.0 + 600 * 5.0, 1e-9);
  EXPECT_EQ(horizon.covered, 30s);
  EXPECT_EQ(horizon.windows[1].carried, 7);
  EXPECT_EQ(horizon.load.arrived, 1000);
  EXPECT_EQ(horizon.load.completed(), 660);
  EXPECT_EQ(horizon.load.unanswered, 340);
  EXPECT_EQ(horizon.load.good, 330);
  EXPECT_EQ(horizon.load.output_tokens(), 6600);
  ASSERT_EQ(horizon.load.cells.size(), 1U) << "nothing completed in the other pool";
}

/// As above, and 40 of the 400 of the gap left: 20 of each half of it. A tenth of what the windows
/// stand for is cached, and never stood in that line.
TEST(WeighWindows, WhoLeftAGapWasNotServedAndPaysNothing) {
  Config config = steady(10);
  config.horizon.windows = {{10s, 20s}, {60s, 80s}};
  std::vector<CoveredCounts> covered = {window_of(100, 90, 900), window_of(200, 100, 1000)};
  covered[0].cached = covered[0].classes[0].cached = 10;
  covered[1].cached = covered[1].classes[0].cached = 20;
  const std::vector<GapBacklog> gaps = {{0, 0}, {7, 40}};
  const std::vector<WindowWeight> weights = window_weights(config, gaps);
  EXPECT_NEAR(weights[0].left, 20, 1e-9);
  EXPECT_NEAR(weights[1].left, 20, 1e-9);
  EXPECT_EQ(weights[0].represented, 40s);
  const HorizonSummary horizon = weigh_windows(config, covered, gaps);
  // The first window lost nobody: 20 of its 4 x 90 left. The second lost 80 of 180, and so, by its
  // account, did three times as many in its part: more than the 20, who are among them.
  const double completed = (4 * 90 - 20) + 3 * 100;
  EXPECT_EQ(horizon.left, 40);
  EXPECT_NEAR(horizon.cached, 100, 1e-9);
  EXPECT_NEAR(horizon.completed, completed, 1e-9);
  EXPECT_NEAR(horizon.output_tokens, 10 * completed, 1e-9);
  EXPECT_EQ(horizon.load.completed(), std::llround(completed));
  EXPECT_EQ(horizon.load.output_tokens(), std::llround(10 * completed));
  EXPECT_EQ(horizon.load.unanswered, std::llround(1000 - 100 - completed));
  const WeighedCounts counts = weighed_counts(covered, weights, {0});
  EXPECT_NEAR(counts.arrived, 1000, 1e-9);
  EXPECT_NEAR(counts.ended, 1000, 1e-9) << "who left has ended";
  EXPECT_NEAR(counts.answered, 100 + completed, 1e-9);
}

/// A window in the peak of which 9 s of 10 are busy, one at night of which 2 are of 20: 40 s and
/// 60 s of the horizon were as they are.
TEST(WeighWindows, IdleTimeIsThatOfWhatEachStandsFor) {
  Config config = steady(10);
  config.horizon.windows = {{10s, 20s}, {60s, 80s}};
  std::vector<CoveredCounts> covered = {window_of(1, 1, 1), window_of(1, 1, 1)};
  covered[0].pools = {{9'000'000'000, 1'000'000'000}};
  covered[1].pools = {{2'000'000'000, 18'000'000'000}};
  const std::vector<WindowWeight> weights = window_weights(config, {{0, 0}, {0, 0}});
  EXPECT_NEAR(static_cast<double>(weighed_idle_ns(covered, weights, 0, 100'000'000'000)),
              (0.1 * 40 + 0.9 * 60) * 1e9, 1);
}

TEST(WeighWindows, OneWindowOfEverythingIsItself) {
  Config config = steady(10);
  config.horizon.windows = {{0s, 100s}};
  const HorizonSummary horizon = weigh_windows(config, {window_of(1000, 950, 9500)}, {{0, 0}});
  EXPECT_NEAR(horizon.completed, 950, 1e-9);
  EXPECT_NEAR(horizon.output_tokens, 9500, 1e-9);
  EXPECT_EQ(horizon.load.prompt_tokens(), 9500);
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

/// Whoever comes before the last arrival is served alike, whatever is played after it.
TEST(Drain, ChangesNoRateAndNoShareOfGpuTime) {
  const auto figures = [](const std::string& drain) {
    const RunResult result = play_shipped("windowed", {{"windows", "all"}, {"drain", drain}});
    const SliceSummary& all = result.slices.front();
    const PoolSummary& pool = result.pools.front();
    return fmt::format("{} {} {} {} {} {} {}", all.request_throughput, all.request_goodput,
                       all.output_throughput, pool.gpu_utilization, pool.slot_occupancy,
                       pool.model_flops_utilization, result.most_completed_per_second);
  };
  const std::string without = test::in_child([&] { return figures("0"); });
  EXPECT_EQ(test::in_child([&] { return figures("20min"); }), without);
}

/// An event of the scenario multiplies what comes in it, in whichever window it lies, and the whole
/// of the horizon by the part that it fills.
TEST(PlayedWindows, HaveTheEventsOfTheirTime) {
  const auto expected = [](const std::string& factor) {
    Config config =
        test::load_shipped("tiny/users.yaml", {{"windows", "[[20h, 21h], [26h, 28h]]"},
                                               {"workload.users.events.news.ramp", "0"},
                                               {"workload.users.events.news.factor", factor}})
            .config;
    return window_weights(config, {{0, 0}, {0, 0}});
  };
  const ArrivalConfig arrivals = compiled_arrivals(
      test::load_shipped("tiny/users.yaml", {{"workload.users.events.news.factor", "1"}}).config);
  const double in_event = expected_arrivals(arrivals, SimTime{26h}, SimTime{28h});
  const auto plain = expected("1");
  const auto viral = expected("3");
  EXPECT_NEAR(viral[0].expected_arrivals, plain[0].expected_arrivals, 1e-6) << "it lies elsewhere";
  EXPECT_NEAR(viral[1].expected_arrivals - plain[1].expected_arrivals, 2 * in_event,
              2e-3 * in_event);
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

/// Ten replicas at half of what they serve; half of the requests are of a tier that pays by month
/// too.
RunResult play_paying(const std::string& windows, const std::string& rate = "100/s") {
  return run_scenario(
      test::load_shipped("fidelity/horizon.yaml",
                         {{"windows", windows},
                          {"duration", "1h"},
                          {"lead_in", "1min"},
                          {"workload.arrivals.rate", rate},
                          {"workload.classes.paid_chat.share", "9"},
                          {"tiers.free.price_per_million_output_tokens", "$2/1M tokens"},
                          {"tiers.plus.price_per_million_prompt_tokens", "$1/1M tokens"},
                          {"tiers.plus.price_per_million_output_tokens", "$3/1M tokens"},
                          {"money.users.plus.mean", "1000"},
                          {"money.revenue.plans",
                           "{kind: subscription, tier: plus, price: $20/month, source: test}"},
                          {"money.costs.egress",
                           "{component: network, driver: bytes_moved, moved_price: $0.09/GB, "
                           "per_request: 1 GB, source: test}"}})
          .config,
      {});
}

TEST(PlayedWindows, EarnPayAndDrawWhatTheFullRunDoesUnderConstantLoad) {
  const RunResult full = play_paying("all");
  const std::string told = test::in_child([] {
    const RunResult part = play_paying("[[10min, 15min], [40min, 45min]]");
    std::string text;
    for (const RevenueRow& row : part.cost.money.revenue) {
      text += std::to_string(row.amount.count()) + " ";
    }
    return text + std::to_string(part.cost.money.total.count()) + " " +
           std::to_string(part.cost.money.revenue_total.count()) + " " +
           std::to_string(part.cost.per_request * 1e9) + " " +
           std::to_string(part.energy.mean_watts) + " " +
           std::to_string(part.energy.joules_per_request) + " " +
           std::to_string(part.pools[0].model_flops_utilization * 1e6);
  });
  std::istringstream found{told};
  const auto expect_within_two_percent = [&found](double wanted) {
    double value = 0;
    found >> value;
    ASSERT_GT(wanted, 0);
    EXPECT_NEAR(value / wanted, 1, 0.02);
  };
  ASSERT_EQ(full.cost.money.revenue.size(), 3U) << "tokens of both tiers, and the plans";
  for (const RevenueRow& row : full.cost.money.revenue) {
    expect_within_two_percent(static_cast<double>(row.amount.count()));
  }
  expect_within_two_percent(static_cast<double>(full.cost.money.total.count()));
  expect_within_two_percent(static_cast<double>(full.cost.money.revenue_total.count()));
  expect_within_two_percent(full.cost.per_request * 1e9);
  expect_within_two_percent(full.energy.mean_watts);
  expect_within_two_percent(full.energy.joules_per_request);
  expect_within_two_percent(full.pools[0].model_flops_utilization * 1e6);
}

/// A fleet with little to do is idle as much by windows as in full: what was not played is not
/// idle.
TEST(PlayedWindows, IdleIsWhatThePlayedTimeWas) {
  const auto shares = [](const std::string& windows) {
    return test::in_child([&] {
      const RunResult result = play_paying(windows, "3/s");
      const MoneySummary& money = result.cost.money;
      const double gpu =
          to_dollars(money.by_component[static_cast<std::size_t>(CostComponent::gpu)]);
      return fmt::format("{} {} {}", to_dollars(money.idle) / gpu, 1 - result.gpu_utilization, gpu);
    });
  };
  std::istringstream full{shares("all")};
  std::istringstream part{shares("[[10min, 15min], [40min, 45min]]")};
  double idle_full = 0, unused_full = 0, idle = 0, unused = 0;
  full >> idle_full >> unused_full;
  part >> idle >> unused;
  EXPECT_GT(idle_full, 0.1) << "some of it should be idle";
  EXPECT_LT(idle_full, 0.9) << "and some of it busy";
  EXPECT_NEAR(idle_full, unused_full, 1e-6);
  EXPECT_NEAR(idle, idle_full, 0.03);
}

/// Twice what one replica serves, and who has waited a minute leaves: half of the gap does.
TEST(PlayedWindows, SayHowManyOfAGapLeft) {
  const auto play = [](const std::string& windows) {
    return play_shipped("windowed", {{"windows", windows},
                                     {"workload.arrivals.rate", "6/s"},
                                     {"workload.arrivals.shapes", "[]"},
                                     {"service.queue.deadline", "1min"},
                                     {"service.queue.max_outstanding", "4"}});
  };
  const RunResult full = play("all");
  double left = 0;
  for (const WindowSummary& window : full.windows) {
    if (window.end <= SimTime{29min + 40s}) {
      left += static_cast<double>(window.ended - window.completed);
    }
  }
  ASSERT_GT(left, 1000);
  const double estimated = std::stod(test::in_child(
      [&] { return std::to_string(play("[[29.5min, 32min]]").horizon->windows.at(0).left); }));
  EXPECT_NEAR(estimated / left, 1, 0.05);
}

/// One window at the end says of the 32 minutes what the full run of them does: who left before it
/// is in the availability, in the threshold, in the load that pays.
TEST(PlayedWindows, WhoLeftAGapIsInTheAvailability) {
  const auto play = [](const std::string& windows) {
    return play_shipped("windowed", {{"windows", windows},
                                     {"duration", "32min"},
                                     {"workload.arrivals.rate", "6/s"},
                                     {"workload.arrivals.shapes", "[]"},
                                     {"thresholds.availability", "[value>=0.99]"},
                                     {"service.queue.deadline", "1min"},
                                     {"service.queue.max_outstanding", "4"}});
  };
  const RunResult full = play("all");
  const double full_completed = static_cast<double>(full.slices.front().measured);
  std::istringstream found{test::in_child([&] {
    const RunResult part = play("[[30min, 32min]]");
    return std::to_string(part.slices.front().availability) + " " +
           std::to_string(part.thresholds.at(0).value) + " " +
           std::to_string(part.horizon->completed) + " " +
           std::to_string(part.horizon->load.completed()) + " " +
           std::to_string(part.slices.front().unfinished_share);
  })};
  double availability = 0, threshold = 0, completed = 0, paying = 0, unfinished = 0;
  found >> availability >> threshold >> completed >> paying >> unfinished;
  ASSERT_LT(full.slices.front().availability, 0.7) << "half of them should leave";
  EXPECT_EQ(availability, threshold);
  EXPECT_NEAR(availability, full.slices.front().availability, 0.03);
  EXPECT_NEAR(unfinished, full.slices.front().unfinished_share, 0.03);
  EXPECT_NEAR(completed / full_completed, 1, 0.05);
  EXPECT_NEAR(paying / full_completed, 1, 0.05);
}

/// Of the requests that wait for a GPU in the full run.
TEST(PlayedWindows, BesideAPathCarryWhatTheCachesMiss) {
  const RunResult full = play_shipped("windowed_path", {{"windows", "all"}});
  double waiting = 0;
  for (const WindowSummary& window : full.windows) {
    if (window.end <= SimTime{29min + 30s}) {
      waiting = static_cast<double>(window.queued + window.running);
    }
  }
  const double carried = std::stod(test::in_child([] {
    return std::to_string(play_shipped("windowed_path", {}).horizon->windows.at(1).carried);
  }));
  ASSERT_GT(waiting, 100) << "the full run should be overloaded by then";
  EXPECT_NEAR(carried / waiting, 1, 0.25);
}

/// Shares of hits and latencies of stages are those of the full run at constant load.
TEST(PlayedWindows, BesideAPathStagesAreThoseOfTheFullRun) {
  const auto stages = [](const std::string& windows) {
    const RunResult result = play_shipped("windowed_path", {{"windows", windows},
                                                            {"workload.arrivals.rate", "3/s"},
                                                            {"workload.arrivals.shapes", "[]"}});
    std::string text;
    for (const StageSummary& stage : result.stages) {
      const double hits = static_cast<double>(stage.hits) / static_cast<double>(stage.offered);
      text += std::to_string(stage.offered) + " " + std::to_string(hits) + " " +
              std::to_string(stage.latency.mean) + " ";
    }
    return text;
  };
  std::istringstream full{test::in_child([&] { return stages("all"); })};
  std::istringstream part{
      test::in_child([&] { return stages("[[5min, 15min], [20min, 35min]]"); })};
  double offered_full = 0;
  int rows = 0;
  for (; full >> offered_full; ++rows) {
    SCOPED_TRACE(rows);
    double offered = 0;
    double hits_full = 0;
    double hits = 0;
    double latency_full = 0;
    double latency = 0;
    full >> hits_full >> latency_full;
    part >> offered >> hits >> latency;
    EXPECT_NEAR(offered / offered_full, 25.0 / 40, 0.03) << "only windows are counted";
    EXPECT_NEAR(hits, hits_full, 0.02);
    EXPECT_NEAR(latency / latency_full, 1, 0.15);
  }
  EXPECT_EQ(rows, 6) << "balancer, auth, API tier, cache, tokenizer and serving";
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
