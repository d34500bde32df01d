// Metrics room: from cells to slices, pools, thresholds and the result of a run.
#include <fmt/core.h>

#include <algorithm>

#include "metrics/collector.hpp"
#include "metrics/energy.hpp"
#include "metrics/latency_summary.hpp"
#include "metrics/metric_values.hpp"
#include "metrics/verdict.hpp"
#include "plimsoll/counted_classes.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

LatencySummary summarize_latency(const LatencySketch& sketch) {
  LatencySummary summary;
  summary.count = sketch.count();
  summary.mean = sketch.mean_ns() / 1e6;
  summary.std = sketch.std_ns() / 1e6;
  summary.min = static_cast<double>(sketch.min_ns()) / 1e6;
  summary.max = static_cast<double>(sketch.max_ns()) / 1e6;
  for (std::size_t i = 0; i < reported_percentiles.size(); ++i) {
    summary.percentiles[i] =
        static_cast<double>(sketch.percentile_ns(reported_percentiles[i])) / 1e6;
  }
  return summary;
}

namespace {

PrefixSummary summarize_prefix(const PrefixCounts& counts, std::int64_t computed) {
  PrefixSummary summary;
  summary.prompt_tokens = counts.prompt_tokens;
  summary.hit_tokens = counts.hit_tokens;
  summary.hit_rate = ratio(counts.hit_tokens, counts.prompt_tokens).value;
  summary.recompute_tokens = counts.recompute_tokens;
  summary.recompute_hit_tokens = counts.recompute_hit_tokens;
  summary.computed_tokens = computed;
  summary.given_up_tokens = counts.given_up_tokens;
  summary.left_tokens = counts.left_tokens;
  return summary;
}

}  // namespace

MetricsCollector::Scope MetricsCollector::make_scope(const std::string& kind,
                                                     const std::string& name) const {
  Scope scope;
  scope.kind = kind.empty() ? "all" : kind;
  scope.name = name;
  const auto& classes = config_.workload.classes;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const bool named = kind == "class" && classes[c].name == name;
    const bool inside =
        named ||
        (classes_[c].counts &&
         (kind.empty() || (kind == "tier" && config_.tiers[classes[c].tier].name == name) ||
          (kind == "model" && config_.models[classes[c].model].name == name)));
    if (inside) {
      scope.classes.push_back(c);
    }
    for (std::size_t p = 0; p < columns_; ++p) {
      const bool of_pool = classes_[c].counts && kind == "pool" && p < pools_.size() &&
                           config_.pools[p].name == name;
      if (inside || of_pool) {
        scope.cells.push_back(c * columns_ + p);
      }
    }
  }
  for (std::size_t p = 0; p < pools_.size(); ++p) {
    const PoolConfig& pool = config_.pools[p];
    if (kind.empty() || (kind == "pool" && pool.name == name) ||
        (kind == "model" && config_.models[pool.model].name == name)) {
      scope.pools.push_back(p);
    }
  }
  return scope;
}

bool MetricsCollector::tells_classes() const {
  const auto by_class = [](const ThresholdConfig& one) { return one.tag_key == "class"; };
  return !all_count(config_) ||
         std::any_of(config_.thresholds.begin(), config_.thresholds.end(), by_class);
}

void MetricsCollector::make_scopes() {
  slices_.push_back(make_scope("", ""));
  for (const TierConfig& tier : config_.tiers) {
    slices_.push_back(make_scope("tier", tier.name));
  }
  for (std::size_t c = 0; tells_classes() && c < classes_.size(); ++c) {
    slices_.push_back(make_scope("class", config_.workload.classes[c].name));
  }
  for (const ModelSpec& model : config_.models) {
    Scope scope = make_scope("model", model.name);
    if (!scope.classes.empty() || !scope.pools.empty()) {
      slices_.push_back(std::move(scope));
    }
  }
  for (const PoolConfig& pool : config_.pools) {
    slices_.push_back(make_scope("pool", pool.name));
  }
  for (const ThresholdConfig& threshold : config_.thresholds) {
    PLIMSOLL_CHECK(find_metric(threshold.metric) != nullptr,
                   "metrics of thresholds are validated with the scenario");
    threshold_scopes_.push_back(make_scope(threshold.tag_key, threshold.tag_value));
    thresholds_.emplace_back(threshold);
  }
}

