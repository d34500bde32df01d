// Laws of whole runs on shared GPUs: nothing is lost, nothing is paid twice, and who goes first
// does not notice the others. Each run in a process of its own.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "plimsoll/rng.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"
#include "support/outcomes.hpp"
#include "support/tiny_fleet.hpp"

namespace plimsoll {
namespace {

/// Two models on nodes of 2 GPUs: first goes before second, both follow their load.
constexpr const char* fleet = R"(
seed: 5
duration: 60s
drain: 60s
shared_gpus:
  cluster: {gpu: one, nodes: 3, grace: 1s}
pools:
  first:
    {gpu: one, model: tiny, profile: tokens, replicas: 1, max_num_seqs: 4,
     max_num_batched_tokens: 64, max_context: 512, kv_blocks: 40, store: weights,
     allocation: {from: cluster, priority: 5, guaranteed: 1},
     autoscale: {policy: threshold, scale_metric: outstanding, scale_up_threshold: 3, interval: 1s,
       scale_down_threshold: 1, min_replicas: 1, max_replicas: 5}}
  second:
    {gpu: one, model: other, profile: tokens, replicas: 4, max_num_seqs: 4,
     max_num_batched_tokens: 64, max_context: 512, kv_blocks: 40, store: weights,
     allocation: {from: cluster, guaranteed: 1}}
workload:
  arrivals:
    rate: 30/s
    shapes: [{kind: diurnal, period: 20s, peak_at: 5s, peak_to_mean: 1.9}]
  lengths:
    prompt: {kind: lognormal, mean: 60, cv: 1.0, maximum: 300}
    output: {kind: lognormal, mean: 40, cv: 1.0, maximum: 200}
  classes:
    a: {model: tiny}
    b: {model: other}
metrics: {window: 1s, sample_requests: 100000}
)";

using Overrides = std::vector<std::pair<std::string, std::string>>;

LoadedScenario load(Overrides overrides, const std::string& text = fleet) {
  overrides.emplace_back(
      "catalog.models.other",
      "{parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000, "
      "max_context: 4096, source: a test}");
  return test::load_tiny_fleet(text, overrides);
}

std::string play(const Overrides& overrides,
                 const std::function<std::string(const RunResult&, const Config&)>& read) {
  const LoadedScenario loaded = load(overrides);
  return test::in_child([&] { return read(run_scenario(loaded.config, {}), loaded.config); });
}

/// What a run broke; empty when nothing.
std::string broken_laws(const RunResult& result, const Config& config) {
  std::string text;
  const auto expect = [&](bool holds, const std::string& sentence) {
    text += holds ? "" : sentence + "\n";
  };
  const SliceSummary& all = result.slices.front();
  const std::int64_t ended = test::ended(all);
  expect(all.arrived > 300, "next to nobody came");
  expect(all.arrived == ended + all.in_flight, "a request has no outcome");
  const LossSummary& losses = result.allocation->losses;
  expect(losses.lost == losses.retried + losses.failed, "a lost attempt came to nothing");
  for (const SharedGpusSummary& shared : result.allocation->shared) {
    std::int64_t sum = shared.unallocated_ns + shared.down_ns;
    for (const PoolShare& share : shared.pools) {
      const PoolSummary& pool = result.pools[share.pool];
      const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
      expect(rented * pool.gpus_per_replica == share.gpu_ns, pool.name + " had other GPU time");
      sum += share.gpu_ns;
      const ClaimSummary& claims = share.claims;
      expect(claims.claims == claims.granted + claims.withdrawn + claims.waiting,
             pool.name + ": a claim came to nothing");
      expect(claims.preempted_busy <= claims.preempted, pool.name + ": preempted out of nowhere");
    }
    expect(sum == shared.total_ns &&
               shared.total_ns == shared.gpus * result.end.time_since_epoch().count(),
           "GPU time does not add up");
    expect(shared.most_allocated <= shared.gpus, "more GPUs in use than there are");
    expect(shared.blocked_ns <= shared.unallocated_ns, "blocked, and not free");
  }
  static_cast<void>(config);
  return text;
}

std::string laws_and_preemptions(const RunResult& result, const Config& config) {
  const auto& pools = result.allocation->shared.front().pools;
  return broken_laws(result, config) + fmt::format("{} {} {:x}", pools[0].claims.preempted,
                                                   pools[1].claims.preempted, result.fingerprint);
}

TEST(Allocation, LawsHoldWhateverTheTerms) {
  for (const char* const grace : {"0s", "300ms", "30s"}) {
    for (const char* const preemption : {"true", "false"}) {
      for (const char* const layout : {"1", "2"}) {
        const Overrides terms{{"shared_gpus.cluster.grace", grace},
                              {"shared_gpus.cluster.preemption", preemption},
                              {"pools.second.tp", layout}};
        SCOPED_TRACE(fmt::format("grace {}, preemption {}, tp {}", grace, preemption, layout));
        const std::string text = play(terms, laws_and_preemptions);
        const bool preempts = std::string{preemption} == "true";
        EXPECT_EQ(text.substr(0, 2), "0 ") << text << "nobody goes before the first pool";
        EXPECT_EQ(text.substr(2, 2) != "0 ", preempts) << text;
        EXPECT_EQ(text, play(terms, laws_and_preemptions)) << "another run, another result";
        Overrides steps = terms;
        steps.emplace_back("fast_forward", "false");
        EXPECT_EQ(text, play(steps, laws_and_preemptions)) << "step by step it is another run";
      }
    }
  }
}

/// Terms, layouts, loads and policies at random; a third pool serves the model of the first.
Overrides draw_terms(std::uint64_t seed) {
  Draws draws = RandomStream{seed, "terms"}.of(0);
  const auto below = [&draws](std::uint32_t bound) { return static_cast<int>(draws.below(bound)); };
  Overrides terms{{"seed", std::to_string(seed + 1)}, {"duration", "30s"}};
  const auto set = [&](const std::string& path, const std::string& value) {
    terms.emplace_back(path, value);
  };
  set("shared_gpus.cluster.nodes", std::to_string(2 + below(4)));
  set("shared_gpus.cluster.grace", fmt::format("{}ms", below(3) * 800));
  set("shared_gpus.cluster.preemption", below(4) > 0 ? "true" : "false");
  set("pools.third",
      "{extends: second, model: tiny, replicas: 2, allocation: {from: cluster, guaranteed: 0}}");
  for (const std::string pool : {"first", "second", "third"}) {
    set("pools." + pool + ".allocation.priority", std::to_string(below(3)));
    set("pools." + pool + ".tp", std::to_string(1 + below(2)));
    if (below(2) == 0) {
      set("pools." + pool + ".weights", below(2) == 0 ? "{}" : "{tier: memory}");
    }
    if (below(3) == 0) {
      set("pools." + pool + ".start", "cold");
    }
  }
  if (below(2) == 0) {
    set("pools.second.autoscale",
        "{policy: target_utilization, scale_metric: outstanding, target: 2, interval: 1s, "
        "min_replicas: 1, max_replicas: 6, behavior: {scale_down: {stabilization: 2s}}}");
  }
  set("workload.arrivals.rate", fmt::format("{}/s", 15 + below(30)));
  if (below(2) == 0) {
    set("service.queue.max_outstanding", std::to_string(1 + below(6)));
    set("service.queue.deadline", "5s");
  }
  return terms;
}

TEST(Allocation, RandomTermsLoseNoRequestAndNoGpuTime) {
  constexpr std::uint64_t cases = 120;
  std::vector<LoadedScenario> loaded;
  std::vector<std::function<std::string()>> bodies;
  loaded.reserve(2 * cases);
  const auto add = [&](const Overrides& terms) {
    const LoadedScenario& scenario = loaded.emplace_back(load(terms));
    bodies.emplace_back([&scenario] {
      const RunResult result = run_scenario(scenario.config, {});
      const std::string broken = broken_laws(result, scenario.config);
      std::int64_t preempted = 0;
      for (const PoolShare& share : result.allocation->shared.front().pools) {
        preempted += share.claims.preempted;
      }
      return fmt::format("{}{:x} {}", broken, result.fingerprint, preempted);
    });
  };
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    add(draw_terms(seed));
    Overrides steps = draw_terms(seed);
    steps.emplace_back("fast_forward", "false");
    add(steps);
  }
  const std::vector<std::string> texts = test::in_children(bodies);
  std::uint64_t with_preemptions = 0;
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const std::string& text = texts[2 * seed];
    EXPECT_EQ(text.find('\n'), std::string::npos) << "seed " << seed << ": " << text;
    EXPECT_NE(text.rfind("child: ", 0), 0U) << "seed " << seed << ": " << text;
    EXPECT_EQ(texts[2 * seed + 1], text) << "seed " << seed << ": step by step it is another run";
    with_preemptions += text.substr(text.size() - 2) != " 0" ? 1 : 0;
  }
  EXPECT_GT(with_preemptions, cases / 4) << "terms that preempt nobody show nothing";
}

