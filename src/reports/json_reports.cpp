// Reports room: result.json and run.json, written and read. The only file that knows the JSON
// library.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cost/cost.hpp"
#include "cost/unit_costs.hpp"
#include "metrics/thresholds.hpp"
#include "metrics/verdict.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/report.hpp"
#include "reports/offers_report.hpp"
#include "reports/output_file.hpp"
#include "reports/result_digest.hpp"

namespace plimsoll {
namespace {

using Json = nlohmann::ordered_json;

double seconds(SimTime at) {
  return decimal_seconds(at.time_since_epoch());
}

const char* verdict_name(VerdictKind kind) {
  constexpr const char* names[] = {"holds", "fails", "overloaded"};
  return names[static_cast<int>(kind)];
}

Json outcomes_json(const std::array<std::int64_t, outcome_count>& counts) {
  Json outcomes = Json::object();
  for (int i = 0; i < outcome_count; ++i) {
    outcomes[std::string{outcome_name(static_cast<Outcome>(i))}] =
        counts[static_cast<std::size_t>(i)];
  }
  return outcomes;
}

Json requests_json(const SliceSummary& slice) {
  Json json = Json::object();
  json["arrived"] = slice.arrived;
  json["in_flight"] = slice.in_flight;
  json["outcomes"] = outcomes_json(slice.outcomes);
  return json;
}

void put_latency(Json& json, const char* name, const LatencySummary& latency) {
  json[fmt::format("mean_{}_ms", name)] = latency.mean;
  json[fmt::format("median_{}_ms", name)] = latency.percentiles[2];
  json[fmt::format("std_{}_ms", name)] = latency.std;
  json[fmt::format("min_{}_ms", name)] = latency.min;
  json[fmt::format("max_{}_ms", name)] = latency.max;
  for (std::size_t i = 0; i < reported_percentiles.size(); ++i) {
    json[fmt::format("p{}_{}_ms", reported_percentiles[i], name)] = latency.percentiles[i];
  }
  json[fmt::format("count_{}", name)] = latency.count;
}

/// What only some scenarios have, and only they report.
struct Extras {
  bool prefix_cache;
  bool whole_answers;  // some users do not see tokens as they come

