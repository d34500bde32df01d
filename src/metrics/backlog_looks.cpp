// Metrics room: when a run with few windows is looked at, for overload to show.
#include "metrics/backlog_looks.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

constexpr Duration least_step = std::chrono::milliseconds{1};

}  // namespace

BacklogLooks::BacklogLooks(const Config& config)
    : spans_{config.horizon}, end_{ArrivalSpan{config}.end()}, step_{least_step} {
  if (end_ == never) {
    return;
  }
  const Duration played = spans_.partial() ? spans_.covered_until(end_) : end_.time_since_epoch();
  const Duration window = config.metrics.window;
  const bool enough =
      window > Duration::zero() && played / window >= static_cast<Duration::rep>(enough_windows);
  step_ = enough ? Duration::zero() : std::max(Duration{1}, played / looks);
}

SimTime BacklogLooks::after(SimTime now) const {
  if (step_ == Duration::zero()) {
    return never;
  }
  if (end_ == never) {
    return now + std::max(least_step, now.time_since_epoch() / looks);
  }
  const SimTime boundary = spans_.boundary_after(now);  // of a played window
  const SimTime next = spans_.covers(now) ? std::min(now + step_, boundary) : boundary;
  return next > end_ ? never : next;
}

}  // namespace plimsoll