/// What the model `tiny` and its pool saw of a run.
std::string seen_by_first(const RunResult& result, const Config&) {
  std::string text;
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind == "model" && slice.name == "tiny") {
      text += fmt::format("{} {} {} {} {} {}", slice.arrived, slice.output_tokens, slice.ttft.mean,
                          slice.e2el.mean, slice.e2el.max, slice.good);
      for (const std::int64_t count : slice.outcomes) {
        text += fmt::format(" {}", count);
      }
    }
  }
  for (const PoolSummary& pool : result.pools) {
    if (pool.name == "first") {
      text += fmt::format("; {} {} {} {} {}", pool.busy_ns, pool.idle_ns, pool.down_ns,
                          pool.draining_ns, pool.off_ns);
    }
  }
  return text;
}

TEST(Allocation, TheHighestPriorityDoesNotNoticeOthersWhoGiveWayAtOnce) {
  // The second pool has no guarantee and yields without grace; without it all GPUs are the first's.
  const Overrides beside{
      {"shared_gpus.cluster.grace", "0s"}, {"pools.second.allocation.guaranteed", "0"},
      {"pools.second.replicas", "6"},      {"pools.first.autoscale.max_replicas", "6"},
      {"stores.other", "{uplink: 1MB/s}"},  // pulls of both share no uplink
      {"pools.second.store", "other"}};
  Overrides alone = beside;
  // Replicas of the second that never get any GPUs: on shared ones of their own that are full.
  alone.emplace_back("shared_gpus.elsewhere", "{gpu: one, nodes: 6}");
  alone.emplace_back("pools.second.allocation.from", "elsewhere");
  const std::string with_others = play(beside, seen_by_first);
  EXPECT_EQ(with_others, play(alone, seen_by_first));
  EXPECT_NE(with_others, play({}, seen_by_first)) << "grace and guarantees are felt";
}

