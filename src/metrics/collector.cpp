// Metrics room: the events of a run, one by one, and the closing of windows.
#include "metrics/collector.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "metrics/energy.hpp"
#include "plimsoll/counted_classes.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

enum EventKind : std::uint64_t { arrival_event = 0, first_token_event = 1, end_event = 2 };

bool refused_for_capacity(Outcome outcome) {
  return outcome == Outcome::shed || outcome == Outcome::queue_full ||
         outcome == Outcome::timed_out || outcome == Outcome::abandoned;
}

}  // namespace

MetricsCollector::MetricsCollector(const Config& config)
    : config_{config},
      warm_up_end_{sim_start + config.warm_up},
      spans_{config.horizon},
      arrivals_{config},
      covered_(config.horizon.windows.size()),
      columns_{config.pools.size() + 1},
      cells_(config.workload.classes.size() * columns_),
      classes_(config.workload.classes.size()),
      pools_(config.pools.size()),
      sample_{config.seed, config.metrics.sample_requests},
      look_times_{config},
      stages_{sim_start + config.warm_up, spans_},
      waiting_rooms_{config, spans_},
      window_measured_{config.warm_up == Duration::zero() && spans_.covers(sim_start)} {
  for (CoveredCounts& window : covered_) {
    window.classes.resize(config.workload.classes.size());
    window.pools.resize(config.pools.size());
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      TokenCell& cell = window.cells.emplace_back();
      cell.request_class = static_cast<ClassIndex>(c / columns_);
      cell.pool = static_cast<PoolIndex>(c % columns_);
    }
  }
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    classes_[c].counts = counts(config, static_cast<ClassIndex>(c));
  }
  make_scopes();
  if (config.metrics.regions) {
    regions_.emplace(config);
  }
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
  users_arrived_ += counts.counts ? 1 : 0;
  if (const int span = spans_.of(now); span >= 0) {
    CoveredCounts& window = covered_[static_cast<std::size_t>(span)];
    ++window.arrived;
    ++window.classes[request_class].arrived;
  }
  note_event(arrival_event, id, now);
  if (monitor_ != nullptr) {
    monitor_->arrived();
  }
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

void MetricsCollector::on_end(const RequestRecord& record) {
  note_event(end_event, record.id, record.finished);
  ++ended_;
  ++window_ended_;
  Cell& cell = cells_[cell_of(record)];
  const bool of_user = classes_[record.request_class].counts;
  users_ended_ += of_user ? 1 : 0;
  refused_ += of_user && refused_for_capacity(record.outcome) ? 1 : 0;
  sample_.offer(record);
  if (monitor_ != nullptr) {
    monitor_->ended(record.outcome);
  }
  const bool counts_in = measured(record.arrived);
  const SloConfig& objectives = config_.tiers[record.tier].slo;
  cell.counts.add_end(record, counts_in, arrivals_.rates(record.finished, counts_in), objectives);
  if (record.arm != no_arm) {
    arms_->ended(record, {counts_in, counts_in && meets(objectives, record), tpot_ns(record)});
  }
  if (counts_in) {
    if (const int span = spans_.of(record.arrived); span >= 0) {
      cover(covered_[static_cast<std::size_t>(span)], record);
    }
    cell.window.add_end(record);
  }
  if (record.outcome != Outcome::completed) {
    return;
  }
  ++completed_;
  ++window_completed_;
  if (monitor_ != nullptr && record.replica_assigned) {
    monitor_->completed(record);
  }
}

