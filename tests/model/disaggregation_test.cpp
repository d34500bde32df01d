// Mixed pools against pools of prefill and decode at equal GPUs, and turns of sessions at replicas
// that keep what they computed: what emerges from the mechanisms.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

struct Figures {
  double ttft_p99 = 0;  // ms
  double itl_p99 = 0;   // ms
  double hit_rate = 0;  // of prompt tokens, over all pools
  double transfers = 0;
  double bytes = 0;
  double nic_utilization = 0;  // of the first pool
  double follow_ups = 0;
};

Figures figures_of(const std::string& scenario, const test::Overrides& overrides) {
  const LoadedScenario loaded = test::load_shipped(scenario, overrides);
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    std::int64_t prompts = 0;
    std::int64_t hits = 0;
    for (const PoolSummary& pool : result.pools) {
      prompts += pool.prefix ? pool.prefix->prompt_tokens : 0;
      hits += pool.prefix ? pool.prefix->hit_tokens : 0;
    }
    const SliceSummary& all = result.slices.front();
    const KvTransferSummary kv = result.pools.front().kv_transfer.value_or(KvTransferSummary{});
    return fmt::format("{:.17g} {:.17g} {:.17g} {} {} {:.17g} {}", all.ttft.percentiles[6],
                       all.itl.percentiles[6],
                       prompts > 0 ? static_cast<double>(hits) / static_cast<double>(prompts) : 0.0,
                       kv.transfers, kv.bytes, kv.nic_utilization, result.path.follow_ups);
  });
  std::istringstream stream{text};
  Figures figures;
  stream >> figures.ttft_p99 >> figures.itl_p99 >> figures.hit_rate >> figures.transfers >>
      figures.bytes >> figures.nic_utilization >> figures.follow_ups;
  EXPECT_FALSE(stream.fail()) << text;
  return figures;
}

/// Four GPUs in all, so many of which compute prompts; 0: all do everything.
Figures four_gpus(int prefill) {
  test::Overrides overrides = {{"pools.rest.kv_blocks", "null"},
                               {"pools.first.max_num_seqs", "64"},
                               {"pools.rest.max_num_seqs", "64"}};
  if (prefill == 0) {
    overrides.insert(overrides.end(), {{"pools.first.role", "both"},
                                       {"pools.rest.role", "both"},
                                       {"pools.first.replicas", "1"},
                                       {"pools.rest.replicas", "3"}});
  } else {
    overrides.insert(overrides.end(), {{"pools.first.replicas", std::to_string(prefill)},
                                       {"pools.rest.replicas", std::to_string(4 - prefill)}});
  }
  return figures_of("tiny/disaggregated.yaml", overrides);
}

// Decodes that no prompt shares a step with are even; prompts have fewer GPUs to themselves.
TEST(Disaggregation, GapsAreEvenAndTheFirstTokenDependsOnTheSplit) {
  const Figures mixed = four_gpus(0);
  const Figures one = four_gpus(1);
  const Figures two = four_gpus(2);
  EXPECT_EQ(mixed.transfers, 0);
  EXPECT_GT(one.transfers, 100);
  EXPECT_LT(one.itl_p99, 0.6 * mixed.itl_p99);
  EXPECT_LT(two.itl_p99, 0.6 * mixed.itl_p99);
  EXPECT_LT(two.ttft_p99, one.ttft_p99);
}

// llama2-7b keeps 32 layers x 2 x 4096 numbers of 2 bytes per token; nothing else travels.
TEST(Disaggregation, BytesAreThoseOfTheContexts) {
  const Figures figures = figures_of("tiny/disaggregated.yaml",
                                     {{"workload.lengths.prompt", "{kind: fixed, mean: 500}"},
                                      {"workload.lengths.output", "{kind: fixed, mean: 20}"}});
  EXPECT_GT(figures.transfers, 100);
  EXPECT_EQ(figures.bytes, figures.transfers * 500 * 32 * 2 * 4096 * 2);
}

struct Transfer {
  double transfers = 0;
  double bytes = 0;       // of all
  double shortest = 0;    // from the first token until the KV was there, ms
  double sending_ns = 0;  // of NICs
  double receiving_ns = 0;
  double completed = 0;  // share
  double nic = 0;        // bytes/s, as the catalog says
  double latency = 0;    // ms, likewise
};

