// Metrics room: the events of a run, one by one, and the closing of windows.
#include "metrics/collector.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

enum EventKind : std::uint64_t { arrival_event = 0, first_token_event = 1, end_event = 2 };

bool refused_for_capacity(Outcome outcome) {
  return outcome == Outcome::shed || outcome == Outcome::queue_full ||
         outcome == Outcome::timed_out || outcome == Outcome::abandoned;
}

bool within(const std::optional<Duration>& bound, Duration value) {
  return !bound || value <= *bound;
}

/// Of a completed request; none when it has one token.
std::optional<std::int64_t> tpot_ns(const RequestRecord& record) {
  if (record.emitted_tokens < 2 || record.first_token == never) {
    return std::nullopt;
  }
  const std::int64_t gaps = record.emitted_tokens - 1;
  return ((record.finished - record.first_token).count() + gaps / 2) / gaps;
}

}  // namespace

void EndedCounts::add(const EndedCounts& other, std::int64_t sign) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i] += sign * other.outcomes[i];
    measured_outcomes[i] += sign * other.measured_outcomes[i];
  }
  prompt_tokens += sign * other.prompt_tokens;
  output_tokens += sign * other.output_tokens;
  prefix_hit_tokens += sign * other.prefix_hit_tokens;
  billed_prompt_tokens += sign * other.billed_prompt_tokens;
  billed_output_tokens += sign * other.billed_output_tokens;
  good += sign * other.good;
}

std::int64_t EndedCounts::ended() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : outcomes) {
    sum += count;
  }
  return sum;
}

std::int64_t EndedCounts::measured_ended() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : measured_outcomes) {
    sum += count;
  }
  return sum;
}

std::int64_t EndedCounts::measured_answered() const {
  return measured_outcomes[static_cast<std::size_t>(Outcome::completed)] +
         measured_outcomes[static_cast<std::size_t>(Outcome::cached)];
}

void RequestLatencies::merge(const RequestLatencies& other) {
  ttft.merge(other.ttft);
  tpot.merge(other.tpot);
  e2el.merge(other.e2el);
  queue.merge(other.queue);
}

void RequestLatencies::clear() {
  ttft.clear();
  tpot.clear();
  e2el.clear();
  queue.clear();
}

MetricsCollector::MetricsCollector(const Config& config)
    : config_{config},
      warm_up_end_{sim_start + config.warm_up},
      spans_{config.horizon},
      covered_(config.horizon.windows.size()),
      columns_{config.pools.size() + 1},
      cells_(config.workload.classes.size() * columns_),
      classes_(config.workload.classes.size()),
      pools_(config.pools.size()),
      sample_{config.seed, config.metrics.sample_requests},
      stages_{sim_start + config.warm_up},
      window_measured_{config.warm_up == Duration::zero() && spans_.covers(sim_start)} {
  make_scopes();
  if (!config.experiments.empty()) {
    arms_.emplace(config);
  }
}

void MetricsCollector::on_arrival(RequestId id, ClassIndex request_class, SimTime now) {
  ++arrived_;
  ++window_arrived_;
  ClassCounts& counts = classes_[request_class];
  ++counts.arrived;
  counts.measured += measured(now) ? 1 : 0;
  if (const int span = spans_.of(now); span >= 0) {
    ++covered_[static_cast<std::size_t>(span)].arrived;
  }
  note_event(arrival_event, id, now);
}

void MetricsCollector::on_first_token(const RequestRecord& record) {
  note_event(first_token_event, record.id, record.first_token);
  if (monitor_ != nullptr && record.replica_assigned) {
    monitor_->first_token(record.pool, record.first_token - record.arrived);
  }
  if (measured(record.arrived)) {
    cells_[cell_of(record)].window.ttft.add((record.first_token - record.arrived).count());
    if (record.arm != no_arm) {
      arms_->first_token(record);
    }
  }
}

bool MetricsCollector::good(const RequestRecord& record) const {
  const SloConfig& slo = config_.tiers[record.tier].slo;
  if (record.first_token == never) {
    return !slo.ttft && !slo.tpot && !slo.queue &&
           within(slo.e2e, record.finished - record.arrived);
  }
  const Duration decoding = record.finished - record.first_token;
  return within(slo.ttft, record.first_token - record.arrived) &&
         within(slo.e2e, record.finished - record.arrived) &&
         within(slo.queue, record.scheduled - record.arrived) &&
         (record.emitted_tokens < 2 || within(slo.tpot, decoding / (record.emitted_tokens - 1)));
}

