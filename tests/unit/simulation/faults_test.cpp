// Machines that break in whole runs of one small pool, one process a case, by hand. One user sends
// a prompt of 100 tokens, gets one token, and sends the next: a request takes 100 ms.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "plimsoll/run_scenario.hpp"
#include "support/tiny_fleet.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr const char* one_user = R"(
seed: 5
duration: 20s
drain: 1min
pools:
  main: {gpu: one, model: tiny, profile: tokens, max_num_seqs: 1, max_num_batched_tokens: 4096}
workload:
  arrivals: {process: closed_loop, concurrency: 1}
  lengths: {prompt: {kind: fixed, mean: 100}, output: {kind: fixed, mean: 1}}
faults:
  health_check: {interval: 2s, timeout: 500ms, failures: 2}
  request_timeout: 10min
  reload: 1s
  processes:
    crash: {scope: node, law: timeline, at: 5050ms, for: 10s}
metrics: {window: 1s, sample_requests: 100000}
)";

using Overrides = std::vector<std::pair<std::string, std::string>>;

RunResult play(const Overrides& overrides) {
  const LoadedScenario loaded = test::load_tiny_fleet(one_user, overrides);
  return run_scenario(loaded.config, {});
}

const SampledRequest& request_of(const RunResult& result, RequestId id) {
  for (const SampledRequest& request : result.sample) {
    if (request.id == id) {
      return request;
    }
  }
  throw InternalError{"every request is sampled"};
}

std::int64_t count_of(const RunResult& result, Outcome outcome) {
  return result.slices.front().outcomes[static_cast<std::size_t>(outcome)];
}