/// Prompts of 500 tokens from replicas of tp x pp GPUs to such of 4.
Transfer handed_over(int tp, int pp) {
  const LoadedScenario loaded = test::load_shipped(
      "tiny/disaggregated.yaml", {{"workload.lengths.prompt", "{kind: fixed, mean: 500}"},
                                  {"workload.lengths.output", "{kind: fixed, mean: 20}"},
                                  {"pools.first.tp", std::to_string(tp)},
                                  {"pools.first.pp", std::to_string(pp)},
                                  {"pools.rest.tp", "4"}});
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(loaded.config, {});
    const KvTransferSummary sent = result.pools[0].kv_transfer.value_or(KvTransferSummary{});
    const KvTransferSummary got = result.pools[1].kv_transfer.value_or(KvTransferSummary{});
    const SliceSummary& all = result.slices.front();
    return fmt::format(
        "{} {} {:.17g} {} {} {}", sent.transfers, got.bytes, got.time.min, sent.nic_ns, got.nic_ns,
        static_cast<double>(all.outcomes[static_cast<std::size_t>(Outcome::completed)]) /
            static_cast<double>(all.arrived));
  });
  std::istringstream stream{text};
  Transfer transfer;
  stream >> transfer.transfers >> transfer.bytes >> transfer.shortest >> transfer.sending_ns >>
      transfer.receiving_ns >> transfer.completed;
  EXPECT_FALSE(stream.fail()) << text;
  const GpuSpec& gpu = loaded.config.gpus[loaded.config.pools[0].gpu];
  transfer.nic = gpu.nic.count();
  transfer.latency = to_seconds(gpu.node_hop_latency) * 1e3;
  return transfer;
}

// 32 layers x 2 x 4096 numbers of 2 bytes per token, whatever the layouts: each of 4 GPUs gets a
// quarter of the heads. The receiver has one NIC for all of it.
TEST(Disaggregation, LayoutsOfBothSidesMayDiffer) {
  constexpr double each = 500.0 * 32 * 2 * 4096 * 2;
  const Transfer near = handed_over(2, 2);
  EXPECT_GT(near.transfers, 100);
  EXPECT_EQ(near.bytes, near.transfers * each);
  EXPECT_EQ(near.completed, 1.0);
  EXPECT_NEAR(near.shortest, each / near.nic * 1e3 + near.latency, 1e-3);
  EXPECT_EQ(near.sending_ns, near.receiving_ns) << "a NIC on each side";
  // Stages of 8 GPUs fill a node each: two NICs are held while the receiver's takes all.
  const Transfer apart = handed_over(8, 2);
  EXPECT_EQ(apart.bytes, apart.transfers * each);
  EXPECT_EQ(apart.sending_ns, 2 * apart.receiving_ns);
  EXPECT_NEAR(apart.shortest, each / apart.nic * 1e3 + apart.latency, 1e-3);
  EXPECT_EQ(apart.completed, 1.0);
}

Figures with_sessions(const std::string& router) {
  return figures_of("tiny/clients.yaml", {{"service.router.policy", router},
                                          {"service.queue.capacity", "0"},
                                          {"service.queue.max_outstanding", "0"},
                                          {"pools.main.replicas", "4"},
                                          {"pools.main.max_num_seqs", "64"},
                                          {"pools.main.prefix_cache", "true"},
                                          {"path.clients.sessions.go_on", "80%"},
                                          {"workload.arrivals.rate", "3/s"}});
}

// Turns go on from the context of those before: at its own replica a session finds it, at one of
// four by turns mostly not, or only what older turns left there.
TEST(Sessions, FindTheirContextAtTheirOwnReplica) {
  const Figures own = with_sessions("session_affinity");
  const Figures by_turns = with_sessions("round_robin");
  EXPECT_GT(own.follow_ups, 100);
  EXPECT_GT(own.hit_rate, 0.4);
  EXPECT_GT(by_turns.hit_rate, 0.0);
  EXPECT_LT(by_turns.hit_rate, 0.7 * own.hit_rate);
}

}  // namespace
}  // namespace plimsoll
