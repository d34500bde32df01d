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
};

enum class SeriesKind : std::uint8_t { gauge, counter, histogram };

/// A metric of a replica, as vLLM's /metrics endpoint names it.
struct MonitoredMetricDoc {
  const char* name;
  SeriesKind kind;
  const char* summary;
};

/// By MonitoredMetric. Names: vLLM, engine version 1, docs.vllm.ai/en/stable/usage/metrics.
inline constexpr std::array<MonitoredMetricDoc, 10> monitored_metrics = {{
    {"vllm:num_requests_running", SeriesKind::gauge, "Sequences in batches."},
    {"vllm:num_requests_waiting", SeriesKind::gauge, "Requests in the replicas' own queues."},
    {"vllm:kv_cache_usage_perc", SeriesKind::gauge, "KV blocks used over all, 1 = all of them."},
    {"vllm:num_preemptions_total", SeriesKind::counter, "Sequences that lost their KV blocks."},
    {"vllm:prompt_tokens_total", SeriesKind::counter, "Prompt tokens computed."},
    {"vllm:generation_tokens_total", SeriesKind::counter, "Tokens emitted."},
    {"vllm:request_success_total", SeriesKind::counter, "Requests that completed."},
    {"vllm:time_to_first_token_seconds", SeriesKind::histogram, "Arrival to first token."},
    {"vllm:e2e_request_latency_seconds", SeriesKind::histogram, "Arrival to last token."},
    {"vllm:request_queue_time_seconds", SeriesKind::histogram,
     "Arrival to the first time in a batch, of requests that completed."},
}};

inline const MonitoredMetricDoc& doc_of(MonitoredMetric metric) {
  return monitored_metrics[static_cast<std::size_t>(metric)];
}

/// A rule of one condition, Prometheus' semantics: pending from the first evaluation in which the
/// condition holds, firing once it has held for `hold`, inactive when it does not. One alert per
/// pool that it watches.
struct AlertConfig {
  std::string name;
  MonitoredMetric metric = MonitoredMetric::waiting;
  std::optional<PoolIndex> pool;  // none: each
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
