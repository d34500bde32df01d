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
  std::int64_t slow = 0;
};

class HealthGate {
 public:
  explicit HealthGate(const HealthGateConfig& config) : config_{config} {}

  /// A look at `now`, `counts` being all answers of the version until now; looks come in order of
  /// time. True when, as of `delay` ago, the bad or the slow share of the answers within `window`
  /// reached its threshold. When they were fewer than `minimum_answers`, so many are looked at,
  /// however old; none is judged before there are. An answer is placed at the first look that sees
  /// it.
  bool look(SimTime now, const AnswerCounts& counts);
  /// Answers that the last look knew of.
  std::int64_t known() const { return known_; }

 private:
  struct Sample {
    SimTime at{};
    std::int64_t answers = 0;
    std::int64_t bad = 0;
    std::int64_t slow = 0;
  };
  std::int64_t bad_of(const AnswerCounts& counts) const;

  HealthGateConfig config_;
  std::deque<Sample> samples_;  // the first is the newest that lies before what is looked at
  std::int64_t known_ = 0;
};

}  // namespace plimsoll
