// Metrics room: takes the events of a run and turns them into its numbers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "metrics/backlog_looks.hpp"
#include "metrics/covered_spans.hpp"
#include "metrics/experiment_accounts.hpp"
#include "metrics/kv_transfers.hpp"
#include "metrics/monitor.hpp"
#include "metrics/overload.hpp"
#include "metrics/region_accounts.hpp"
#include "metrics/request_counts.hpp"
#include "metrics/request_sample.hpp"
#include "metrics/sketch.hpp"
#include "metrics/stage_accounts.hpp"
#include "metrics/thresholds.hpp"
#include "metrics/verdict.hpp"
#include "metrics/waiting_room_accounts.hpp"
#include "metrics/weighed_windows.hpp"
#include "metrics/window_log.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// Counts and latencies of a run. Everything is kept at the finest cell (class x pool; tier and
/// model follow from the class) for the current window, and flushed into totals when it closes:
/// memory depends on neither the horizon nor the number of windows. Only requests that arrived at
/// or after Config::warm_up are measured; all are counted. A class whose requests are no users'
/// (see counts()) is in its own slice and in windows, and not in other slices. Calls come in order
/// of time.
class MetricsCollector final : public EventSink {
 public:
  /// Keeps a reference to `config`, which outlives it.
  explicit MetricsCollector(const Config& config);

  void on_arrival(RequestId id, ClassIndex request_class, SimTime now) override;
  void on_assigned(const RequestRecord& record, SimTime now) override {
    arms_->assigned(record, now, measured(now));
  }
  void on_first_token(const RequestRecord& record) override;
  void on_end(const RequestRecord& record) override;
  void on_steps(const StepRun& run) override;
  void on_resumed_token(PoolIndex pool, Duration gap) override;
  void on_kv_transfer(const KvTransfer& transfer) override {
    pools_[transfer.from].kv.add(transfer, transfer.sending_nics);
    pools_[transfer.to].kv.add(transfer, transfer.receiving_nics);
  }
  void on_attempt(SimTime arrived, bool again) override { stages_.begin(arrived, again); }
  void on_stage(const StageVisit& visit) override { stages_.add(visit); }
  void on_waiting_room(const WaitingRoomVisit& visit) override { waiting_rooms_.add(visit); }

  /// Gets every closed window; the collector then holds none of them. Set before the first event.
  void set_window_writer(std::function<void(const WindowSummary&)> writer);

  /// Who takes rows by region; the scenario asks for them.
  UserSink& users() { return *regions_; }

  /// Gets first tokens and completions; outlives this. Set before the first event.
  void set_monitor(Monitor* monitor) { monitor_ = monitor; }
  /// Attojoules that shared GPUs without a replica have drawn so far; set before the run. The whole
  /// has them, no pool does.
  void set_unallocated_energy(std::function<Int128()> energy) {
    unallocated_energy_ = std::move(energy);
  }
  /// Tokens of a pool, of all steps that were told.
  PoolTokens pool_tokens(std::size_t pool) const { return tokens_of(pools_[pool]); }
  /// Of these, within the GPU time of PoolSummary::measured_serving_ns. After `finish`.
  PoolTokens measured_tokens(std::size_t pool) const {
    const PoolTokens all = pool_tokens(pool);
    const PoolTokens& left_out = pools_[pool].left_out_tokens;
    return {all.prompt - left_out.prompt, all.generation - left_out.generation};
  }

  /// When the current window has to be closed: its length after its begin, cut at the warm-up and
  /// at the last arrival, so that every window is wholly before or wholly after each.
  SimTime next_window_end() const;

  /// Closes the current window at `end`, after all events at or before `end`. `gauges` has every
  /// pool once; `queued_centrally` are all requests in flight that no replica holds. InternalError
  /// when arrivals do not equal outcomes plus these, or GPU time does not add up to replicas x end.
  void close_window(SimTime end, const std::vector<PoolGauges>& gauges,
                    std::int64_t queued_centrally);

  /// When the backlog is looked at next, besides at ends of windows; never: they are enough.
  SimTime next_look(SimTime now) const;
  /// Between ends of windows, after all events before `now`. `queued`: all requests that wait,
  /// centrally or in replicas.
  void look(SimTime now, std::int64_t queued);