  explicit Extras(const Config& config)
      : prefix_cache{caches_prefixes(config)}, whole_answers{!everybody_streams(config)} {}
};

Json slice_metrics_json(const SliceSummary& slice, const Extras& extras) {
  Json json = Json::object();
  json["measured_arrivals"] = slice.measured_arrivals;
  json["measured"] = slice.measured;
  json["unfinished"] = slice.unfinished;
  json["unfinished_share"] = slice.unfinished_share;
  json["prompt_tokens"] = slice.prompt_tokens;
  json["output_tokens"] = slice.output_tokens;
  if (extras.prefix_cache) {
    json["prefix_hit_tokens"] = slice.prefix_hit_tokens;
    json["prefix_hit_rate"] = slice.prefix_hit_rate;
  }
  json["request_throughput"] = slice.request_throughput;
  json["output_throughput"] = slice.output_throughput;
  json["total_token_throughput"] = slice.total_token_throughput;
  json["request_goodput"] = slice.request_goodput;
  json["good"] = slice.good;
  json["availability"] = slice.availability;
  put_latency(json, "ttft", slice.ttft);
  put_latency(json, "tpot", slice.tpot);
  if (slice.kind == "all" || slice.kind == "pool") {
    put_latency(json, "itl", slice.itl);
  }
  put_latency(json, "e2el", slice.e2el);
  put_latency(json, "queue", slice.queue);
  if (extras.whole_answers) {
    put_latency(json, "perceived", slice.perceived);
  }
  return json;
}

Json window_json(const WindowSummary& window) {
  Json json = Json::object();
  json["begin_s"] = seconds(window.begin);
  json["end_s"] = seconds(window.end);
  json["arrived"] = window.arrived;
  json["ended"] = window.ended;
  json["completed"] = window.completed;
  json["queued"] = window.queued;
  json["running"] = window.running;
  json["p50_ttft_ms"] = window.ttft_p50;
  json["p99_ttft_ms"] = window.ttft_p99;
  json["p50_tpot_ms"] = window.tpot_p50;
  json["p99_tpot_ms"] = window.tpot_p99;
  json["p50_e2el_ms"] = window.e2el_p50;
  json["p99_e2el_ms"] = window.e2el_p99;
  json["p99_queue_ms"] = window.queue_p99;
  json["gpu_utilization"] = window.gpu_utilization;
  json["kv_cache_usage"] = window.kv_cache_usage;
  return json;
}

Json windows_json(const RunResult& result, const Config& config) {
  Json worst = Json::object();
  for (const WorstWindow& window : result.worst_windows) {
    worst[window.metric] = window_json(window.window);
  }
  Json json = Json::object();
  json["length_s"] = to_seconds(config.metrics.window);
  json["closed"] = result.windows_closed;
  json["worst"] = worst;
  return json;
}

Json thresholds_json(const RunResult& result) {
  Json list = Json::array();
  for (const ThresholdVerdict& verdict : result.thresholds) {
    Json json = Json::object();
    json["threshold"] = threshold_text(verdict.threshold);
    json["metric"] = verdict.threshold.metric;
    json["tag_key"] = verdict.threshold.tag_key;
    json["tag_value"] = verdict.threshold.tag_value;
    json["condition"] = verdict.threshold.text;
    json["every_window"] = verdict.threshold.every_window;
    json["holds"] = verdict.holds;
    json["measured"] = verdict.measured;
    json["value"] = verdict.value;
    json["worst_window_value"] = verdict.worst_window_value;
    json["worst_window_begin_s"] = seconds(verdict.worst_window);
    list.push_back(json);
  }
  return list;
}

Json prefix_json(const PrefixSummary& prefix) {
  Json json = Json::object();
  json["prompt_tokens"] = prefix.prompt_tokens;
  json["hit_tokens"] = prefix.hit_tokens;
  json["hit_rate"] = prefix.hit_rate;
  json["recompute_tokens"] = prefix.recompute_tokens;
  json["recompute_hit_tokens"] = prefix.recompute_hit_tokens;
  json["computed_tokens"] = prefix.computed_tokens;
  json["given_up_tokens"] = prefix.given_up_tokens;
  json["left_tokens"] = prefix.left_tokens;
  return json;
}

Json kv_transfer_json(const KvTransferSummary& kv) {
  Json json = Json::object();
  json["transfers"] = kv.transfers;
  json["bytes"] = kv.bytes;
  json["nic_utilization"] = kv.nic_utilization;
  json["median_wait_ms"] = kv.wait.percentiles[2];
  json["p99_wait_ms"] = kv.wait.percentiles[6];
  json["mean_wait_ms"] = kv.wait.mean;
  json["median_time_ms"] = kv.time.percentiles[2];
  json["p99_time_ms"] = kv.time.percentiles[6];
  json["mean_time_ms"] = kv.time.mean;
  return json;
}

const ScalingSummary* scaling_of(const RunResult& result, const std::string& pool) {
  for (const ScalingSummary& scaling : result.scaling) {
    if (scaling.pool == pool) {
      return &scaling;
    }
  }
  return nullptr;
}

Json scaling_json(const ScalingSummary& scaling) {
  Json json = Json::object();
  json["policy"] = scaling.policy;
  json["evaluations"] = scaling.evaluations;
  json["scale_ups"] = scaling.scale_ups;
  json["scale_downs"] = scaling.scale_downs;
  json["replicas_min"] = scaling.replicas_min;
  json["replicas_mean"] = scaling.replicas_mean;
  json["replicas_max"] = scaling.replicas_max;
  if (scaling.forecasts) {
    json["forecasts_compared"] = scaling.forecasts_compared;
    json["forecast_mape"] = scaling.forecast_mape;
    json["forecast_bias"] = scaling.forecast_bias;
  }
  return json;
}

/// Of pools, of the API tier and of caches, each by its name.
void put_scaling(Json& json, const std::vector<ScalingSummary>& scaled) {
  for (const ScalingSummary& scaling : scaled) {
    Json item = Json::object();
    item["target"] = scaling.pool;
    item.update(scaling_json(scaling));
    json["scaling"].push_back(item);
  }
}

/// By cause: those of the machines always, others when there is some.
Json down_by_cause_json(const PoolSummary& pool, const OperationsSummary& operations) {
  const auto own = std::find_if(operations.outages.begin(), operations.outages.end(),
                                [&](const OutageSummary& o) { return o.pool == pool.name; });
  LackTimes down{};
  std::copy(pool.down_by_cause.begin(), pool.down_by_cause.end(), down.begin());
  if (own != operations.outages.end()) {
    down = own->down_by_cause;
  }
  Json json = Json::object();
  for (std::size_t cause = 0; cause < down.size(); ++cause) {
    if (cause < first_market_cause || down[cause] > 0) {
      json[std::string{down_cause_name(static_cast<DownCause>(cause))}] = down[cause];
    }
  }
  return json;
}

/// Causes of which there was some.
Json absent_json(const LackTimes& absent) {
  Json json = Json::object();
  for (std::size_t cause = 0; cause < absent.size(); ++cause) {
    if (absent[cause] > 0) {
      json[std::string{down_cause_name(static_cast<DownCause>(cause))}] = absent[cause];
    }
  }
  return json;
}

/// Who shares GPUs waits for a grant where others wait for machines to be had.
std::string phase_name(std::size_t phase, bool shares_gpus) {
  const bool waits = static_cast<StartPhase>(phase) == StartPhase::stock_out;
  return shares_gpus && waits ? "gpu_wait" : start_phase_names[phase];
}

Json start_times_json(const StartTimes& times, bool shares_gpus) {
  Json json = Json::object();
  for (std::size_t phase = 0; phase < times.size(); ++phase) {
    json[phase_name(phase, shares_gpus) + "_ns"] = times[phase];
  }
  return json;
}

Json losses_json(const LossSummary& losses) {
  Json json = Json::object();
  json["attempts_lost"] = losses.lost;
  json["attempts_retried"] = losses.retried;
  json["attempts_failed"] = losses.failed;
  return json;
}

Json offers_json(const RunResult& result, const PoolSummary& pool) {
  Json list = Json::array();
  for (const OfferUse& use : pool.elasticity->offers) {
    Json json = Json::object();
    json["offer"] = use.offer;
    json["provider"] = use.provider;
    json["region"] = use.region;
    json["contract"] = contract_name(use.contract);
    json["orders"] = use.orders;
    json["deliveries"] = use.deliveries;
    json["reclaims"] = use.reclaims;
    json["lost"] = use.lost;
    json["sold_out"] = use.sold_out;
    json["most_nodes"] = use.most_nodes;
    json["rented_replica_ns"] = use.rented_ns;
    json["node_hours"] = node_hours(use);
    json["micro_dollars"] = offer_cost(result.cost.money, pool.name, use.offer).count();
    list.push_back(json);
  }
  return list;
}

Json multiple_json(const MultipleReached& reached, bool shares_gpus) {
  Json json = Json::object();
  json["multiple"] = reached.multiple;
  json["at_s"] = reached.at == never ? -1 : seconds(reached.at);
  json["start"] = start_times_json(reached.start, shares_gpus);
  constexpr auto waiting = static_cast<std::size_t>(StartPhase::stock_out);
  json["bound_by"] = reached.bound_by == start_phase_names[waiting]
                         ? phase_name(waiting, shares_gpus)
                         : reached.bound_by;
  return json;
}

Json elasticity_json(const ElasticitySummary& elasticity, bool shares_gpus) {
  Json json = Json::object();
  json["base_replicas"] = elasticity.base_replicas;
  json["most_serving"] = elasticity.most_serving;
  json["starts"] = elasticity.starts;
  json["starts_called_off"] = elasticity.called_off;
  json["failures"] = elasticity.failures;
  json["reclaims"] = elasticity.reclaims;
  json["reclaims_with_requests"] = elasticity.reclaimed_serving;
  if (elasticity.reclaim_losses) {
    json["reclaim_losses"] = losses_json(*elasticity.reclaim_losses);
  }
  json["longest_start_s"] = to_seconds(Duration{elasticity.longest_start_ns});
  json["start_time"] = start_times_json(elasticity.times, shares_gpus);
  json["failed_ns"] = elasticity.failed_ns;
  Json multiples = Json::array();
  for (const MultipleReached& reached : elasticity.multiples) {
    multiples.push_back(multiple_json(reached, shares_gpus));
  }
  json["multiples"] = multiples;
  if (elasticity.next_multiple) {
    json["next_multiple"] = multiple_json(*elasticity.next_multiple, shares_gpus);
  }
  Json resources = Json::array();
  for (const ResourceUse& use : elasticity.resources) {
    Json row = Json::object();
    row["resource"] = use.resource;
    row["bytes"] = use.bytes;
    row["busy_s"] = to_seconds(Duration{use.busy_ns});
    row["bytes_per_second"] = use.bytes_per_second;
    row["utilization"] = use.utilization;
    resources.push_back(row);
  }
  json["resources"] = resources;
  if (!elasticity.pulled_from.empty()) {
    Json stores = Json::object();
    for (const StoreBytes& from : elasticity.pulled_from) {
      stores[from.store] = from.bytes;
    }
    json["pulled_bytes"] = stores;
  }
  Json rented = Json::object();
  for (std::size_t contract = 0; contract < elasticity.rented_ns.size(); ++contract) {
    rented[contract_name(static_cast<Contract>(contract))] = elasticity.rented_ns[contract];
  }
  json["rented_replica_ns"] = rented;
  return json;
}

Json outages_json(const OperationsSummary& operations) {
  Json pools = Json::array();
  for (const OutageSummary& outages : operations.outages) {
    Json json = Json::object();
    json["pool"] = outages.pool;
    json["outages"] = outages.outages;
    json["taken_away"] = outages.lacks.taken_away;
    json["down_replica_ns"] = outages.down_ns;
    json["up_replica_ns"] = outages.up_ns;
    if (outages.waited_ns) {
      json["waited_for_others_replica_ns"] = *outages.waited_ns;
    }
    json["absent_replica_ns"] = absent_json(outages.lacks.absent);
    json["availability"] = outages.availability;
    json["wanted_served"] = outages.wanted_served;
    json["mtbf_s"] = outages.mtbf_seconds;
    json["mttr_s"] = outages.mttr_seconds;
    json["mean_detection_s"] = outages.detection_seconds;
    pools.push_back(json);
  }
  Json json = losses_json(operations.losses);
  json["pools"] = pools;
  return json;
}

Json rollouts_json(const OperationsSummary& operations) {
  Json list = Json::array();
  for (const RolloutSummary& rollout : operations.rollouts) {
    Json json = Json::object();
    json["rollout"] = rollout.name;
    json["pool"] = rollout.pool;
    json["version"] = rollout.version;
    json["strategy"] = rollout.strategy;
    json["outcome"] = rollout.outcome;
    json["began_s"] = rollout.began_s;
    json["first_bad_answer_s"] = rollout.first_bad_s;
    json["gate_fired_s"] = rollout.fired_s;
    json["detection_s"] = rollout.detection_s;
    json["ended_s"] = rollout.ended_s;
    json["loads"] = rollout.loads;
    json["corrupt_loads"] = rollout.corrupt_loads;
    json["answers"] = rollout.answers;
    json["degraded"] = rollout.degraded;
    json["failed"] = rollout.failed;
    if (rollout.on_shared_gpus) {
      json["gave_up_s"] = rollout.gave_up_s;
      json["lacked_gpus"] = rollout.lacked;
      json["lacks_gpus"] = rollout.lacks;
    }
    list.push_back(json);
  }
  return list;
}

void put_operations(Json& json, const OperationsSummary& operations) {
  if (operations.outages.empty() && operations.rollouts.empty()) {
    return;
  }
  Json part = Json::object();
  part["incidents"] = operations.incidents;
  if (!operations.outages.empty()) {
    part["faults"] = outages_json(operations);
  }
  if (!operations.rollouts.empty()) {
    part["rollouts"] = rollouts_json(operations);
  }
  json["operations"] = part;
}

Json claims_json(const ClaimSummary& claims) {
  const std::int64_t over = claims.claims;
  Json json = Json::object();
  json["claims"] = claims.claims;
  json["granted"] = claims.granted;
  json["waited"] = claims.waited;
  json["withdrawn"] = claims.withdrawn;
  json["waiting"] = claims.waiting;
  json["wait_s"] = to_seconds(Duration{claims.wait_ns});
  json["mean_wait_s"] =
      over > 0 ? to_seconds(Duration{claims.wait_ns}) / static_cast<double>(over) : 0.0;
  json["longest_wait_s"] = to_seconds(Duration{claims.longest_wait_ns});
  json["reserving"] = claims.reserving;
  json["preempting"] = claims.preempting;
  json["preempted_replicas"] = claims.preempted;
  json["preempted_with_requests"] = claims.preempted_busy;
  return json;
}

Json pool_share_json(const PoolShare& share, const PoolSummary& pool) {
  const std::int64_t gpus = pool.gpus_per_replica;
  Json json = Json::object();
  json["pool"] = pool.name;
  json["priority"] = share.priority;
  json["guaranteed"] = share.guaranteed;
  json["claims"] = claims_json(share.claims);
  json["gpu_ns"] = share.gpu_ns;
  json["busy_gpu_ns"] = pool.busy_ns * gpus;
  json["idle_gpu_ns"] = pool.idle_ns * gpus;
  json["loading_gpu_ns"] = pool.down_ns * gpus;
  json["draining_gpu_ns"] = pool.draining_ns * gpus;
  json["share"] = share.share;
  return json;
}

Json deliveries_json(const std::vector<NodeDelivery>& deliveries) {
  Json list = Json::array();
  for (const NodeDelivery& delivery : deliveries) {
    Json json = Json::object();
    json["nodes"] = delivery.nodes;
    json["ordered_s"] = delivery.ordered_s;
    json["delivered_s"] = delivery.delivered_s;
    list.push_back(json);
  }
  return list;
}

void put_allocation(Json& json, const RunResult& result) {
  if (!result.allocation) {
    return;
  }
  Json list = Json::array();
  for (const SharedGpusSummary& shared : result.allocation->shared) {
    Json pools = Json::array();
    for (const PoolShare& share : shared.pools) {
      pools.push_back(pool_share_json(share, result.pools[share.pool]));
    }
    Json item = Json::object();
    item["shared_gpus"] = shared.name;
    item["gpu"] = shared.gpu;
    item["nodes"] = shared.nodes;
    item["gpus"] = shared.gpus;
    item["most_allocated_gpus"] = shared.most_allocated;
    item["gpu_ns"] = shared.total_ns;
    item["unallocated_gpu_ns"] = shared.unallocated_ns;
    item["blocked_gpu_ns"] = shared.blocked_ns;
    if (result.operations.faults) {
      item["down_gpu_ns"] = shared.down_ns;
      item["broken_gpu_ns"] = shared.broken_ns;
      item["gpu_availability"] = shared.availability;
    }
    item["allocated_share"] = shared.allocated_share;
    item["busy_share"] = shared.busy_share;
    item["fragmentation"] = shared.fragmentation;
    if (!shared.deliveries.empty()) {
      item["orders"] = deliveries_json(shared.deliveries);
    }
    item["pools"] = pools;
    list.push_back(item);
  }
  Json part = Json::object();
  part["shared_gpus"] = list;
  part["attempts_lost"] = result.allocation->losses.lost;
  part["attempts_retried"] = result.allocation->losses.retried;
  part["attempts_failed"] = result.allocation->losses.failed;
  json["allocation"] = part;
}

bool has_operations(const RunResult& result) {
  return !result.operations.outages.empty() || !result.operations.rollouts.empty();
}

bool shares_gpus(const RunResult& result, const PoolSummary& pool) {
  if (!result.allocation) {
    return false;
  }
  for (const SharedGpusSummary& shared : result.allocation->shared) {
    for (const PoolShare& share : shared.pools) {
      if (&result.pools[share.pool] == &pool) {
        return true;
      }
    }
  }
  return false;
}

Json energy_json(const EnergySummary& energy) {
  Json json = Json::object();
  json["joules"] = energy.joules;
  json["kwh"] = energy.kwh;
  json["steps_joules"] = energy.steps_joules;
  json["idle_joules"] = energy.idle_joules;
  json["loading_joules"] = energy.loading_joules;
  json["mean_watts"] = energy.mean_watts;
  json["joules_per_output_token"] = energy.joules_per_output_token;
  json["joules_per_request"] = energy.joules_per_request;
  return json;
}

Json gpu_time_json(const RunResult& result) {
  Json pools = Json::array();
  std::int64_t gpus = 0;
  for (const PoolSummary& pool : result.pools) {
    gpus += pool.gpus;
    Json json = Json::object();
    json["pool"] = pool.name;
    json["gpu"] = pool.gpu;
    json["gpus"] = pool.gpus;
    json["replicas"] = pool.replicas;
    json["busy_replica_ns"] = pool.busy_ns;
    json["idle_replica_ns"] = pool.idle_ns;
    json["down_replica_ns"] = pool.down_ns;
    const ScalingSummary* const scaling = scaling_of(result, pool.name);
    if (scaling != nullptr || pool.elasticity || has_operations(result) || result.allocation) {
      json["draining_replica_ns"] = pool.draining_ns;
      json["off_replica_ns"] = pool.off_ns;
      if (pool.cut_drains) {
        json["cut_drains"] = pool.cut_drains->drains;
        json["cut_attempts"] = pool.cut_drains->attempts;
      }
    }
    if (scaling != nullptr) {
      json["scaling"] = scaling_json(*scaling);
    }
    if (has_operations(result)) {
      json["down_by_cause_replica_ns"] = down_by_cause_json(pool, result.operations);
    }
    if (pool.elasticity) {
      json["elasticity"] = elasticity_json(*pool.elasticity, shares_gpus(result, pool));
      if (!pool.elasticity->offers.empty()) {
        json["elasticity"]["offers"] = offers_json(result, pool);
      }
    }
    json["gpu_hours"] = rented_gpu_hours(pool);
    json["gpu_utilization"] = pool.gpu_utilization;
    json["kv_cache_usage_mean"] = pool.kv_cache_usage_mean;
    json["kv_cache_usage_max"] = pool.kv_cache_usage_max;
    json["mean_batch"] = pool.mean_batch;
    if (pool.tokens_per_sequence_step > 0) {
      json["tokens_per_sequence_step"] = pool.tokens_per_sequence_step;
    }
    json["running_mean"] = pool.running_mean;
    json["sequence_slots"] = pool.sequence_slots;
    json["slot_occupancy"] = pool.slot_occupancy;
    json["model_flops_utilization"] = pool.model_flops_utilization;
    json["waiting_max"] = pool.waiting_max;
    json["preemptions"] = pool.preemptions;
    json["energy"] = energy_json(pool.energy);
    if (pool.prefix) {
      json["prefix_cache"] = prefix_json(*pool.prefix);
    }
    if (pool.kv_transfer) {
      json["kv_transfer"] = kv_transfer_json(*pool.kv_transfer);
    }
    pools.push_back(json);
  }
  Json json = Json::object();
  json["gpus"] = gpus;
  json["gpu_hours"] = result.cost.gpu_hours;
  json["energy"] = energy_json(result.energy);
  if (result.allocation) {
    json["energy"]["unallocated_joules"] = result.energy.unallocated_joules;
  }
  json["pools"] = pools;
  return json;
}

Json memory_fit_json(const RunResult& result) {
  Json list = Json::array();
  for (const PoolSummary& pool : result.pools) {
    Json json = Json::object();
    json["pool"] = pool.name;
    json["kv_blocks"] = pool.kv_blocks;
    json["arithmetic"] = pool.memory_arithmetic;
    list.push_back(json);
  }
  return list;
}

double per(MicroUsd amount, std::int64_t count, double scale) {
  return count > 0 ? to_dollars(amount) / static_cast<double>(count) * scale : 0;
}

Json bill_json(const MoneySummary& money) {
  Json rows = Json::array();
  for (const BillRow& row : money.bill) {
    Json json = Json::object();
    json["component"] = cost_component_name(row.component);
    json["resource"] = row.resource;
    json["description"] = row.description;
    json["price"] = row.sku;
    json["begin_s"] = seconds(row.begin);
    json["end_s"] = seconds(row.end);
    json["quantity"] = row.quantity;
    json["unit"] = row.unit;
    json["unit_price_dollars"] = row.unit_price;
    json["follows_load"] = row.follows_load;
    json["micro_dollars"] = row.billed.count();
    rows.push_back(json);
  }
  return rows;
}

Json revenue_json(const MoneySummary& money) {
  Json rows = Json::array();
  for (const RevenueRow& row : money.revenue) {
    Json json = Json::object();
    json["name"] = row.name;
    json["kind"] = row.kind;
    json["tier"] = row.tier;
    json["model"] = row.model;
    json["quantity"] = row.quantity;
    json["unit"] = row.unit;
    json["micro_dollars"] = row.amount.count();
    if (row.stolen.count() > 0) {
      json["stolen_micro_dollars"] = row.stolen.count();
    }
    rows.push_back(json);
  }
  return rows;
}

/// `months`: how long the run lasted.
Json units_json(const MoneySummary& money, double months) {
  Json rows = Json::array();
  for (const UnitCost& unit : money.units) {
    const MicroUsd cost = unit.prompt_cost + unit.output_cost;
    Json json = Json::object();
    json["kind"] = unit.kind;
    json["name"] = unit.name;
    json["completed"] = unit.completed;
    json["micro_dollars"] = cost.count();
    json["revenue_micro_dollars"] = unit.revenue.count();
    if (unit.stolen.count() > 0) {
      json["stolen_micro_dollars"] = unit.stolen.count();
    }
    json["dollars_per_request"] = per(cost, unit.completed, 1);
    json["dollars_per_million_prompt_tokens"] = per(unit.prompt_cost, unit.prompt_tokens, 1e6);
    json["dollars_per_million_output_tokens"] = per(unit.output_cost, unit.output_tokens, 1e6);
    if (unit.users > 0) {
      json["users"] = unit.users;
      json["revenue_dollars_per_user_month"] = per(unit.revenue, unit.users, 1 / months);
      json["cost_dollars_per_user_month"] = per(cost, unit.users, 1 / months);
    }
    rows.push_back(json);
  }
  return rows;
}

/// Only where something has a price.
Json money_json(const MoneySummary& money, double months) {
  Json components = Json::object();
  for (int i = 0; i < cost_component_count; ++i) {
    components[cost_component_name(static_cast<CostComponent>(i))] =
        money.by_component[static_cast<std::size_t>(i)].count();
  }
  Json json = Json::object();
  json["total_micro_dollars"] = money.total.count();
  json["component_micro_dollars"] = components;
  json["revenue_micro_dollars"] = money.revenue_total.count();
  if (money.stolen.count() > 0) {
    json["stolen_micro_dollars"] = money.stolen.count();
  }
  json["idle_micro_dollars"] = money.idle.count();
  json["down_micro_dollars"] = money.down.count();
  if (money.unused.count() > 0) {
    json["unused_micro_dollars"] = money.unused.count();
  }
  json["missed_slo_micro_dollars"] = money.missed.count();
  json["unearned_micro_dollars"] = money.unearned.count();
  json["unattributed_micro_dollars"] = money.unattributed.count();
  json["dollars_per_good_request"] = money.cost_per_good_request;
  json["revenue_dollars_per_gpu_hour"] = money.revenue_per_gpu_hour;
  if (money.users > 0) {
    json["users"] = money.users;
    json["revenue_dollars_per_user_month"] = money.revenue_per_user_month;
    json["cost_dollars_per_user_month"] = money.cost_per_user_month;
  }
  json["breaks_even"] = money.breaks_even;
  json["break_even_requests_per_second"] = money.break_even_rate;
  json["break_even_share_of_load"] = money.break_even_share;
  json["served_requests_per_second"] = money.served_rate;
  json["bill"] = bill_json(money);
  json["revenue"] = revenue_json(money);
  json["units"] = units_json(money, months);
  return json;
}

Json cost_json(const CostSummary& cost, Duration played) {
  Json lines = Json::array();
  for (const CostLine& line : cost.lines) {
    Json json = Json::object();
    json["pool"] = line.pool;
    json["price"] = line.price;
    json["gpu_hours"] = line.gpu_hours;
    json["dollars"] = line.dollars;
    lines.push_back(json);
  }
  Json json = Json::object();
  json["total_dollars"] = cost.total;
  json["dollars_per_request"] = cost.per_request;
  json["dollars_per_million_output_tokens"] = cost.per_million_tokens;
  json["revenue_dollars"] = cost.revenue;
  json["margin"] = cost.margin;
  json["gpu_hours"] = cost.gpu_hours;
  json["lines"] = lines;
  if (!cost.money.bill.empty() || !cost.money.revenue.empty()) {
    json["money"] = money_json(cost.money, to_seconds(played) / to_seconds(price_month));
  }
  return json;
}

Json alert_json(const AlertSummary& alert) {
  Json episodes = Json::array();
  for (const AlertEpisode& episode : alert.episodes) {
    Json json = Json::object();
    json["since_s"] = seconds(episode.since);
    json["fired_s"] = seconds(episode.fired);
    json["resolved_s"] = episode.resolved == never ? Json{} : Json(seconds(episode.resolved));
    json["time_to_fire_s"] = to_seconds(episode.fired - episode.since);
    const SimTime clear = episode.clear == never ? sim_start : episode.clear;
    json["time_to_detect_at_most_s"] = to_seconds(episode.fired - clear);
    episodes.push_back(json);
  }
  Json json = Json::object();
  json["name"] = alert.name;
  json["pool"] = alert.pool;
  json["condition"] = alert.condition;
  json["state"] = alert.state;
  json["evaluations"] = alert.evaluations;
  json["pendings"] = alert.pendings;
  json["firings"] = alert.firings;
  json["firing_s"] = to_seconds(alert.firing);
  json["episodes"] = episodes;
  return json;
}

Json monitoring_json(const MonitoringSummary& monitoring) {
  Json database = Json::object();
  database["samples"] = monitoring.samples;
  database["billing_records"] = monitoring.billing_records;
  database["ingest_mean_per_s"] = monitoring.ingest_mean;
  database["ingest_max_per_s"] = monitoring.ingest_max;
  database["ingest_capacity_per_s"] = monitoring.capacity;
  database["lag_max_s"] = to_seconds(monitoring.lag_max);
  database["lag_end_s"] = to_seconds(monitoring.lag_end);
  database["stored_samples"] = monitoring.stored_samples;
  database["storage_bytes"] = monitoring.storage_bytes;
  database["storage_bytes_full"] = monitoring.storage_bytes_full;
  database["billing_bytes"] = monitoring.billing_bytes;
  Json alerts = Json::array();
  for (const AlertSummary& alert : monitoring.alerts) {
    alerts.push_back(alert_json(alert));
  }
  Json json = Json::object();
  json["scrapes"] = monitoring.scrapes;
  json["series_per_instance"] = monitoring.series_per_instance;
  json["instances_max"] = monitoring.instances_max;
  json["database"] = database;
  json["alerts"] = alerts;
  return json;
}

Json metrics_json(const RunResult& result, const Config& config) {
  Json json = slice_metrics_json(result.slices.front(), Extras{config});
  json["gpu_utilization"] = result.gpu_utilization;
  json["kv_cache_usage"] = result.kv_cache_usage;
  json["gpu_hours"] = result.cost.gpu_hours;
  json["simulated_s"] = seconds(result.end);
  json["arrivals_end_s"] = seconds(result.arrivals_end);
  json["measured_s"] = result.rated_seconds;
  return json;
}

Json demand_json(const std::vector<DemandDay>& days) {
  Json list = Json::array();
  for (const DemandDay& day : days) {
    Json json = Json::object();
    json["date"] = day.date;
    json["users"] = day.users;
    json["new_users"] = day.new_users;
    json["active_users"] = day.active_users;
    json["sessions"] = day.sessions;
    json["requests"] = day.requests;
    json["peak_requests_per_s"] = day.peak_requests_per_s;
    json["peak_concurrent_users"] = day.peak_concurrent;
    json["arrived"] = day.arrived;
    list.push_back(json);
  }
  return list;
}

Json growth_fit_json(const std::vector<GrowthPoint>& points) {
  Json list = Json::array();
  for (const GrowthPoint& point : points) {
    Json json = Json::object();
    json["at_s"] = to_seconds(point.at);
    json["users"] = point.given;
    json["fitted"] = point.fitted;
    json["residual"] = point.given > 0 ? Json(point.fitted / point.given - 1) : Json{};
    list.push_back(json);
  }
  return list;
}

Json horizon_json(const HorizonSummary& horizon) {
  Json windows = Json::array();
  for (const WindowCoverage& window : horizon.windows) {
    Json json = Json::object();
    json["from_s"] = seconds(window.from);
    json["to_s"] = seconds(window.to);
    json["arrived"] = window.arrived;
    json["completed"] = window.completed;
    json["output_tokens"] = window.output_tokens;
    json["carried"] = window.carried;
    json["left"] = window.left;
    json["expected_arrivals"] = window.expected_arrivals;
    json["represented_arrivals"] = window.represented_arrivals;
    windows.push_back(json);
  }
  Json json = Json::object();
  json["covered_s"] = to_seconds(horizon.covered);
  json["horizon_s"] = to_seconds(horizon.horizon);
  json["requests"] = horizon.requests;
  json["completed"] = horizon.completed;
  json["cached"] = horizon.cached;
  json["left"] = horizon.left;
  json["output_tokens"] = horizon.output_tokens;
  json["windows"] = windows;
  return json;
}

Json stages_json(const RunResult& result) {
  Json list = Json::array();
  for (const StageSummary& stage : result.stages) {
    Json refused = Json::object();
    for (int i = 0; i < outcome_count; ++i) {
      const auto outcome = static_cast<Outcome>(i);
      const std::int64_t count = stage.outcomes[static_cast<std::size_t>(i)];
      if (count > 0 && outcome != Outcome::completed && outcome != Outcome::cached) {
        refused[std::string{outcome_name(outcome)}] = count;
      }
    }
    Json json = Json::object();
    json["stage"] = std::string{stage_name(stage.stage)};
    json["offered"] = stage.offered;
    json["served"] = stage.served;
    json["answered"] = stage.outcomes[static_cast<std::size_t>(Outcome::cached)];
    json["hits"] = stage.hits;
    json["not_served"] = refused;
    json["left_on_the_way"] = stage.left_on_the_way;
    json["under_way"] = stage.under_way;
    json["open"] = stage.open;
    json["let_in"] = stage.wait.count;
    json["median_wait_ms"] = stage.wait.percentiles[2];
    json["p99_wait_ms"] = stage.wait.percentiles[6];
    json["mean_wait_ms"] = stage.wait.mean;
    json["median_latency_ms"] = stage.latency.percentiles[2];
    json["p99_latency_ms"] = stage.latency.percentiles[6];
    json["mean_latency_ms"] = stage.latency.mean;
    json["utilization"] = stage.utilization < 0 ? Json{} : Json(stage.utilization);
    json["busiest_window"] = stage.busiest_window < 0 ? Json{} : Json(stage.busiest_window);
    json["resource"] = stage.resource.empty() ? Json{} : Json(stage.resource);
    json["memory_usage"] = stage.memory_usage < 0 ? Json{} : Json(stage.memory_usage);
    json["memory_usage_max"] = stage.memory_usage_max < 0 ? Json{} : Json(stage.memory_usage_max);
    list.push_back(json);
  }
  return list;
}

Json waiting_rooms_json(const RunResult& result) {
  Json list = Json::array();
  for (const WaitingRoomSummary& room : result.waiting_rooms) {
    Json json = Json::object();
    json["model"] = room.model;
    json["served"] = room.served;
    json["gave_up"] = room.gave_up;
    json["left_when_shown"] = room.left_when_shown;
    json["no_room"] = room.no_room;
    json["median_position"] = room.position.percentiles[2];
    json["p90_position"] = room.position.percentiles[4];
    json["p99_position"] = room.position.percentiles[6];
    json["max_position"] = room.position.max;
    put_latency(json, "told_wait", room.told_wait);
    put_latency(json, "waited", room.waited);
    json["mean_error_ms"] = room.mean_error_ms;
    list.push_back(json);
  }
  return list;
}

Json fairness_json(const FairnessSummary& fairness) {
  Json json = Json::object();
  json["model"] = fairness.model;
  json["datacenter"] = fairness.datacenter;
  json["tenants"] = fairness.tenants;
  json["asked_tokens"] = fairness.asked;
  json["served_tokens"] = fairness.served;
  json["jain"] = fairness.jain;
  json["largest"] = Json::array();
  for (const TenantSummary& tenant : fairness.largest) {
    Json row = Json::object();
    row["tenant"] = tenant.tenant;
    row["requests"] = tenant.requests;
    row["answered"] = tenant.answered;
    row["asked_tokens"] = tenant.asked;
    row["served_tokens"] = tenant.served;
    row["fair_tokens"] = tenant.fair;
    json["largest"].push_back(row);
  }
  return json;
}

/// The way between users and datacenters.
Json edge_json(const RunResult& result) {
  Json list = Json::array();
  for (const EdgeRow& row : result.edge_rows) {
    Json crossings = Json::object();
    for (const auto& [name, count] : row.crossings) {
      crossings[name] = count;
    }
    Json json = Json::object();
    json["kind"] = row.kind;
    json["name"] = row.name;
    put_latency(json, "access", row.access);
    put_latency(json, "wan", row.wan);
    json[row.kind == "region" ? "to" : "from"] = crossings;
    json["lost"] = row.lost;
    list.push_back(json);
  }
  return list;
}

Json time_or_null(SimTime at) {
  return at == never ? Json{} : Json(seconds(at));
}

Json bypasses_json(const std::vector<BypassSummary>& bypasses) {
  Json list = Json::array();
  for (const BypassSummary& bypass : bypasses) {
    Json json = Json::object();
    json["began_s"] = seconds(bypass.began);
    json["requests"] = bypass.requests;
    json["detected_s"] = time_or_null(bypass.detected);
    json["enforced_s"] = time_or_null(bypass.enforced);
    list.push_back(json);
  }
  return list;
}

Json suspensions_json(const SuspensionSummary& suspensions) {
  Json json = Json::object();
  json["keys"] = suspensions.keys;
  json["refused"] = suspensions.refused;
  json["innocent_keys"] = suspensions.innocent_keys;
  json["innocent_refused"] = suspensions.innocent_refused;
  return json;
}

Json path_json(const RunResult& result) {
  const PathSummary& path = result.path;
  Json anomalies = Json::array();
  for (const AnomalySummary& anomaly : path.first_anomalies) {
    Json json = Json::object();
    json["class"] = anomaly.request_class;
    json["key"] = anomaly.key;
    json["at_s"] = seconds(anomaly.at);
    json["tokens"] = anomaly.tokens;
    json["expected_tokens"] = anomaly.expected;
    json["used_bypass"] = anomaly.used_bypass;
    anomalies.push_back(json);
  }
  Json bypass = Json::object();
  bypass["requests"] = path.bypassed;
  bypass["answered"] = path.bypassed_answered;
  bypass["prompt_tokens"] = path.bypassed_prompt_tokens;
  bypass["output_tokens"] = path.bypassed_output_tokens;
  bypass["dollars"] = path.bypassed_dollars;
  bypass["detected_s"] = time_or_null(path.detected);
  bypass["enforced_s"] = time_or_null(path.enforced);
  Json json = Json::object();
  json["attempts"] = path.attempts;
  json["retries"] = path.retries;
  json["measured_attempts"] = result.measured_attempts.all;
  json["measured_retries"] = result.measured_attempts.retries;
  json["follow_ups"] = path.follow_ups;
  json["bypass"] = bypass;
  if (path.attacked) {
    Json attack = Json::object();
    attack["requests"] = path.attack_requests;
    attack["answered"] = path.attack_answered;
    attack["dropped_by_source"] = path.attack_dropped;
    attack["users_meanwhile"] = path.users_attacked;
    attack["users_answered"] = path.users_answered;
    attack["users_dropped_by_source"] = path.users_dropped;
    json["attack"] = attack;
  }
  if (path.bypasses.size() > 1) {
    json["bypasses"] = bypasses_json(path.bypasses);
  }
  json["anomalies"] = path.anomalies;
  if (path.false_alarms) {
    json["false_alarms"] = *path.false_alarms;
  }
  if (path.suspensions) {
    json["suspensions"] = suspensions_json(*path.suspensions);
  }
  json["first_anomalies"] = anomalies;
  if (!path.failovers.empty()) {
    json["failovers"] = Json::array();
  }
  for (const FailoverSummary& way : path.failovers) {
    json["failovers"].push_back(Json{
        {"from", way.from}, {"to", way.to}, {"waiting", way.waiting}, {"retried", way.retried}});
  }
  return json;
}

Json arm_latency_json(const ArmLatency& latency) {
  Json json = Json::object();
  json["count"] = latency.count;
  json["mean_ms"] = latency.mean;
  json["median_ms"] = latency.p50;
  json["p99_ms"] = latency.p99;
  return json;
}

Json arm_json(const ArmSummary& arm) {
  Json json = Json::object();
  json["arm"] = arm.name;
  json["model"] = arm.model.empty() ? Json{} : Json(arm.model);
  json["share"] = arm.share;
  json["arrived"] = arm.arrived;
  json["in_flight"] = arm.in_flight;
  json["outcomes"] = outcomes_json(arm.outcomes);
  json["measured_arrivals"] = arm.measured_arrivals;
  json["answered"] = arm.answered;
  json["good"] = arm.good;
  json["ttft"] = arm_latency_json(arm.ttft);
  json["tpot"] = arm_latency_json(arm.tpot);
  json["e2el"] = arm_latency_json(arm.e2el);
  json["gpu_micro_dollars"] = arm.priced ? Json(arm.gpu_cost.count()) : Json{};
  json["dollars_per_request"] = arm.priced ? Json(arm.dollars_per_request) : Json{};
  return json;
}

Json difference_json(const DifferenceSummary& difference) {
  const bool interval = difference.has_interval;
  Json json = Json::object();
  json["arm"] = difference.arm;
  json["metric"] = difference.metric;
  json["control"] = difference.control;
  json["treatment"] = difference.treatment;
  json["difference"] = difference.difference;
  json["low"] = interval ? Json(difference.low) : Json{};
  json["high"] = interval ? Json(difference.high) : Json{};
  json["effective_windows"] = difference.effective_windows;
  json["autocorrelation"] = difference.autocorrelation;
  json["verdict"] = verdict_word(difference.verdict);
  json["reason"] = difference.reason;
  return json;
}

Json experiments_json(const std::vector<ExperimentSummary>& experiments) {
  Json list = Json::array();
  for (const ExperimentSummary& experiment : experiments) {
    Json arms = Json::array();
    for (const ArmSummary& arm : experiment.arms) {
      arms.push_back(arm_json(arm));
    }
    Json differences = Json::array();
    for (const DifferenceSummary& difference : experiment.differences) {
      differences.push_back(difference_json(difference));
    }
    Json json = Json::object();
    json["experiment"] = experiment.name;
    json["control"] = experiment.control;
    json["confidence"] = experiment.confidence;
    json["window_s"] = to_seconds(experiment.window);
    json["windows"] = experiment.windows;
    json["requests"] = experiment.concerned;
    json["outside"] = experiment.outside;
    json["arms"] = arms;
    json["differences"] = differences;
    list.push_back(json);
  }
  return list;
}

Json verdict_json(const RunResult& result) {
  Json verdict = Json::object();
  verdict["kind"] = verdict_name(result.verdict.kind);
  verdict["reasons"] = result.verdict.reasons;
  verdict["bottleneck"] = bottleneck(result);
  if (!result.verdict.overload_unknown.empty()) {
    verdict["overload_unknown"] = result.verdict.overload_unknown;
  }
  return verdict;
}

Json result_document(const RunResult& result, const Config& config) {
  const Extras extras{config};
  Json slices = Json::array();
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind != "all") {
      Json json = Json::object();
      json["kind"] = slice.kind;
      json["name"] = slice.name;
      json["requests"] = requests_json(slice);
      json["metrics"] = slice_metrics_json(slice, extras);
      slices.push_back(json);
    }
  }
  std::vector<std::string> notes = result.notes;
  for (std::string& note : provenance_notes(config)) {
    notes.push_back(std::move(note));
  }
  Json json = Json::object();
  json["scenario"] = result.scenario;
  json["seed"] = result.seed;
  json["verdict"] = verdict_json(result);
  json["requests"] = requests_json(result.slices.front());
  json["metrics"] = metrics_json(result, config);
  json["slices"] = slices;
  json["windows"] = windows_json(result, config);
  json["thresholds"] = thresholds_json(result);
  if (result.path.present) {
    json["stages"] = stages_json(result);
    json["path"] = path_json(result);
  }
  for (const FairnessSummary& fairness : result.fairness) {
    json["fairness"].push_back(fairness_json(fairness));
  }
  if (!result.waiting_rooms.empty()) {
    json["waiting_rooms"] = waiting_rooms_json(result);
  }
  if (!result.edge_rows.empty()) {
    json["edge"] = edge_json(result);
  }
  if (!result.experiments.empty()) {
    json["experiments"] = experiments_json(result.experiments);
  }
  json["gpu_time"] = gpu_time_json(result);
  put_scaling(json, result.scaling);
  put_operations(json, result.operations);
  put_allocation(json, result);
  json["memory_fit"] = memory_fit_json(result);
  json["cost"] = cost_json(result.cost, result.end.time_since_epoch());
  if (!result.demand.empty()) {
    json["demand"] = demand_json(result.demand);
  }
  if (!result.growth_fit.empty()) {
    json["growth_fit"] = growth_fit_json(result.growth_fit);
  }
  if (result.horizon) {
    json["horizon"] = horizon_json(*result.horizon);
  }
  if (result.monitoring) {
    json["monitoring"] = monitoring_json(*result.monitoring);
  }
  json["skipped_rows"] = result.skipped_rows;
  json["notes"] = notes;
  json["fingerprint"] = fmt::format("{:016x}", result.fingerprint);
  return json;
}

