// Metrics room: the time series database that scrapes go to, as a fluid queue and a store.
#include "metrics/metrics_database.hpp"

#include <algorithm>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

constexpr Int128 parts = 1'000'000'000;  // of a sample: capacity x ns

}  // namespace

MetricsDatabase::MetricsDatabase(const MetricsDatabaseConfig& config)
    : capacity_{config.ingest_capacity
                    ? std::max<std::int64_t>(1, std::llround(config.ingest_capacity->count()))
                    : 0},
      retention_{config.retention} {
}

Int128 MetricsDatabase::backlog_at(SimTime now) const {
  const Int128 drained = Int128{capacity_} * (now - last_).count();
  return std::max<Int128>(0, backlog_ - drained);
}

Duration MetricsDatabase::lag(SimTime now) const {
  return capacity_ == 0
             ? Duration::zero()
             : Duration{static_cast<std::int64_t>((backlog_at(now) + capacity_ - 1) / capacity_)};
}

Duration MetricsDatabase::ingest(SimTime now, std::int64_t samples, std::int64_t records) {
  PLIMSOLL_CHECK(now >= last_ && samples >= 0 && records >= 0, "scrapes follow each other");
  backlog_ = backlog_at(now) + parts * (Int128{samples} + records);
  last_ = now;
  store(now, samples);
  return lag(now);
}

void MetricsDatabase::store(SimTime now, std::int64_t samples) {
  expire(now - retention_);
  if (samples == 0) {
    return;
  }
  stored_ += samples;
  if (!runs_.empty()) {
    Run& run = runs_.back();
    const bool first_gap = run.first == run.last;
    if (run.samples == samples && (first_gap || now - run.last == run.every)) {
      run.every = now - run.last;
      run.last = now;
      return;
    }
  }
  runs_.push_back(Run{now, now, Duration::zero(), samples});
}

/// Samples of scrapes up to `before` are deleted.
void MetricsDatabase::expire(SimTime before) {
  while (!runs_.empty() && runs_.front().first <= before) {
    Run& run = runs_.front();
    stored_ -= run.samples;
    if (run.first == run.last) {
      runs_.pop_front();
    } else {
      run.first += run.every;
    }
  }
}

}  // namespace plimsoll
