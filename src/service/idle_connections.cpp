// Idle connections in the order in which they end.
#include "service/idle_connections.hpp"

namespace plimsoll {

void IdleConnections::close_oldest() {
  order_.remove(order_.oldest().owner);
}

bool IdleConnections::take(PrefixId owner) {
  return order_.remove(owner);
}

std::int64_t IdleConnections::ns_after_their_ends(SimTime t) const {
  std::int64_t ns = 0;
  const auto* idle = order_.empty() ? nullptr : &order_.oldest();
  while (idle != nullptr && idle->value <= t) {
    ns += (t - idle->value).count();
    idle = order_.newer_than(*idle);
  }
  return ns;
}

bool IdleConnections::put(PrefixId owner, SimTime t) {
  if (config_.size == 0 || order_.find(owner) != nullptr) {
    return false;
  }
  order_.add(owner, t + config_.keep_alive);
  return true;
}

}  // namespace plimsoll