std::string read_text_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) {
    throw IoError("cannot read " + path);
  }
  return text.str();
}

}  // namespace

std::string result_json(const RunResult& result, const Config& config) {
  return result_document(result, config).dump(2) + "\n";
}

void write_result_json(const std::string& path, const RunResult& result, const Config& config) {
  write_text_file(path, result_json(result, config));
}

void write_run_json(const std::string& path, const RunResult& result, const RunFacts& facts) {
  const SliceSummary& whole = result.slices.front();
  const auto per_second = [&](std::int64_t amount) {
    return facts.wall_seconds > 0 ? static_cast<double>(amount) / facts.wall_seconds : 0.0;
  };
  const std::int64_t completed = whole.outcomes[static_cast<std::size_t>(Outcome::completed)];
  Json json = Json::object();
  json["wall_seconds"] = facts.wall_seconds;
  json["events"] = facts.events;
  json["requests_per_wall_second"] = per_second(completed);
  json["edge_requests_per_wall_second"] = per_second(whole.arrived - whole.in_flight - completed);
  json["peak_rss_bytes"] = facts.peak_rss_bytes;
  json["version"] = facts.version;
  json["compiler"] = facts.compiler;
  write_text_file(path, json.dump(2) + "\n");
}

namespace {

/// What happened to the rollouts of a result, if it has some.
void read_operations(const Json& json, ResultDigest& digest) {
  const Json& outcomes = json.at("requests").at("outcomes");
  digest.degraded = outcomes.at("degraded").get<std::int64_t>();
  digest.failed = outcomes.at("failed").get<std::int64_t>();
  const auto operations = json.find("operations");
  if (operations == json.end()) {
    return;
  }
  const auto rollouts = operations->find("rollouts");
  if (rollouts == operations->end()) {
    return;
  }
  for (const Json& rollout : *rollouts) {
    RolloutDigest row;
    row.name = rollout.at("rollout").get<std::string>();
    row.strategy = rollout.at("strategy").get<std::string>();
    row.outcome = rollout.at("outcome").get<std::string>();
    row.detection_s = rollout.at("detection_s").get<double>();
    row.began_s = rollout.at("began_s").get<double>();
    row.ended_s = rollout.at("ended_s").get<double>();
    row.loads = rollout.at("loads").get<std::int64_t>();
    row.corrupt_loads = rollout.at("corrupt_loads").get<std::int64_t>();
    digest.rollouts.push_back(row);
  }
}

void read_thresholds(const Json& json, ResultDigest& digest) {
  for (const Json& threshold : json.at("thresholds")) {
    digest.thresholds.push_back(
        {threshold.at("threshold").get<std::string>(), threshold.at("holds").get<bool>(),
         threshold.at("measured").get<bool>(), threshold.at("value").get<double>()});
  }
}

void read_pools(const Json& json, ResultDigest& digest) {
  for (const Json& pool : json.at("gpu_time").at("pools")) {
    digest.pools.push_back(
        {pool.at("pool").get<std::string>(), pool.at("gpu_utilization").get<double>()});
  }
}

void read_tiers(const Json& json, ResultDigest& digest) {
  for (const Json& slice : json.at("slices")) {
    if (slice.at("kind").get<std::string>() == "tier") {
      const Json& metrics = slice.at("metrics");
      digest.tiers.push_back({slice.at("name").get<std::string>(),
                              metrics.at("count_ttft").get<std::int64_t>(),
                              metrics.at("p99_ttft_ms").get<double>()});
    }
  }
}

}  // namespace