void MetricsCollector::on_end(const RequestRecord& record) {
  note_event(end_event, record.id, record.finished);
  ++ended_;
  ++window_ended_;
  Cell& cell = cells_[cell_of(record)];
  const auto outcome = static_cast<std::size_t>(record.outcome);
  ++cell.counts.outcomes[outcome];
  refused_ += refused_for_capacity(record.outcome) ? 1 : 0;
  sample_.offer(record);
  const bool counts_in = measured(record.arrived);
  if (record.arm != no_arm) {
    arms_->ended(record, {counts_in, counts_in && good(record), tpot_ns(record)});
  }
  if (counts_in) {
    ++cell.counts.measured_outcomes[outcome];
    if (record.scheduled != never) {
      cell.window.queue.add((record.scheduled - record.arrived).count());
    }
  }
  if (record.outcome != Outcome::completed) {
    return;
  }
  ++completed_;
  ++window_completed_;
  if (monitor_ != nullptr && record.replica_assigned) {
    monitor_->completed(record);
  }
  cell.counts.billed_prompt_tokens += record.prompt_tokens;
  cell.counts.billed_output_tokens += record.emitted_tokens;
  if (!counts_in) {
    return;
  }
  if (const int span = spans_.of(record.arrived); span >= 0) {
    ++covered_[static_cast<std::size_t>(span)].completed;
    covered_[static_cast<std::size_t>(span)].output_tokens += record.emitted_tokens;
  }
  cell.counts.prompt_tokens += record.prompt_tokens;
  cell.counts.output_tokens += record.emitted_tokens;
  cell.counts.prefix_hit_tokens += record.prefix_hit_tokens;
  cell.counts.good += good(record) ? 1 : 0;
  cell.window.e2el.add((record.finished - record.arrived).count());
  if (const std::optional<std::int64_t> tpot = tpot_ns(record)) {
    cell.window.tpot.add(*tpot);
  }
}

void MetricsCollector::on_steps(const StepRun& run) {
  PoolTotals& pool = pools_[run.pool];
  const std::int64_t decoded = run.steps * run.sequences + run.received;
  pool.steps += run.told_before ? 0 : run.steps;
  pool.decoded += decoded;
  pool.burst += run.burst_tokens;
  pool.computed += run.prompt_tokens;
  pool.first_tokens += run.first_tokens;
  window_output_tokens_ += decoded + run.burst_tokens + run.first_tokens;
  window_prompt_tokens_ += run.prompt_tokens;
  if (window_measured_ && run.sequences > 0) {
    pool.window_itl.add_affine_run(run.first_step, run.slope, run.steps, run.sequences);
    if (run.burst_tokens > 0) {
      pool.window_itl.add_affine_run(0, 0, 1, run.burst_tokens);
    }
  }
}

void MetricsCollector::on_resumed_token(PoolIndex pool, Duration gap) {
  if (window_measured_) {
    pools_[pool].window_itl.add(gap.count());
  }
}

void MetricsCollector::set_window_writer(std::function<void(const WindowSummary&)> writer) {
  windows_.set_writer(std::move(writer));
}

SimTime MetricsCollector::next_window_end() const {
  const SimTime regular =
      config_.metrics.window > Duration::zero() ? window_begin_ + config_.metrics.window : never;
  const SimTime boundary = spans_.boundary_after(window_begin_);
  if (window_left_out()) {
    return boundary;  // one row of the time series for a gap and the lead-in after it
  }
  return window_begin_ < warm_up_end_ ? std::min({regular, warm_up_end_, boundary})
                                      : std::min(regular, boundary);
}

void MetricsCollector::check_conservation(SimTime end, const std::vector<PoolGauges>& gauges,
                                          std::int64_t queued_centrally) const {
  std::int64_t held = queued_centrally;
  for (const PoolGauges& pool : gauges) {
    held += pool.running + pool.waiting;
    const std::int64_t replica_ns =
        replica_slots(config_.pools[pool.pool]) * end.time_since_epoch().count();
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    PLIMSOLL_CHECK(rented + pool.off_ns == replica_ns,
                   fmt::format("GPU time adds up: pool {} was busy {} + idle {} + down {} + "
                               "draining {} + off {} ns of {}",
                               config_.pools[pool.pool].name, pool.busy_ns, pool.idle_ns,
                               pool.down_ns, pool.draining_ns, pool.off_ns, replica_ns));
    if (config_.pools[pool.pool].prefix_cache) {
      check_prompt_tokens(pool);
    }
  }
  PLIMSOLL_CHECK(gauges.size() == pools_.size(), "every pool tells its state once");
  PLIMSOLL_CHECK(
      arrived_ == ended_ + held,
      fmt::format("no request is lost or doubled: {} arrived, {} ended, {} are in flight at {} s",
                  arrived_, ended_, held, to_seconds(end.time_since_epoch())));
}

