// Test support: random schedules of what happens to a tiny fleet.
#include "support/schedules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "plimsoll/rng.hpp"
#include "support/tiny_fleet.hpp"

namespace plimsoll::test {
namespace {

constexpr const char* fleet = R"(
seed: 1
duration: 20s
drain: 15s
pools:
  first:
    {gpu: one, model: tiny, profile: tokens, replicas: 3, max_num_seqs: 4,
     max_num_batched_tokens: 64, max_context: 512, kv_blocks: 40}
  second:
    {gpu: one, model: tiny, profile: tokens, replicas: 2, max_num_seqs: 4,
     max_num_batched_tokens: 64, max_context: 512, kv_blocks: 40}
workload:
  arrivals: {rate: 6/s}
  lengths:
    prompt: {kind: lognormal, mean: 60, cv: 1.0, maximum: 300}
    output: {kind: lognormal, mean: 40, cv: 1.0, maximum: 200}
metrics: {window: 1s, sample_requests: 100000}
)";

int between(Draws& draws, int low, int high) {
  return low + static_cast<int>(draws.below(static_cast<std::uint32_t>(high - low + 1)));
}
bool one_in(Draws& draws, std::uint32_t many) {
  return draws.below(many) == 0;
}
/// ms: whole seconds now and then, so that things happen at one moment.
int some_span(Draws& draws, int low, int high) {
  const int ms = between(draws, low, high);
  return one_in(draws, 4) ? (ms / 1000 + 1) * 1000 : ms;
}
std::string some_ms(Draws& draws, int low, int high) {
  return fmt::format("{}ms", some_span(draws, low, high));
}
template <std::size_t N>
const char* one_of(Draws& draws, const char* const (&words)[N]) {
  return words[draws.below(N)];
}

/// A part under one path.
class PartWriter {
 public:
  PartWriter(Schedule& schedule, std::string name, std::string path)
      : schedule_{schedule}, part_{schedule.parts.size()}, path_{std::move(path)} {
    schedule.parts.emplace_back().name = std::move(name);
  }
  void set(const std::string& key, const std::string& value) {
    schedule_.parts[part_].overrides.emplace_back(path_.empty() ? key : path_ + "." + key, value);
  }
  void set(const std::string& key, int value) { set(key, std::to_string(value)); }

 private:
  Schedule& schedule_;
  std::size_t part_;
  std::string path_;
};

/// How a pool gets its machines, which decides what else can be said of it.
struct PoolTraits {
  std::string name;
  bool shared = false;
  bool autoscales = false;
  bool procures = false;
  bool offers = false;
  bool cold = false;

