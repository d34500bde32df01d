// Metrics room: what is reported of a distribution.
#pragma once

#include "metrics/sketch.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// In milliseconds.
LatencySummary summarize_latency(const LatencySketch& sketch);

}  // namespace plimsoll
