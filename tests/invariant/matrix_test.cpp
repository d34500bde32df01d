// Laws that hold for every policy on every tiny scenario (docs/invariants.md).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cost/unit_costs.hpp"
#include "plimsoll/counted_classes.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/report.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using test::CsvTable;
using test::Overrides;

/// What a run broke, one sentence a line; empty when it broke nothing.
class Findings {
 public:
  void expect(bool holds, const std::string& sentence) {
    if (!holds) {
      text_ += sentence + "\n";
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::int64_t ended(const SliceSummary& slice) {
  std::int64_t sum = 0;
  for (const std::int64_t count : slice.outcomes) {
    sum += count;
  }
  return sum;
}

/// Machines break: what had been computed is lost, and computed again.
bool breaks(const Config& config) {
  return config.faults ||
         std::any_of(config.pools.begin(), config.pools.end(),
                     [](const auto& pool) { return pool.allocation || may_be_reclaimed(pool); });
}

/// Something other than an autoscaler takes replicas of the pool out and brings them back.
bool operated(const Config& config, std::size_t pool) {
  return breaks(config) || std::any_of(config.rollouts.begin(), config.rollouts.end(),
                                       [pool](const RolloutConfig& r) { return r.pool == pool; });
}

std::int64_t count_of(const SliceSummary& slice, Outcome outcome) {
  return slice.outcomes[static_cast<std::size_t>(outcome)];
}

/// The whole, and the classes that are not in it.
SliceSummary everybody(const RunResult& result, const Config& config) {
  SliceSummary sum = result.slices.front();
  for (std::size_t c = 0; c < config.workload.classes.size(); ++c) {
    for (const SliceSummary& slice : result.slices) {
      if (counts(config, static_cast<ClassIndex>(c)) || slice.kind != "class" ||
          slice.name != config.workload.classes[c].name) {
        continue;
      }
      sum.arrived += slice.arrived;
      sum.in_flight += slice.in_flight;
      sum.measured_arrivals += slice.measured_arrivals;
      sum.billed_output_tokens += slice.billed_output_tokens;
      for (std::size_t i = 0; i < sum.outcomes.size(); ++i) {
        sum.outcomes[i] += slice.outcomes[i];
      }
    }
  }
  return sum;
}

/// Every request has one outcome or is in flight, in the whole and in every slice.
void check_conservation(const RunResult& result, Findings& findings) {
  const SliceSummary& all = result.slices.front();
  std::int64_t by_tier = 0;
  std::int64_t by_model = 0;
  for (const SliceSummary& slice : result.slices) {
    findings.expect(slice.arrived == ended(slice) + slice.in_flight,
                    fmt::format("{} {}: {} arrived, {} ended, {} in flight", slice.kind, slice.name,
                                slice.arrived, ended(slice), slice.in_flight));
    by_tier += slice.kind == "tier" ? slice.arrived : 0;
    by_model += slice.kind == "model" ? slice.arrived : 0;
  }
  findings.expect(by_tier == all.arrived, "tiers do not add up to all arrivals");
  findings.expect(by_model == all.arrived, "models do not add up to all arrivals");
  findings.expect(count_of(all, Outcome::completed) > 0, "nothing was completed");
}

/// Every nanosecond of every replica was busy, idle, down, draining or off.
void check_gpu_time(const RunResult& result, const Config& config, Findings& findings) {
  const std::int64_t elapsed = result.end.time_since_epoch().count();
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const PoolSummary& pool = result.pools[p];
    const int slots = replica_slots(config.pools[p]);
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    findings.expect(rented + pool.off_ns == slots * elapsed,
                    fmt::format("{}: busy {} + idle {} + down {} + draining {} + off {} ns are not "
                                "{} x {}",
                                pool.name, pool.busy_ns, pool.idle_ns, pool.down_ns,
                                pool.draining_ns, pool.off_ns, slots, elapsed));
    findings.expect(pool.busy_ns >= 0 && pool.idle_ns >= 0 && pool.down_ns >= 0 &&
                        pool.draining_ns >= 0 && pool.off_ns >= 0,
                    pool.name + ": negative time");
    std::int64_t down = 0;
    for (const std::int64_t part : pool.down_by_cause) {
      down += part;
    }
    findings.expect(down == pool.down_ns, pool.name + ": time down is not the sum of its causes");
    if (config.pools[p].autoscale || config.pools[p].procurement || operated(config, p)) {
      const double hours =
          static_cast<double>(rented) / 3.6e12 * static_cast<double>(pool.gpus_per_replica);
      findings.expect(std::abs(result.cost.lines[p].gpu_hours - hours) < 1e-9,
                      pool.name + ": what is rented is billed, and nothing else");
      continue;
    }
    findings.expect(pool.draining_ns == 0 && pool.off_ns == 0, pool.name + ": nobody removed it");
    const bool cold = config.pools[p].start == PoolStart::cold;
    findings.expect((pool.down_ns > 0) == cold, pool.name + ": down without a cold start");
  }
}

/// The least and the most that a pool can have rented of the time that its energy is told of,
/// GPU-seconds: of windows of a horizon, what it has from the beginning and ever.
std::pair<double, double> powered_time(const RunResult& result, const PoolConfig& config,
                                       const PoolSummary& pool) {
  const auto gpus = static_cast<double>(pool.gpus_per_replica);
  if (!result.horizon) {
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    const double seconds = static_cast<double>(rented) / 1e9 * gpus;
    return {seconds, seconds};
  }
  double seconds = 0;
  for (const WindowCoverage& window : result.horizon->windows) {
    seconds += to_seconds(window.to - window.from);
  }
  return {config.autoscale ? 0 : seconds * config.replicas * gpus,
          seconds * replica_slots(config) * gpus};
}

/// What pools draw adds up to the whole and lies between idle power and the limit.
void check_energy(const RunResult& result, const Config& config, Findings& findings) {
  double whole = 0;
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const PoolSummary& pool = result.pools[p];
    const EnergySummary& energy = pool.energy;
    const GpuSpec& gpu = config.gpus[config.pools[p].gpu];
    const auto [least_time, most_time] = powered_time(result, config.pools[p], pool);
    const double least = least_time * gpu.tdp.count() * gpu.idle_power_share;
    const double most = most_time * gpu.tdp.count();
    const double parts = energy.steps_joules + energy.idle_joules + energy.loading_joules;
    findings.expect(
        std::abs(energy.joules - parts) <= 1e-9 * parts,
        fmt::format("{}: {} J are not the sum of its parts, {}", pool.name, energy.joules, parts));
    findings.expect(energy.joules <= most * (1 + 1e-9) && energy.joules >= least * (1 - 1e-9),
                    fmt::format("{}: {} J are beyond idle power and limit, {}", pool.name,
                                energy.joules, most));
    findings.expect((energy.steps_joules > 0) == (pool.busy_ns > 0),
                    pool.name + ": steps without energy, or energy without steps");
    whole += energy.joules;
  }
  whole += result.energy.unallocated_joules;
  findings.expect(std::abs(result.energy.joules - whole) <= 1e-9 * whole,
                  fmt::format("{} J are not the sum of pools and unallocated, {}",
                              result.energy.joules, whole));
}

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) {
    total += value;
  }
  return total;
}