void MetricsCollector::check_prompt_tokens(const PoolGauges& gauges) const {
  const PrefixCounts& counts = gauges.prefix;
  const std::int64_t computed = pools_[gauges.pool].computed;
  PLIMSOLL_CHECK(
      counts.prompt_tokens + counts.recompute_tokens ==
          counts.hit_tokens + counts.recompute_hit_tokens + computed + counts.given_up_tokens +
              counts.left_tokens,
      fmt::format(
          "prompt tokens of pool {} add up: {} + {} recomputed, of which {} + {} were found, "
          "{} computed, {} given up, {} left",
          config_.pools[gauges.pool].name, counts.prompt_tokens, counts.recompute_tokens,
          counts.hit_tokens, counts.recompute_hit_tokens, computed, counts.given_up_tokens,
          counts.left_tokens));
}

WindowSummary MetricsCollector::summarize_window(SimTime end, const std::vector<PoolGauges>& gauges,
                                                 std::int64_t queued_centrally) {
  WindowSummary window;
  window.begin = window_begin_;
  window.end = end;
  window.arrived = window_arrived_;
  window.ended = window_ended_;
  window.completed = window_completed_;
  window.output_tokens = window_output_tokens_;
  window.prompt_tokens = window_prompt_tokens_;
  window.queued = queued_centrally;
  for (const PoolGauges& pool : gauges) {
    window.queued += pool.waiting;
    window.running += pool.running;
  }
  const Scope& whole = slices_.front();
  const auto milliseconds = [](const LatencySketch& sketch, double p) {
    return static_cast<double>(sketch.percentile_ns(p)) / 1e6;
  };
  const LatencySketch ttft = latency_of(whole, &RequestLatencies::ttft, Span::window);
  window.ttft_p50 = milliseconds(ttft, 50);
  window.ttft_p99 = milliseconds(ttft, 99);
  const LatencySketch tpot = latency_of(whole, &RequestLatencies::tpot, Span::window);
  window.tpot_p50 = milliseconds(tpot, 50);
  window.tpot_p99 = milliseconds(tpot, 99);
  const LatencySketch e2el = latency_of(whole, &RequestLatencies::e2el, Span::window);
  window.e2el_p50 = milliseconds(e2el, 50);
  window.e2el_p99 = milliseconds(e2el, 99);
  window.queue_p99 = milliseconds(latency_of(whole, &RequestLatencies::queue, Span::window), 99);
  window.gpu_utilization = gpu_value_of(whole, "gpu_utilization", Span::window, gauges).value;
  window.kv_cache_usage = gpu_value_of(whole, "kv_cache_usage", Span::window, gauges).value;
  return window;
}

void MetricsCollector::close_window(SimTime end, const std::vector<PoolGauges>& gauges,
                                    std::int64_t queued_centrally) {
  PLIMSOLL_CHECK(end >= window_begin_, "windows follow each other");
  check_conservation(end, gauges, queued_centrally);
  const WindowSummary window = summarize_window(end, gauges, queued_centrally);
  windows_.add(window);
  if (!window_left_out()) {
    backlog_.add(BacklogPoint{end, window.queued, arrived_, refused_, ended_});
  }
  if (window_measured_) {
    for (std::size_t i = 0; i < thresholds_.size(); ++i) {
      thresholds_[i].take_window(
          window_begin_,
          value_of(config_.thresholds[i], threshold_scopes_[i], Span::window, end, gauges));
    }
  }
  take_gauges(gauges);
  flush_window();
  window_begin_ = end;
  window_measured_ = measured(end);
}

void MetricsCollector::take_gauges(const std::vector<PoolGauges>& gauges) {
  for (const PoolGauges& now : gauges) {
    PoolTotals& pool = pools_[now.pool];
    if (window_left_out()) {
      pool.left_out_busy_ns += now.busy_ns - pool.last.busy_ns;
      pool.left_out_idle_ns += now.idle_ns - pool.last.idle_ns;
    }
    pool.last = now;
    pool.waiting_max = std::max(pool.waiting_max, now.waiting);
    pool.running_sum += now.running;
    pool.kv_used_sum += now.kv_blocks_used;
    pool.kv_total_sum += now.kv_blocks_total;
    if (now.kv_blocks_total > 0) {
      pool.kv_usage_max = std::max(pool.kv_usage_max, static_cast<double>(now.kv_blocks_used) /
                                                          static_cast<double>(now.kv_blocks_total));
    }
  }
}

void MetricsCollector::flush_window() {
  for (Cell& cell : cells_) {
    cell.total.merge(cell.window);
    cell.window.clear();
    cell.at_window_begin = cell.counts;
  }
  for (PoolTotals& pool : pools_) {
    pool.itl.merge(pool.window_itl);
    pool.window_itl.clear();
  }
  for (ClassCounts& counts : classes_) {
    counts.measured_at_window_begin = counts.measured;
  }
  window_arrived_ = 0;
  window_ended_ = 0;
  window_completed_ = 0;
  window_output_tokens_ = 0;
  window_prompt_tokens_ = 0;
}

}  // namespace plimsoll
