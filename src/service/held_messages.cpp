// One event for each time at which messages are released.
#include "service/held_messages.hpp"

#include <utility>

namespace plimsoll {

void HeldMessages::hold(const Gathered& request, SimTime until, bool joins) {
  const auto [line, is_first] = until_.try_emplace(until);
  if (is_first) {
    engine_.at(until, EventPriority::fleet, [this, until] { release(until); });
  }
  if (!joins) {
    line->second.emplace_back();
  }
  line->second.back().push_back(request);
}

void HeldMessages::release(SimTime until) {
  const std::vector<Message> messages = std::move(until_.extract(until).mapped());
  for (const Message& message : messages) {
    listener_.on_released(message);
  }
}

}  // namespace plimsoll
