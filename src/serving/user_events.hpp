// What rows by region of users and by datacenter are made of.
#pragma once

#include <cstdint>

#include "serving/events.hpp"

namespace plimsoll {

inline constexpr std::uint16_t no_datacenter = 0xffff;

/// Where the user of a request is, and which datacenter works for it (none yet: no_datacenter).
struct UserPlace {
  std::uint16_t region = 0;
  std::uint16_t datacenter = no_datacenter;
};

/// Told of requests of a path with regions, beside EventSink and in the same order; only where rows
/// by region are asked for.
class UserSink {
 public:
  virtual ~UserSink() = default;
  virtual void on_user(UserPlace place, SimTime arrived) = 0;
  /// An attempt passed between its user and the edge location: the round trip.
  virtual void on_access(UserPlace place, Duration round_trip, SimTime at) = 0;
  /// An attempt went to a datacenter: the round trip and the wait there; `lost` when it was down.
  virtual void on_crossing(UserPlace place, Duration latency, bool lost, SimTime at) = 0;
  /// Another datacenter than `before` works for a request that arrived at `arrived`.
  virtual void on_moved(UserPlace place, std::uint16_t before, SimTime arrived) = 0;
  virtual void on_user_first_token(UserPlace place, const RequestRecord& record) = 0;
  virtual void on_user_end(UserPlace place, const RequestRecord& record) = 0;
};

}  // namespace plimsoll
