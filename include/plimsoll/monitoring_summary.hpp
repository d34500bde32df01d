// How a run looked to its monitoring. Definitions: docs/metrics.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// One time that an alert fired.
struct AlertEpisode {
  SimTime clear = never;     // the last scrape that did not meet the condition; never: none before
  SimTime since{};           // the first that did
  SimTime fired{};           // evaluation that made it fire
  SimTime resolved = never;  // evaluation that ended it; never: it fires at the end of the run
};

/// One alert of one pool.
struct AlertSummary {
  std::string name;
  std::string pool;
  std::string condition;  // in words: "vllm:num_requests_waiting > 20 for 60 s"
  std::string state;      // at the end: inactive, pending, firing
  std::int64_t evaluations = 0;
  std::int64_t pendings = 0;  // times that it became pending
  std::int64_t firings = 0;
  Duration firing{};                   // all in all
  std::vector<AlertEpisode> episodes;  // the first ones, held in bounded number
};

struct MonitoringSummary {
  std::int64_t scrapes = 0;
  std::int64_t series_per_instance = 0;
  std::int64_t instances_max = 0;  // replicas that answered a scrape
  std::int64_t samples = 0;
  std::int64_t billing_records = 0;
  double ingest_mean = 0;  // samples and records per second, over the run
  double ingest_max = 0;   // ... over a scrape interval
  double capacity = 0;     // samples/s; 0: no limit
  Duration lag_max{};      // from a scrape to when all its samples can be queried
  Duration lag_end{};
  std::int64_t stored_samples = 0;  // within the retention, at the end
  double storage_bytes = 0;
  double storage_bytes_full = 0;  // when the retention is full, at the mean rate
  double billing_bytes = 0;
  std::vector<AlertSummary> alerts;
};

/// One value of one series at one scrape: a row of monitoring.csv.
struct MonitoringRow {
  SimTime at{};
  std::string metric;
  std::string pool;
  std::string replica;  // empty: the pool's sum
  std::string le;       // of a histogram's bucket, its upper bound in seconds
  double value = 0;
};

}  // namespace plimsoll
