// Numbers of a finished run, as they go into result.json. Definitions: docs/metrics.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/allocation_summary.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/elasticity_metrics.hpp"
#include "plimsoll/energy_summary.hpp"
#include "plimsoll/experiments_summary.hpp"
#include "plimsoll/horizon_summary.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/metric_docs.hpp"
#include "plimsoll/money.hpp"
#include "plimsoll/monitoring_summary.hpp"
#include "plimsoll/operations_summary.hpp"
#include "plimsoll/stages.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Percentiles that every latency metric reports.
inline constexpr std::array<double, 8> reported_percentiles = {10, 25, 50, 75, 90, 95, 99, 99.9};

/// One latency metric over some set of requests (or gaps), in milliseconds.
struct LatencySummary {
  std::int64_t count = 0;
  double mean = 0;
  double std = 0;
  double min = 0;
  double max = 0;
  std::array<double, 8> percentiles{};  // as reported_percentiles
};

/// What one slice of the requests experienced (the whole, a tier, a pool, a model, the users of a
/// region, those whom a datacenter works for).
struct SliceSummary {
  std::string kind;  // "all", "tier", "pool", "model", "region", "datacenter"
  std::string name;
  std::int64_t arrived = 0;
  std::int64_t in_flight = 0;
  std::array<std::int64_t, outcome_count> outcomes{};
  std::int64_t prompt_tokens = 0;  // of measured completed requests
  std::int64_t output_tokens = 0;
  std::int64_t prefix_hit_tokens = 0;     // of their prompts, found when first scheduled
  double prefix_hit_rate = 0;             // of prompt_tokens
  std::int64_t billed_prompt_tokens = 0;  // of all completed requests, warm-up included
  std::int64_t billed_output_tokens = 0;
  std::int64_t measured = 0;           // requests that arrived after the warm-up and completed
  std::int64_t measured_arrivals = 0;  // arrived at or after the warm-up
  std::int64_t unfinished = 0;         // arrivals after the warm-up that were not answered (neither
                                       // completed nor cached), in flight included
  double unfinished_share = 0;         // of measured_arrivals; 0 when there are none
  std::int64_t good = 0;               // measured completed requests that met all their SLOs
  LatencySummary ttft, tpot, itl, e2el, queue;  // itl only for "all" and pools
  LatencySummary perceived;                     // ttft where tokens are streamed, else e2el
  double request_throughput = 0;                // completed in the time of arrivals / rated_seconds
  double output_throughput = 0;                 // tokens/s
  double total_token_throughput = 0;
  double request_goodput = 0;
  double availability = 0;  // completed + cached over all that ended
};

/// One closed window. Counts are of all requests, latencies of measured ones.
struct WindowSummary {
  SimTime begin{};
  SimTime end{};
  std::int64_t arrived = 0;
  std::int64_t ended = 0;
  std::int64_t completed = 0;
  std::int64_t output_tokens = 0;  // emitted in the window
  std::int64_t prompt_tokens = 0;  // computed in the window
  std::int64_t queued = 0;         // waiting anywhere at its end
  std::int64_t running = 0;
  double ttft_p50 = 0, ttft_p99 = 0, tpot_p50 = 0, tpot_p99 = 0, e2el_p50 = 0, e2el_p99 = 0;  // ms
  double queue_p99 = 0;                                                                       // ms
  double gpu_utilization = 0;  // busy share of ready GPU time in the window
  double kv_cache_usage = 0;   // blocks used / total at its end
};

/// Prompt tokens of all requests of a pool with a prefix cache:
///   prompt + recompute = hit + recompute_hit + computed + given_up + left
struct PrefixSummary {
  std::int64_t prompt_tokens = 0;         // of requests when first scheduled
  std::int64_t hit_tokens = 0;            // of these, found
  double hit_rate = 0;                    // hit / prompt
  std::int64_t recompute_tokens = 0;      // to compute again after preemptions
  std::int64_t recompute_hit_tokens = 0;  // of these, found
  std::int64_t computed_tokens = 0;       // in steps
  std::int64_t given_up_tokens = 0;       // not computed: preempted amid the prompt
  std::int64_t left_tokens = 0;           // of prompts under way at the end
};

