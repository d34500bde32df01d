// What a validated scenario says of the monitoring of its replicas: what is scraped, what is
// alerted on, and the database behind it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

enum class MonitoredMetric : std::uint8_t {
  running,
  waiting,
  kv_usage,
  preemptions,
  prompt_tokens,
  generation_tokens,
  successes,
  ttft,
  e2e,
  queue_time,
  tpot,
  prefix_queries,
  prefix_hits,
  power,
  ready,
  gateway_queue,
  gateway_requests,
  gateway_errors,
  gateway_refused,
  gateway_timed_out,
  gateway_failed,
};

enum class SeriesKind : std::uint8_t { gauge, counter, histogram };

/// Who exposes a series.
enum class SeriesSource : std::uint8_t {
  engine,        // a replica: absent when none answers
  exporter,      // of its node, likewise
  gateway_pool,  // the gateway, by pool: always there
  gateway,       // the gateway, for all pools together
};

struct MonitoredSeries {
  const char* name;
  SeriesKind kind;
  SeriesSource source;
  const char* summary;
};

/// By MonitoredMetric. Names: of the engine vLLM's (engine version 1,
/// docs.vllm.ai/en/stable/usage/metrics), of GPUs NVIDIA's DCGM exporter's, of the gateway those of
/// the Gateway API Inference Extension
/// (gateway-api-inference-extension.sigs.k8s.io/guides/metrics); the three `gateway:` series are
/// parts of its errors, which it tells apart by a label.
inline constexpr std::array<MonitoredSeries, 21> monitored_series = {{
    {"vllm:num_requests_running", SeriesKind::gauge, SeriesSource::engine, "Sequences in batches."},
    {"vllm:num_requests_waiting", SeriesKind::gauge, SeriesSource::engine,
     "Requests in the replicas' own queues."},
    {"vllm:kv_cache_usage_perc", SeriesKind::gauge, SeriesSource::engine,
     "KV blocks used over all, 1 = all of them."},
    {"vllm:num_preemptions_total", SeriesKind::counter, SeriesSource::engine,
     "Sequences that lost their KV blocks."},
    {"vllm:prompt_tokens_total", SeriesKind::counter, SeriesSource::engine,
     "Prompt tokens computed."},
    {"vllm:generation_tokens_total", SeriesKind::counter, SeriesSource::engine, "Tokens emitted."},
    {"vllm:request_success_total", SeriesKind::counter, SeriesSource::engine,
     "Requests that completed."},
    {"vllm:time_to_first_token_seconds", SeriesKind::histogram, SeriesSource::engine,
     "Arrival to first token."},
    {"vllm:e2e_request_latency_seconds", SeriesKind::histogram, SeriesSource::engine,
     "Arrival to last token."},
    {"vllm:request_queue_time_seconds", SeriesKind::histogram, SeriesSource::engine,
     "Arrival to the first time in a batch, of requests that completed."},
    {"vllm:request_time_per_output_token_seconds", SeriesKind::histogram, SeriesSource::engine,
     "Mean gap between tokens of a request that completed."},
    {"vllm:prefix_cache_queries_total", SeriesKind::counter, SeriesSource::engine,
     "Prompt tokens looked up in prefix caches."},
    {"vllm:prefix_cache_hits_total", SeriesKind::counter, SeriesSource::engine,
     "Prompt tokens found in prefix caches."},
    {"DCGM_FI_DEV_POWER_USAGE", SeriesKind::gauge, SeriesSource::exporter,
     "Watts of the GPUs, on average since the scrape before."},
    {"inference_pool_ready_pods", SeriesKind::gauge, SeriesSource::gateway_pool,
     "Replicas that take requests."},
    {"inference_extension_flow_control_queue_size", SeriesKind::gauge, SeriesSource::gateway,
     "Requests that wait before any replica."},
    {"inference_objective_request_total", SeriesKind::counter, SeriesSource::gateway,
     "Requests that arrived."},
    {"inference_objective_request_error_total", SeriesKind::counter, SeriesSource::gateway,
     "Requests that ended without an answer."},
    {"gateway:requests_refused_total", SeriesKind::counter, SeriesSource::gateway,
     "Of these, refused: by a limit, a full queue, admission, moderation, authentication or "
     "length."},
    {"gateway:requests_timed_out_total", SeriesKind::counter, SeriesSource::gateway,
     "Of these, past their deadline or their client's patience."},
    {"gateway:requests_failed_total", SeriesKind::counter, SeriesSource::gateway,
     "Of these, lost with a replica, or answered by a corrupt one."},
}};

inline const MonitoredSeries& series_of(MonitoredMetric metric) {
  return monitored_series[static_cast<std::size_t>(metric)];
}

/// A rule of one condition, Prometheus' semantics: pending from the first evaluation in which the
/// condition holds, firing once it has held for `hold`, inactive when it does not. One alert per
/// pool that it watches.
struct AlertConfig {
  std::string name;
  MonitoredMetric metric = MonitoredMetric::waiting;
  std::optional<PoolIndex> pool;  // none: each; of the gateway's own metrics there is one
  double quantile = 0.99;         // of histograms
  std::optional<double> above;    // exactly one of the two; of gauges their value, of counters
  std::optional<double> below;    // their rate per second, of histograms their quantile
  Duration hold{};
};

/// The time series database that scrapes go to.
struct MetricsDatabaseConfig {
  std::optional<Frequency> ingest_capacity;  // samples/s; none: never behind
  double bytes_per_sample = 1.3;             // on disk
  Duration retention{};
  std::optional<Bytes> billing_record;  // written per completed request and kept for good
};

struct MonitoringConfig {
  Duration scrape_interval{};     // also between evaluations of alerts
  bool per_replica = false;       // gauges and preemptions of each replica in monitoring.csv
  bool open_metrics = false;      // metrics.om: monitoring.csv in the OpenMetrics text format
  std::int64_t other_series = 0;  // per replica, of exporters beside the engine
  MetricsDatabaseConfig database;
  std::vector<AlertConfig> alerts;
};

}  // namespace plimsoll
