// Config: what is scraped of a run, its alerts and the database behind them.
#include <fmt/format.h>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

Kind<MonitoredMetric> metric_kind() {
  std::vector<std::pair<std::string, MonitoredMetric>> words;
  for (std::size_t i = 0; i < monitored_series.size(); ++i) {
    words.emplace_back(monitored_series[i].name, static_cast<MonitoredMetric>(i));
  }
  return word_kind<MonitoredMetric>(std::move(words));
}

void finish_alert(Reader& reader, const RawNode& node, const std::string& path, AlertConfig& alert,
                  bool clean) {
  if (clean && alert.pool && series_of(alert.metric).source == SeriesSource::gateway) {
    reader.report(node.place, path, "the gateway's own metrics are of no pool", "leave out pool");
  }
  if (clean && alert.above.has_value() == alert.below.has_value()) {
    reader.report(node.place, path,
                  alert.above ? "both above and below: an alert has one condition"
                              : "neither above nor below: an alert needs a condition",
                  "e.g. above: 100");
  }
}

SectionDecl alert_section() {
  return Section<AlertConfig>{}
      .field("metric", &AlertConfig::metric, metric_kind(), "",
             "what is watched: gauges by value, counters by rate per second, histograms by "
             "quantile (the latter two since the scrape before)")
      .optional("pool", &AlertConfig::pool, reference_kind<PoolIndex>(NameList::pools),
                "the pool that is watched; none: each, with an alert of its own (the gateway's own "
                "metrics "
                "have one)")
      .field("quantile", &AlertConfig::quantile, ratio_kind(), "0.99", "of the histogram")
      .only_when("metric: vllm:*_seconds",
                 [](const AlertConfig& alert) {
                   return series_of(alert.metric).kind == SeriesKind::histogram;
                 })
      .optional("above", &AlertConfig::above, number_kind(), "it fires when the value is above")
      .optional("below", &AlertConfig::below, number_kind(), "it fires when the value is below")
      .field("for", &AlertConfig::hold, duration_kind(), "0",
             "how long the condition has to hold until it fires")
      .finish(finish_alert)
      .build();
}

SectionDecl database_section() {
  return Section<MetricsDatabaseConfig>{}
      .optional("ingest_capacity", &MetricsDatabaseConfig::ingest_capacity, frequency_kind(),
                "samples that it takes per second; what is over it lags behind; none: no limit")
      .field("bytes_per_sample", &MetricsDatabaseConfig::bytes_per_sample, number_kind(positive),
             "1.3", "on disk, compressed")
      .field("retention", &MetricsDatabaseConfig::retention, millisecond_kind(), "15d",
             "how long samples are kept")
      .optional("billing_record", &MetricsDatabaseConfig::billing_record, bytes_kind(),
                "written for each completed request, through the same intake, and kept for good; "
                "none: not written")
      .build();
}

}  // namespace

SectionDecl monitoring_section() {
  return Section<MonitoringConfig>{}
      .field("scrape_interval", &MonitoringConfig::scrape_interval, millisecond_kind(), "15s",
             "between scrapes of all replicas; alerts are evaluated after each")
      .field("per_replica", &MonitoringConfig::per_replica, flag_kind(), "false",
             "monitoring.csv has the gauges and preemptions of each replica too")
      .field("open_metrics", &MonitoringConfig::open_metrics, flag_kind(), "false",
             "monitoring.csv is also written as metrics.om, an OpenMetrics exposition")
      .written_when([](const MonitoringConfig& monitoring) { return monitoring.open_metrics; })
      .field("other_series", &MonitoringConfig::other_series, big_count_kind(0, 1'000'000), "0",
             "series per replica that other exporters add to the engine's, for the database's load")
      .section("database", &MonitoringConfig::database, database_section(),
               "the time series database that scrapes go to")
      .named("alerts", &MonitoringConfig::alerts, alert_section(), NameList::none,
             "what is alerted on, Prometheus' semantics")
      .build();
}

}  // namespace plimsoll