/// Windows lie end to end and add up to the whole. Counts are exact in a double.
void check_windows(const RunResult& result, const Config& config, const std::string& timeseries,
                   Findings& findings) {
  const CsvTable windows{timeseries};
  const SliceSummary all = everybody(result, config);
  const std::vector<double> begins = windows.numbers("begin_s");
  const std::vector<double> ends = windows.numbers("end_s");
  for (std::size_t i = 0; i < begins.size(); ++i) {
    findings.expect(begins[i] == (i == 0 ? 0.0 : ends[i - 1]), "a gap before a window");
  }
  const auto equal = [&](const char* column, std::int64_t whole) {
    const double total = sum(windows.numbers(column));
    findings.expect(total == static_cast<double>(whole),
                    fmt::format("windows: {} {} instead of {}", column, total, whole));
  };
  equal("arrived", all.arrived);
  equal("ended", ended(all));
  equal("completed", count_of(all, Outcome::completed));
  // Answers that nobody pays for have tokens too.
  const bool all_billed = count_of(all, Outcome::degraded) + count_of(all, Outcome::blocked) +
                              count_of(all, Outcome::abandoned) +
                              count_of(all, Outcome::timed_out) + count_of(all, Outcome::failed) ==
                          0;
  const bool may_be_unbilled = result.path.present || !config.rollouts.empty();
  if (all.in_flight == 0 && !breaks(config) && (all_billed || !may_be_unbilled)) {
    equal("output_tokens", all.billed_output_tokens);
  }
  std::int64_t found = 0;
  for (const PoolSummary& pool : result.pools) {
    found += pool.prefix ? pool.prefix->hit_tokens : 0;
  }
  findings.expect(sum(windows.numbers("prompt_tokens")) >=
                      static_cast<double>(all.billed_prompt_tokens - found),
                  "fewer prompt tokens were computed than were answered");
}

/// Prompt tokens are found or computed, whole blocks at a time.
void check_prefixes(const RunResult& result, const Config& config, Findings& findings) {
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    findings.expect(result.pools[p].prefix.has_value() == config.pools[p].prefix_cache,
                    "a prefix cache is told of when there is one");
    if (!result.pools[p].prefix) {
      continue;
    }
    const PrefixSummary& prefix = *result.pools[p].prefix;
    const bool all_computed = result.slices.front().in_flight == 0;
    findings.expect(prefix.prompt_tokens + prefix.recompute_tokens ==
                        prefix.hit_tokens + prefix.recompute_hit_tokens + prefix.computed_tokens +
                            prefix.given_up_tokens + prefix.left_tokens,
                    "prompt tokens are lost");
    findings.expect(!all_computed || prefix.left_tokens == 0,
                    "a prompt was not computed to its end");
    findings.expect(prefix.hit_tokens % config.pools[p].block_size == 0,
                    "part of a block was found");
    for (const SliceSummary& slice : result.slices) {
      const bool this_pool = slice.kind == "pool" && slice.name == config.pools[p].name;
      findings.expect(!this_pool || !all_computed || breaks(config) ||
                          prefix.prompt_tokens == slice.billed_prompt_tokens,
                      "prompts that were answered were not all scheduled once");
    }
  }
}