  /// Closes the last window and sums up. RunResult::cost, PoolSummary::memory_arithmetic, events,
  /// wall_seconds and skipped_rows are left to others. Call once.
  RunResult finish(SimTime end, SimTime arrivals_end, const std::vector<PoolGauges>& gauges,
                   std::int64_t queued_centrally);

  /// By window of the horizon, when only some are played.
  const std::vector<CoveredCounts>& covered() const { return covered_; }
  /// What each of them stands for; before `finish`.
  void weigh(std::vector<WindowWeight> weights) { weights_ = std::move(weights); }

  std::int64_t arrived() const { return arrived_; }
  std::int64_t ended() const { return ended_; }
  /// GPU-completed requests so far.
  std::int64_t completed() const { return completed_; }
  std::int64_t in_flight() const { return arrived_ - ended_; }
  /// Order-independent: the sum over all events of a hash of (time, kind, request id).
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  struct Cell {
    EndedCounts counts;
    EndedCounts at_window_begin;
    RequestLatencies window;
    RequestLatencies total;
  };
  struct ClassCounts {
    std::int64_t arrived = 0;
    std::int64_t measured = 0;  // arrived at or after the warm-up
    std::int64_t measured_at_window_begin = 0;
    bool counts = true;
  };
  struct PoolTotals {
    LatencySketch window_itl;
    LatencySketch itl;
    std::int64_t steps = 0;
    std::int64_t decoded = 0;   // decoding sequences, summed over steps
    std::int64_t computed = 0;  // prompt tokens
    std::int64_t burst = 0;     // tokens that came with another of their sequence
    std::int64_t first_tokens = 0;
    std::int64_t waiting_max = 0;
    std::int64_t running_sum = 0;  // over window ends
    std::int64_t kv_used_sum = 0;  // blocks, over window ends
    std::int64_t kv_total_sum = 0;
    double kv_usage_max = 0;
    double slot_use_max = 0;
    // After the last arrival, and outside the windows of the horizon.
    std::int64_t left_out_busy_ns = 0;
    std::int64_t left_out_idle_ns = 0;
    PoolTokens left_out_tokens;
    PoolTokens last_tokens;        // at the end of the window before
    EnergyGauges left_out_energy;  // outside the windows of the horizon
    std::int64_t readings = 0;     // window ends that the sums beside it are over
    PoolGauges last;               // at the end of the window before
    KvTransferAccount kv;
  };
  /// The part of a run that a slice or a threshold speaks of.
  struct Scope {
    std::string kind;
    std::string name;
    std::vector<std::size_t> cells;
    std::vector<std::size_t> classes;  // none: arrivals are not known by pool
    std::vector<std::size_t> pools;    // whose gaps and GPU time belong to it
  };
  enum class Span : std::uint8_t { window, total };

