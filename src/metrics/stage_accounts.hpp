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

/// Counts by stage, waits of those who were let in and latencies of those who were served, of
/// visits by requests that arrived at or after the warm-up and in a window of the horizon: whoever
/// is in one row is in all that he came to. Memory depends on neither the horizon nor the number of
/// visits.
class StageAccounts {
 public:
  StageAccounts(SimTime warm_up_end, CoveredSpans spans)
      : warm_up_end_{warm_up_end}, spans_{std::move(spans)} {}

  void begin(SimTime arrived, bool again) {
    attempts_.all += measures(arrived) ? 1 : 0;
    attempts_.retries += again && measures(arrived) ? 1 : 0;
  }

  void add(const StageVisit& visit) {
    if (!measures(visit.arrived)) {
      return;
    }
    Account& account = accounts_[static_cast<std::size_t>(visit.stage)];
    switch (visit.end) {
      case VisitEnd::left_on_the_way:
        ++account.left_on_the_way;
        return;
      case VisitEnd::under_way:
        ++account.under_way;
        return;
      case VisitEnd::open:
        ++account.open;
        return;
      case VisitEnd::known:
        break;
    }
    ++account.outcomes[static_cast<std::size_t>(visit.result)];
    account.hits += visit.hit ? 1 : 0;
    if (!visit.refused) {
      account.wait.add(visit.wait.count());
    }
    if (visit.result == Outcome::completed || visit.result == Outcome::cached) {
      account.latency.add(visit.latency.count());
    }
  }

  /// A row for every stage, in their order.
  std::vector<StageSummary> summarize() const;
  const MeasuredAttempts& attempts() const { return attempts_; }

 private:
  bool measures(SimTime arrived) const { return arrived >= warm_up_end_ && spans_.covers(arrived); }

  struct Account {
    std::array<std::int64_t, outcome_count> outcomes{};
    std::int64_t hits = 0;
    std::int64_t left_on_the_way = 0;
    std::int64_t under_way = 0;
    std::int64_t open = 0;
    LatencySketch wait, latency;
  };
  SimTime warm_up_end_;
  CoveredSpans spans_;
  MeasuredAttempts attempts_;
  std::array<Account, stage_count> accounts_;
};

}  // namespace plimsoll
