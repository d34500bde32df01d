// Metrics room: the figures that thresholds speak of.
#include "metrics/metric_values.hpp"

#include "plimsoll/errors.hpp"

namespace plimsoll {

MetricValue ratio(Int128 part, Int128 whole) {
  return whole == 0 ? MetricValue{}
                    : MetricValue{true, static_cast<double>(part) / static_cast<double>(whole)};
}

MetricValue latency_value(const LatencySketch& sketch, const ThresholdConfig& threshold) {
  if (sketch.count() == 0) {
    return {};
  }
  if (threshold.statistic == "avg") {
    return MetricValue{true, sketch.mean_ns() / 1e6};
  }
  if (threshold.statistic == "min") {
    return MetricValue{true, static_cast<double>(sketch.min_ns()) / 1e6};
  }
  if (threshold.statistic == "max") {
    return MetricValue{true, static_cast<double>(sketch.max_ns()) / 1e6};
  }
  PLIMSOLL_CHECK(threshold.statistic == "p", "latencies take p(N), avg, min or max");
  return MetricValue{true, static_cast<double>(sketch.percentile_ns(threshold.percentile)) / 1e6};
}

MetricValue request_value(const std::string& metric, const EndedCounts& counts,
                          std::int64_t measured_in_flight, std::int64_t overdue, double seconds) {
  if (metric == "availability") {
    return ratio(counts.measured_answered(), counts.measured_ended() + overdue);
  }
  if (metric == "unfinished") {
    const std::int64_t all = counts.measured_ended() + measured_in_flight;
    return ratio(all - counts.measured_answered() - counts.measured_degraded(), all);
  }
  if (metric == "prefix_hit_rate") {
    return ratio(counts.prefix_hit_tokens, counts.prompt_tokens);
  }
  if (seconds <= 0) {
    return {};
  }
  std::int64_t amount = counts.rated.requests;
  if (metric == "output_throughput") {
    amount = counts.rated.output_tokens;
  } else if (metric == "total_token_throughput") {
    amount = counts.rated.prompt_tokens + counts.rated.output_tokens;
  } else if (metric == "request_goodput") {
    amount = counts.rated.good;
  } else {
    PLIMSOLL_CHECK(metric == "request_throughput", "every rate of metric_docs is known here");
  }
  return MetricValue{true, static_cast<double>(amount) / seconds};
}

}  // namespace plimsoll