LatencySketch MetricsCollector::latency_of(const Scope& scope,
                                           LatencySketch RequestLatencies::*metric,
                                           Span span) const {
  LatencySketch sketch;
  for (const std::size_t cell : scope.cells) {
    const RequestLatencies& latencies =
        span == Span::window ? cells_[cell].window : cells_[cell].total;
    sketch.merge(latencies.*metric);
  }
  return sketch;
}

LatencySketch MetricsCollector::itl_of(const Scope& scope, Span span) const {
  LatencySketch sketch;
  for (const std::size_t pool : scope.pools) {
    sketch.merge(span == Span::window ? pools_[pool].window_itl : pools_[pool].itl);
  }
  return sketch;
}

LatencySketch MetricsCollector::perceived_of(const Scope& scope, Span span) const {
  LatencySketch sketch;
  for (const std::size_t cell : scope.cells) {
    const RequestLatencies& latencies =
        span == Span::window ? cells_[cell].window : cells_[cell].total;
    const bool streamed = streams(config_, config_.workload.classes[cell / columns_]);
    sketch.merge(streamed ? latencies.ttft : latencies.e2el);
  }
  return sketch;
}

LatencySketch MetricsCollector::latency_of(const Scope& scope, const std::string& metric,
                                           Span span) const {
  for (const auto& [name, latency] : request_latencies) {
    if (metric == name) {
      return latency_of(scope, latency, span);
    }
  }
  if (metric == "perceived_ms") {
    return perceived_of(scope, span);
  }
  PLIMSOLL_CHECK(metric == "itl_ms", "every latency of metric_docs is known here");
  return itl_of(scope, span);
}

EndedCounts MetricsCollector::counts_of(const Scope& scope, Span span) const {
  EndedCounts counts;
  for (const std::size_t cell : scope.cells) {
    counts.add(cells_[cell].counts, 1);
    if (span == Span::window) {
      counts.add(cells_[cell].at_window_begin, -1);
    }
  }
  return counts;
}

std::int64_t MetricsCollector::in_flight_of(const Scope& scope,
                                            const std::vector<PoolGauges>& gauges) const {
  std::int64_t in_flight = 0;
  if (scope.kind == "pool") {
    for (const PoolGauges& pool : gauges) {
      const bool inside =
          std::find(scope.pools.begin(), scope.pools.end(), pool.pool) != scope.pools.end();
      in_flight += inside ? pool.running + pool.waiting : 0;
    }
    return in_flight;
  }
  for (const std::size_t c : scope.classes) {
    in_flight += classes_[c].arrived;
  }
  return in_flight - counts_of(scope, Span::total).ended();
}

std::int64_t MetricsCollector::measured_in_flight_of(const Scope& scope,
                                                     const std::vector<PoolGauges>& gauges) const {
  if (scope.kind == "pool") {
    const std::int64_t all = measured_in_flight_of(slices_.front(), gauges);
    return std::min(all, in_flight_of(scope, gauges));
  }
  std::int64_t arrived = 0;
  for (const std::size_t c : scope.classes) {
    arrived += classes_[c].measured;
  }
  return arrived - counts_of(scope, Span::total).measured_ended();
}

double MetricsCollector::seconds_of(Span span, SimTime end) const {
  return span == Span::total ? arrivals_.seconds(end) : to_seconds(end - window_begin_);
}

MetricValue MetricsCollector::request_value_of(const Scope& scope, const std::string& metric,
                                               Span span, SimTime end,
                                               const std::vector<PoolGauges>& gauges) const {
  if (span == Span::total && !weights_.empty()) {
    const WeighedCounts counts = weighed_counts(covered_, weights_, scope.classes);
    if (metric == "availability" && counts.ended > 0) {
      return {true, counts.answered / counts.ended};
    }
    if (metric == "unfinished" && counts.arrived > 0) {
      return {true, 1 - counts.answered / counts.arrived};
    }
  }
  const std::int64_t in_flight = span == Span::total ? measured_in_flight_of(scope, gauges) : 0;
  return request_value(metric, counts_of(scope, span), in_flight, std::min(in_flight, in_vain_),
                       seconds_of(span, end));
}

std::int64_t MetricsCollector::gpus_of(std::size_t pool) const {
  return std::int64_t{config_.pools[pool].tp} * config_.pools[pool].pp;
}

