// Metrics room: what a production stack would see of a run: scrapes of vLLM's metrics by pool, the
// alerts on them, the database behind.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/int128.hpp"
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

/// What the gateway sees.
struct GatewayGauges {
  std::int64_t queued = 0;  // requests that wait before any replica
};

/// Events of requests cost O(1); everything else is read at scrapes. Calls come in order of time.
class Monitor {
 public:
  /// Config::monitoring is there; `config` outlives it.
  explicit Monitor(const Config& config);

  /// Gets every row of monitoring.csv; set before the first scrape.
  void set_writer(std::function<void(const MonitoringRow&)> writer) { writer_ = std::move(writer); }

  void first_token(PoolIndex pool, Duration ttft) { pools_[pool].ttft.add(ttft); }
  void arrived() { ++gateway_.arrived; }
  void ended(Outcome outcome) { ++gateway_.outcomes[static_cast<std::size_t>(outcome)]; }
  void completed(const RequestRecord& record);

  /// Scrapes all replicas at `now`: `gauges` and `tokens` have every pool once, in their order.
  void scrape(SimTime now, const std::vector<PoolGauges>& gauges,
              const std::vector<PoolTokens>& tokens, const GatewayGauges& gateway);
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
    LatencyHistogram tpot{tpot_bounds_ms};
    Int128 energy = 0;  // aJ, at the latest scrape
    double watts = 0;   // over the interval that it ended

    /// Somebody answers a scrape.
    bool answers() const { return gauges.replicas_serving > 0; }
  };
  struct Gateway {
    GatewayGauges gauges;
    std::int64_t arrived = 0;
    std::array<std::int64_t, outcome_count> outcomes{};
  };
  struct Watch {
    const AlertConfig* config = nullptr;
    PoolIndex pool = 0;  // of the gateway's own metrics: unused
    Alert alert;
    std::int64_t count_before = 0;             // of a counter, at the scrape before
    std::vector<std::int64_t> buckets_before;  // of a histogram
  };

  const LatencyHistogram& histogram_of(const Pool& pool, MonitoredMetric metric) const;
  double engine_gauge_of(const PoolGauges& gauges, MonitoredMetric metric) const;
  double gauge_of(const Pool& pool, MonitoredMetric metric) const;
  /// A scrape has it: whoever exposes it answers.
  bool present(const Pool& pool, MonitoredMetric metric) const;
  std::int64_t counter_of(const Pool& pool, MonitoredMetric metric) const;
  /// The value that the condition is about; false: there is none (no interval yet, no request).
  bool value_of(Watch& watch, Duration since_last, double& value);
  void take_energy(Pool& pool, Duration since_last);
  void write_gateway(SimTime now);
  void write_pool(SimTime now, PoolIndex index);
  void write_histogram(MonitoringRow& row, const char* name, const LatencyHistogram& histogram);
  std::string condition_of(const AlertConfig& alert) const;

  const Config& config_;
  const MonitoringConfig& monitoring_;
  std::vector<Pool> pools_;
  Gateway gateway_;
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
