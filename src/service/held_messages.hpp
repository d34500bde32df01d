// Messages that wait, out of everybody's way, until what they need works again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "engine/engine.hpp"
#include "service/aggregator.hpp"

namespace plimsoll {

class HeldMessageListener {
 public:
  virtual ~HeldMessageListener() = default;
  /// A message goes on now, with all who were held in it. Whose client left meanwhile is for the
  /// listener to know, and it may hold them again.
  virtual void on_released(const std::vector<Gathered>& requests) = 0;
};

/// Who is held takes no turn while he is: those who are not hit by an outage pass him. All that
/// wait for the same time are released by one event, in the order in which they came.
class HeldMessages {
 public:
  /// Both outlive it.
  HeldMessages(Engine& engine, HeldMessageListener& listener)
      : engine_{engine}, listener_{listener} {}

  /// A request is held until `until` > now(): in the message of the request before it, which is
  /// held until then as well, or in one of its own.
  void hold(const Gathered& request, SimTime until, bool joins);

 private:
  using Message = std::vector<Gathered>;
  void release(SimTime until);

  Engine& engine_;
  HeldMessageListener& listener_;
  std::map<SimTime, std::vector<Message>> until_;
};

}  // namespace plimsoll