MetricValue MetricsCollector::gpu_value_of(const Scope& scope, const std::string& metric, Span span,
                                           const std::vector<PoolGauges>& gauges) const {
  Int128 busy = 0, idle = 0, down = 0;  // GPU-ns: beyond 2^63 after 13 days of 8,000 GPUs
  std::int64_t kv_used = 0, kv_total = 0;
  for (const PoolGauges& now : gauges) {
    if (std::find(scope.pools.begin(), scope.pools.end(), now.pool) == scope.pools.end()) {
      continue;
    }
    const PoolTotals& pool = pools_[now.pool];
    const PoolGauges before = span == Span::window ? pool.last : PoolGauges{};
    busy += static_cast<Int128>(now.busy_ns - before.busy_ns) * gpus_of(now.pool);
    idle += static_cast<Int128>(now.idle_ns - before.idle_ns) * gpus_of(now.pool);
    down +=
        static_cast<Int128>(now.down_ns + now.draining_ns - before.down_ns - before.draining_ns) *
        gpus_of(now.pool);
    kv_used += span == Span::window ? now.kv_blocks_used : pool.kv_used_sum;
    kv_total += span == Span::window ? now.kv_blocks_total : pool.kv_total_sum;
  }
  if (metric == "gpu_utilization") {
    for (const std::size_t p : scope.pools) {
      busy -=
          span == Span::total ? static_cast<Int128>(pools_[p].left_out_busy_ns) * gpus_of(p) : 0;
      idle -=
          span == Span::total ? static_cast<Int128>(pools_[p].left_out_idle_ns) * gpus_of(p) : 0;
    }
    return ratio(busy, busy + idle);
  }
  if (metric == "kv_cache_usage") {
    return ratio(kv_used, kv_total);
  }
  PLIMSOLL_CHECK(metric == "gpu_hours", "every GPU figure of metric_docs is known here");
  return MetricValue{!scope.pools.empty(), static_cast<double>(busy + idle + down) / 3.6e12};
}

EnergySummary MetricsCollector::energy_of(const Scope& scope, Span span, SimTime end,
                                          const std::vector<PoolGauges>& gauges) const {
  EnergyGauges energy;
  for (const PoolGauges& now : gauges) {
    if (std::find(scope.pools.begin(), scope.pools.end(), now.pool) != scope.pools.end()) {
      const PoolTotals& pool = pools_[now.pool];
      energy =
          energy + now.energy - (span == Span::window ? pool.last.energy : pool.left_out_energy);
    }
  }
  if (unallocated_energy_ && scope.kind == "all") {  // never with windows that are left out
    energy.unallocated =
        unallocated_energy_() - (span == Span::window ? unallocated_before_ : Int128{0});
  }
  const EndedCounts counts = counts_of(scope, span);
  if (span == Span::total && spans_.partial()) {
    return summarize_energy(energy, spans_.covered_until(end),
                            counts.measured_outcomes[static_cast<std::size_t>(Outcome::completed)],
                            counts.output_tokens);
  }
  const SimTime begin = span == Span::window ? window_begin_ : sim_start;
  return summarize_energy(energy, end - begin,
                          counts.outcomes[static_cast<std::size_t>(Outcome::completed)],
                          counts.billed_output_tokens);
}

MetricValue MetricsCollector::value_of(const ThresholdConfig& threshold, const Scope& scope,
                                       Span span, SimTime end,
                                       const std::vector<PoolGauges>& gauges) const {
  if (by_place(threshold)) {
    return regions_->value_of(threshold, span == Span::window, in_vain_, seconds_of(span, end));
  }
  const MetricDoc& doc = *find_metric(threshold.metric);
  if (doc.latency) {
    return latency_value(latency_of(scope, threshold.metric, span), threshold);
  }
  if (is_energy_metric(threshold.metric)) {
    return energy_value(threshold.metric, energy_of(scope, span, end, gauges));
  }
  return doc.by_tier ? request_value_of(scope, threshold.metric, span, end, gauges)
                     : gpu_value_of(scope, threshold.metric, span, gauges);
}

SliceSummary MetricsCollector::summarize_slice(const Scope& scope, SimTime end,
                                               const std::vector<PoolGauges>& gauges) const {
  SliceSummary slice;
  slice.kind = scope.kind;
  slice.name = scope.name;
  const std::int64_t measured_in_flight = measured_in_flight_of(scope, gauges);
  put_counts(slice, counts_of(scope, Span::total), in_flight_of(scope, gauges), measured_in_flight,
             std::min(measured_in_flight, in_vain_), seconds_of(Span::total, end));
  if (!weights_.empty() && !scope.classes.empty()) {
    slice.availability = request_value_of(scope, "availability", Span::total, end, gauges).value;
    slice.unfinished_share = request_value_of(scope, "unfinished", Span::total, end, gauges).value;
  }
  slice.ttft = summarize_latency(latency_of(scope, &RequestLatencies::ttft, Span::total));
  slice.tpot = summarize_latency(latency_of(scope, &RequestLatencies::tpot, Span::total));
  slice.itl = summarize_latency(itl_of(scope, Span::total));
  slice.e2el = summarize_latency(latency_of(scope, &RequestLatencies::e2el, Span::total));
  slice.queue = summarize_latency(latency_of(scope, &RequestLatencies::queue, Span::total));
  slice.perceived = summarize_latency(perceived_of(scope, Span::total));
  return slice;
}

