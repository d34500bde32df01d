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

ArrivalSpan::ArrivalSpan(const Config& config)
    : spans_{config.horizon},
      warm_up_end_{sim_start + config.warm_up},
      end_{config.duration > Duration::zero() ? sim_start + config.duration : never} {
}

double ArrivalSpan::seconds(SimTime run_end) const {
  if (spans_.partial()) {
    return to_seconds(spans_.covered_until(run_end));
  }
  const SimTime end = std::min(run_end, end_);
  return end > warm_up_end_ ? to_seconds(end - warm_up_end_) : 0;
}

}  // namespace plimsoll