/// What the sampled requests went through is in order.
void check_causality(const RunResult& result, const Config& config, Findings& findings) {
  for (const SampledRequest& request : result.sample) {
    const auto in_order = [&](SimTime a, SimTime b) {
      findings.expect(a <= b, fmt::format("request {}: effect before cause", request.id));
    };
    in_order(request.arrived, request.finished);
    in_order(request.finished, result.end);
    // A client may leave after its prompt was begun, an answer may be degraded or blocked; and an
    // attempt that is refused may follow one that was begun and timed out.
    const bool tries_again = config.path && config.path->clients && config.path->clients->retries;
    const bool may_be_served =
        tries_again ||
        ((result.path.present || breaks(config) || !config.rollouts.empty()) &&
         (request.outcome == Outcome::degraded || request.outcome == Outcome::blocked ||
          request.outcome == Outcome::abandoned || request.outcome == Outcome::timed_out ||
          request.outcome == Outcome::failed));
    if (request.outcome != Outcome::completed) {
      findings.expect(may_be_served || (request.emitted_tokens == 0 && request.scheduled == never),
                      fmt::format("request {}: refused, but served", request.id));
      continue;
    }
    in_order(request.arrived, request.scheduled);
    in_order(request.scheduled, request.first_token);
    in_order(request.first_token, request.finished);
    findings.expect(request.scheduled < request.first_token, "a first token took no time");
    findings.expect(request.emitted_tokens == request.output_tokens, "tokens are missing");
    findings.expect(request.output_tokens == 1 || request.first_token < request.finished,
                    "several tokens came at one time");
    const bool moderated = config.path && config.path->safety_after;  // after its last token
    findings.expect(request.output_tokens > 1 || request.first_token == request.finished ||
                        moderated || config.pools[request.pool].batching == Batching::static_batch,
                    "a single token came twice");
  }
  findings.expect(!result.sample.empty(), "no request was sampled");
}

/// Bounds of a pool or a tier that scales.
std::pair<int, int> bounds_of(const Config& config, const std::string& name) {
  for (const PoolConfig& pool : config.pools) {
    if (pool.name == name) {
      return {pool.autoscale->min_replicas, pool.autoscale->max_replicas};
    }
  }
  const PathConfig& path = *config.path;
  const TierAutoscaleConfig& tier = name == "api_tier" ? *path.api_tier->autoscale
                                    : name == "response_cache"
                                        ? *path.response_cache->autoscale
                                        : *path.conversation_cache->cache.autoscale;
  return {tier.min_instances, tier.max_instances};
}

/// Replicas stay within their bounds, and scaling.csv adds up to what the result says.
void check_scaling(const RunResult& result, const Config& config, const std::string& folder,
                   Findings& findings) {
  if (result.scaling.empty()) {
    return;
  }
  const CsvTable rows{test::bytes_of_file(folder + "/scaling.csv")};
  const std::vector<std::string> pools = rows.column("pool");
  const std::vector<double> from = rows.numbers("from");
  const std::vector<double> to = rows.numbers("to");
  for (const ScalingSummary& scaling : result.scaling) {
    const auto bounds = bounds_of(config, scaling.pool);
    std::int64_t ups = 0;
    std::int64_t evaluations = 0;
    for (std::size_t i = 0; i < pools.size(); ++i) {
      if (pools[i] == scaling.pool) {
        ++evaluations;
        ups += to[i] > from[i] ? 1 : 0;
        findings.expect(to[i] >= bounds.first && to[i] <= bounds.second,
                        scaling.pool + ": a decision beyond the bounds");
      }
    }
    findings.expect(evaluations == scaling.evaluations && ups == scaling.scale_ups,
                    scaling.pool + ": scaling.csv and the result differ");
    findings.expect(scaling.replicas_max <= bounds.second,
                    scaling.pool + ": more replicas than there may be");
    findings.expect(evaluations > 0, scaling.pool + ": was never looked at");
  }
}

/// The last scrape and the result count the same, and every scrape is there.
void check_monitoring(const RunResult& result, const Config& config, const std::string& text,
                      Findings& findings) {
  findings.expect(result.monitoring.has_value() == config.monitoring.has_value() &&
                      text.empty() != config.monitoring.has_value(),
                  "monitoring is told of when there is some");
  if (!result.monitoring) {
    return;
  }
  const Duration interval = config.monitoring->scrape_interval;
  const MonitoringSummary& monitoring = *result.monitoring;
  const std::int64_t due = (result.end - sim_start) / interval;
  findings.expect(
      monitoring.scrapes == due || (monitoring.scrapes == due - 1 &&
                                    (result.end - sim_start) % interval == Duration::zero()),
      fmt::format("{} scrapes, {} were due", monitoring.scrapes, due));
  const CsvTable rows{text};
  const std::vector<std::string> metrics = rows.column("metric");
  const std::vector<std::string> replicas = rows.column("replica");
  const std::vector<std::string> pools = rows.column("pool");
  const std::vector<double> values = rows.numbers("value");
  std::map<std::string, double> counters;  // by pool, of the pool as a whole
  std::int64_t scrapes = 0;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const bool whole = replicas[i].empty();
    scrapes += whole && metrics[i] == "vllm:num_requests_running" ? 1 : 0;
    if (whole && metrics[i] == "vllm:generation_tokens_total") {
      findings.expect(values[i] >= counters[pools[i]], "a counter fell");
      counters[pools[i]] = values[i];
    }
  }
  findings.expect(scrapes == monitoring.scrapes * static_cast<std::int64_t>(config.pools.size()),
                  "a scrape is not in monitoring.csv");
  findings.expect(monitoring.samples % monitoring.series_per_instance == 0,
                  "part of an instance was scraped");
  findings.expect(monitoring.billing_records <= count_of(result.slices.front(), Outcome::completed),
                  "more was billed than completed");
}

