// Which metrics there are: thresholds are validated by it, documents are made from it.
#pragma once

#include <array>

namespace plimsoll {

/// What a threshold may speak of, and how docs and `show metrics` tell of it.
struct MetricDoc {
  const char* name;  // as in ThresholdConfig::metric; ends in its unit
  const char* unit;
  const char* summary;  // one sentence
  bool latency;         // takes p(N), avg, min, max; otherwise only `value`
  bool by_tier;         // of requests: may be tagged with a tier, a region or a datacenter
};

/// Every metric of a threshold, in the order of docs/metrics.md.
inline constexpr std::array<MetricDoc, 20> metric_docs = {{
    {"ttft_ms", "ms", "Time to first token: from arrival to the first output token.", true, true},
    {"tpot_ms", "ms", "Time per output token after the first: (e2el - ttft) / (n - 1).", true,
     true},
    {"itl_ms", "ms", "Inter-token latency: the gap before each output token but the first.", true,
     false},
    {"e2el_ms", "ms", "End-to-end latency: from arrival to the last output token.", true, true},
    {"perceived_ms", "ms",
     "From arrival to the first thing a user sees: the first token, or the whole answer without "
     "streaming.",
     true, true},
    {"queue_ms", "ms", "From arrival to the first time in a batch.", true, true},
    {"request_throughput", "requests/s", "Completed requests per second.", false, true},
    {"output_throughput", "tokens/s", "Output tokens of completed requests per second.", false,
     true},
    {"total_token_throughput", "tokens/s",
     "Prompt and output tokens of completed requests per second.", false, true},
    {"request_goodput", "requests/s", "Completed requests that met all their SLOs, per second.",
     false, true},
    {"availability", "ratio", "Completed and cached requests over all that ended.", false, true},
    {"unfinished", "ratio", "Share of the measured arrivals that were not answered.", false, true},
    {"gpu_utilization", "ratio", "Busy share of the GPU time of replicas that were up.", false,
     false},
    {"kv_cache_usage", "ratio", "KV blocks used over all KV blocks.", false, false},
    {"prefix_hit_rate", "ratio", "Share of prompt tokens that a prefix cache had.", false, true},
    {"gpu_hours", "GPU h", "GPU time rented, up or down.", false, false},
    {"energy_kwh", "kWh", "What the GPUs drew: in steps, idle and loading.", false, false},
    {"mean_power_watts", "W", "That energy over the time in which it was drawn.", false, false},
    {"energy_per_output_token_joules", "J/token",
     "That energy over the output tokens of completed requests.", false, false},
    {"energy_per_request_joules", "J/request", "That energy over the completed requests.", false,
     false},
}};

}  // namespace plimsoll
