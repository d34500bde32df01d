// Metrics room: what waiting rooms showed, and how long those who were shown it waited.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "metrics/covered_spans.hpp"
#include "metrics/sketch.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// By model; of requests that came to the line at or after the warm-up and in a window of the
/// horizon. Memory depends on neither the horizon nor the number of requests.
class WaitingRoomAccounts {
 public:
  /// Keeps references, which outlive it.
  WaitingRoomAccounts(const Config& config, const CoveredSpans& spans);

  void add(const WaitingRoomVisit& visit);
  /// One for each model whose service has a waiting room.
  std::vector<WaitingRoomSummary> summarize() const;

 private:
  static constexpr std::size_t end_count = 4;
  struct Account {
    std::array<std::int64_t, end_count> ends{};
    LatencySketch position;  // requests in place of ns
    LatencySketch told, waited, error;
  };
  const Config& config_;
  const CoveredSpans& spans_;
  SimTime warm_up_end_;
  std::vector<Account> accounts_;  // by model
};

}  // namespace plimsoll