std::string fingerprint_of(const RunResult& result, const Config&) {
  return fmt::format("{:x} {} {}", result.fingerprint, result.pools[0].busy_ns,
                     result.pools[0].down_ns);
}

TEST(Allocation, AnInventoryThatSufficesIsAsMachinesOfItsOwn) {
  const Overrides cold{{"pools.first.start", "cold"}, {"pools.second.start", "cold"}};
  Overrides shared = cold;
  shared.emplace_back("shared_gpus.cluster.nodes", "5");
  Overrides own = cold;
  own.emplace_back("shared_gpus", "null");
  own.emplace_back("pools.first.allocation", "null");
  own.emplace_back("pools.second.allocation", "null");
  EXPECT_EQ(play(shared, fingerprint_of), play(own, fingerprint_of));
}

// ---- faults ----

Overrides with_faults(Overrides overrides, const std::string& processes) {
  overrides.emplace_back("faults.health_check", "{interval: 1s, timeout: 500ms, failures: 2}");
  overrides.emplace_back("faults.nodes_per_rack", "2");
  overrides.emplace_back("faults.request_timeout", "3s");
  overrides.emplace_back("faults.processes", processes);
  return overrides;
}

std::string laws_and_outages(const RunResult& result, const Config& config) {
  std::string text = broken_laws(result, config);
  const SharedGpusSummary& shared = result.allocation->shared.front();
  text += shared.down_ns <= shared.broken_ns ? "" : "down, and not broken\n";
  for (const OutageSummary& outages : result.operations.outages) {
    text += outages.availability >= 0 && outages.availability <= 1 ? "" : "no share of time\n";
    text += fmt::format("{} ", outages.outages);
  }
  return text + fmt::format("{:x}", result.fingerprint);
}

