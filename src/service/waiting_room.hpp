// A line in which everybody is shown where he stands.
#pragma once

#include <cstdint>
#include <ext/pb_ds/assoc_container.hpp>
#include <ext/pb_ds/tree_policy.hpp>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "plimsoll/config.hpp"
#include "serving/events.hpp"
#include "serving/request_table.hpp"

namespace plimsoll {

/// Keeps the order of a service's central line beside WaitingQueue, so that a position is known in
/// O(log line) under any queue policy: those with a smaller (rank, id) go first. Later arrivals of
/// a better rank may overtake, which nobody was shown.
///
/// The wait that is shown is (position + 1) / pace. The pace is an exponentially weighted mean of
/// requests that replicas take from the line per second, over the time in which somebody waits; it
/// begins as what the replicas are estimated to sustain. Who gives up is not foreseen.
class WaitingRoom {
 public:
  /// `clients`: what they do when they are shown too much; null: nothing.
  WaitingRoom(const WaitingRoomConfig& config, const ClientConfig* clients, ModelIndex model);

  /// A request comes at `now`, when replicas are estimated to sustain `capacity` requests/s: what
  /// it is shown, in a visit that has no end yet.
  WaitingRoomVisit show(QueueRank rank, RequestId id, SimTime now, double capacity);
  /// Its client leaves for what it was shown.
  bool is_too_much(const WaitingRoomVisit& shown) const;
  /// It stands in line, at `slot`, until leave().
  void join(const WaitingRoomVisit& shown, QueueRank rank, RequestId id, RequestSlot slot);
  /// The request leaves the line: its visit, with its end. `served`: a replica takes it.
  WaitingRoomVisit leave(QueueRank rank, RequestId id, RequestSlot slot, bool served, SimTime now);

 private:
  using Place = std::pair<QueueRank, RequestId>;
  using Order =
      __gnu_pbds::tree<Place, __gnu_pbds::null_type, std::less<Place>, __gnu_pbds::rb_tree_tag,
                       __gnu_pbds::tree_order_statistics_node_update>;
  void pass_time(SimTime now);

  bool shows_wait_;
  double averaging_s_;
  std::optional<std::int64_t> most_position_;
  std::optional<Duration> most_wait_;
  ModelIndex model_;
  Order order_;
  std::vector<WaitingRoomVisit> visits_;  // by slot
  std::optional<double> pace_;            // requests/s; none: not known yet
  SimTime noted_{};
};

}  // namespace plimsoll
