// Watches the answers of a new version and says when they are too bad.
#pragma once

#include <cstdint>
#include <deque>

#include "plimsoll/ids.hpp"
#include "plimsoll/rollout_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Answers since the beginning.
struct AnswerCounts {
  std::int64_t answers = 0;
  std::int64_t degraded = 0;
  std::int64_t failed = 0;
};

class HealthGate {
 public:
  explicit HealthGate(const HealthGateConfig& config) : config_{config} {}

  /// A look at `now`, `counts` being all answers of the version until now; looks come in order of
  /// time. True when, as of `delay` ago, the bad share of the answers within `window` reached the
  /// threshold, and they were at least `minimum_answers`. An answer is placed at the first look
  /// that sees it.
  bool look(SimTime now, const AnswerCounts& counts);

 private:
  struct Sample {
    SimTime at{};
    std::int64_t answers = 0;
    std::int64_t bad = 0;
  };
  std::int64_t bad_of(const AnswerCounts& counts) const;

  HealthGateConfig config_;
  std::deque<Sample> samples_;  // the first is the newest that lies before the window, if any does
};

}  // namespace plimsoll