  bool adds_cold() const { return cold || procures || shared; }
  bool scales() const { return autoscales || procures; }
};

void draw_serving(Schedule& schedule, Draws& draws) {
  constexpr const char* routers[] = {"round_robin", "random",    "least_requests",
                                     "least_kv",    "slo_aware", "session_affinity"};
  constexpr const char* queues[] = {"fcfs", "priority", "weighted_fair", "edf"};
  PartWriter(schedule, "router", "service").set("router.policy", one_of(draws, routers));
  PartWriter(schedule, "queue", "service").set("queue.policy", one_of(draws, queues));
  if (one_in(draws, 2)) {
    PartWriter part(schedule, "central queue", "service.queue");
    part.set("max_outstanding", between(draws, 1, 6));
    part.set("deadline", fmt::format("{}s", between(draws, 1, 9)));
  }
  if (one_in(draws, 4)) {
    PartWriter(schedule, "capacity", "service.queue").set("capacity", between(draws, 1, 20));
  }
}

void draw_clients(Schedule& schedule, Draws& draws) {
  if (!one_in(draws, 3)) {
    return;
  }
  PartWriter part(schedule, "clients", "path");
  part.set("clients.patience.kind", "exponential");
  part.set("clients.patience.mean", some_ms(draws, 200, 8000));
  if (one_in(draws, 2)) {
    part.set("clients.timeout", some_ms(draws, 100, 3000));
  }
  part.set("clients.retries.attempts", between(draws, 1, 4));
  part.set("clients.retries.base", some_ms(draws, 0, 500));
  if (one_in(draws, 2)) {
    part.set("clients.sessions.go_on", fmt::format("{}%", between(draws, 10, 60)));
    part.set("clients.sessions.think.mean", some_ms(draws, 0, 2000));
  }
  if (one_in(draws, 2)) {
    part.set("api_tier.instances", 1);
    part.set("api_tier.cpu.mean", some_ms(draws, 1, 100));
    part.set("api_tier.queue", between(draws, 1, 30));
  }
}

void draw_experiment(Schedule& schedule, Draws& draws) {
  if (!one_in(draws, 4)) {
    return;
  }
  constexpr const char* by[] = {"request", "session"};
  PartWriter part(schedule, "experiment", "experiments.alike");
  part.set("by", one_of(draws, by));
  part.set("control", "a");
  part.set("arms.a.share", fmt::format("{}%", between(draws, 10, 50)));
  part.set("arms.b.share", fmt::format("{}%", between(draws, 10, 50)));
  part.set("window", "1s");
}

void draw_batches(Schedule& schedule, Draws& draws, const PoolTraits& pool) {
  PartWriter part(schedule, pool.name + " batches", "pools." + pool.name);
  switch (draws.below(4)) {
    case 0:
      part.set("batching", "static");
      part.set("kv_blocks", 150);
      break;
    case 1:
      part.set("prefix_cache", "true");
      break;
    case 2:
      if (!pool.offers && !pool.shared) {  // whole nodes, or as the shared ones are drawn
        part.set("pp", 2);
      }
      break;
    default:
      break;
  }
}

/// Weights that come from a store, and by which ways.
void draw_weights(Schedule& schedule, Draws& draws, const PoolTraits& pool) {
  PartWriter part(schedule, pool.name + " start", "pools." + pool.name);
  if (pool.cold) {
    part.set("start", "cold");
  }
  part.set("store", "weights");
  part.set("provision", some_ms(draws, 0, 800));
  if (one_in(draws, 3)) {
    part.set("warm_up", some_ms(draws, 0, 500));
  }
  constexpr const char* kinds[] = {"none", "plain", "memory", "ssd", "gpu", "peers", "lazy"};
  const std::string kind = one_of(draws, kinds);
  PartWriter weights(schedule, pool.name + " weights", "");
  const std::string path = "pools." + pool.name + ".weights";
  const bool tier = kind == "memory" || kind == "ssd" || kind == "gpu";
  // Nodes of offers come empty; on shared ones GPUs keep nothing, and nodes hand nothing on.
  if (kind == "plain" || (pool.offers && tier) ||
      (pool.shared && (kind == "gpu" || kind == "peers"))) {
    weights.set(path + ".shards", between(draws, 1, 3));
  } else if (tier) {
    weights.set(path + ".tier", kind);
  } else if (kind == "peers") {
    weights.set(path + ".memory_cache", "100 GB");
    weights.set(path + ".shards", between(draws, 1, 3));
    weights.set(path + ".peers.uploads", between(draws, 1, 2));
  } else if (kind == "lazy") {
    weights.set("catalog.loaders.mapping",
                "{read: 2 MB/s, to_gpu: 10 MB/s, overlaps: true, mapped: true, source: a test}");
    weights.set(path + ".loader", "mapping");
    weights.set(path + ".lazy", fmt::format("{}%", between(draws, 1, 100)));
  }
}

void draw_far_store(Schedule& schedule, Draws& draws) {
  if (one_in(draws, 4)) {
    PartWriter part(schedule, "far store", "");  // pulls that move between stores
    part.set("stores.weights.fallback", "far");
    part.set("stores.far.uplink", "2 MB/s");
    part.set("stores.far.region", "afar");
    part.set("stores.far.wan", "1.5 MB/s");
    part.set("pools.first.region", "here");
    part.set("pools.second.region", "here");
  }
}

std::string some_outages(Draws& draws) {
  const std::string at = some_ms(draws, 0, 12'000);
  const std::string lasting = some_ms(draws, 1, 8000);
  return fmt::format("[{{at: {}, lasting: {}}}]", at, lasting);
}

void draw_offers(Schedule& schedule, Draws& draws, const PoolTraits& pool) {
  PartWriter part(schedule, pool.name + " offers", "");
  const std::string path = "pools." + pool.name;
  part.set("catalog.prices.here",
           "{gpu: one, provider: near, on_demand: $2/h, spot: $1/h, as_of: today, source: a test}");
  part.set(
      "catalog.prices.there",
      "{gpu: one, provider: far, on_demand: $3/h, spot: $1.5/h, as_of: today, source: a test}");
  constexpr const char* rules[] = {"cheapest", "fastest", "spread", "capped_spot"};
  part.set(path + ".tp", 2);
  part.set(path + ".procurement.placement.policy", one_of(draws, rules));
  for (const char* const name : {"one", "two", "three"}) {
    const std::string offer = path + ".procurement.offers." + name;
    part.set(offer + ".price", std::string{name} == "one" ? "here" : "there");
    part.set(offer + ".lead_time.mean", some_ms(draws, 0, 3000));
    if (one_in(draws, 2)) {
      part.set(offer + ".contract", "spot");
      part.set(offer + ".reclaim_mean", some_ms(draws, 3000, 20'000));  // no shorter than notices
      part.set(offer + ".notice", some_ms(draws, 0, 3000));
      part.set(offer + ".gone_for", some_ms(draws, 0, 4000));
    }
    if (one_in(draws, 3)) {
      part.set(offer + ".stock", between(draws, 1, 3));
    }
    if (one_in(draws, 3)) {
      part.set(offer + ".stock_outs", some_outages(draws));
    }
  }
}

void draw_procurement(Schedule& schedule, Draws& draws, const PoolTraits& pool) {
  const std::string path = "pools." + pool.name + ".procurement";
  if (pool.offers) {
    draw_offers(schedule, draws, pool);
  } else {
    PartWriter part(schedule, pool.name + " procurement", path);
    part.set("lead_time.mean", some_ms(draws, 0, 4000));
    part.set("lead_time.cv", between(draws, 0, 1));
    if (one_in(draws, 2)) {
      part.set("stock_outs", some_outages(draws));
    }
    if (one_in(draws, 2)) {
      part.set("spot.replicas", between(draws, 1, 2));
      part.set("spot.reclaim_mean", some_ms(draws, 3000, 20'000));
      part.set("spot.notice", some_ms(draws, 0, 3000));
      part.set("spot.replace", one_in(draws, 3) ? "false" : "true");
    }
  }
  if (!pool.autoscales && one_in(draws, 2)) {
    const std::string at = some_ms(draws, 0, 12'000);
    PartWriter(schedule, pool.name + " orders", path)
        .set("orders", fmt::format("[{{at: {}, replicas: {}}}]", at, between(draws, 1, 2)));
  }
}

/// `interval`: its evaluations, ms.
void draw_policy(PartWriter& part, Draws& draws, int interval) {
  switch (draws.below(6)) {
    case 0:
      part.set("policy", "threshold");
      part.set("scale_metric", "outstanding");
      part.set("scale_up_threshold", between(draws, 2, 5));
      part.set("scale_down_threshold", 1);
      break;
    case 1:
      part.set("policy", "target_utilization");
      part.set("scale_metric", one_in(draws, 2) ? "outstanding" : "queue_depth");
      part.set("target", between(draws, 1, 4));
      part.set("behavior.scale_down.stabilization", some_ms(draws, 0, 4000));
      break;
    case 2:
      part.set("policy", "predictive");
      part.set("model", one_in(draws, 2) ? "ar" : "holt_winters");
      part.set("season", fmt::format("{}ms", 6 * interval));
      part.set("horizon", some_ms(draws, 6000, 9000));
      part.set("rate_per_replica", fmt::format("{}/s", between(draws, 1, 5)));
      break;
    case 3:
      part.set("policy", "queue_depth");
      part.set("waiting_per_replica", 1);
      part.set("requests_per_replica", between(draws, 1, 4));
      part.set("idle_for", some_ms(draws, 0, 3000));
      break;
    case 4:
      part.set("policy", "scheduled");
      part.set("schedule", fmt::format("00:00={}", between(draws, 1, 3)));
      break;
    default:
      part.set("policy", "cost_aware");
      part.set("rate_per_replica", fmt::format("{}/s", between(draws, 1, 5)));
      part.set("dollars_per_late_request", fmt::format("{}", between(draws, 0, 3)));
      break;
  }
}

void draw_autoscale(Schedule& schedule, Draws& draws, const PoolTraits& pool) {
  PartWriter part(schedule, pool.name + " autoscale", "pools." + pool.name + ".autoscale");
  const int interval = some_span(draws, 200, 1500);
  draw_policy(part, draws, interval);
  part.set("interval", fmt::format("{}ms", interval));
  if (one_in(draws, 3)) {
    part.set("signal_delay", some_ms(draws, 0, 1500));
  }
  part.set("min_replicas", between(draws, 1, 2));
  part.set("max_replicas", between(draws, 3, 5));
  if (!pool.adds_cold()) {
    part.set("provisioning_delay", some_ms(draws, 0, 3000));
  }
}

/// Two pools on GPUs that they share; there are four nodes at least, in the end.
void draw_sharing(Schedule& schedule, Draws& draws) {
  PartWriter part(schedule, "shared GPUs", "");
  const std::string cluster = "shared_gpus.cluster.";
  const int nodes = between(draws, 2, 6);
  const int tp = between(draws, 1, 2);
  const int pp = one_in(draws, 4) ? 2 : 1;
  part.set(cluster + "gpu", "one");
  part.set(cluster + "nodes", nodes);
  part.set(cluster + "grace", one_in(draws, 3) ? "0s" : some_ms(draws, 0, 2000));
  part.set(cluster + "preemption", one_in(draws, 4) ? "false" : "true");
  constexpr const char* patience[] = {"0s", "2s", "1h"};
  part.set(cluster + "reserve_after", one_of(draws, patience));
  if (nodes < 4 || one_in(draws, 3)) {
    const std::string at = some_ms(draws, 0, 12'000);
    part.set(cluster + "procurement.orders",
             fmt::format("[{{at: {}, nodes: {}}}]", at, std::max(1, 4 - nodes)));
    part.set(cluster + "procurement.lead_time.mean", some_ms(draws, 0, 5000));
    part.set(cluster + "procurement.lead_time.cv", between(draws, 0, 1));
  }
  int guaranteed_gpus = 2 * nodes;
  for (const std::string pool : {"pools.first.", "pools.second."}) {
    const int guaranteed = std::min(between(draws, 0, 2), guaranteed_gpus / (tp * pp));
    guaranteed_gpus -= guaranteed * tp * pp;
    part.set(pool + "allocation.from", "cluster");
    part.set(pool + "allocation.priority", between(draws, 0, 2));
    part.set(pool + "allocation.guaranteed", guaranteed);
    part.set(pool + "tp", tp);
    part.set(pool + "pp", pp);
  }
}

PoolTraits draw_pool(Schedule& schedule, Draws& draws, const std::string& name, bool shared) {
  PoolTraits pool;
  pool.name = name;
  pool.shared = shared;
  pool.autoscales = one_in(draws, 2);
  pool.procures = !shared && one_in(draws, 2);
  pool.offers = pool.procures && one_in(draws, 3);
  pool.cold = one_in(draws, 2);
  draw_batches(schedule, draws, pool);
  if (pool.adds_cold()) {
    draw_weights(schedule, draws, pool);
  }
  if (pool.procures) {
    draw_procurement(schedule, draws, pool);
  }
  if (pool.autoscales) {
    draw_autoscale(schedule, draws, pool);
  }
  if (one_in(draws, 3)) {
    PartWriter(schedule, pool.name + " drains", "pools." + pool.name)
        .set("drain_timeout", some_ms(draws, 0, 1500));
  }
  return pool;
}

void draw_noticing(Schedule& schedule, Draws& draws) {
  PartWriter part(schedule, "noticing", "faults");
  part.set("nodes_per_rack", between(draws, 1, 2));
  part.set("zones", between(draws, 1, 2));
  part.set("health_check.interval", some_ms(draws, 1, 3000));
  part.set("health_check.timeout", some_ms(draws, 0, 500));
  part.set("health_check.failures", between(draws, 1, 3));
  part.set("lost_requests", one_in(draws, 4) ? "fail" : "retry");
  part.set("max_retries", between(draws, 0, 3));
  part.set("request_timeout", some_ms(draws, 0, 3000));
  part.set("reload", some_ms(draws, 0, 2000));
}

void draw_fault(Schedule& schedule, Draws& draws, const std::string& name, bool offers) {
  PartWriter part(schedule, name, "faults.processes." + name);
  constexpr const char* scopes[] = {"gpu",  "gpu",  "node",  "node",  "rack",
                                    "zone", "link", "store", "offers"};
  const std::string scope = scopes[draws.below(offers ? 9 : 8)];
  part.set("scope", scope);
  if (scope == "store") {
    part.set("store", "weights");
  }
  if (scope == "offers") {
    part.set("provider", one_in(draws, 2) ? "near" : "far");
  }
  if (scope == "link" || scope == "store") {
    part.set("factor", one_in(draws, 2) ? "0%" : "30%");
  }
  if (!one_in(draws, 3) || scope == "offers") {
    part.set("law", "timeline");
    part.set("at", some_ms(draws, 0, 20'000));
    part.set("for", some_ms(draws, 1, one_in(draws, 4) ? 30'000 : 4000));
    if (scope == "gpu" || scope == "node" || scope == "link") {
      part.set("unit", between(draws, 0, scope == "gpu" ? 3 : 2));
    }
    return;
  }
  const bool ages = one_in(draws, 2);
  part.set("law", ages ? "weibull" : "exponential");
  if (ages) {
    part.set("shape", "0.7");
  }
  part.set("mtbf", some_ms(draws, 2000, 40'000));
  part.set("repair.hard", "{share: 1, minimum: 2000ms, maximum: 9000ms}");
  part.set("repair.soft", "{share: 3, minimum: 1ms, maximum: 1500ms}");
}

void draw_strategy(PartWriter& part, Draws& draws, const PoolTraits& pool) {
  constexpr const char* kinds[] = {"rolling", "canary", "all_at_once", "blue_green"};
  const std::string kind = kinds[draws.below(pool.scales() ? 3 : 4)];
  part.set("strategy", kind);
  if (kind == "rolling") {
    const int surge = between(draws, 0, 2);
    part.set("max_surge", surge);
    part.set("max_unavailable", between(draws, surge == 0 ? 1 : 0, 2));
  } else if (kind == "canary") {
    const std::string first = some_ms(draws, 0, 2000);
    part.set("steps", fmt::format("[{{share: 30%, bake: {}}}, {{share: 70%, bake: {}}}]", first,
                                  some_ms(draws, 0, 1000)));
  } else if (kind == "blue_green") {
    part.set("bake", some_ms(draws, 0, 3000));
  }
}

void draw_rollout(Schedule& schedule, Draws& draws, const std::string& name,
                  const PoolTraits& pool) {
  PartWriter part(schedule, name, "rollouts." + name);
  part.set("pool", pool.name);
  part.set("at", some_ms(draws, 0, 15'000));
  part.set("validation", some_ms(draws, 0, 1000));
  draw_strategy(part, draws, pool);
  part.set("loaders", between(draws, 1, 4));
  if (one_in(draws, 2)) {
    part.set("checkpoint.shards", between(draws, 1, 6));
    part.set("checkpoint.shard_time", some_ms(draws, 1, 800));
    part.set("checkpoint.publish", one_in(draws, 2) ? "at_end" : "as_written");
  }
  part.set("version_corrupt", one_in(draws, 4) ? "100%" : "0%");
  part.set("version_step_time", one_in(draws, 3) ? "170%" : "100%");
  if (!pool.adds_cold() || one_in(draws, 4)) {
    part.set("load", some_ms(draws, 1, 3000));
  }
  if (pool.shared || (pool.procures && one_in(draws, 2))) {
    part.set("progress_deadline", some_ms(draws, 500, 4000));
  }
  if (one_in(draws, 2)) {
    part.set("gate.threshold", "10%");
    part.set("gate.minimum_answers", between(draws, 1, 5));
    part.set("gate.window", some_ms(draws, 500, 4000));
    part.set("gate.interval", some_ms(draws, 50, 700));
    part.set("gate.delay", some_ms(draws, 0, 1000));
  }
}

}  // namespace

bool Schedule::has(const std::string& part) const {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const SchedulePart& other) { return other.name == part; });
}

Schedule draw_schedule(std::uint64_t seed, bool shared) {
  Draws draws = RandomStream{seed, shared ? "shared_schedule" : "schedule"}.of(0);
  Schedule schedule;
  PartWriter(schedule, "seed", "").set("seed", std::to_string(seed + 1));
  draw_serving(schedule, draws);
  draw_clients(schedule, draws);
  draw_experiment(schedule, draws);
  std::vector<PoolTraits> pools;
  for (const char* const name : {"first", "second"}) {
    pools.push_back(draw_pool(schedule, draws, name, shared));
  }
  if (shared) {
    draw_sharing(schedule, draws);
  }
  draw_far_store(schedule, draws);
  draw_noticing(schedule, draws);
  const int events = between(draws, 1, 8);
  for (int i = 0; i < events; ++i) {
    if (one_in(draws, 3)) {
      draw_rollout(schedule, draws, fmt::format("rollout{}", i), pools[draws.below(2)]);
    } else {
      draw_fault(schedule, draws, fmt::format("fault{}", i), pools[0].offers || pools[1].offers);
    }
  }
  return schedule;
}

LoadedScenario load_schedule(const Schedule& schedule, bool fast_forward) {
  std::vector<std::pair<std::string, std::string>> overrides;
  for (const SchedulePart& part : schedule.parts) {
    overrides.insert(overrides.end(), part.overrides.begin(), part.overrides.end());
  }
  overrides.emplace_back("fast_forward", fast_forward ? "true" : "false");
  return load_tiny_fleet(fleet, overrides);
}

// ---- shrinking ----

std::vector<std::string> halved(const std::string& value) {
  std::vector<std::string> values;
  for (std::size_t begin = 0; begin < value.size(); ++begin) {
    const auto digit = [&](std::size_t i) {
      return i < value.size() && std::isdigit(static_cast<unsigned char>(value[i])) != 0;
    };
    if (!digit(begin) ||
        (begin > 0 && std::isalnum(static_cast<unsigned char>(value[begin - 1])))) {
      continue;
    }
    std::size_t end = begin;
    while (digit(end)) {
      ++end;
    }
    const bool fraction =
        (begin > 0 && value[begin - 1] == '.') || (end < value.size() && value[end] == '.');
    const long long number = std::stoll(value.substr(begin, end - begin));
    if (!fraction && number > 1) {
      values.push_back(value.substr(0, begin) + std::to_string(number / 2) + value.substr(end));
    }
  }
  return values;
}

namespace {

using Fails = std::function<bool(const Schedule&)>;

/// True when something could be left out.
template <class Remove>
bool drop(Schedule& schedule, const Fails& fails, std::size_t count, Remove remove) {
  bool simpler = false;
  for (std::size_t i = count; i-- > 0;) {
    Schedule less = schedule;
    remove(less, i);
    if (fails(less)) {
      schedule = std::move(less);
      simpler = true;
    }
  }
  return simpler;
}

bool halve_values(Schedule& schedule, const Fails& fails) {
  bool simpler = false;
  for (std::size_t p = 0; p < schedule.parts.size(); ++p) {
    for (std::size_t o = 0; o < schedule.parts[p].overrides.size(); ++o) {
      const std::vector<std::string> values = halved(schedule.parts[p].overrides[o].second);
      for (const std::string& value : values) {
        Schedule less = schedule;
        less.parts[p].overrides[o].second = value;
        if (fails(less)) {
          schedule = std::move(less);
          simpler = true;
          break;
        }
      }
    }
  }
  return simpler;
}

}  // namespace

Schedule shrink(Schedule schedule, const Fails& fails) {
  const auto at = [](auto& list, std::size_t i) {
    return list.begin() + static_cast<std::ptrdiff_t>(i);
  };
  bool simpler = true;
  while (simpler) {
    simpler = drop(schedule, fails, schedule.parts.size(),
                   [&](Schedule& less, std::size_t i) { less.parts.erase(at(less.parts, i)); });
    for (std::size_t p = 0; p < schedule.parts.size(); ++p) {
      simpler |= drop(schedule, fails, schedule.parts[p].overrides.size(),
                      [&](Schedule& less, std::size_t i) {
                        less.parts[p].overrides.erase(at(less.parts[p].overrides, i));
                      });
    }
    simpler |= halve_values(schedule, fails);
  }
  return schedule;
}

}  // namespace plimsoll::test
