// Metrics room: what a production stack would see of a run.
#include "metrics/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "metrics/request_counts.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

std::int64_t series_of_instance(const MonitoringConfig& monitoring) {
  const LatencyHistogram ttft{ttft_bounds_ms};
  const LatencyHistogram tpot{tpot_bounds_ms};
  const LatencyHistogram request{request_bounds_ms};
  std::int64_t series = monitoring.other_series;
  for (std::size_t i = 0; i < monitored_series.size(); ++i) {
    const auto metric = static_cast<MonitoredMetric>(i);
    if (monitored_series[i].source != SeriesSource::engine) {
      continue;  // exporters are other_series; the gateway is no replica
    }
    series += monitored_series[i].kind != SeriesKind::histogram ? 1
              : metric == MonitoredMetric::ttft                 ? ttft.series()
              : metric == MonitoredMetric::tpot                 ? tpot.series()
                                                                : request.series();
  }
  return series;
}

bool of_gateway(MonitoredMetric metric) {
  return series_of(metric).source == SeriesSource::gateway;
}

std::int64_t sum_of(const std::array<std::int64_t, outcome_count>& outcomes,
                    std::initializer_list<Outcome> wanted) {
  std::int64_t sum = 0;
  for (const Outcome outcome : wanted) {
    sum += outcomes[static_cast<std::size_t>(outcome)];
  }
  return sum;
}

std::int64_t refused(const std::array<std::int64_t, outcome_count>& outcomes) {
  return sum_of(outcomes, {Outcome::blocked, Outcome::over_context, Outcome::rate_limited,
                           Outcome::shed, Outcome::queue_full, Outcome::unauthorized});
}

std::int64_t timed_out(const std::array<std::int64_t, outcome_count>& outcomes) {
  return sum_of(outcomes, {Outcome::timed_out, Outcome::abandoned});
}

std::int64_t failed(const std::array<std::int64_t, outcome_count>& outcomes) {
  return sum_of(outcomes, {Outcome::failed, Outcome::degraded});
}

}  // namespace

Monitor::Monitor(const Config& config)
    : config_{config},
      monitoring_{*config.monitoring},
      pools_(config.pools.size()),
      database_{monitoring_.database},
      series_{series_of_instance(monitoring_)} {
  for (const AlertConfig& alert : monitoring_.alerts) {
    const std::size_t watched = of_gateway(alert.metric) ? 1 : pools_.size();
    for (std::size_t p = 0; p < watched; ++p) {
      if (!alert.pool || *alert.pool == p) {
        watches_.push_back(Watch{&alert, static_cast<PoolIndex>(p), Alert{alert.hold}, 0, {}});
      }
    }
  }
}

void Monitor::completed(const RequestRecord& record) {
  Pool& pool = pools_[record.pool];
  ++pool.completed;
  pool.e2e.add(record.finished - record.arrived);
  pool.queue.add(record.scheduled - record.arrived);
  if (const std::optional<std::int64_t> gap = tpot_ns(record)) {
    pool.tpot.add(Duration{*gap});
  }
}

const LatencyHistogram& Monitor::histogram_of(const Pool& pool, MonitoredMetric metric) const {
  return metric == MonitoredMetric::ttft   ? pool.ttft
         : metric == MonitoredMetric::e2e  ? pool.e2e
         : metric == MonitoredMetric::tpot ? pool.tpot
                                           : pool.queue;
}

double Monitor::engine_gauge_of(const PoolGauges& gauges, MonitoredMetric metric) const {
  if (metric == MonitoredMetric::running) {
    return static_cast<double>(gauges.running);
  }
  if (metric == MonitoredMetric::waiting) {
    return static_cast<double>(gauges.waiting);
  }
  return gauges.kv_blocks_total == 0 ? 0.0
                                     : static_cast<double>(gauges.kv_blocks_used) /
                                           static_cast<double>(gauges.kv_blocks_total);
}

double Monitor::gauge_of(const Pool& pool, MonitoredMetric metric) const {
  switch (metric) {
    case MonitoredMetric::gateway_queue:
      return static_cast<double>(gateway_.gauges.queued);
    case MonitoredMetric::ready:
      return static_cast<double>(pool.gauges.replicas_ready);
    case MonitoredMetric::power:
      return pool.watts;
    default:
      return engine_gauge_of(pool.gauges, metric);
  }
}

bool Monitor::present(const Pool& pool, MonitoredMetric metric) const {
  switch (series_of(metric).source) {
    case SeriesSource::engine:
      return pool.answers();
    case SeriesSource::exporter:
      return pool.answers() && pool.energy > 0;
    case SeriesSource::gateway_pool:
    case SeriesSource::gateway:
      return true;
  }
  return false;
}

