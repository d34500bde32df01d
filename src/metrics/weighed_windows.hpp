// Metrics room: what played windows say of the horizon that they stand for.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/covered_spans.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// The part of the horizon that is nearest to a window.
struct WindowWeight {
  Duration length{};             // of the window
  Duration represented{};        // of the part that it stands for, the window in it
  double expected_arrivals = 0;  // in that part
  double left = 0;  // of these, who left between windows unserved: too long in line, or no room
};

/// How many requests of the horizon one request of a window stands for.
struct WindowFactors {
  double arrived = 0;    // as many as came
  double completed = 0;  // less who left between windows, beyond those whom the window's losses say
};

/// With w = expected / arrived, one request in w stands for w. Of the w x in_line - in_line
/// requests that came to the GPUs' line outside of the window, the window's own share of losses
/// says how many were lost; where more left than that, the rest of them is taken from those who
/// completed. (Both tell of the same line: an overload that lasts is not counted twice.) Who was
/// answered by a cache never stood there. Zeros for a window in which nobody arrived.
WindowFactors factors_of(const CoveredCounts& window, const WindowWeight& weight);

/// Requests of the horizon, estimated.
struct WeighedCounts {
  double arrived = 0;
  double ended = 0;     // who left between windows has ended
  double answered = 0;  // completed or cached
};

/// Of some classes. `windows` and `weights` are of the same length.
WeighedCounts weighed_counts(const std::vector<CoveredCounts>& windows,
                             const std::vector<WindowWeight>& weights,
                             const std::vector<std::size_t>& classes);

/// Of `serving_ns` of a pool over the whole horizon, what was idle: each window's idle share holds
/// for the time that it stands for, in proportion to the replicas that served in it. None of the
/// time was seen to be served in windows: `serving_ns` itself, nobody knows better.
std::int64_t weighed_idle_ns(const std::vector<CoveredCounts>& windows,
                             const std::vector<WindowWeight>& weights, std::size_t pool,
                             std::int64_t serving_ns);

}  // namespace plimsoll