/// What a pool rents, and pays, is what it has from its offers.
void check_offers(const RunResult& result, const Config& config, Findings& findings) {
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const PoolSummary& pool = result.pools[p];
    if (!has_offers(config.pools[p])) {
      findings.expect(!pool.elasticity || pool.elasticity->offers.empty(), "offers out of nothing");
      continue;
    }
    const std::vector<OfferConfig>& offers = config.pools[p].procurement->offers;
    std::int64_t rented = 0;
    std::int64_t reclaims = 0;
    MicroUsd paid;
    for (std::size_t o = 0; o < offers.size(); ++o) {
      const OfferUse& use = pool.elasticity->offers.at(o);
      rented += use.rented_ns;
      reclaims += use.reclaims;
      paid = paid + offer_cost(result.cost.money, pool.name, use.offer);
      findings.expect(use.offer == offers[o].name, "offers are out of order");
      findings.expect(!offers[o].stock || use.most_nodes <= *offers[o].stock,
                      use.offer + ": more nodes than there are");
      findings.expect(use.deliveries <= use.orders && use.reclaims <= use.deliveries,
                      use.offer + ": more came than was ordered, or went than came");
    }
    findings.expect(rented == pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns,
                    pool.name + ": what is rented is not the sum of its offers");
    findings.expect(paid == gpu_cost(result.cost.money, pool.name),
                    pool.name + ": what is paid is not the sum of its offers");
    findings.expect(reclaims == pool.elasticity->reclaims,
                    pool.name + ": what is taken back is not the sum of its offers");
  }
}

/// Stages lose nobody: what one passes on comes to the next one, leaves on the way or is under way.
void check_flow(const RunResult& result, const Config& config, Findings& findings) {
  const bool windowed =
      !config.horizon.windows.empty();  // what waits in a gap begins at the service
  const SliceSummary all = everybody(result, config);
  const MeasuredAttempts& attempts = result.measured_attempts;
  findings.expect(windowed || attempts.all == all.measured_arrivals + attempts.retries,
                  "measured attempts are not measured requests and retries");
  std::int64_t passed = attempts.all;
  for (const StageSummary& stage : result.stages) {
    const std::int64_t came = stage.offered + stage.left_on_the_way + stage.under_way + stage.open;
    const bool from_gaps = windowed && stage.stage == Stage::serving;
    findings.expect(
        from_gaps ? came >= passed : came == passed,
        fmt::format("{} came to {}, {} were passed on", came, stage_name(stage.stage), passed));
    // Connections that are not closed have passed, too.
    passed = stage.outcomes[static_cast<std::size_t>(Outcome::completed)] + stage.open;
  }
}

void check_stages(const RunResult& result, const Config& config, Findings& findings) {
  if (!result.path.present) {
    return;
  }
  const SliceSummary all = everybody(result, config);
  std::int64_t answered = 0;
  for (const StageSummary& stage : result.stages) {
    std::int64_t sum = 0;
    for (const std::int64_t count : stage.outcomes) {
      sum += count;
    }
    findings.expect(sum == stage.offered, "a stage's visits do not add up");
    answered += stage.outcomes[static_cast<std::size_t>(Outcome::cached)];
    findings.expect(stage.utilization <= 1 + 1e-9 && stage.busiest_window <= 1 + 1e-9,
                    fmt::format("{} did more than it can", stage_name(stage.stage)));
    findings.expect(all.in_flight > 0 || stage.under_way == 0, "under way, but not in flight");
  }
  findings.expect(result.path.attempts == all.arrived + result.path.retries,
                  "attempts are not requests and retries");
  check_flow(result, config, findings);
  if (config.warm_up == Duration::zero() && config.horizon.windows.empty() && all.in_flight == 0) {
    findings.expect(answered >= count_of(all, Outcome::cached), "cached, but by no stage");
  }
}

std::string play(const Config& config, const std::string& folder) {
  RunOptions options;
  options.audit_roofline = true;
  options.out_folder = folder;
  const RunResult result = run_scenario(config, options);
  Findings findings;
  check_conservation(result, findings);
  check_gpu_time(result, config, findings);
  check_energy(result, config, findings);
  check_monitoring(result, config, test::bytes_of_file(folder + "/monitoring.csv"), findings);
  check_windows(result, config, test::bytes_of_file(folder + "/timeseries.csv"), findings);
  check_causality(result, config, findings);
  check_prefixes(result, config, findings);
  check_scaling(result, config, folder, findings);
  check_offers(result, config, findings);
  check_stages(result, config, findings);
  return findings.text();
}

/// Lines that differ between two texts of equally many lines; -1 otherwise.
int differing_lines(const std::string& a, const std::string& b) {
  std::istringstream left{a};
  std::istringstream right{b};
  std::string one;
  std::string other;
  int count = 0;
  while (std::getline(left, one)) {
    if (!std::getline(right, other)) {
      return -1;
    }
    count += one == other ? 0 : 1;
  }
  return std::getline(right, other) ? -1 : count;
}