ResultDigest read_result_digest(const std::string& path) {
  try {
    const Json json = Json::parse(read_text_file(path));
    const Json& metrics = json.at("metrics");
    ResultDigest digest;
    digest.verdict = json.at("verdict").at("kind").get<std::string>();
    for (const Json& reason : json.at("verdict").at("reasons")) {
      digest.first_reason = reason.get<std::string>();
      break;
    }
    digest.overload_unknown = json.at("verdict").value("overload_unknown", std::string{});
    digest.arrived = json.at("requests").at("arrived").get<std::int64_t>();
    digest.completed = json.at("requests").at("outcomes").at("completed").get<std::int64_t>();
    digest.unfinished_share = metrics.at("unfinished_share").get<double>();
    digest.median_ttft_ms = metrics.at("median_ttft_ms").get<double>();
    digest.p99_ttft_ms = metrics.at("p99_ttft_ms").get<double>();
    digest.median_tpot_ms = metrics.at("median_tpot_ms").get<double>();
    digest.p99_e2el_ms = metrics.at("p99_e2el_ms").get<double>();
    digest.request_goodput = metrics.at("request_goodput").get<double>();
    digest.gpu_hours = metrics.at("gpu_hours").get<double>();
    digest.dollars = json.at("cost").at("total_dollars").get<double>();
    read_operations(json, digest);
    read_thresholds(json, digest);
    read_pools(json, digest);
    read_tiers(json, digest);
    return digest;
  } catch (const Json::exception& error) {
    Diagnostic finding;
    finding.file = path;
    finding.message = fmt::format("is not a result of a run ({})", error.what());
    finding.hint = "run the scenario again";
    throw ConfigError({finding});
  }
}

}  // namespace plimsoll
