// Idle connections in the order in which they end.
#include "service/idle_connections.hpp"

namespace plimsoll {

void IdleConnections::close_oldest() {
  places_.erase(order_.front().owner);
  order_.pop_front();
}

bool IdleConnections::take(PrefixId owner) {
  const auto place = places_.find(owner);
  if (place == places_.end()) {
    return false;
  }
  order_.erase(place->second);
  places_.erase(place);
  return true;
}

std::int64_t IdleConnections::ns_after_their_ends(SimTime t) const {
  std::int64_t ns = 0;
  for (const Idle& idle : order_) {
    if (idle.ends > t) {
      break;
    }
    ns += (t - idle.ends).count();
  }
  return ns;
}

bool IdleConnections::put(PrefixId owner, SimTime t) {
  if (config_.size == 0 || places_.count(owner) > 0) {
    return false;
  }
  places_[owner] = order_.insert(order_.end(), Idle{owner, t + config_.keep_alive});
  return true;
}

}  // namespace plimsoll