TEST(Allocation, LawsHoldWhateverBreaks) {
  for (const char* const scope : {"gpu", "node", "rack", "zone"}) {
    for (const char* const start : {"ready", "cold"}) {
      SCOPED_TRACE(fmt::format("{} {}", scope, start));
      const Overrides terms = with_faults(
          {{"pools.first.start", start}, {"pools.second.weights", "{tier: memory}"}},
          fmt::format("{{often: {{scope: {}, mtbf: 20s, repair: {{soft: {{share: 1, minimum: 1s, "
                      "maximum: 9s}}}}}}}}",
                      scope));
      const std::string text = play(terms, laws_and_outages);
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      EXPECT_NE(text.rfind("0 ", 0), 0U) << "nothing of the first pool broke: " << text;
      Overrides steps = terms;
      steps.emplace_back("fast_forward", "false");
      EXPECT_EQ(text, play(steps, laws_and_outages)) << "step by step it is another run";
    }
  }
}

/// One replica, whose node breaks for longer than the run.
TEST(Allocation, AReplicaThatLosesItsNodeIsOutUntilItServesOnAnother) {
  const Overrides terms = with_faults(
      {{"pools.first.autoscale", "null"},
       {"pools.first.provision", "700ms"},
       {"pools.first.warm_up", "300ms"},
       {"pools.first.allocation.priority", "5"},
       {"pools.second.replicas", "1"},
       {"shared_gpus.cluster.nodes", "2"}},
      "{dead: {scope: node, shared_gpus: cluster, law: timeline, at: 20s, for: 10h, unit: 0}}");
  const std::string text = play(terms, [](const RunResult& result, const Config& config) {
    const PoolSummary& first = result.pools[0];
    const OutageSummary& outages = result.operations.outages[0];
    const std::int64_t by_node = first.down_by_cause[static_cast<std::size_t>(DownCause::node)];
    return broken_laws(result, config) + fmt::format("{} {} {} {}", outages.outages, by_node,
                                                     *outages.waited_ns, first.down_ns - by_node);
  });
  // Noticed by checks at 20 s and 21 s, half a second later; then provision, 2 MB over 1 MB/s
  // behind a latency of 5 ms, warm-up. Of the two replicas on node 0 both pull at once.
  EXPECT_EQ(text.substr(0, 2), "1 ") << text;
  std::int64_t by_node = 0;
  std::int64_t waited = 0;
  std::int64_t otherwise = 0;
  ASSERT_EQ(std::sscanf(text.c_str(), "1 %ld %ld %ld", &by_node, &waited, &otherwise), 3) << text;
  EXPECT_EQ(waited, 0) << "the other node is free";
  EXPECT_EQ(otherwise, 0);
  const double alone = 1.5 + 0.7 + 2.0 + 0.3;
  EXPECT_GE(static_cast<double>(by_node) / 1e9, alone);
  EXPECT_LE(static_cast<double>(by_node) / 1e9, alone + 2.1) << "the other pull takes half";
}

TEST(Allocation, ANodeThatNobodyNeedsMayBreak) {
  const Overrides enough{{"shared_gpus.cluster.nodes", "6"}};
  const auto faults = [](const char* unit) {
    return fmt::format("{{dead: {{scope: node, law: timeline, at: 3s, for: 20s, unit: {}}}}}",
                       unit);
  };
  const std::string unneeded = play(with_faults(enough, faults("5")), fingerprint_of);
  const std::string later =
      play(with_faults(enough, "{dead: {scope: node, law: timeline, at: 9h, for: 20s, unit: 5}}"),
           fingerprint_of);
  EXPECT_EQ(unneeded, later);
  EXPECT_NE(play(with_faults(enough, faults("0")), fingerprint_of), later);
}

