// Metrics room: the time series database that scrapes go to, as a fluid queue and a store.
#pragma once

#include <cstdint>
#include <deque>

#include "base/int128.hpp"
#include "plimsoll/monitoring_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Takes `ingest_capacity` samples a second, in order; what comes faster waits. All in integers.
class MetricsDatabase {
 public:
  explicit MetricsDatabase(const MetricsDatabaseConfig& config);

  /// `samples` of series and `records` to be kept for good come at `now`, not before the last call.
  /// Returns how long it takes until all of them are in.
  Duration ingest(SimTime now, std::int64_t samples, std::int64_t records);

  /// How far it is behind at `now`.
  Duration lag(SimTime now) const;
  /// Samples of the last retention, whether in or waiting.
  std::int64_t stored() const { return stored_; }

 private:
  /// Scrapes of as many samples each, `every` apart.
  struct Run {
    SimTime first{};
    SimTime last{};
    Duration every{};
    std::int64_t samples = 0;
  };
  void store(SimTime now, std::int64_t samples);
  void expire(SimTime before);
  Int128 backlog_at(SimTime now) const;

  std::int64_t capacity_;  // samples/s; 0: no limit
  Duration retention_;
  SimTime last_{};
  Int128 backlog_ = 0;  // of samples at last_, in 10^-9 samples
  std::int64_t stored_ = 0;
  std::deque<Run> runs_;
};

}  // namespace plimsoll
