// Metrics room: from played windows to the horizon.
#include "metrics/weighed_windows.hpp"

#include <algorithm>

#include "base/int128.hpp"

namespace plimsoll {

WindowFactors factors_of(const CoveredCounts& window, const WindowWeight& weight) {
  if (window.arrived == 0) {
    return {};
  }
  WindowFactors factors;
  factors.arrived = weight.expected_arrivals / static_cast<double>(window.arrived);
  factors.completed = factors.arrived;
  const auto completed = static_cast<double>(window.completed);
  const auto lost = static_cast<double>(window.arrived - window.cached - window.completed);
  const double lost_outside = std::max(0.0, factors.arrived - 1) * lost;
  const double beyond = std::max(0.0, weight.left - lost_outside);
  if (completed > 0) {
    factors.completed = std::max(0.0, factors.arrived - beyond / completed);
  }
  return factors;
}

WeighedCounts weighed_counts(const std::vector<CoveredCounts>& windows,
                             const std::vector<WindowWeight>& weights,
                             const std::vector<std::size_t>& classes) {
  WeighedCounts sum;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const WindowFactors factors = factors_of(windows[i], weights[i]);
    for (const std::size_t c : classes) {
      const CoveredCounts::OfClass& of = windows[i].classes[c];
      sum.arrived += factors.arrived * static_cast<double>(of.arrived);
      sum.ended += factors.arrived * static_cast<double>(of.ended);
      sum.answered += factors.arrived * static_cast<double>(of.cached) +
                      factors.completed * static_cast<double>(of.completed);
    }
  }
  return sum;
}

std::int64_t weighed_idle_ns(const std::vector<CoveredCounts>& windows,
                             const std::vector<WindowWeight>& weights, std::size_t pool,
                             std::int64_t serving_ns) {
  Int128 idle = 0;
  Int128 serving = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const CoveredCounts::OfPool& of = windows[i].pools[pool];
    const Int128 stands_for = weights[i].represented.count();
    const Int128 length = std::max<std::int64_t>(1, weights[i].length.count());
    idle += of.idle_ns * stands_for / length;
    serving += (static_cast<Int128>(of.idle_ns) + of.busy_ns) * stands_for / length;
  }
  // A share in millionths of a millionth, so that the product stays within 128 bits.
  constexpr std::int64_t parts = 1'000'000'000'000;
  return serving == 0 ? serving_ns
                      : static_cast<std::int64_t>(serving_ns * (idle * parts / serving) / parts);
}

}  // namespace plimsoll