std::int64_t Monitor::counter_of(const Pool& pool, MonitoredMetric metric) const {
  const auto& outcomes = gateway_.outcomes;
  switch (metric) {
    case MonitoredMetric::preemptions:
      return pool.gauges.preemptions;
    case MonitoredMetric::prompt_tokens:
      return pool.tokens.prompt;
    case MonitoredMetric::generation_tokens:
      return pool.tokens.generation;
    case MonitoredMetric::prefix_queries:
      return pool.gauges.prefix.prompt_tokens;
    case MonitoredMetric::prefix_hits:
      return pool.gauges.prefix.hit_tokens;
    case MonitoredMetric::gateway_requests:
      return gateway_.arrived;
    case MonitoredMetric::gateway_errors:
      return refused(outcomes) + timed_out(outcomes) + failed(outcomes);
    case MonitoredMetric::gateway_refused:
      return refused(outcomes);
    case MonitoredMetric::gateway_timed_out:
      return timed_out(outcomes);
    case MonitoredMetric::gateway_failed:
      return failed(outcomes);
    default:
      return pool.completed;
  }
}

bool Monitor::value_of(Watch& watch, Duration since_last, double& value) {
  const Pool& pool = pools_[watch.pool];
  const MonitoredMetric metric = watch.config->metric;
  if (series_of(metric).kind == SeriesKind::gauge) {
    value = gauge_of(pool, metric);
    return present(pool, metric);
  }
  if (series_of(metric).kind == SeriesKind::counter) {
    const std::int64_t count = counter_of(pool, metric);
    value = static_cast<double>(count - watch.count_before) / to_seconds(since_last);
    watch.count_before = count;
    return true;
  }
  const LatencyHistogram& histogram = histogram_of(pool, metric);
  std::vector<std::int64_t> added = histogram.counts();
  for (std::size_t i = 0; i < watch.buckets_before.size(); ++i) {
    added[i] -= watch.buckets_before[i];
  }
  watch.buckets_before = histogram.counts();
  value = bucket_quantile(watch.config->quantile, histogram.bounds_ms(), added);
  return value >= 0;
}

void Monitor::scrape(SimTime now, const std::vector<PoolGauges>& gauges,
                     const std::vector<PoolTokens>& tokens, const GatewayGauges& gateway) {
  PLIMSOLL_CHECK(gauges.size() == pools_.size() && tokens.size() == pools_.size(),
                 "every pool is scraped once");
  PLIMSOLL_CHECK(now > last_scrape_, "scrapes follow each other");
  std::int64_t instances = 0;
  std::int64_t completed = 0;
  gateway_.gauges = gateway;
  if (writer_) {
    write_gateway(now);
  }
  for (std::size_t p = 0; p < pools_.size(); ++p) {
    pools_[p].gauges = gauges[p];
    pools_[p].tokens = tokens[p];
    take_energy(pools_[p], now - last_scrape_);
    instances += gauges[p].replicas_serving;
    completed += pools_[p].completed;
    if (writer_) {
      write_pool(now, static_cast<PoolIndex>(p));
    }
  }
  ++scrapes_;
  instances_max_ = std::max(instances_max_, instances);
  const std::int64_t samples = instances * series_;
  const std::int64_t records = monitoring_.database.billing_record ? completed - records_ : 0;
  samples_ += samples;
  records_ += records;
  ingest_max_ = std::max(ingest_max_, samples + records);
  const Duration lag = database_.ingest(now, samples, records);
  lag_max_ = std::max(lag_max_, lag);
  for (Watch& watch : watches_) {
    double value = 0;
    const AlertConfig& alert = *watch.config;
    const bool met = value_of(watch, now - last_scrape_, value) &&
                     (alert.above ? value > *alert.above : value < *alert.below);
    watch.alert.evaluate(now, now + lag, met);
  }
  last_scrape_ = now;
}

void Monitor::write_histogram(MonitoringRow& row, const char* name,
                              const LatencyHistogram& histogram) {
  std::int64_t count = 0;
  row.metric = fmt::format("{}_bucket", name);
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    count += histogram.counts()[i];
    row.le = i < histogram.bounds_ms().size()
                 ? fmt::format("{}", static_cast<double>(histogram.bounds_ms()[i]) / 1e3)
                 : "+Inf";
    row.value = static_cast<double>(count);
    writer_(row);
  }
  row.le.clear();
  row.metric = fmt::format("{}_sum", name);
  row.value = static_cast<double>(histogram.sum_ns()) / 1e9;
  writer_(row);
  row.metric = fmt::format("{}_count", name);
  row.value = static_cast<double>(count);
  writer_(row);
}

