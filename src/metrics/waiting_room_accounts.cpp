// Metrics room: from visits of waiting rooms to their summaries.
#include "metrics/waiting_room_accounts.hpp"

#include <algorithm>

#include "metrics/latency_summary.hpp"

namespace plimsoll {
namespace {

/// Of a sketch of requests: latencies are told in ms, of ns.
LatencySummary in_requests(const LatencySketch& sketch) {
  constexpr double ns_per_ms = 1e6;
  LatencySummary summary = summarize_latency(sketch);
  for (double* value : {&summary.mean, &summary.std, &summary.min, &summary.max}) {
    *value *= ns_per_ms;
  }
  for (double& percentile : summary.percentiles) {
    percentile *= ns_per_ms;
  }
  return summary;
}

}  // namespace

WaitingRoomAccounts::WaitingRoomAccounts(const Config& config, const CoveredSpans& spans)
    : config_{config},
      spans_{spans},
      warm_up_end_{sim_start + config.warm_up},
      accounts_(config.models.size()) {
}

void WaitingRoomAccounts::add(const WaitingRoomVisit& visit) {
  if (visit.joined < warm_up_end_ || !spans_.covers(visit.joined)) {
    return;
  }
  Account& account = accounts_[visit.model];
  ++account.ends[static_cast<std::size_t>(visit.end)];
  if (visit.end != WaitingRoomEnd::no_room) {
    account.position.add(visit.position);
  }
  if (visit.end == WaitingRoomEnd::served) {
    account.waited.add(visit.waited.count());
    if (visit.told) {
      account.told.add(visit.told->count());
      account.error.add(std::max(*visit.told - visit.waited, visit.waited - *visit.told).count());
    }
  }
}

std::vector<WaitingRoomSummary> WaitingRoomAccounts::summarize() const {
  std::vector<WaitingRoomSummary> summaries;
  for (std::size_t model = 0; model < accounts_.size(); ++model) {
    if (!service_of(config_, static_cast<ModelIndex>(model)).waiting_room) {
      continue;
    }
    const Account& account = accounts_[model];
    const auto count = [&](WaitingRoomEnd end) {
      return account.ends[static_cast<std::size_t>(end)];
    };
    WaitingRoomSummary summary;
    summary.model = config_.models[model].name;
    summary.served = count(WaitingRoomEnd::served);
    summary.gave_up = count(WaitingRoomEnd::gave_up);
    summary.left_when_shown = count(WaitingRoomEnd::left_when_shown);
    summary.no_room = count(WaitingRoomEnd::no_room);
    summary.position = in_requests(account.position);
    summary.told_wait = summarize_latency(account.told);
    summary.waited = summarize_latency(account.waited);
    summary.mean_error_ms = account.error.mean_ns() / 1e6;
    summaries.push_back(summary);
  }
  return summaries;
}

}  // namespace plimsoll
