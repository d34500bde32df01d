// Metrics room: windows of a horizon.
#include "metrics/covered_spans.hpp"

#include <algorithm>

namespace plimsoll {

int CoveredSpans::of(SimTime t) const {
  const Duration at = t.time_since_epoch();
  const auto next =
      std::partition_point(windows_.begin(), windows_.end(),
                           [at](const PlayedWindow& window) { return window.to <= at; });
  return next == windows_.end() || at < next->from ? -1 : static_cast<int>(next - windows_.begin());
}

SimTime CoveredSpans::boundary_after(SimTime t) const {
  for (const PlayedWindow& window : windows_) {
    for (const Duration boundary : {window.from, window.to}) {
      if (SimTime{boundary} > t) {
        return SimTime{boundary};
      }
    }
  }
  return never;
}

Duration CoveredSpans::covered_until(SimTime end) const {
  Duration sum{};
  for (const PlayedWindow& window : windows_) {
    const Duration to = std::min(window.to, end.time_since_epoch());
    sum += std::max(Duration{}, to - window.from);
  }
  return sum;
}

}  // namespace plimsoll