/// Plays a scenario as it is and step by step: both keep the laws, and their bytes are the same.
void expect_laws(const std::string& scenario, const Overrides& overrides) {
  SCOPED_TRACE(scenario);
  Overrides slow_overrides = overrides;
  slow_overrides.emplace_back("fast_forward", "false");
  const LoadedScenario fast = test::load_shipped("tiny/" + scenario + ".yaml", overrides);
  const LoadedScenario slow = test::load_shipped("tiny/" + scenario + ".yaml", slow_overrides);
  EXPECT_EQ(differing_lines(fast.resolved_yaml, slow.resolved_yaml), 1);
  const test::TemporaryFolder fast_folder;
  const test::TemporaryFolder slow_folder;
  const std::vector<std::string> findings =
      test::in_children({[&] { return play(fast.config, fast_folder.path()); },
                         [&] { return play(slow.config, slow_folder.path()); }});
  EXPECT_EQ(findings[0], "");
  EXPECT_EQ(findings[1], "") << "step by step";
  for (const char* file : {"/result.json", "/timeseries.csv", "/requests.csv", "/cost.csv"}) {
    const std::string bytes = test::bytes_of_file(fast_folder.path() + file);
    EXPECT_FALSE(bytes.empty()) << file;
    EXPECT_TRUE(bytes == test::bytes_of_file(slow_folder.path() + file))
        << file << " differs without fast-forward";
  }
  for (const char* file : {"/scaling.csv", "/incidents.csv", "/monitoring.csv"}) {
    EXPECT_TRUE(test::bytes_of_file(fast_folder.path() + file) ==
                test::bytes_of_file(slow_folder.path() + file))
        << file << " differs without fast-forward";
  }
}

/// Every pair of policy and scenario; with sanitizers, several times slower, a third of them: every
/// policy and every scenario all the same.
bool is_played(std::size_t policy, std::size_t scenario) {
#ifdef PLIMSOLL_SANITIZED
  return (policy + scenario) % 3 == 0;
#else
  static_cast<void>(policy + scenario);
  return true;
#endif
}

/// Calls `check` with the pairs that are played; every policy has some.
void for_each_pair(const std::vector<PolicyDoc>& docs,
                   const std::function<void(const std::string&, const std::string&)>& check) {
  EXPECT_FALSE(docs.empty());
  const std::vector<std::string> scenarios = test::tiny_scenarios();
  EXPECT_GE(scenarios.size(), 8u);
  for (std::size_t p = 0; p < docs.size(); ++p) {
    SCOPED_TRACE(docs[p].name);
    for (std::size_t s = 0; s < scenarios.size(); ++s) {
      if (is_played(p, s)) {
        check(docs[p].name, scenarios[s]);
      }
    }
  }
}

void expect_laws_of_policies(const std::string& path, const std::vector<PolicyDoc>& docs,
                             const Overrides& more) {
  for_each_pair(docs, [&](const std::string& policy, const std::string& scenario) {
    Overrides overrides = more;
    overrides.emplace_back(path, policy);
    expect_laws(scenario, overrides);
  });
}

TEST(Matrix, EveryRouterKeepsTheLawsOnEveryScenario) {
  expect_laws_of_policies("service.router.policy", builtin_policies().routers.docs(), {});
}

TEST(Matrix, EveryRouterKeepsTheLawsBeforeACentralQueue) {
  expect_laws_of_policies(
      "service.router.policy", builtin_policies().routers.docs(),
      {{"service.queue.max_outstanding", "6"}, {"service.queue.deadline", "9s"}});
}

TEST(Matrix, EveryQueueKeepsTheLawsOnEveryScenario) {
  expect_laws_of_policies("service.queue.policy", builtin_policies().queues.docs(),
                          {{"service.queue.max_outstanding", "7"}});
}

TEST(Matrix, EveryAdmissionKeepsTheLawsOnEveryScenario) {
  expect_laws_of_policies("service.admission.policy", builtin_policies().admissions.docs(), {});
}

/// Gives every pool of a scenario an autoscaler.
/// What a cache can show: `{}` where the policy looks at anything else.
Overrides of_a_cache(const std::string& policy, const std::string& cache,
                     const CacheConfig& config) {
  if (policy != "threshold" && policy != "target_utilization" && policy != "scheduled") {
    return {};
  }
  constexpr std::int64_t nodes = 4;
  const std::int64_t bytes = config.capacity.count();
  const bool divides = bytes % nodes == 0;
  const std::string block = cache + ".autoscale.";
  Overrides overrides{{cache + ".node", std::to_string(divides ? bytes / nodes : bytes) + " B"},
                      {block + "policy", policy},
                      {block + "min_instances", "1"},
                      {block + "max_instances", "6"},
                      {block + "interval", "1.9s"},
                      {block + "provisioning_delay", "1.5s"}};
  if (policy != "scheduled") {
    overrides.emplace_back(block + "scale_metric", "memory_utilization");
  }
  if (policy == "threshold") {
    overrides.emplace_back(block + "scale_up_threshold", "50%");
    overrides.emplace_back(block + "scale_down_threshold", "20%");
    overrides.emplace_back(block + "expansion_factor", "1.5");
  }
  return overrides;
}

