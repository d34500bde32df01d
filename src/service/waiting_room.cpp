// Positions and the pace of a line.
#include "service/waiting_room.hpp"

#include <cmath>

namespace plimsoll {

WaitingRoom::WaitingRoom(const WaitingRoomConfig& config, const ClientConfig* clients,
                         ModelIndex model)
    : shows_wait_{config.shows == ShownInLine::wait},
      averaging_s_{to_seconds(config.averaging)},
      model_{model} {
  if (clients != nullptr) {
    most_position_ = clients->leaves_beyond_position;
    most_wait_ = clients->leaves_beyond_wait;
  }
}

/// While nobody waits the line has no pace, and its mean stays as it was.
void WaitingRoom::pass_time(SimTime now) {
  if (pace_ && !order_.empty()) {
    *pace_ *= std::exp(-to_seconds(now - noted_) / averaging_s_);
  }
  noted_ = now;
}

WaitingRoomVisit WaitingRoom::show(QueueRank rank, RequestId id, SimTime now, double capacity) {
  if (!pace_ && capacity > 0) {
    pace_ = capacity;
  }
  pass_time(now);
  WaitingRoomVisit visit;
  visit.model = model_;
  visit.joined = now;
  visit.position = static_cast<std::int64_t>(order_.order_of_key({rank, id}));
  if (shows_wait_ && pace_ && *pace_ > 0) {
    constexpr double longest_ns = 1e17;
    const double ns = 1e9 * static_cast<double>(visit.position + 1) / *pace_;
    visit.told = Duration{static_cast<std::int64_t>(std::fmin(ns, longest_ns) + 0.5)};
  }
  return visit;
}

bool WaitingRoom::is_too_much(const WaitingRoomVisit& shown) const {
  return (most_position_ && shown.position > *most_position_) ||
         (most_wait_ && shown.told && *shown.told > *most_wait_);
}

void WaitingRoom::join(const WaitingRoomVisit& shown, QueueRank rank, RequestId id,
                       RequestSlot slot) {
  pass_time(shown.joined);
  order_.insert({rank, id});
  if (visits_.size() <= slot) {
    visits_.resize(slot + std::size_t{1});
  }
  visits_[slot] = shown;
}

WaitingRoomVisit WaitingRoom::leave(QueueRank rank, RequestId id, RequestSlot slot, bool served,
                                    SimTime now) {
  pass_time(now);
  const bool stood_in_line = order_.erase({rank, id});
  PLIMSOLL_CHECK(stood_in_line, "who leaves the line stands in it");
  if (served && pace_) {
    *pace_ += 1 / averaging_s_;
  }
  WaitingRoomVisit visit = visits_[slot];
  visit.end = served ? WaitingRoomEnd::served : WaitingRoomEnd::gave_up;
  visit.waited = now - visit.joined;
  return visit;
}

}  // namespace plimsoll