PoolSummary MetricsCollector::summarize_pool(std::size_t pool, const PoolGauges& gauges,
                                             SimTime end) const {
  const PoolConfig& config = config_.pools[pool];
  const PoolTotals& totals = pools_[pool];
  PoolSummary summary;
  summary.name = config.name;
  summary.gpu = config_.gpus[config.gpu].name;
  summary.replicas = replica_slots(config);
  summary.gpus = summary.replicas * gpus_of(pool);
  summary.gpus_per_replica = gpus_of(pool);
  summary.busy_ns = gauges.busy_ns;
  summary.idle_ns = gauges.idle_ns;
  summary.down_ns = gauges.down_ns;
  summary.draining_ns = gauges.draining_ns;
  summary.off_ns = gauges.off_ns;
  summary.down_by_cause = gauges.down_by_cause;
  summary.preemptions = gauges.preemptions;
  if (config.drain_timeout) {
    summary.cut_drains = {gauges.cut_drains, gauges.cut_attempts};
  }
  const std::int64_t measured_busy = summary.busy_ns - totals.left_out_busy_ns;
  const std::int64_t measured_idle = summary.idle_ns - totals.left_out_idle_ns;
  summary.measured_serving_ns = measured_busy + measured_idle;
  summary.gpu_utilization = ratio(measured_busy, summary.measured_serving_ns).value;
  const std::int64_t serving_ns = summary.busy_ns + summary.idle_ns;
  if (!weights_.empty()) {
    summary.billed_idle_ns = weighed_idle_ns(covered_, weights_, pool, serving_ns);
  } else if (summary.measured_serving_ns > 0) {
    summary.billed_idle_ns = static_cast<std::int64_t>(static_cast<Int128>(serving_ns) *
                                                       measured_idle / summary.measured_serving_ns);
  }
  summary.kv_cache_usage_mean = ratio(totals.kv_used_sum, totals.kv_total_sum).value;
  summary.kv_cache_usage_max = totals.kv_usage_max;
  summary.mean_batch = ratio(totals.decoded, totals.steps).value;
  if (config.speculation && totals.decoded > 0) {
    summary.tokens_per_sequence_step = ratio(totals.decoded + totals.burst, totals.decoded).value;
  }
  summary.running_mean = ratio(totals.running_sum, totals.readings).value;
  summary.sequence_slots = std::int64_t{config.replicas} * config.max_num_seqs;
  const Int128 slot_ns = static_cast<Int128>(gauges.busy_ns + gauges.idle_ns + gauges.draining_ns) *
                         config.max_num_seqs;
  if ((config.autoscale || config.procurement) && end > sim_start) {
    summary.sequence_slots = static_cast<std::int64_t>(slot_ns / end.time_since_epoch().count());
  }
  if (summary.sequence_slots > 0) {
    summary.slot_occupancy = summary.running_mean / static_cast<double>(summary.sequence_slots);
  }
  summary.slot_use_max = totals.slot_use_max;
  summary.usable_slots =
      summary.sequence_slots * usable_slots_of(config_, config) / config.max_num_seqs;
  summary.waiting_max = totals.waiting_max;
  summary.kv_blocks = gauges.kv_blocks_total;
  if (config.prefix_cache) {
    summary.prefix = summarize_prefix(gauges.prefix, totals.computed);
  }
  if (config.role != PoolRole::both) {
    summary.kv_transfer = totals.kv.summarize();
  }
  return summary;
}

std::vector<TokenCell> MetricsCollector::token_cells() const {
  std::vector<TokenCell> cells;
  for (std::size_t c = 0; c < cells_.size(); ++c) {
    const EndedCounts& counts = cells_[c].counts;
    const std::size_t pool = c % columns_;
    if (pool + 1 < columns_ && counts.outcomes[static_cast<std::size_t>(Outcome::completed)] > 0) {
      cells.push_back({static_cast<ClassIndex>(c / columns_), static_cast<PoolIndex>(pool),
                       counts.outcomes[static_cast<std::size_t>(Outcome::completed)],
                       counts.billed_prompt_tokens, counts.billed_output_tokens});
    }
  }
  return cells;
}

