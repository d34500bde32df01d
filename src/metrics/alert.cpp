// Metrics room: one alert of one pool, from evaluation to evaluation.
#include "metrics/alert.hpp"

#include "plimsoll/errors.hpp"

namespace plimsoll {

void Alert::evaluate(SimTime scraped, SimTime at, bool met) {
  PLIMSOLL_CHECK(at >= scraped, "nothing is evaluated before it was scraped");
  ++evaluations_;
  if (!met) {
    if (state_ == AlertState::firing) {
      current_.resolved = at;
      firing_ += at - current_.fired;
      if (episodes_.size() < most_episodes) {
        episodes_.push_back(current_);
      }
    }
    state_ = AlertState::inactive;
    clear_ = scraped;
    return;
  }
  if (state_ == AlertState::inactive) {
    ++pendings_;
    state_ = AlertState::pending;
    active_at_ = at;
    current_ = AlertEpisode{};
    current_.clear = clear_;
    current_.since = scraped;
  }
  if (state_ == AlertState::pending && at - active_at_ >= hold_) {
    ++firings_;
    state_ = AlertState::firing;
    current_.fired = at;
  }
}

void Alert::summarize(SimTime end, AlertSummary& summary) const {
  constexpr const char* states[] = {"inactive", "pending", "firing"};
  summary.state = states[static_cast<int>(state_)];
  summary.evaluations = evaluations_;
  summary.pendings = pendings_;
  summary.firings = firings_;
  summary.firing = firing_;
  summary.episodes = episodes_;
  if (state_ == AlertState::firing) {
    // With a lag, the evaluation that made it fire may lie after the end of the run.
    summary.firing += end > current_.fired ? end - current_.fired : Duration::zero();
    if (summary.episodes.size() < most_episodes) {
      summary.episodes.push_back(current_);
    }
  }
}

}  // namespace plimsoll