void MetricsCollector::cover(CoveredCounts& window, const RequestRecord& record) const {
  CoveredCounts::OfClass& of_class = window.classes[record.request_class];
  ++of_class.ended;
  if (record.outcome == Outcome::cached) {
    ++window.cached;
    window.cached_output_tokens += record.output_tokens;
    ++of_class.cached;
  }
  if (record.outcome != Outcome::completed) {
    return;
  }
  ++window.completed;
  ++of_class.completed;
  window.good += meets(config_.tiers[record.tier].slo, record) ? 1 : 0;
  window.output_tokens += record.emitted_tokens;
  TokenCell& cell = window.cells[cell_of(record)];
  ++cell.completed;
  cell.prompt_tokens += record.prompt_tokens;
  cell.output_tokens += record.emitted_tokens;
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
  const SimTime next = std::min(regular, boundary);
  return window_begin_ < warm_up_end_      ? std::min(next, warm_up_end_)
         : window_begin_ < arrivals_.end() ? std::min(next, arrivals_.end())
                                           : next;
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
    const BacklogPoint point{end, window.queued, users_arrived_, refused_, users_ended_};
    if (backlog_.points().size() < BacklogLooks::enough_windows) {
      looks_.add(point);
    }
    backlog_.add(point);
  }
  if (window_measured_) {
    for (std::size_t i = 0; i < thresholds_.size(); ++i) {
      if (is_rate(config_.thresholds[i]) && !window_in_shares()) {
        continue;
      }
      thresholds_[i].take_window(
          window_begin_,
          value_of(config_.thresholds[i], threshold_scopes_[i], Span::window, end, gauges));
    }
  }
  if (window_in_shares() && end - window_begin_ == config_.metrics.window) {
    most_completed_per_second_ =
        std::max(most_completed_per_second_,
                 static_cast<double>(window_completed_) / to_seconds(end - window_begin_));
  }
  take_gauges(gauges);
  flush_window();
  window_begin_ = end;
  window_measured_ = measured(end);
}

SimTime MetricsCollector::next_look(SimTime now) const {
  return backlog_.points().size() >= BacklogLooks::enough_windows ? never : look_times_.after(now);
}

void MetricsCollector::look(SimTime now, std::int64_t queued) {
  if (!window_left_out() && now > window_begin_) {
    looks_.add(BacklogPoint{now, queued, users_arrived_, refused_, users_ended_});
  }
}

void MetricsCollector::take_gauges(const std::vector<PoolGauges>& gauges) {
  if (unallocated_energy_) {
    unallocated_before_ = unallocated_energy_();
  }
  for (const PoolGauges& now : gauges) {
    PoolTotals& pool = pools_[now.pool];
    if (window_left_out()) {
      pool.left_out_energy = pool.left_out_energy + (now.energy - pool.last.energy);
    }
    take_shares(pool, now);
    pool.last = now;
    pool.waiting_max = std::max(pool.waiting_max, now.waiting);
    if (now.kv_blocks_total > 0) {
      pool.kv_usage_max = std::max(pool.kv_usage_max, static_cast<double>(now.kv_blocks_used) /
                                                          static_cast<double>(now.kv_blocks_total));
    }
    if (const auto slots = static_cast<double>(now.replicas_serving *
                                               usable_slots_of(config_, config_.pools[now.pool]));
        slots > 0) {
      pool.slot_use_max = std::max(pool.slot_use_max, static_cast<double>(now.running) / slots);
    }
  }
}

/// What shares of GPU time and means over windows rest on.
void MetricsCollector::take_shares(PoolTotals& pool, const PoolGauges& now) {
  const std::int64_t busy_ns = now.busy_ns - pool.last.busy_ns;
  const std::int64_t idle_ns = now.idle_ns - pool.last.idle_ns;
  const PoolTokens tokens = tokens_of(pool);
  if (!window_in_shares()) {
    pool.left_out_busy_ns += busy_ns;
    pool.left_out_idle_ns += idle_ns;
    pool.left_out_tokens.prompt += tokens.prompt - pool.last_tokens.prompt;
    pool.left_out_tokens.generation += tokens.generation - pool.last_tokens.generation;
  } else {
    ++pool.readings;
    pool.running_sum += now.running;
    pool.kv_used_sum += now.kv_blocks_used;
    pool.kv_total_sum += now.kv_blocks_total;
    if (const int span = spans_.of(window_begin_); span >= 0) {
      CoveredCounts::OfPool& covered = covered_[static_cast<std::size_t>(span)].pools[now.pool];
      covered.busy_ns += busy_ns;
      covered.idle_ns += idle_ns;
    }
  }
  pool.last_tokens = tokens;
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
  if (regions_) {
    regions_->flush_window();
  }
  window_arrived_ = 0;
  window_ended_ = 0;
  window_completed_ = 0;
  window_output_tokens_ = 0;
  window_prompt_tokens_ = 0;
}

}  // namespace plimsoll
