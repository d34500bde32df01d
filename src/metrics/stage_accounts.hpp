// Metrics room: visits of the stages of a request path.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "metrics/covered_spans.hpp"
#include "metrics/sketch.hpp"
#include "plimsoll/metrics.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// Counts and latencies by stage, of visits that began at or after the warm-up and in a window of
/// the horizon. Memory depends on neither the horizon nor the number of visits.
class StageAccounts {
 public:
  StageAccounts(SimTime warm_up_end, CoveredSpans spans)
      : warm_up_end_{warm_up_end}, spans_{std::move(spans)} {}

  void add(const StageVisit& visit) {
    if (visit.at < warm_up_end_ || !spans_.covers(visit.at)) {
      return;
    }
    Account& account = accounts_[static_cast<std::size_t>(visit.stage)];
    ++account.outcomes[static_cast<std::size_t>(visit.result)];
    account.hits += visit.hit ? 1 : 0;
    account.wait.add(visit.wait.count());
    account.latency.add(visit.latency.count());
  }

  /// A row for every stage, in their order.
  std::vector<StageSummary> summarize() const;

 private:
  struct Account {
    std::array<std::int64_t, outcome_count> outcomes{};
    std::int64_t hits = 0;
    LatencySketch wait, latency;
  };
  SimTime warm_up_end_;
  CoveredSpans spans_;
  std::array<Account, stage_count> accounts_;
};

}  // namespace plimsoll
