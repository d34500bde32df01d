// Metrics room: the figures that thresholds speak of, from counts and sketches.
#pragma once

#include <cstdint>
#include <string>

#include "base/int128.hpp"
#include "metrics/request_counts.hpp"
#include "metrics/thresholds.hpp"

namespace plimsoll {

/// `part` / `whole`; nothing measured when `whole` is 0.
MetricValue ratio(Int128 part, Int128 whole);

/// The statistic of a threshold, in ms; nothing measured when `sketch` is empty.
MetricValue latency_value(const LatencySketch& sketch, const ThresholdConfig& threshold);

/// A metric of metric_docs that counts of requests give: of `counts`, of which `measured_in_flight`
/// have not ended, `overdue` of these in vain (waits_in_vain); rates are over `seconds`.
/// InternalError when there is no such metric.
MetricValue request_value(const std::string& metric, const EndedCounts& counts,
                          std::int64_t measured_in_flight, std::int64_t overdue, double seconds);

}  // namespace plimsoll
