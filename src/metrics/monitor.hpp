// Metrics room: what a production stack would see of a run: scrapes of vLLM's metrics by pool, the
// alerts on them, the database behind.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "metrics/alert.hpp"
#include "metrics/latency_histogram.hpp"
#include "metrics/metrics_database.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/monitoring_summary.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// Tokens of one pool since t = 0.
struct PoolTokens {
  std::int64_t prompt = 0;      // computed
  std::int64_t generation = 0;  // emitted
};

/// Events of requests cost O(1); everything else is read at scrapes. Calls come in order of time.
class Monitor {
 public:
  /// Config::monitoring is there; `config` outlives it.
  explicit Monitor(const Config& config);

  /// Gets every row of monitoring.csv; set before the first scrape.
  void set_writer(std::function<void(const MonitoringRow&)> writer) { writer_ = std::move(writer); }

  void first_token(PoolIndex pool, Duration ttft) { pools_[pool].ttft.add(ttft); }
  void completed(const RequestRecord& record);

  /// Scrapes all replicas at `now`: `gauges` and `tokens` have every pool once, in their order.
  void scrape(SimTime now, const std::vector<PoolGauges>& gauges,
              const std::vector<PoolTokens>& tokens);
  /// One replica's own gauges, after scrape() of the same time.
  void scrape_replica(SimTime now, ReplicaIndex replica, const PoolGauges& gauges);

  MonitoringSummary summarize(SimTime end) const;

 private:
  /// What is known of a pool; counters and histograms since t = 0.
  struct Pool {
    PoolGauges gauges;
    PoolTokens tokens;
    std::int64_t completed = 0;
    LatencyHistogram ttft{ttft_bounds_ms};
    LatencyHistogram e2e{request_bounds_ms};
    LatencyHistogram queue{request_bounds_ms};
  };
  struct Watch {
    const AlertConfig* config = nullptr;
    PoolIndex pool = 0;
    Alert alert;
    std::int64_t count_before = 0;             // of a counter, at the scrape before
    std::vector<std::int64_t> buckets_before;  // of a histogram
  };

  const LatencyHistogram& histogram_of(const Pool& pool, MonitoredMetric metric) const;
  double gauge_of(const PoolGauges& gauges, MonitoredMetric metric) const;
  std::int64_t counter_of(const Pool& pool, MonitoredMetric metric) const;
  /// The value that the condition is about; false: there is none (no interval yet, no request).
  bool value_of(Watch& watch, Duration since_last, double& value);
  void write_pool(SimTime now, PoolIndex index);
  void write_histogram(MonitoringRow& row, const char* name, const LatencyHistogram& histogram);
  std::string condition_of(const AlertConfig& alert) const;

  const Config& config_;
  const MonitoringConfig& monitoring_;
  std::vector<Pool> pools_;
  std::vector<Watch> watches_;
  MetricsDatabase database_;
  std::function<void(const MonitoringRow&)> writer_;
  std::int64_t series_;  // of one instance, engine's and others
  std::int64_t scrapes_ = 0;
  std::int64_t instances_max_ = 0;
  std::int64_t samples_ = 0;
  std::int64_t records_ = 0;     // billing records written
  std::int64_t ingest_max_ = 0;  // samples and records of one scrape
  Duration lag_max_{};
  SimTime last_scrape_{};
};

}  // namespace plimsoll