/// Attempts of measured requests, which arrived after the warm-up, at the first stage of the path.
struct MeasuredAttempts {
  std::int64_t all = 0;
  std::int64_t retries = 0;  // of these, beyond the first of each request
};

/// One stage of the request path: visits by attempts of measured requests. What passed one stage is
/// what the next one was offered, what left on the way to it, and what is under way to it or in it
/// when the run ends. A visit of `streaming` lasts until its connection is closed: what it passed
/// on is what it served and what is open.
struct StageSummary {
  Stage stage = Stage::edge;
  std::int64_t offered = 0;          // visits whose end is known: the sum of `outcomes`
  std::int64_t left_on_the_way = 0;  // their clients, before they came here
  std::int64_t under_way = 0;        // at the end of the run
  std::int64_t open = 0;             // connections that are open then
  std::int64_t served = 0;           // passed on (completed) or answered here (cached)
  std::int64_t hits = 0;             // of a cache
  std::array<std::int64_t, outcome_count> outcomes{};  // by what became of them here
  LatencySummary wait;                                 // for their turn
  LatencySummary latency;                              // the wait included
  // Used share of its turns, workers or connections, from the warm-up to the last arrival, and in
  // the busiest window (MetricsConfig::window) within; of several resources that of which the
  // largest share was used. Negative: it has none, or there was no such span.
  double utilization = -1;
  double busiest_window = -1;
  std::string resource;  // what that is of: "workers of api_tier"; empty: nothing
  // Share of a cache's bytes that was held at the end of that span, and at the fullest end of a
  // window within; negative: no cache. A full cache is no bottleneck: it is full when it works.
  double memory_usage = -1;
  double memory_usage_max = -1;
};

/// The way between the users of a region, or of a datacenter, and the GPUs: round trips of measured
/// attempts, and where they went (came from).
struct EdgeRow {
  std::string kind;  // "region", "datacenter"
  std::string name;
  LatencySummary access;  // user to the nearest edge location and back
  LatencySummary wan;     // edge location to the datacenter and back, its queue included
  std::vector<std::pair<std::string, std::int64_t>> crossings;  // by datacenter (by region)
  std::int64_t lost = 0;  // attempts that went to a datacenter that was down
};

/// KV that a pool with a role sent (prefill) or received (decode), of all requests.
struct KvTransferSummary {
  std::int64_t transfers = 0;  // that have arrived
  std::int64_t bytes = 0;
  std::int64_t nic_ns = 0;     // for which NICs of the pool were held, summed over them
  double nic_utilization = 0;  // of all NICs of the pool x simulated time
  LatencySummary wait;         // after the first token, for a decode replica and for NICs
  LatencySummary time;         // from the first token until the KV was there
};

/// Drains that took longer than their drain_timeout.
struct CutDrains {
  std::int64_t drains = 0;
  std::int64_t attempts = 0;  // of requests, that ended by that
};

