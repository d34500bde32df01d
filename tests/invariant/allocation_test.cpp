// Laws of whole runs on shared GPUs: nothing is lost, nothing is paid twice, and who goes first
// does not notice the others. Each run in a process of its own.
#include <fmt/format.h>
#include <gtest/gtest.h>

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
    std::int64_t sum = shared.unallocated_ns;
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

/// So many GPUs for so long at so many micro-dollars an hour, rounded once, halves up.
std::int64_t due(std::int64_t gpus, std::int64_t ns, std::int64_t hourly) {
  const std::int64_t hour = 3'600'000'000'000;
  return (gpus * ns * hourly + hour / 2) / hour;
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
