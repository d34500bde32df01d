// Simulation room: differences of readings, window by window.
#include "simulation/stage_use.hpp"

#include <algorithm>
#include <string>

namespace plimsoll {
namespace {

/// Negative without a capacity.
double share_of(const CapacityUse& use) {
  constexpr double none = -1;
  return use.all > 0 ? use.used / use.all : none;
}

}  // namespace

StageUse::StageUse(const Config& config, const RequestPath& path)
    : spans_{config.horizon},
      warm_up_end_{sim_start + config.warm_up},
      window_{config.metrics.window} {
  for (const StageCapacity& capacity : path.capacities()) {
    Account account;
    account.capacity = &capacity;
    accounts_.push_back(account);
  }
}

void StageUse::close_window(SimTime now) {
  if (over_ || now == begin_) {
    return;
  }
  const bool measured = begin_ >= warm_up_end_ && spans_.covers(begin_);
  const bool whole = window_ > Duration::zero() && now - begin_ >= window_;
  for (Account& account : accounts_) {
    const CapacityUse reading = account.capacity->use(now);
    CapacityUse in_window = reading;
    if (!account.capacity->is_level) {
      in_window.used -= account.last.used;
      in_window.all -= account.last.all;
    }
    account.last = reading;
    if (!measured) {
      continue;
    }
    account.total.used = in_window.used + (account.capacity->is_level ? 0 : account.total.used);
    account.total.all = in_window.all + (account.capacity->is_level ? 0 : account.total.all);
    account.busiest = whole ? std::max(account.busiest, share_of(in_window)) : account.busiest;
  }
  begin_ = now;
}

void StageUse::end_arrivals(SimTime now) {
  close_window(now);
  over_ = true;
}

void StageUse::tell(StageSummary& row) const {
  for (const Account& account : accounts_) {
    if (account.capacity->stage != row.stage) {
      continue;
    }
    const double mean = share_of(account.total);
    const double busiest = account.busiest < 0 ? mean : account.busiest;
    if (account.capacity->is_level) {
      row.memory_usage = mean;
      row.memory_usage_max = busiest;
    } else if (mean >= 0 && (row.resource.empty() || mean > row.utilization)) {
      row.utilization = mean;
      row.busiest_window = busiest;
      row.resource = account.capacity->resource;
    }
  }
}

void tell_slots(const std::vector<PoolSummary>& pools, StageSummary& row) {
  for (const PoolSummary& pool : pools) {
    if (pool.sequence_slots > 0 && pool.slot_occupancy > row.utilization) {
      row.utilization = pool.slot_occupancy;
      row.resource = "slots of pool " + pool.name;
    }
  }
}

}  // namespace plimsoll
