// Law: whatever breaks, is rolled out and scaled meanwhile, a run ends, every request has exactly
// one outcome or is in flight at the horizon, and GPU time adds up: random schedules on tiny
// fleets, with machines of their own and on shared GPUs, each in a process of its own.
//
// PLIMSOLL_SCHEDULE_CASES=N plays N cases of both, PLIMSOLL_SCHEDULE_SEED=S those of seed S alone.
// A case that fails is shrunk: events are dropped one by one as long as it still fails.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "plimsoll/rng.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"
#include "support/outcomes.hpp"
#include "support/tiny_fleet.hpp"

namespace plimsoll {
namespace {

using std::chrono::milliseconds;

constexpr const char* fleet = R"(
seed: 1
duration: 20s
drain: 15s
pools:
  fixed:
    {gpu: one, model: tiny, profile: tokens, replicas: 3, max_num_seqs: 4,
     max_num_batched_tokens: 64, max_context: 512, kv_blocks: 40}
  scaled:
    extends: fixed
    replicas: 2
    autoscale:
      {policy: threshold, scale_metric: outstanding, scale_up_threshold: 4, interval: 1s,
       scale_down_threshold: 1, min_replicas: 1, max_replicas: 4, provisioning_delay: 2s}
workload:
  arrivals: {rate: 6/s}
  lengths:
    prompt: {kind: lognormal, mean: 60, cv: 1.0, maximum: 300}
    output: {kind: lognormal, mean: 40, cv: 1.0, maximum: 200}
metrics: {window: 1s, sample_requests: 100}
)";

int between(Draws& draws, int low, int high) {
  return low + static_cast<int>(draws.below(static_cast<std::uint32_t>(high - low + 1)));
}
Duration some_ms(Draws& draws, int low, int high) {
  const int ms = between(draws, low, high);
  // Whole seconds now and then, so that things happen at one moment.
  return draws.below(4) == 0 ? milliseconds{(ms / 1000 + 1) * 1000} : milliseconds{ms};
}

/// One thing that happens in a case.
struct Event {
  std::vector<FaultProcess> fault{};  // one, or
  std::vector<RolloutConfig> rollout{};
};

FaultProcess draw_fault(Draws& draws, const std::string& name) {
  FaultProcess fault;
  fault.name = name;
  constexpr FaultScope scopes[] = {FaultScope::gpu,  FaultScope::gpu,  FaultScope::node,
                                   FaultScope::node, FaultScope::rack, FaultScope::zone,
                                   FaultScope::link, FaultScope::store};
  fault.scope = scopes[draws.below(8)];
  if (fault.scope == FaultScope::store) {
    fault.store = 0;
  }
  fault.factor = draws.below(2) == 0 ? 0.0 : 0.3;
  if (draws.below(3) > 0) {
    fault.law = FaultLaw::timeline;
    fault.at = some_ms(draws, 0, 20'000);
    fault.lasting = some_ms(draws, 1, draws.below(4) == 0 ? 30'000 : 4000);
    fault.unit = fault.scope == FaultScope::gpu || fault.scope == FaultScope::node ||
                         fault.scope == FaultScope::link
                     ? between(draws, 0, 3)
                     : 0;
    return fault;
  }
  fault.law = draws.below(2) == 0 ? FaultLaw::exponential : FaultLaw::weibull;
  fault.shape = fault.law == FaultLaw::weibull ? 0.7 : 1.0;
  fault.mtbf = some_ms(draws, 2000, 40'000);
  fault.repair = {{"hard", 1, milliseconds{2000}, milliseconds{9000}},
                  {"soft", 3, milliseconds{1}, milliseconds{1500}}};
  return fault;
}

RolloutConfig draw_rollout(Draws& draws, const std::string& name) {
  RolloutConfig rollout;
  rollout.name = name;
  rollout.pool = 0;
  rollout.version = name;
  rollout.at = some_ms(draws, 0, 15'000);
  rollout.validation = some_ms(draws, 0, 1000);
  rollout.strategy = static_cast<RolloutKind>(draws.below(rollout_kind_count));
  rollout.max_surge = between(draws, 0, 2);
  rollout.max_unavailable = between(draws, rollout.max_surge == 0 ? 1 : 0, 2);
  rollout.steps = {{0.3, some_ms(draws, 0, 2000)}, {0.7, some_ms(draws, 0, 1000)}};
  rollout.bake = some_ms(draws, 0, 3000);
  rollout.loaders = between(draws, 1, 4);
  if (draws.below(2) == 0) {
    CheckpointConfig checkpoint;
    checkpoint.shards = between(draws, 1, 6);
    checkpoint.shard_time = some_ms(draws, 1, 800);
    checkpoint.publish =
        draws.below(2) == 0 ? CheckpointPublication::at_end : CheckpointPublication::as_written;
    rollout.checkpoint = checkpoint;
  }
  rollout.version_corrupt = draws.below(4) == 0 ? 1.0 : 0.0;
  rollout.load = some_ms(draws, 1, 3000);
  if (draws.below(2) == 0) {
    HealthGateConfig gate;
    gate.threshold = 0.1;
    gate.minimum_answers = between(draws, 1, 5);
    gate.window = some_ms(draws, 500, 4000);
    gate.interval = some_ms(draws, 50, 700);
    gate.delay = some_ms(draws, 0, 1000);
    rollout.gate = gate;
  }
  return rollout;
}

std::vector<Event> draw_events(Draws& draws) {
  std::vector<Event> events;
  const int count = between(draws, 1, 8);
  for (int i = 0; i < count; ++i) {
    Event event;
    if (draws.below(3) > 0) {
      event.fault.push_back(draw_fault(draws, fmt::format("fault{}", i)));
    } else {
      event.rollout.push_back(draw_rollout(draws, fmt::format("rollout{}", i)));
    }
    events.push_back(event);
  }
  return events;
}

using Overrides = std::vector<std::pair<std::string, std::string>>;

FaultsConfig draw_noticing(Draws& draws) {
  FaultsConfig faults;
  faults.nodes_per_rack = between(draws, 1, 2);
  faults.zones = between(draws, 1, 2);
  faults.check_interval = some_ms(draws, 1, 3000);
  faults.check_timeout = some_ms(draws, 0, 500);
  faults.check_failures = between(draws, 1, 3);
  faults.lost_requests = draws.below(4) == 0 ? LostRequests::fail : LostRequests::retry;
  faults.max_retries = between(draws, 0, 3);
  faults.request_timeout = some_ms(draws, 0, 3000);
  faults.reload = some_ms(draws, 0, 2000);
  return faults;
}

/// How the fleet serves.
Overrides draw_serving(Draws& draws) {
  constexpr const char* routers[] = {"round_robin", "random",    "least_requests",
                                     "least_kv",    "slo_aware", "session_affinity"};
  constexpr const char* queues[] = {"fcfs", "priority", "weighted_fair", "edf"};
  Overrides overrides;
  overrides.emplace_back("service.router.policy", routers[draws.below(6)]);
  overrides.emplace_back("service.queue.policy", queues[draws.below(4)]);
  if (draws.below(2) == 0) {
    overrides.emplace_back("service.queue.max_outstanding", std::to_string(between(draws, 1, 6)));
    overrides.emplace_back("service.queue.deadline", fmt::format("{}s", between(draws, 1, 9)));
  }
  if (draws.below(4) == 0) {
    overrides.emplace_back("service.queue.capacity", std::to_string(between(draws, 1, 20)));
  }
  switch (draws.below(5)) {
    case 0:
      overrides.emplace_back("pools.fixed.batching", "static");
      overrides.emplace_back("pools.fixed.kv_blocks", "150");
      break;
    case 1:
      overrides.emplace_back("pools.fixed.pp", "2");
      break;
    case 2:
      overrides.emplace_back("pools.fixed.prefix_cache", "true");
      break;
    case 3:
      overrides.emplace_back("pools.fixed.start", "cold");
      overrides.emplace_back("pools.fixed.store", "weights");
      overrides.emplace_back("pools.fixed.provision", "500ms");
      if (draws.below(2) == 0) {  // pulls that move between stores
        overrides.emplace_back("stores.weights.fallback", "far");
        overrides.emplace_back("stores.far.uplink", "2 MB/s");
        overrides.emplace_back("stores.far.region", "afar");
        overrides.emplace_back("stores.far.wan", "1.5 MB/s");
        overrides.emplace_back("pools.fixed.region", "here");
      }
      if (draws.below(2) == 0) {  // nodes hand on what they have, the store sends in shards
        overrides.emplace_back("pools.fixed.weights.memory_cache", "100 GB");
        overrides.emplace_back("pools.fixed.weights.shards", std::to_string(between(draws, 1, 3)));
        overrides.emplace_back("pools.fixed.weights.peers.uploads",
                               std::to_string(between(draws, 1, 2)));
        overrides.emplace_back("pools.scaled.weights", "null");
      }
      // The scaled pool extends the fixed one.
      overrides.emplace_back("pools.scaled.start", "ready");
      overrides.emplace_back("pools.scaled.store", "null");
      overrides.emplace_back("pools.scaled.provision", "null");
      break;
    default:
      break;
  }
  return overrides;
}

/// Two pools on GPUs that they share; there are four nodes at least, in the end.
Overrides draw_sharing(Draws& draws) {
  Overrides overrides;
  const auto set = [&](const std::string& path, const std::string& value) {
    overrides.emplace_back(path, value);
  };
  const int nodes = between(draws, 2, 6);
  const int tp = between(draws, 1, 2);
  const int pp = draws.below(4) == 0 ? 2 : 1;
  set("shared_gpus.cluster.gpu", "one");
  set("shared_gpus.cluster.nodes", std::to_string(nodes));
  const Duration grace = some_ms(draws, 0, 2000);
  set("shared_gpus.cluster.grace", draws.below(3) == 0 ? "0s" : fmt::format("{}ns", grace.count()));
  set("shared_gpus.cluster.preemption", draws.below(4) > 0 ? "true" : "false");
  constexpr const char* patience[] = {"0s", "2s", "1h"};
  set("shared_gpus.cluster.reserve_after", patience[draws.below(3)]);
  if (nodes < 4 || draws.below(3) == 0) {
    const Duration at = some_ms(draws, 0, 12'000);
    set("shared_gpus.cluster.procurement.orders",
        fmt::format("[{{at: {}ns, nodes: {}}}]", at.count(), std::max(1, 4 - nodes)));
    const Duration lead = some_ms(draws, 0, 5000);
    set("shared_gpus.cluster.procurement.lead_time",
        fmt::format("{{mean: {}ns, cv: {}}}", lead.count(), draws.below(2)));
  }
  int guaranteed_gpus = 2 * nodes;
  for (const std::string pool : {"pools.fixed", "pools.scaled"}) {
    const int priority = between(draws, 0, 2);
    const int guaranteed = std::min(between(draws, 0, 2), guaranteed_gpus / (tp * pp));
    guaranteed_gpus -= guaranteed * tp * pp;
    set(pool + ".allocation",
        fmt::format("{{from: cluster, priority: {}, guaranteed: {}}}", priority, guaranteed));
    set(pool + ".tp", std::to_string(tp));
    set(pool + ".pp", std::to_string(pp));
    set(pool + ".store", "weights");
    set(pool + ".provision", draws.below(2) == 0 ? "0s" : "300ms");
    set(pool + ".start", draws.below(3) == 0 ? "cold" : "ready");
  }
  constexpr const char* weights[] = {"{}", "{tier: memory}", "{prefetch: ssd}"};
  const std::uint32_t kind = draws.below(4);
  if (kind < 3) {  // the scaled pool extends the fixed one
    set("pools.fixed.weights", weights[kind]);
  }
  set("pools.scaled.autoscale.provisioning_delay", "null");
  return overrides;
}

struct Schedule {
  bool shared = false;
  Overrides serving;
  FaultsConfig noticing;
  std::vector<Event> events;
};

Schedule draw_schedule(std::uint64_t seed, bool shared) {
  Draws draws = RandomStream{seed, shared ? "shared_schedule" : "schedule"}.of(0);
  Schedule schedule;
  schedule.shared = shared;
  schedule.serving = draw_serving(draws);
  if (shared) {
    // Shared nodes hand nothing on; their weights are drawn with them.
    std::erase_if(schedule.serving, [](const auto& one) {
      return one.first.find(".weights") != std::string::npos && one.first.rfind("pools.", 0) == 0;
    });
    const Overrides sharing = draw_sharing(draws);
    schedule.serving.insert(schedule.serving.end(), sharing.begin(), sharing.end());
  }
  schedule.serving.emplace_back("seed", std::to_string(seed + 1));
  schedule.noticing = draw_noticing(draws);
  schedule.events = draw_events(draws);
  return schedule;
}

Config config_of(const Schedule& schedule, bool fast_forward) {
  Overrides overrides = schedule.serving;
  overrides.emplace_back("fast_forward", fast_forward ? "true" : "false");
  Config config = test::load_tiny_fleet(fleet, overrides).config;
  config.faults = schedule.noticing;
  for (const Event& event : schedule.events) {
    for (const FaultProcess& fault : event.fault) {
      config.faults->processes.push_back(fault);
    }
    for (RolloutConfig rollout : event.rollout) {
      if (config.pools[0].start == PoolStart::cold) {
        rollout.load.reset();
      }
      if (schedule.shared) {
        rollout.progress_deadline = rollout.bake + milliseconds{500};
      }
      const int surge = rollout.strategy == RolloutKind::blue_green ? config.pools[0].replicas
                        : rollout.strategy == RolloutKind::rolling  ? rollout.max_surge
                                                                    : 0;
      config.pools[0].surge = std::max(config.pools[0].surge, surge);
      config.rollouts.push_back(rollout);
    }
  }
  return config;
}

std::string broken_laws_of_sharing(const RunResult& result) {
  std::string text;
  const auto expect = [&](bool holds, const std::string& sentence) {
    text += holds ? "" : sentence + "\n";
  };
  const SharedGpusSummary& shared = result.allocation->shared.front();
  std::int64_t sum = shared.unallocated_ns + shared.down_ns;
  for (const PoolShare& share : shared.pools) {
    const PoolSummary& pool = result.pools[share.pool];
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    expect(rented * pool.gpus_per_replica == share.gpu_ns, pool.name + ": it had other GPU time");
    sum += share.gpu_ns;
    const ClaimSummary& claims = share.claims;
    expect(claims.claims == claims.granted + claims.withdrawn + claims.waiting,
           pool.name + ": a claim came to nothing");
    expect(claims.preempted_busy <= claims.preempted, pool.name + ": preempted out of nowhere");
  }
  expect(sum == shared.total_ns, "time of shared GPUs does not add up");
  expect(shared.down_ns <= shared.broken_ns && shared.broken_ns <= shared.total_ns,
         "broken for longer than they were there");
  expect(shared.blocked_ns <= shared.unallocated_ns, "blocked, and not free");
  expect(shared.most_allocated <= shared.gpus, "more GPUs in use than there are");
  return text;
}

/// What a run broke of the laws; empty when nothing. INV-1 and INV-3 are checked within the run,
/// too, and what breaks them is thrown.
std::string broken_laws(const Config& config, const RunResult& result) {
  std::string text;
  const auto expect = [&](bool holds, const std::string& sentence) {
    text += holds ? "" : sentence + "\n";
  };
  const SliceSummary& all = result.slices.front();
  const std::int64_t ended = test::ended(all);
  expect(all.arrived > 50, fmt::format("only {} requests arrived", all.arrived));
  expect(all.arrived == ended + all.in_flight,
         fmt::format("{} arrived, {} ended, {} in flight", all.arrived, ended, all.in_flight));
  const std::int64_t elapsed = result.end.time_since_epoch().count();
  expect(result.end <= sim_start + config.duration + config.drain, "it went on after its end");
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const PoolSummary& pool = result.pools[p];
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    expect(rented + pool.off_ns == replica_slots(config.pools[p]) * elapsed,
           pool.name + ": GPU time does not add up");
    std::int64_t down = 0;
    for (const std::int64_t part : pool.down_by_cause) {
      expect(part >= 0, pool.name + ": negative time");
      down += part;
    }
    expect(down == pool.down_ns, pool.name + ": time down is not the sum of its causes");
  }
  if (result.allocation) {
    text += broken_laws_of_sharing(result);
  }
  const LossSummary& losses = result.operations.losses;
  expect(losses.lost == losses.retried + losses.failed, "a lost attempt came to nothing");
  const std::int64_t failed = all.outcomes[static_cast<std::size_t>(Outcome::failed)];
  expect(losses.failed == failed,
         fmt::format("{} requests failed, {} of them with a replica", failed, losses.failed));
  return text;
}

/// Plays a schedule in this process: its fingerprint, or what went wrong behind "broken: ".
std::string play_here(const Schedule& schedule, bool fast_forward) {
  alarm(20);  // a run that hangs dies
  const Config config = config_of(schedule, fast_forward);
  const RunResult result = run_scenario(config, {});
  const std::string broken = broken_laws(config, result);
  return broken.empty() ? fmt::format("{:x} {} {}", result.fingerprint, result.operations.incidents,
                                      result.operations.losses.lost)
                        : "broken: " + broken;
}

bool is_finding(const std::string& text) {
  return text.rfind("broken: ", 0) == 0 || text.rfind("child: ", 0) == 0;
}

std::string play_in_child(const Schedule& schedule) {
  return test::in_child([&] { return play_here(schedule, true); });
}

std::string describe(const Event& event) {
  for (const FaultProcess& fault : event.fault) {
    return fmt::format("{} {} law {} at {} ns for {} ns, mtbf {} ns, unit {}, factor {}",
                       fault.name, fault_scope_name(fault.scope), static_cast<int>(fault.law),
                       fault.at.count(), fault.lasting.count(), fault.mtbf.count(), fault.unit,
                       fault.factor);
  }
  const RolloutConfig& rollout = event.rollout.front();
  return fmt::format("{} {} at {} ns", rollout.name, rollout_kind_name(rollout.strategy),
                     rollout.at.count());
}

/// Drops events one by one as long as the rest still fails; says what is left.
std::string shrink(Schedule schedule) {
  std::string finding = play_in_child(schedule);
  for (std::size_t i = 0; i < schedule.events.size();) {
    Schedule fewer = schedule;
    fewer.events.erase(fewer.events.begin() + static_cast<std::ptrdiff_t>(i));
    const std::string text = play_in_child(fewer);
    if (is_finding(text)) {
      schedule = fewer;
      finding = text;
    } else {
      ++i;
    }
  }
  std::string text = finding + "\nwith:\n";
  for (const auto& [path, value] : schedule.serving) {
    text += fmt::format("  {}: {}\n", path, value);
  }
  for (const Event& event : schedule.events) {
    text += "  " + describe(event) + "\n";
  }
  return text;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Every fifth case is played step by step, too.
constexpr std::uint64_t step_by_step = 5;

void play_schedules(bool shared) {
  const std::uint64_t first = number_from("PLIMSOLL_SCHEDULE_SEED", 0);
  const std::uint64_t cases = number_from(
      "PLIMSOLL_SCHEDULE_CASES", std::getenv("PLIMSOLL_SCHEDULE_SEED") == nullptr ? 1000 : 1);
  std::vector<std::function<std::string()>> bodies;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    bodies.emplace_back([=] { return play_here(draw_schedule(seed, shared), true); });
    if (seed % step_by_step == 0) {
      bodies.emplace_back([=] { return play_here(draw_schedule(seed, shared), false); });
    }
  }
  const std::vector<std::string> texts = test::in_children(bodies);
  std::size_t next = 0;
  std::uint64_t with_losses = 0;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    const std::string& text = texts[next++];
    if (is_finding(text)) {
      ADD_FAILURE() << "seed " << seed << ": " << text
                    << "\nshrunk: " << shrink(draw_schedule(seed, shared));
    }
    with_losses += text.size() > 2 && text.substr(text.size() - 2) != " 0" ? 1 : 0;
    if (seed % step_by_step == 0) {
      EXPECT_EQ(texts[next++], text) << "seed " << seed << ": step by step it is another run";
    }
  }
  if (cases >= 1000) {
    EXPECT_GT(with_losses, cases / 3) << "faults that hit nobody show nothing";
  }
}

TEST(Operations, RandomSchedulesLoseNoRequestAndNoTime) {
  play_schedules(false);
}

TEST(Operations, RandomSchedulesOnSharedGpusLoseNoRequestAndNoTime) {
  play_schedules(true);
}

}  // namespace
}  // namespace plimsoll