std::vector<ExperimentSummary> MetricsCollector::experiments() const {
  if (!arms_) {
    return {};
  }
  std::vector<std::int64_t> arrived;
  for (const ClassCounts& counts : classes_) {
    arrived.push_back(counts.arrived);
  }
  return arms_->summarize(arrived);
}

const BacklogSeries& MetricsCollector::judged_series(SimTime arrivals_end) const {
  return backlog_.points_until(arrivals_end) >= BacklogLooks::enough_windows ? backlog_ : looks_;
}

VerdictBasis MetricsCollector::verdict_basis(SimTime arrivals_end) const {
  VerdictBasis basis;
  const BacklogSeries& series = judged_series(arrivals_end);
  const bool all_ended = users_ended_ == users_arrived_;
  basis.overload = find_overload(series, arrivals_end, all_ended);
  if (basis.overload.empty()) {
    basis.overload_unknown = why_overload_is_unknown(series, arrivals_end);
  }
  basis.arrived = arrived_;
  for (const ClassCounts& counts : classes_) {
    basis.measured += counts.measured;
  }
  for (const std::size_t c : slices_.front().classes) {
    basis.users_measured += classes_[c].measured;
  }
  basis.outcomes = counts_of(slices_.front(), Span::total).measured_outcomes;
  return basis;
}

RunResult MetricsCollector::finish(SimTime end, SimTime arrivals_end,
                                   const std::vector<PoolGauges>& gauges,
                                   std::int64_t queued_centrally) {
  const bool something_new = window_arrived_ + window_ended_ + window_output_tokens_ > 0;
  if (end > window_begin_ || something_new || windows_.closed() == 0) {
    close_window(end, gauges, queued_centrally);
  } else {
    check_conservation(end, gauges, queued_centrally);
  }
  const VerdictBasis basis = verdict_basis(arrivals_end);
  if (waits_in_vain(config_, !basis.overload.empty(), end - arrivals_end)) {
    in_vain_ = queued_centrally;
    for (const PoolGauges& pool : gauges) {
      in_vain_ += pool.waiting;
    }
  }
  RunResult result;
  result.scenario = config_.name;
  result.seed = config_.seed;
  result.end = end;
  result.arrivals_end = arrivals_end;
  result.rated_seconds = arrivals_.seconds(end);
  result.queued_centrally = queued_centrally;
  for (const Scope& scope : slices_) {
    result.slices.push_back(summarize_slice(scope, end, gauges));
  }
  result.most_completed_per_second =
      std::max(most_completed_per_second_, result.slices.front().request_throughput);
  if (regions_) {
    for (SliceSummary& slice : regions_->slices(in_vain_, seconds_of(Span::total, end))) {
      result.slices.push_back(std::move(slice));
    }
    result.edge_rows = regions_->edge_rows();
  }
  result.windows = windows_.held();
  result.windows_closed = windows_.closed();
  result.worst_windows = windows_.worst();
  result.sample = sample_.sorted();
  for (const PoolGauges& pool : gauges) {
    result.pools.push_back(summarize_pool(pool.pool, pool, end));
    const Scope scope = make_scope("pool", config_.pools[pool.pool].name);
    result.pools.back().energy = energy_of(scope, Span::total, end, gauges);
  }
  result.token_cells = token_cells();
  const Scope& whole = slices_.front();
  result.cached_output_tokens = counts_of(whole, Span::total).cached_output_tokens;
  result.gpu_utilization = gpu_value_of(whole, "gpu_utilization", Span::total, gauges).value;
  result.kv_cache_usage = gpu_value_of(whole, "kv_cache_usage", Span::total, gauges).value;
  result.energy = energy_of(whole, Span::total, end, gauges);
  for (std::size_t i = 0; i < thresholds_.size(); ++i) {
    result.thresholds.push_back(thresholds_[i].verdict(
        value_of(config_.thresholds[i], threshold_scopes_[i], Span::total, end, gauges)));
  }
  if (config_.path) {
    result.stages = stages_.summarize();
    result.measured_attempts = stages_.attempts();
  }
  result.waiting_rooms = waiting_rooms_.summarize();
  result.experiments = experiments();
  result.fingerprint = fingerprint_;
  result.verdict = judge(result, basis);
  return result;
}

}  // namespace plimsoll