/// The tiers of the path under one policy.
Overrides tiers_scaled_by(const std::string& policy, const PathConfig& path) {
  Overrides overrides;
  const auto append = [&](const Overrides& more) {
    overrides.insert(overrides.end(), more.begin(), more.end());
  };
  if (path.api_tier) {
    const std::string block = "path.api_tier.autoscale.";
    append({{block + "policy", policy},
            {block + "min_instances", "1"},
            {block + "max_instances", std::to_string(path.api_tier->instances + 2)},
            {block + "interval", "1.3s"},
            {block + "signal_delay", "1s"},
            {block + "provisioning_delay", "2s"}});
  }
  if (path.response_cache) {
    append(of_a_cache(policy, "path.response_cache", *path.response_cache));
  }
  if (path.conversation_cache) {
    append(of_a_cache(policy, "path.conversation_cache.cache", path.conversation_cache->cache));
  }
  return overrides;
}

Overrides scaled_by(const std::string& policy, const std::string& scenario) {
  // Windows leave autoscalers without load in between and are refused beside them.
  Overrides overrides{{"windows", "all"}};
  const LoadedScenario loaded = test::load_shipped("tiny/" + scenario + ".yaml", {});
  if (!loaded.config.horizon.windows.empty() && loaded.config.duration > std::chrono::hours{1}) {
    return {};  // played without windows it is no tiny scenario any more
  }
  if (!loaded.config.rollouts.empty()) {
    return overrides;  // versions are brought to pools of a given size
  }
  for (const PoolConfig& pool : loaded.config.pools) {
    if (pool.procurement && !pool.procurement->orders.empty()) {
      continue;  // orders say how many there are
    }
    const std::string path = "pools." + pool.name + ".autoscale.";
    overrides.emplace_back(path + "policy", policy);
    overrides.emplace_back(path + "max_replicas", std::to_string(pool.replicas + 2));
    overrides.emplace_back(path + "interval", "1.7s");
    overrides.emplace_back(path + "signal_delay", "2s");
    // A cold pool that extends another one would take over its delay.
    overrides.emplace_back(path + "provisioning_delay", adds_cold(pool) ? "none" : "2.5s");
  }
  if (loaded.config.path) {
    const Overrides tiers = tiers_scaled_by(policy, *loaded.config.path);
    overrides.insert(overrides.end(), tiers.begin(), tiers.end());
  }
  return overrides;
}

/// Marks that make the short tiny scenarios scale.
Overrides eager(const std::string& policy, const std::string& scenario) {
  Overrides overrides = scaled_by(policy, scenario);
  const std::size_t pools = overrides.size();
  for (std::size_t i = 0; i < pools; ++i) {
    const std::string path = overrides[i].first;
    const std::string suffix = ".autoscale.policy";
    if (path.size() < suffix.size() || path.substr(path.size() - suffix.size()) != suffix ||
        path.find("cache") != std::string::npos) {
      continue;
    }
    const std::string block = path.substr(0, path.size() - std::string{"policy"}.size());
    if (policy == "threshold") {
      overrides.emplace_back(block + "scale_up_threshold", "3");
      overrides.emplace_back(block + "scale_down_threshold", "2");
    } else if (policy == "queue_depth") {
      overrides.emplace_back(block + "waiting_per_replica", "0.2");
      overrides.emplace_back(block + "idle_for", "5s");
    } else if (policy == "target_utilization") {
      overrides.emplace_back(block + "behavior.scale_down.stabilization", "5s");
    } else if (policy == "predictive") {
      overrides.emplace_back(block + "rate_per_replica", "4/s");
      const bool of_tier = path.find("api_tier") != std::string::npos;
      overrides.emplace_back(block + "season", of_tier ? "20.8s" : "20.4s");  // whole intervals
    }
  }
  return overrides;
}

TEST(Matrix, EveryAutoscalerKeepsTheLawsOnEveryScenario) {
  EXPECT_GE(builtin_policies().autoscalers.docs().size(), 6u);
  for_each_pair(builtin_policies().autoscalers.docs(),
                [](const std::string& policy, const std::string& scenario) {
                  expect_laws(scenario, eager(policy, scenario));
                });
}

/// The rule of every pool that has offers; nothing in scenarios without.
Overrides placed_by(const std::string& policy, const std::string& scenario) {
  Overrides overrides;
  for (const PoolConfig& pool : test::load_shipped("tiny/" + scenario + ".yaml", {}).config.pools) {
    if (has_offers(pool)) {
      overrides.emplace_back("pools." + pool.name + ".procurement.placement.policy", policy);
    }
  }
  return overrides;
}

TEST(Matrix, EveryPlacementKeepsTheLawsOnEveryScenarioWithOffers) {
  EXPECT_GE(builtin_policies().placements.docs().size(), 4u);
  int scenarios = 0;
  for (const PolicyDoc& doc : builtin_policies().placements.docs()) {
    SCOPED_TRACE(doc.name);
    for (const std::string& scenario : test::tiny_scenarios()) {
      const Overrides overrides = placed_by(doc.name, scenario);
      if (!overrides.empty()) {
        ++scenarios;
        expect_laws(scenario, overrides);
      }
    }
  }
  EXPECT_GT(scenarios, 0);
}

/// Changes of the number of replicas that were asked for over some scenarios.
std::int64_t changes_of(const std::string& policy) {
  std::int64_t changes = 0;
  for (const char* scenario : {"tiers", "spike", "two_models"}) {
    const LoadedScenario loaded =
        test::load_shipped(fmt::format("tiny/{}.yaml", scenario), eager(policy, scenario));
    changes += std::stol(test::in_child([&] {
      std::int64_t sum = 0;
      for (const ScalingSummary& scaling : run_scenario(loaded.config, {}).scaling) {
        sum += scaling.scale_ups + scaling.scale_downs;
      }
      return std::to_string(sum);
    }));
  }
  return changes;
}

