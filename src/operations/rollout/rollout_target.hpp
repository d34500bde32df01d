// What a rollout steers: the slots of a pool, whoever decides how many of them are rented.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "operations/rollout/loaded_versions.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// What a slot is for.
enum class SlotUse : std::uint8_t {
  off,      // not rented
  standby,  // loaded, gets no requests
  serving,
};

/// What a slot should become: each is brought there on its own, through faults and drains.
struct SlotGoal {
  WeightsVersion version = 0;
  SlotUse use = SlotUse::off;
  friend bool operator==(const SlotGoal&, const SlotGoal&) = default;
};

/// A pool whose size is given has every slot's goal from its rollouts. Of one that grows and
/// shrinks, they only say which version a slot has or is to begin with, beside the slots that they
/// add themselves for a while.
class RolloutTarget {
 public:
  virtual ~RolloutTarget() = default;
  virtual LoadedVersions& versions() = 0;
  virtual std::size_t size() const = 0;
  virtual SlotGoal goal(std::size_t slot) const = 0;
  virtual void set_goal(std::size_t slot, SlotGoal goal) = 0;
  /// It is off, and a rollout may have it serve for a while.
  virtual bool spare(std::size_t slot) const = 0;
  /// It is what it should be, or will be without the rollout's waiting for it: it is broken, or
  /// whoever scales the pool has it off or on order.
  virtual bool settled(std::size_t slot) const = 0;
  /// Since when the slot has waited for machines that the rollout needs; none: it does not.
  virtual std::optional<SimTime> waits_since(std::size_t slot) const = 0;
  /// The version that a replica has, or last had.
  virtual WeightsVersion version_of(ReplicaIndex replica) const = 0;
  /// Replicas that others than the rollout add begin with `version` from now on; those that have
  /// `on_trial` are the last that others take away.
  virtual void add_with(WeightsVersion version, std::optional<WeightsVersion> on_trial) = 0;
  /// Called from events whenever a slot came further; set before the pool is opened.
  virtual void set_listener(std::function<void()> listener) = 0;
};

}  // namespace plimsoll