/// The two kinds of pools, one for autoscalers and one for rollouts, do the same on shared GPUs.
TEST(Allocation, ARolloutThatIsNeverDueChangesNothing) {
  const Overrides faulty = with_faults(
      {{"pools.second.tp", "2"}, {"shared_gpus.cluster.nodes", "4"}},
      "{often: {scope: gpu, mtbf: 25s, repair: {soft: {share: 1, minimum: 1s, maximum: 9s}}}}");
  for (const char* const grace : {"0s", "700ms"}) {
    for (const char* const start : {"ready", "cold"}) {
      SCOPED_TRACE(fmt::format("grace {}, {}", grace, start));
      Overrides terms = faulty;
      terms.emplace_back("shared_gpus.cluster.grace", grace);
      terms.emplace_back("pools.second.start", start);
      Overrides rollout = terms;
      rollout.emplace_back("rollouts.never",
                           "{pool: second, at: 10h, strategy: rolling, max_unavailable: 1}");
      const auto seen = [](const RunResult& result, const Config& config) {
        const PoolSummary& pool = result.pools[1];
        std::string text = broken_laws(result, config);
        text += fmt::format("{:x} {} {} {} {}", result.fingerprint, pool.busy_ns, pool.down_ns,
                            pool.draining_ns, result.operations.outages[1].down_ns);
        const PoolShare& share = result.allocation->shared.front().pools[1];
        return text + fmt::format(" {} {} {}", share.claims.granted, share.claims.preempted,
                                  share.claims.preempted_busy);
      };
      EXPECT_EQ(play(terms, seen), play(rollout, seen));
    }
  }
}

// ---- rollouts ----

Overrides with_rollout(Overrides overrides, const std::string& rollout) {
  overrides.emplace_back("pools.first.autoscale.max_replicas", "1");
  overrides.emplace_back("pools.second.replicas", "3");
  overrides.emplace_back("rollouts.v2", rollout);
  return overrides;
}

std::string rollout_of(const RunResult& result, const Config& config) {
  const RolloutSummary& rollout = result.operations.rollouts.front();
  const auto failed = result.slices.front().outcomes[static_cast<std::size_t>(Outcome::failed)];
  std::int64_t notes = 0;
  for (const std::string& note : result.notes) {
    notes += note.rfind("Rollout ", 0) == 0 ? 1 : 0;
  }
  return broken_laws(result, config) + fmt::format("{} {} {} {} {} notes {}", rollout.outcome,
                                                   rollout.loads, rollout.lacked, rollout.lacks,
                                                   failed, notes);
}

TEST(Allocation, RolloutsInPlaceNeedNoMoreGpusThanThereAre) {
  // Two nodes of two GPUs are full: 1 + 3 replicas.
  const Overrides full{{"shared_gpus.cluster.nodes", "2"}};
  for (const char* const rollout :
       {"{pool: second, at: 10s, strategy: rolling}",
        "{pool: second, at: 10s, strategy: canary, steps: [{share: 30%, bake: 2s}]}",
        "{pool: second, at: 10s, strategy: all_at_once}"}) {
    EXPECT_EQ(play(with_rollout(full, rollout), rollout_of), "completed 3 0 0 0 notes 0")
        << rollout;
  }
}

TEST(Allocation, BlueGreenClaimsItsSecondSetAndSaysWhenItGetsNone) {
  const std::string rollout =
      "{pool: second, at: 10s, strategy: blue_green, bake: 2s, progress_deadline: 8s}";
  EXPECT_EQ(play(with_rollout({{"shared_gpus.cluster.nodes", "4"}}, rollout), rollout_of),
            "completed 3 0 0 0 notes 0");
  EXPECT_EQ(play(with_rollout({{"shared_gpus.cluster.nodes", "3"}}, rollout), rollout_of),
            "rolled_back 2 1 0 0 notes 1")
      << "one of three gets no GPUs";
  EXPECT_EQ(play(with_rollout({{"shared_gpus.cluster.nodes", "2"}}, rollout), rollout_of),
            "rolled_back 0 3 0 0 notes 1");
  // With a larger priority it takes them.
  EXPECT_EQ(play(with_rollout({{"shared_gpus.cluster.nodes", "3"},
                               {"pools.second.allocation.priority", "9"},
                               {"pools.first.allocation.guaranteed", "0"}},
                              rollout),
                 rollout_of),
            "completed 3 0 0 0 notes 0");
}