TEST(Faults, ARequestBeginsAnewWhenItsReplicaIsNoticedAndBack) {
  const RunResult result = play({});
  // It dies at 5.05 s, half through request 50. Checks at 6 and 8 s fail: noticed at 8.5 s.
  // Repaired at 15.05 s, loaded at 16.05 s, then the request takes its 100 ms.
  const SampledRequest& lost = request_of(result, 50);
  EXPECT_EQ(lost.arrived, sim_start + 5s);
  EXPECT_EQ(lost.scheduled, sim_start + 5s) << "its first attempt";
  EXPECT_EQ(lost.first_token, sim_start + 16'150ms);
  EXPECT_EQ(lost.finished, sim_start + 16'150ms);
  EXPECT_EQ(lost.outcome, Outcome::completed);
  EXPECT_EQ(result.operations.losses.lost, 1);
  EXPECT_EQ(result.operations.losses.retried, 1);
  EXPECT_EQ(count_of(result, Outcome::completed), result.slices.front().arrived);

  const PoolSummary& pool = result.pools.front();
  EXPECT_EQ(pool.down_by_cause[static_cast<std::size_t>(DownCause::node)], Duration{11s}.count());
  EXPECT_EQ(pool.down_ns, Duration{11s}.count());
  const OutageSummary& outages = result.operations.outages.front();
  EXPECT_EQ(outages.outages, 1);
  EXPECT_DOUBLE_EQ(outages.mttr_seconds, 11);
  EXPECT_DOUBLE_EQ(outages.detection_seconds, 3.45);
  EXPECT_NEAR(outages.availability, 1 - 11 / to_seconds(result.end - sim_start), 1e-12);
}

TEST(Faults, LostRequestsFailWhenTheScenarioSaysSo) {
  const RunResult result = play({{"faults.lost_requests", "fail"}});
  const SampledRequest& lost = request_of(result, 50);
  EXPECT_EQ(lost.outcome, Outcome::failed);
  EXPECT_EQ(lost.finished, sim_start + 8500ms);
  EXPECT_EQ(count_of(result, Outcome::failed), 1);
  // The user's next one finds no replica and waits centrally.
  EXPECT_EQ(request_of(result, 51).scheduled, sim_start + 16'050ms);
}

TEST(Faults, SendersThatTimeOutTryADeadReplicaUntilItIsNoticed) {
  // Noticed by the sender at 6.05 s, and again 1 s after each new attempt: at 7.05 and 8.05 s.
  const Overrides timeouts{{"faults.request_timeout", "1s"}, {"faults.max_retries", "3"}};
  const RunResult result = play(timeouts);
  EXPECT_EQ(request_of(result, 50).outcome, Outcome::failed);
  EXPECT_EQ(request_of(result, 50).finished, sim_start + 8500ms) << "the fourth attempt";
  EXPECT_EQ(result.operations.losses.lost, 4);
  EXPECT_EQ(result.operations.losses.retried, 3);
}

TEST(Faults, OneRetryMoreIsEnough) {
  const RunResult result = play({{"faults.request_timeout", "1s"}, {"faults.max_retries", "4"}});
  EXPECT_EQ(request_of(result, 50).outcome, Outcome::completed);
  EXPECT_EQ(request_of(result, 50).finished, sim_start + 16'150ms);
}

TEST(Faults, AMachineThatIsBackBeforeItIsMissedSaysThatItLostItsRequests) {
  const RunResult result = play({{"faults.processes.crash.for", "500ms"}});
  // Back at 5.55 s, loaded at 6.55 s.
  EXPECT_EQ(request_of(result, 50).finished, sim_start + 6650ms);
  EXPECT_DOUBLE_EQ(result.operations.outages.front().detection_seconds, 0.5);
}

TEST(Faults, AStepThatEndsAtTheFaultEmitsNothing) {
  const RunResult result = play({{"faults.processes.crash.at", "5100ms"}});
  EXPECT_EQ(request_of(result, 50).finished, sim_start + 16'200ms);
  const RunResult later = result;
  EXPECT_EQ(later.operations.losses.lost, 1);
}

TEST(Faults, AStepThatEndsBeforeTheFaultCounts) {
  const RunResult result = play({{"faults.processes.crash.at", "5100000001ns"}});
  EXPECT_EQ(request_of(result, 50).finished, sim_start + 5100ms);
  EXPECT_EQ(request_of(result, 51).finished, sim_start + 16'200'000'001ns);
}

TEST(Faults, OverlappingFaultsAreOneOutage) {
  const RunResult result = play({{"faults.processes.rack.scope", "rack"},
                                 {"faults.processes.rack.law", "timeline"},
                                 {"faults.processes.rack.at", "10s"},
                                 {"faults.processes.rack.for", "7s"}});
  // Down from 5.05 to 17 s, and loaded at 18 s; it counts for what began it.
  EXPECT_EQ(result.operations.outages.front().outages, 1);
  EXPECT_EQ(result.pools.front().down_by_cause[static_cast<std::size_t>(DownCause::node)],
            Duration{12'950ms}.count());
}

TEST(Faults, AStoreThatIsSlowSlowsColdStarts) {
  // 2 MB of weights at 1 MB/s take 2 s; at half of that 4 s.
  const Overrides cold{{"pools.main.start", "cold"},
                       {"pools.main.store", "weights"},
                       {"faults.processes.crash.at", "30min"},
                       {"faults.processes.slow.scope", "store"},
                       {"faults.processes.slow.store", "weights"},
                       {"faults.processes.slow.law", "timeline"},
                       {"faults.processes.slow.for", "1min"},
                       {"faults.processes.slow.factor", "0.5"}};
  const RunResult result = play(cold);
  EXPECT_NEAR(to_seconds(request_of(result, 0).scheduled - sim_start), 4.005, 1e-4);
}

TEST(Faults, AStoreThatIsDownForASecondCostsASecond) {
  const Overrides cold{{"pools.main.start", "cold"},
                       {"pools.main.store", "weights"},
                       {"faults.processes.crash.at", "30min"},
                       {"faults.processes.slow.scope", "store"},
                       {"faults.processes.slow.store", "weights"},
                       {"faults.processes.slow.law", "timeline"},
                       {"faults.processes.slow.at", "1s"},
                       {"faults.processes.slow.for", "1s"},
                       {"faults.processes.slow.factor", "0"}};
  const RunResult result = play(cold);
  EXPECT_NEAR(to_seconds(request_of(result, 0).scheduled - sim_start), 3.005, 1e-4);
}

TEST(Faults, APullGoesOnAtTheFallbackOfAStoreThatIsDown) {
  const Overrides cold{{"pools.main.start", "cold"},
                       {"pools.main.store", "weights"},
                       {"stores.weights.fallback", "far"},
                       {"stores.far.uplink", "2 MB/s"},
                       {"faults.processes.crash.at", "30min"},
                       {"faults.processes.down.scope", "store"},
                       {"faults.processes.down.store", "weights"},
                       {"faults.processes.down.law", "timeline"},
                       {"faults.processes.down.at", "1s"},
                       {"faults.processes.down.for", "1min"},
                       {"faults.processes.down.factor", "0"}};
  const RunResult result = play(cold);
  // 0.995 MB of 2 came by then; the rest comes at 2 MB/s.
  EXPECT_NEAR(to_seconds(request_of(result, 0).scheduled - sim_start), 1 + 1.005 / 2, 1e-3);
}

double down_seconds_of_a_warm_start(const std::string& scope) {
  const RunResult result = play({{"pools.main.start", "cold"},
                                 {"pools.main.store", "weights"},
                                 {"pools.main.weights.tier", "memory"},
                                 {"catalog.gpus.one.ssd", "1 MB/s"},
                                 {"faults.processes.crash.scope", scope}});
  return static_cast<double>(result.pools.front().down_ns) / 1e9;
}

TEST(Faults, ANodeThatIsBackReadsItsWeightsFromSsd) {
  // 10 s of repair, and 2 MB at 1 MB/s.
  EXPECT_NEAR(down_seconds_of_a_warm_start("node"), 12, 1e-2);
}

TEST(Faults, ANodeWhoseGpuBrokeStartsFromMainMemory) {
  EXPECT_NEAR(down_seconds_of_a_warm_start("gpu"), 10, 1e-2);
}

TEST(Faults, ARackTakesItsReplicasTogetherAndNoOther) {
  // Two GPUs a node and two nodes a rack: replicas 0 .. 3 stand in rack 0, 4 and 5 in rack 1.
  const RunResult result = play({{"pools.main.replicas", "6"},
                                 {"faults.nodes_per_rack", "2"},
                                 {"faults.processes.crash.scope", "rack"}});
  EXPECT_EQ(result.operations.outages.front().outages, 4);
  EXPECT_EQ(result.pools.front().down_by_cause[static_cast<std::size_t>(DownCause::rack)],
            4 * Duration{11s}.count());
}

TEST(Faults, AUnitThatIsNotThereIsRefused) {
  EXPECT_THROW(play({{"faults.processes.crash.unit", "1"}}), ConfigError);
}

}  // namespace
}  // namespace plimsoll