void Monitor::take_energy(Pool& pool, Duration since_last) {
  const EnergyGauges& energy = pool.gauges.energy;
  const Int128 drawn = energy.steps + energy.idle + energy.loading;
  pool.watts = static_cast<double>(drawn - pool.energy) / 1e18 / to_seconds(since_last);
  pool.energy = drawn;
}

void Monitor::write_gateway(SimTime now) {
  MonitoringRow row;
  row.at = now;
  for (std::size_t i = 0; i < monitored_series.size(); ++i) {
    const auto metric = static_cast<MonitoredMetric>(i);
    if (of_gateway(metric)) {
      row.metric = monitored_series[i].name;
      row.value = monitored_series[i].kind == SeriesKind::gauge
                      ? gauge_of(pools_.front(), metric)
                      : static_cast<double>(counter_of(pools_.front(), metric));
      writer_(row);
    }
  }
}

/// What nobody exposes is absent, not 0.
void Monitor::write_pool(SimTime now, PoolIndex index) {
  const Pool& pool = pools_[index];
  MonitoringRow row;
  row.at = now;
  row.pool = config_.pools[index].name;
  for (std::size_t i = 0; i < monitored_series.size(); ++i) {
    const auto metric = static_cast<MonitoredMetric>(i);
    const MonitoredSeries& series = monitored_series[i];
    if (of_gateway(metric) || !present(pool, metric)) {
      continue;
    }
    if (series.kind == SeriesKind::histogram) {
      write_histogram(row, series.name, histogram_of(pool, metric));
      continue;
    }
    row.metric = series.name;
    row.value = series.kind == SeriesKind::gauge ? gauge_of(pool, metric)
                                                 : static_cast<double>(counter_of(pool, metric));
    writer_(row);
  }
}

void Monitor::scrape_replica(SimTime now, ReplicaIndex replica, const PoolGauges& gauges) {
  if (!writer_ || gauges.replicas_serving == 0) {
    return;
  }
  MonitoringRow row;
  row.at = now;
  row.pool = config_.pools[gauges.pool].name;
  row.replica = fmt::format("{}", replica);
  for (const MonitoredMetric metric :
       {MonitoredMetric::running, MonitoredMetric::waiting, MonitoredMetric::kv_usage}) {
    row.metric = series_of(metric).name;
    row.value = engine_gauge_of(gauges, metric);
    writer_(row);
  }
  row.metric = series_of(MonitoredMetric::preemptions).name;
  row.value = static_cast<double>(gauges.preemptions);
  writer_(row);
}

std::string Monitor::condition_of(const AlertConfig& alert) const {
  const MonitoredSeries& doc = series_of(alert.metric);
  const std::string watched = doc.kind == SeriesKind::gauge ? std::string{doc.name}
                              : doc.kind == SeriesKind::counter
                                  ? fmt::format("rate of {}", doc.name)
                                  : fmt::format("{} quantile of {}", alert.quantile, doc.name);
  return fmt::format("{} {} {} for {} s", watched, alert.above ? ">" : "<",
                     alert.above ? *alert.above : *alert.below, decimal_seconds(alert.hold));
}

MonitoringSummary Monitor::summarize(SimTime end) const {
  const MetricsDatabaseConfig& database = monitoring_.database;
  MonitoringSummary summary;
  summary.scrapes = scrapes_;
  summary.series_per_instance = series_;
  summary.instances_max = instances_max_;
  summary.samples = samples_;
  summary.billing_records = records_;
  const double elapsed = to_seconds(end - sim_start);
  const double written = static_cast<double>(samples_ + records_);
  summary.ingest_mean = elapsed > 0 ? written / elapsed : 0.0;
  summary.ingest_max = static_cast<double>(ingest_max_) / to_seconds(monitoring_.scrape_interval);
  summary.capacity = database.ingest_capacity ? database.ingest_capacity->count() : 0.0;
  summary.lag_max = lag_max_;
  summary.lag_end = database_.lag(end);
  summary.stored_samples = database_.stored();
  summary.storage_bytes = static_cast<double>(database_.stored()) * database.bytes_per_sample;
  const double rate = elapsed > 0 ? static_cast<double>(samples_) / elapsed : 0.0;
  summary.storage_bytes_full = rate * to_seconds(database.retention) * database.bytes_per_sample;
  if (database.billing_record) {
    summary.billing_bytes =
        static_cast<double>(records_) * static_cast<double>(database.billing_record->count());
  }
  for (const Watch& watch : watches_) {
    AlertSummary alert;
    alert.name = watch.config->name;
    alert.pool = of_gateway(watch.config->metric) ? "" : config_.pools[watch.pool].name;
    alert.condition = condition_of(*watch.config);
    watch.alert.summarize(end, alert);
    summary.alerts.push_back(std::move(alert));
  }
  return summary;
}

}  // namespace plimsoll