  std::size_t cell_of(const RequestRecord& record) const {
    return record.request_class * columns_ + (record.replica_assigned ? record.pool : columns_ - 1);
  }
  bool measured(SimTime arrived) const { return arrived >= warm_up_end_ && spans_.covers(arrived); }
  /// The current window lies outside the windows of the horizon that are played and measured.
  bool window_left_out() const { return spans_.partial() && !window_measured_; }
  /// Nor is the drain, in which nobody arrives, in shares of GPU time and in means over windows.
  bool window_in_shares() const { return !window_left_out() && window_begin_ < arrivals_.end(); }
  static PoolTokens tokens_of(const PoolTotals& totals) {
    return {totals.computed, totals.decoded + totals.burst + totals.first_tokens};
  }
  void take_shares(PoolTotals& pool, const PoolGauges& now);
  void make_scopes();
  /// Some class does not count, or a threshold names one.
  bool tells_classes() const;
  /// The scope of a tag; an empty kind is the whole.
  Scope make_scope(const std::string& kind, const std::string& name) const;
  std::int64_t gpus_of(std::size_t pool) const;
  void check_conservation(SimTime end, const std::vector<PoolGauges>& gauges,
                          std::int64_t queued_centrally) const;
  WindowSummary summarize_window(SimTime end, const std::vector<PoolGauges>& gauges,
                                 std::int64_t queued_centrally);
  void take_gauges(const std::vector<PoolGauges>& gauges);
  void flush_window();
  LatencySketch latency_of(const Scope& scope, LatencySketch RequestLatencies::*metric,
                           Span span) const;
  LatencySketch itl_of(const Scope& scope, Span span) const;
  LatencySketch perceived_of(const Scope& scope, Span span) const;
  LatencySketch latency_of(const Scope& scope, const std::string& metric, Span span) const;
  MetricValue request_value_of(const Scope& scope, const std::string& metric, Span span,
                               SimTime end, const std::vector<PoolGauges>& gauges) const;
  MetricValue gpu_value_of(const Scope& scope, const std::string& metric, Span span,
                           const std::vector<PoolGauges>& gauges) const;
  EnergySummary energy_of(const Scope& scope, Span span, SimTime end,
                          const std::vector<PoolGauges>& gauges) const;
  MetricValue value_of(const ThresholdConfig& threshold, const Scope& scope, Span span, SimTime end,
                       const std::vector<PoolGauges>& gauges) const;
  EndedCounts counts_of(const Scope& scope, Span span) const;
  std::int64_t in_flight_of(const Scope& scope, const std::vector<PoolGauges>& gauges) const;
  std::int64_t measured_in_flight_of(const Scope& scope,
                                     const std::vector<PoolGauges>& gauges) const;
  double seconds_of(Span span, SimTime end) const;
  SliceSummary summarize_slice(const Scope& scope, SimTime end,
                               const std::vector<PoolGauges>& gauges) const;
  /// InternalError when prompt tokens do not equal those found, computed, given up and left.
  void check_prompt_tokens(const PoolGauges& gauges) const;
  std::vector<TokenCell> token_cells() const;
  /// Counts of what arrived in a window of the horizon and ended as `record` says.
  void cover(CoveredCounts& window, const RequestRecord& record) const;
  std::vector<ExperimentSummary> experiments() const;
  /// What overload is judged by: ends of windows, or looks where these are few.
  const BacklogSeries& judged_series(SimTime arrivals_end) const;
  VerdictBasis verdict_basis(SimTime arrivals_end) const;
  PoolSummary summarize_pool(std::size_t pool, const PoolGauges& gauges, SimTime end) const;
  void note_event(std::uint64_t kind, RequestId id, SimTime at) {
    std::uint64_t x = static_cast<std::uint64_t>(at.time_since_epoch().count()) * 4 + kind;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ULL + (id + 1) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ULL;
    fingerprint_ += x ^ (x >> 32);
  }

  const Config& config_;
  SimTime warm_up_end_;
  CoveredSpans spans_;
  ArrivalSpan arrivals_;
  std::vector<CoveredCounts> covered_;  // by window of the horizon
  std::vector<WindowWeight> weights_;   // of these; empty until they are told
  std::size_t columns_;                 // pools, and one for requests that no replica ever had
  std::vector<Cell> cells_;
  std::vector<ClassCounts> classes_;
  std::vector<PoolTotals> pools_;
  std::vector<Scope> slices_;            // the first is the whole
  std::vector<Scope> threshold_scopes_;  // as Config::thresholds
  std::vector<ThresholdTracker> thresholds_;
  Monitor* monitor_ = nullptr;
  std::function<Int128()> unallocated_energy_;  // empty: no GPUs are shared
  Int128 unallocated_before_ = 0;               // at the end of the last window
  RequestSample sample_;
  WindowLog windows_;
  BacklogLooks look_times_;
  BacklogSeries backlog_;     // at ends of windows
  BacklogSeries looks_;       // at looks and the first ends of windows
  std::int64_t in_vain_ = 0;  // requests that wait at the end of the run, when they do so in vain
  StageAccounts stages_;
  WaitingRoomAccounts waiting_rooms_;
  std::optional<RegionAccounts> regions_;   // none: no rows by region
  std::optional<ExperimentAccounts> arms_;  // of experiments, where there are some

  std::int64_t arrived_ = 0;
  std::int64_t ended_ = 0;
  std::int64_t completed_ = 0;
  double most_completed_per_second_ = 0;  // in a whole window
  // Of classes that count:
  std::int64_t users_arrived_ = 0;
  std::int64_t users_ended_ = 0;
  std::int64_t refused_ = 0;  // for want of capacity: see BacklogPoint
  std::uint64_t fingerprint_ = 0;

  SimTime window_begin_{};
  bool window_measured_;  // the window lies after the warm-up
  std::int64_t window_arrived_ = 0;
  std::int64_t window_ended_ = 0;
  std::int64_t window_completed_ = 0;
  std::int64_t window_output_tokens_ = 0;
  std::int64_t window_prompt_tokens_ = 0;
};

}  // namespace plimsoll
