// Simulation room: differences of readings, window by window.
#include "simulation/stage_use.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

/// Negative without a capacity.
double share_of(const CapacityUse& use) {
  constexpr double none = -1;
  return use.all > 0 ? use.used / use.all : none;
}

}  // namespace

StageUse::StageUse(const Config& config, const RequestPath& path)
    : path_{path},
      spans_{config.horizon},
      warm_up_end_{sim_start + config.warm_up},
      window_{config.metrics.window} {
}

void StageUse::close_window(SimTime now) {
  if (over_ || now == begin_) {
    return;
  }
  const bool measured = begin_ >= warm_up_end_ && spans_.covers(begin_);
  const bool whole = window_ > Duration::zero() && now - begin_ >= window_;
  for (int s = 0; s < stage_count; ++s) {
    Account& account = accounts_[static_cast<std::size_t>(s)];
    const CapacityUse reading = path_.capacity_use(static_cast<Stage>(s));
    CapacityUse in_window = reading;
    if (!reading.level) {
      in_window.used -= account.last.used;
      in_window.all -= account.last.all;
    }
    account.last = reading;
    if (!measured) {
      continue;
    }
    account.total.used = in_window.used + (reading.level ? 0 : account.total.used);
    account.total.all = in_window.all + (reading.level ? 0 : account.total.all);
    account.busiest = whole ? std::max(account.busiest, share_of(in_window)) : account.busiest;
  }
  begin_ = now;
}

void StageUse::end_arrivals(SimTime now) {
  close_window(now);
  over_ = true;
}

double StageUse::mean(Stage stage) const {
  return share_of(accounts_[static_cast<std::size_t>(stage)].total);
}

double StageUse::busiest(Stage stage) const {
  const Account& account = accounts_[static_cast<std::size_t>(stage)];
  return account.busiest < 0 ? share_of(account.total) : account.busiest;
}

}  // namespace plimsoll