/// So many GPUs for so long at so many micro-dollars an hour, rounded once, halves up.
std::int64_t due(std::int64_t gpus, std::int64_t ns, std::int64_t hourly) {
  const std::int64_t hour = 3'600'000'000'000;
  return (gpus * ns * hourly + hour / 2) / hour;
}

TEST(Allocation, OrderedNodesArePaidForFromTheirDeliveryOn) {
  const Overrides ordered{
      {"catalog.prices.dear", "{gpu: one, on_demand: $3.61/h, source: a test}"},
      {"shared_gpus.cluster.price", "dear"},
      {"shared_gpus.cluster.procurement.orders", "[{at: 10s, nodes: 2}, {at: 20s}]"},
      {"shared_gpus.cluster.procurement.lead_time.mean", "5s"},
      {"shared_gpus.cluster.procurement.stock_outs", "[{at: 19s, lasting: 4s}]"}};
  const std::string text = play(ordered, [](const RunResult& result, const Config&) {
    const std::int64_t second = 1'000'000'000;
    const std::int64_t end = result.end.time_since_epoch().count();
    const std::int64_t gpu_ns = 6 * end + 4 * (end - 15 * second) + 2 * (end - 28 * second);
    std::int64_t billed = 0;
    for (const BillRow& row : result.cost.money.bill) {
      billed += row.billed.count();
    }
    const SharedGpusSummary& shared = result.allocation->shared.front();
    return fmt::format("{} {} {}", shared.gpus, shared.total_ns - gpu_ns,
                       billed - due(1, gpu_ns, 3'610'000));
  });
  EXPECT_EQ(text, "12 0 0");
}

TEST(Allocation, UnallocatedGpusDrawIdlePower) {
  const std::string text = play({}, [](const RunResult& result, const Config& config) {
    double pools = 0;
    for (const PoolSummary& pool : result.pools) {
      pools += pool.energy.joules;
    }
    const GpuSpec& gpu = config.gpus[0];
    const SharedGpusSummary& shared = result.allocation->shared.front();
    const double expected =
        gpu.tdp.count() * gpu.idle_power_share * static_cast<double>(shared.unallocated_ns) / 1e9;
    const double unallocated = result.energy.unallocated_joules;
    return fmt::format("{} {} {}", shared.unallocated_ns > 0,
                       unallocated > expected * (1 - 1e-6) && unallocated < expected * (1 + 1e-6),
                       std::abs(result.energy.joules - pools - unallocated) < 1e-6 * pools);
  });
  EXPECT_EQ(text, "true true true");
}

TEST(Allocation, TheBillIsThatOfTheGpusRentedOnce) {
  // $1.37 until 30 s have passed, then $0.91.
  const Overrides priced{
      {"start", "2024-12-31T23:59:30Z"},
      {"catalog.prices.before",
       "{gpu: one, on_demand: $1.37/h, until: 2025-01-01, then: after, source: a test}"},
      {"catalog.prices.after", "{gpu: one, on_demand: $0.91/h, source: a test}"},
      {"shared_gpus.cluster.price", "before"}};
  const std::string text = play(priced, [](const RunResult& result, const Config&) {
    constexpr std::int64_t gpus = 6;
    const std::int64_t elapsed = result.end.time_since_epoch().count();
    const std::int64_t first = 30'000'000'000;
    std::int64_t billed = 0;
    std::string rows;
    for (const BillRow& row : result.cost.money.bill) {
      billed += row.billed.count();
      rows += row.resource + " ";
    }
    const std::int64_t expected = due(gpus, first, 1'370'000) + due(gpus, elapsed - first, 910'000);
    const double hours = static_cast<double>(gpus * elapsed) / 3.6e12;
    const bool all_hours =
        result.cost.gpu_hours > hours * (1 - 1e-9) && result.cost.gpu_hours < hours * (1 + 1e-9);
    return fmt::format("{}{} {}", rows, billed - expected, all_hours);
  });
  EXPECT_EQ(text, "first first second second cluster cluster 0 true");
}

}  // namespace
}  // namespace plimsoll