TEST(Matrix, EveryAutoscalerScales) {
  for (const PolicyDoc& doc : builtin_policies().autoscalers.docs()) {
    EXPECT_GT(changes_of(doc.name), 0) << doc.name;
  }
}

TEST(Matrix, EveryWayOfServingKeepsTheLawsOnAnOverloadedScenario) {
  for (const Overrides& overrides :
       std::vector<Overrides>{{{"pools.main.batching", "static"}},
                              {{"pools.main.max_num_seqs", "1"}},
                              {{"pools.main.kv_blocks", "260"}, {"pools.main.max_num_seqs", "64"}},
                              {{"pools.main.tp", "2"}, {"pools.main.pp", "2"}},
                              {{"pools.main.max_num_batched_tokens", "64"}, {"drain", "0"}},
                              {{"warm_up", "33s"},
                               {"metrics.window", "7ms"},
                               {"service.queue.max_outstanding", "0"}}}) {
    expect_laws("tiers", overrides);
    SCOPED_TRACE(overrides.front().second);
  }
}

/// What a run shows of what its scenario is there for.
std::string seen(const Config& config) {
  const RunResult result = run_scenario(config, {});
  std::string text = fmt::format("{} events;", result.events);
  for (const Outcome outcome : {Outcome::degraded, Outcome::over_context, Outcome::rate_limited,
                                Outcome::shed, Outcome::queue_full, Outcome::timed_out}) {
    if (count_of(result.slices.front(), outcome) > 0) {
      text += fmt::format(" {}", outcome_name(outcome));
    }
  }
  std::int64_t preemptions = 0;
  std::int64_t found = 0;
  std::int64_t found_again = 0;
  bool down = false;
  bool all_busy = true;
  bool drained = false;
  for (const PoolSummary& pool : result.pools) {
    preemptions += pool.preemptions;
    found += pool.prefix ? pool.prefix->hit_tokens : 0;
    found_again += pool.prefix ? pool.prefix->recompute_hit_tokens : 0;
    down = down || pool.down_ns > 0;
    all_busy = all_busy && pool.busy_ns > 0;
    drained = drained || pool.draining_ns > 0;
  }
  text += preemptions > 0 ? " preempted" : "";
  text += found > 0 ? " found" : "";
  text += found_again > 0 ? " found_again" : "";
  text += down ? " down" : "";
  text += all_busy ? " busy" : "";
  text += drained ? " drained" : "";
  text += result.operations.losses.lost > 0 ? " lost" : "";
  return text;
}

TEST(Matrix, TinyScenariosShowWhatTheyAreThereFor) {
  const auto shows = [](const std::string& scenario, const Overrides& overrides = {}) {
    const LoadedScenario loaded = test::load_shipped("tiny/" + scenario + ".yaml", overrides);
    const std::string text = test::in_child([&] { return seen(loaded.config); });
    return text.substr(std::min(text.size(), text.find(';') + 1));
  };
  EXPECT_EQ(shows("autoscaled"), " down busy drained");
  EXPECT_EQ(shows("autoscaled_cold"), " down busy drained");
  EXPECT_EQ(shows("chunked"), " busy");
  EXPECT_EQ(shows("cold_start"), " down busy");
  EXPECT_EQ(shows("contiguous"), " busy");
  EXPECT_EQ(shows("fair_shares"), " timed_out busy");
  EXPECT_EQ(shows("faults"), " found found_again down busy drained lost");
  EXPECT_EQ(shows("pipeline"), " busy");
  EXPECT_EQ(shows("preemption"), " preempted busy");
  EXPECT_EQ(shows("preemption", {{"pools.main.kv_blocks", "7000"}}), " busy");
  EXPECT_EQ(shows("prefix_cache"), " preempted found found_again busy");
  EXPECT_EQ(shows("prefix_cache", {{"pools.main.prefix_cache", "false"}}), " preempted busy");
  EXPECT_EQ(shows("rate_limited"), " rate_limited busy");
  EXPECT_EQ(shows("rate_limited", {{"service.admission.policy", "tier_shed"},
                                   {"service.admission.from", "3"},
                                   {"service.admission.to", "8"}}),
            " shed busy");
  EXPECT_EQ(shows("rate_limited", {{"service.admission.policy", "kv_watermark"},
                                   {"service.admission.mark", "0.5%"}}),
            " shed busy");
  EXPECT_EQ(shows("rollouts"), " degraded down busy drained lost");
  EXPECT_EQ(shows("stale_signals"), " busy");
  EXPECT_EQ(shows("speculation"), " preempted busy");
  EXPECT_EQ(shows("spike"), " busy");
  EXPECT_EQ(shows("tiers"), " queue_full timed_out busy");
  EXPECT_EQ(shows("two_models"), " over_context busy");
}

TEST(Matrix, FastForwardPlaysFewerEvents) {
  const auto events = [](const Overrides& overrides) {
    const LoadedScenario loaded = test::load_shipped("tiny/pipeline.yaml", overrides);
    return std::stol(test::in_child([&] { return seen(loaded.config); }));
  };
  EXPECT_LT(events({}) * 2, events({{"fast_forward", "false"}}));
}