struct PoolSummary {
  std::string name;
  std::string gpu;
  std::int64_t gpus = 0;      // in replicas
  std::int64_t replicas = 0;  // at most, when an autoscaler decides
  std::int64_t gpus_per_replica = 1;
  // Replica-nanoseconds; busy + idle + down + draining + off = replicas x elapsed.
  std::int64_t busy_ns = 0;
  std::int64_t idle_ns = 0;
  std::int64_t down_ns = 0;      // rented, not serving yet
  std::int64_t draining_ns = 0;  // ends what it has and gets no more
  std::int64_t off_ns = 0;       // not rented
  DownTimes down_by_cause{};     // parts of down_ns
  std::int64_t preemptions = 0;
  std::optional<CutDrains> cut_drains;   // of a pool with a drain_timeout
  std::int64_t measured_serving_ns = 0;  // busy + idle; gaps between windows and the drain left out
  /// Of busy + idle, what was idle if all of it was like what measured_serving_ns saw; each window
  /// for the part of the horizon that it stands for. What the cost of idle GPUs rests on.
  std::int64_t billed_idle_ns = 0;
  double gpu_utilization = 0;      // busy / measured_serving_ns
  double kv_cache_usage_mean = 0;  // over window ends
  double kv_cache_usage_max = 0;
  double mean_batch = 0;  // decoding sequences per step
  /// Operations that the matrices need for the tokens computed and emitted (2 x active parameters a
  /// token; attention left out) over what the GPUs could do at peak while their replicas served,
  /// busy or idle: MFU after Chowdhery et al. 2022 (PaLM), appendix B. Filled by simulation.
  double model_flops_utilization = 0;
  double slot_occupancy = 0;      // sequences in batches / sequence_slots, on average
  double slot_use_max = 0;        // sequences in batches / those slots that can be used (next), of
                                  // serving replicas, over window ends
  std::int64_t usable_slots = 0;  // sequence_slots, or fewer where max_outstanding is less
  double tokens_per_sequence_step =
      0;                            // that a step of a decoding sequence emits; 0: no speculation
  double running_mean = 0;          // sequences in batches, over window ends
  std::int64_t sequence_slots = 0;  // replicas (serving, on average) x max_num_seqs
  std::int64_t waiting_max = 0;     // in the replicas' own queues, over window ends
  std::string memory_arithmetic;    // filled by whoever knows the fleet (simulation)
  std::int64_t kv_blocks = 0;
  std::optional<PrefixSummary> prefix;           // with a prefix cache
  std::optional<ElasticitySummary> elasticity;   // when replicas start cold
  std::optional<KvTransferSummary> kv_transfer;  // with a role
  TokenTimes token_times;                        // filled by whoever knows the steps (simulation)
  EnergySummary energy;
};

struct ThresholdVerdict {
  ThresholdConfig threshold;
  bool holds = false;
  bool measured = false;  // false: nothing to measure; counts as not holding
  double value = 0;
  double worst_window_value = 0;
  SimTime worst_window{};  // begin
};

struct CostLine {
  std::string pool;
  std::string price;  // its name; empty: no price given
  double gpu_hours = 0;
  double dollars = 0;
};

struct CostSummary {
  std::vector<CostLine> lines;
  double gpu_hours = 0;
  double total = 0;               // $
  double per_request = 0;         // $ per completed request
  double per_million_tokens = 0;  // $ per 10^6 output tokens
  double revenue = 0;             // $
  double margin = 0;              // (revenue - total) / revenue; 0 without revenue
  MoneySummary money;             // what the figures above are formed from, in whole micro-dollars
};

/// How an autoscaler did. Replicas of a pool, or instances of a tier of the request path.
struct ScalingSummary {
  std::string pool;  // or "api_tier", "response_cache", "conversation_cache"
  std::string policy;
  std::int64_t evaluations = 0;
  std::int64_t scale_ups = 0;  // evaluations that asked for more than there were
  std::int64_t scale_downs = 0;
  std::int64_t replicas_min = 0;  // ready and loading, after an evaluation or at t = 0
  std::int64_t replicas_max = 0;
  double replicas_mean = 0;             // rented, over time
  bool forecasts = false;               // the policy forecasts, and some came due
  std::int64_t forecasts_compared = 0;  // with what came
  double forecast_mape = 0;
  double forecast_bias = 0;
};

/// One evaluation of an autoscaler: a row of scaling.csv.
struct ScalingRow {
  SimTime at{};
  std::string pool;
  bool measured = false;  // there was a signal
  double signal = 0;      // in the policy's own terms
  std::int64_t ready = 0;
  std::int64_t loading = 0;
  std::int64_t draining = 0;
  std::int64_t from = 0;  // ready and loading
  std::int64_t to = 0;    // decided
  std::string reason;
};

enum class VerdictKind : std::uint8_t { holds, fails, overloaded };

struct Verdict {
  VerdictKind kind = VerdictKind::holds;
  std::vector<std::string> reasons;  // one sentence each: what failed, the worst window, bottleneck
  std::string overload_unknown;      // why none could be found; empty: it was looked for
};

