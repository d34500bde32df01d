// Metrics room: what a production stack would see of a run.
#include "metrics/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

std::int64_t series_of_instance(const MonitoringConfig& monitoring) {
  const LatencyHistogram ttft{ttft_bounds_ms};
  const LatencyHistogram request{request_bounds_ms};
  std::int64_t series = monitoring.other_series;
  for (std::size_t i = 0; i < monitored_metrics.size(); ++i) {
    const bool histogram = monitored_metrics[i].kind == SeriesKind::histogram;
    const bool first_token = static_cast<MonitoredMetric>(i) == MonitoredMetric::ttft;
    series += !histogram ? 1 : first_token ? ttft.series() : request.series();
  }
  return series;
}

}  // namespace

Monitor::Monitor(const Config& config)
    : config_{config},
      monitoring_{*config.monitoring},
      pools_(config.pools.size()),
      database_{monitoring_.database},
      series_{series_of_instance(monitoring_)} {
  for (const AlertConfig& alert : monitoring_.alerts) {
    for (std::size_t p = 0; p < pools_.size(); ++p) {
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
}

const LatencyHistogram& Monitor::histogram_of(const Pool& pool, MonitoredMetric metric) const {
  return metric == MonitoredMetric::ttft  ? pool.ttft
         : metric == MonitoredMetric::e2e ? pool.e2e
                                          : pool.queue;
}

double Monitor::gauge_of(const PoolGauges& gauges, MonitoredMetric metric) const {
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

std::int64_t Monitor::counter_of(const Pool& pool, MonitoredMetric metric) const {
  switch (metric) {
    case MonitoredMetric::preemptions:
      return pool.gauges.preemptions;
    case MonitoredMetric::prompt_tokens:
      return pool.tokens.prompt;
    case MonitoredMetric::generation_tokens:
      return pool.tokens.generation;
    default:
      return pool.completed;
  }
}

bool Monitor::value_of(Watch& watch, Duration since_last, double& value) {
  const Pool& pool = pools_[watch.pool];
  const MonitoredMetric metric = watch.config->metric;
  if (doc_of(metric).kind == SeriesKind::gauge) {
    value = gauge_of(pool.gauges, metric);
    return pool.gauges.replicas_serving > 0;  // nobody answers the scrape otherwise
  }
  if (doc_of(metric).kind == SeriesKind::counter) {
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
                     const std::vector<PoolTokens>& tokens) {
  PLIMSOLL_CHECK(gauges.size() == pools_.size() && tokens.size() == pools_.size(),
                 "every pool is scraped once");
  PLIMSOLL_CHECK(now > last_scrape_, "scrapes follow each other");
  std::int64_t instances = 0;
  std::int64_t completed = 0;
  for (std::size_t p = 0; p < pools_.size(); ++p) {
    pools_[p].gauges = gauges[p];
    pools_[p].tokens = tokens[p];
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

void Monitor::write_pool(SimTime now, PoolIndex index) {
  const Pool& pool = pools_[index];
  MonitoringRow row;
  row.at = now;
  row.pool = config_.pools[index].name;
  for (std::size_t i = 0; i < monitored_metrics.size(); ++i) {
    const auto metric = static_cast<MonitoredMetric>(i);
    const MonitoredMetricDoc& doc = monitored_metrics[i];
    if (doc.kind == SeriesKind::histogram) {
      write_histogram(row, doc.name, histogram_of(pool, metric));
      continue;
    }
    row.metric = doc.name;
    row.value = doc.kind == SeriesKind::gauge ? gauge_of(pool.gauges, metric)
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
  for (std::size_t i = 0; i < monitored_metrics.size(); ++i) {
    if (monitored_metrics[i].kind == SeriesKind::gauge) {
      row.metric = monitored_metrics[i].name;
      row.value = gauge_of(gauges, static_cast<MonitoredMetric>(i));
      writer_(row);
    }
  }
  row.metric = doc_of(MonitoredMetric::preemptions).name;
  row.value = static_cast<double>(gauges.preemptions);
  writer_(row);
}

std::string Monitor::condition_of(const AlertConfig& alert) const {
  const MonitoredMetricDoc& doc = doc_of(alert.metric);
  const std::string watched = doc.kind == SeriesKind::gauge ? std::string{doc.name}
                              : doc.kind == SeriesKind::counter
                                  ? fmt::format("rate of {}", doc.name)
                                  : fmt::format("{} quantile of {}", alert.quantile, doc.name);
  return fmt::format("{} {} {} for {} s", watched, alert.above ? ">" : "<",
                     alert.above ? *alert.above : *alert.below, to_seconds(alert.hold));
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
    alert.pool = config_.pools[watch.pool].name;
    alert.condition = condition_of(*watch.config);
    watch.alert.summarize(end, alert);
    summary.alerts.push_back(std::move(alert));
  }
  return summary;
}

}  // namespace plimsoll