/// Requests within their SLOs of the whole run, over some seeds.
std::int64_t good_requests(const std::string& scenario, Overrides overrides) {
  std::int64_t good = 0;
  for (const char* seed : {"1", "2", "3", "4", "5", "6"}) {
    overrides.emplace_back("seed", seed);
    const LoadedScenario loaded = test::load_shipped("tiny/" + scenario + ".yaml", overrides);
    overrides.pop_back();
    good += std::stol(test::in_child(
        [&] { return std::to_string(run_scenario(loaded.config, {}).slices.front().good); }));
  }
  return good;
}

TEST(Matrix, MoreReplicasAnswerMoreRequestsInTime) {
  for (const PolicyDoc& doc : builtin_policies().routers.docs()) {
    SCOPED_TRACE(doc.name);
    std::int64_t fewer = 0;
    for (const char* replicas : {"1", "2", "3"}) {
      const std::int64_t good = good_requests("tiers", {{"service.router.policy", doc.name},
                                                        {"service.queue.policy", "fcfs"},
                                                        {"pools.main.replicas", replicas}});
      EXPECT_GT(good, fewer) << replicas;
      fewer = good;
    }
  }
}

/// Requests in the system at the ends of short windows: Little's law counts the same area twice.
std::string check_little(const Config& config, double window_seconds, const std::string& folder) {
  RunOptions options;
  options.out_folder = folder;
  const RunResult result = run_scenario(config, options);
  const SliceSummary& all = result.slices.front();
  const CsvTable windows{test::bytes_of_file(folder + "/timeseries.csv")};
  const std::vector<double> queued = windows.numbers("queued");
  const std::vector<double> running = windows.numbers("running");
  double area = 0;  // request-seconds
  for (std::size_t i = 0; i < queued.size(); ++i) {
    area += (queued[i] + running[i]) * window_seconds;
  }
  const auto completed = static_cast<double>(count_of(all, Outcome::completed));
  const double sojourns = completed * all.e2el.mean / 1000;
  // Each request is counted to within one window, with a deviation of at most half of one.
  const double tolerance = 6 * 0.5 * window_seconds * std::sqrt(completed);
  Findings findings;
  findings.expect(ended(all) == static_cast<std::int64_t>(completed), "not all were completed");
  findings.expect(sojourns > 20 * tolerance, "the tolerance is too wide to say anything");
  findings.expect(
      std::abs(area - sojourns) <= tolerance,
      fmt::format("L T = {} request-seconds, lambda W T = {} +- {}", area, sojourns, tolerance));
  return findings.text();
}

TEST(Matrix, LittlesLawHoldsWhereAllAreCompleted) {
  for (const char* scenario : {"chunked", "contiguous", "preemption", "pipeline", "static_batch",
                               "closed_loop", "speculation", "spike", "cold_start", "autoscaled"}) {
    SCOPED_TRACE(scenario);
    const test::TemporaryFolder folder;
    const LoadedScenario loaded =
        test::load_shipped(fmt::format("tiny/{}.yaml", scenario), {{"metrics.window", "20ms"}});
    EXPECT_EQ(test::in_child([&] { return check_little(loaded.config, 0.02, folder.path()); }), "");
  }
}

/// While requests wait, every replica works; and with one slot each, every slot is taken. (With
/// more slots, one that falls free at a step's end is taken at the next: dispatch follows the
/// step.)
std::string check_work_conservation(const Config& config, const std::string& folder) {
  RunOptions options;
  options.out_folder = folder;
  run_scenario(config, options);
  const PoolConfig& pool = config.pools[0];
  const CsvTable windows{test::bytes_of_file(folder + "/timeseries.csv")};
  const std::vector<double> queued = windows.numbers("queued");
  const std::vector<double> running = windows.numbers("running");
  const std::vector<double> utilization = windows.numbers("gpu_utilization");
  const int many = 8;  // so many do not come and go within a window
  int long_lines = 0;
  Findings findings;
  for (std::size_t i = 1; i < queued.size(); ++i) {
    if (queued[i] > many && queued[i - 1] > many) {
      ++long_lines;
      findings.expect(utilization[i] == 1.0, fmt::format("window {}: {} wait, busy only {}", i,
                                                         queued[i], utilization[i]));
    }
    if (pool.max_num_seqs == 1 && queued[i] > 0) {
      findings.expect(running[i] == pool.replicas,
                      fmt::format("window {}: {} wait, {} run", i, queued[i], running[i]));
    }
  }
  findings.expect(long_lines > 100, "the line was never long");
  return findings.text();
}

TEST(Matrix, NoReplicaIsIdleWhileRequestsWaitCentrally) {
  for (const PolicyDoc& doc : builtin_policies().routers.docs()) {
    for (const char* slots : {"1", "4"}) {
      SCOPED_TRACE(doc.name + " " + slots);
      const test::TemporaryFolder folder;
      const LoadedScenario loaded =
          test::load_shipped("tiny/tiers.yaml", {{"service.router.policy", doc.name},
                                                 {"service.queue.max_outstanding", slots},
                                                 {"pools.main.max_num_seqs", slots},
                                                 {"metrics.window", "50ms"}});
      EXPECT_EQ(
          test::in_child([&] { return check_work_conservation(loaded.config, folder.path()); }),
          "");
    }
  }
}

}  // namespace
}  // namespace plimsoll
