// Metrics room: one alert of one pool, from evaluation to evaluation.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/monitoring_summary.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

enum class AlertState : std::uint8_t { inactive, pending, firing };

/// Prometheus' semantics: the first evaluation that meets the condition makes it pending (firing,
/// when it need not hold), an evaluation `hold` or more after it makes it firing, one that does not
/// meet it inactive.
class Alert {
 public:
  /// Held at most; later ones are counted only.
  static constexpr std::size_t most_episodes = 32;

  explicit Alert(Duration hold) : hold_{hold} {}

  /// The value scraped at `scraped` is evaluated at `at` >= scraped. Calls are in order of both.
  void evaluate(SimTime scraped, SimTime at, bool met);

  AlertState state() const { return state_; }
  /// Fills the counts and episodes of `summary` and its state, as of `end`.
  void summarize(SimTime end, AlertSummary& summary) const;

 private:
  Duration hold_;
  AlertState state_ = AlertState::inactive;
  SimTime active_at_{};    // the evaluation that made it pending
  SimTime clear_ = never;  // the last scrape that did not meet the condition
  AlertEpisode current_;
  std::int64_t evaluations_ = 0;
  std::int64_t pendings_ = 0;
  std::int64_t firings_ = 0;
  Duration firing_{};                   // of episodes that are over
  std::vector<AlertEpisode> episodes_;  // that are over
};

}  // namespace plimsoll