/// The window in which a figure was worst.
struct WorstWindow {
  std::string metric;  // "ttft_p99", "tpot_p99", "e2el_p99", "queue_p99", "queued"
  WindowSummary window;
};

/// One row of requests.csv: a request that ended.
struct SampledRequest {
  RequestId id = 0;
  ClassIndex request_class = 0;
  PoolIndex pool = 0;  // with `replica`, meaningful when `replica_assigned`
  ReplicaIndex replica = 0;
  bool replica_assigned = false;
  Outcome outcome = Outcome::completed;
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;
  std::int32_t emitted_tokens = 0;
  std::int32_t preemptions = 0;
  SimTime arrived{};
  SimTime scheduled = never;
  SimTime first_token = never;
  SimTime finished = never;
};

/// What a model's waiting room showed, and what came of it. Of requests that came to it at or after
/// the warm-up and have left.
struct WaitingRoomSummary {
  std::string model;
  std::int64_t served = 0;
  std::int64_t gave_up = 0;
  std::int64_t left_when_shown = 0;
  std::int64_t no_room = 0;
  LatencySummary position;   // requests, not ms: of all who were shown one
  LatencySummary told_wait;  // of those who were shown one and were served
  LatencySummary waited;     // of those who were served
  double mean_error_ms = 0;  // of told_wait: mean of |told - waited|
};

struct RunResult {
  std::string scenario;
  std::uint64_t seed = 0;
  SimTime end{};  // when the last event happened
  SimTime arrivals_end{};
  double rated_seconds = 0;  // what rates are over: warm-up to last arrival, or the windows
  // Completed per second in the best whole window (MetricsConfig::window) until the last arrival,
  // and over rated_seconds if that is more: what this fleet was seen to serve.
  double most_completed_per_second = 0;
  Verdict verdict;
  std::vector<SliceSummary> slices;    // the first is "all"
  std::vector<WindowSummary> windows;  // empty when they were streamed; thinned when very many
  std::int64_t windows_closed = 0;
  std::vector<WorstWindow> worst_windows;
  std::vector<SampledRequest> sample;  // sorted by id
  std::vector<PoolSummary> pools;
  std::vector<ScalingSummary> scaling;          // of pools with an autoscaler
  OperationsSummary operations;                 // faults and rollouts
  std::optional<AllocationSummary> allocation;  // of shared GPUs
  std::vector<TokenCell> token_cells;           // of completed requests
  std::int64_t cached_output_tokens = 0;        // of answers from a cache
  std::vector<TierUsers> tier_users;            // of a workload of users
  std::vector<RentMark> rent_marks;             // at changes of prices during the run
  std::vector<StageSummary> stages;             // that the scenario has; none without a path
  MeasuredAttempts measured_attempts;           // with a path
  PathSummary path;
  std::vector<WaitingRoomSummary> waiting_rooms;  // of models that have one
  std::vector<FairnessSummary> fairness;          // of queues that share by tenant, without windows
  std::vector<EdgeRow> edge_rows;                 // where rows by region are asked for
  std::vector<ExperimentSummary> experiments;
  double gpu_utilization = 0;         // busy / (busy + idle) over all GPUs, as of pools
  double kv_cache_usage = 0;          // used / total over all pools, mean over window ends
  std::int64_t queued_centrally = 0;  // at the end
  std::vector<ThresholdVerdict> thresholds;
  CostSummary cost;
  std::vector<DemandDay> demand;          // of workloads of users
  std::vector<GrowthPoint> growth_fit;    // of a curve that was fitted, at the points it was given
  std::optional<HorizonSummary> horizon;  // when only windows were played
  EnergySummary energy;                   // of all pools
  std::optional<MonitoringSummary> monitoring;
  std::int64_t skipped_rows = 0;
  std::vector<std::string> notes;  // e.g. what rests on assumed or extrapolated figures
  std::uint64_t fingerprint = 0;   // hash of (time, event, request id): see docs/invariants.md
  // run.json only:
  std::uint64_t events = 0;
  double wall_seconds = 0;
};

}  // namespace plimsoll
