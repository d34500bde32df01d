// Where a replica's weights come from, as those see it who start replicas.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/elasticity_metrics.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A version of a model's weights; 0 is the one of t = 0.
using WeightsVersion = int;

/// Weights that a node may have: those of a pool, in a version.
struct WeightsId {
  std::size_t of = 0;  // the first pool that has the same ones
  WeightsVersion version = 0;

  friend auto operator<=>(const WeightsId&, const WeightsId&) = default;
};

/// From when to when something was read out of a store.
struct ReadSpan {
  SimTime began{};
  SimTime ended{};
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// The slot's machines are on these nodes from now on; a slot that has nodes of its own is never
  /// moved.
  virtual void settle_on(std::size_t, const std::vector<int>&) {}
  /// The slot's machines stand there from now on; else, where the pool does.
  virtual void settle_at(std::size_t, const WeightSite&) {}
  /// How near the weights of version 0 lie to the GPUs of a node: the larger, the nearer.
  virtual int warmth(int) const { return 0; }
  /// At t = 0 a slot serves already: its machines have version 0.
  virtual void adopt(std::size_t slot) = 0;
  /// Brings the weights of `version` into the GPUs of a slot. `pulled` runs as an event once they
  /// are on its nodes, then `loaded` once they are in its GPUs.
  virtual void bring(std::size_t slot, WeightsVersion version, std::function<void()> pulled,
                     std::function<void()> loaded) = 0;
  /// Whether a part of what bring() brings still streams into the GPUs of a slot that was loaded;
  /// then `there` runs as an event once all of it is there.
  virtual bool streams(std::size_t, std::function<void()>) { return false; }
  /// The start that bring() began is given up: no function is called any more, and what flows for
  /// it alone ends.
  virtual void give_up(std::size_t slot) = 0;
  /// The slot's machines are given back, or kept, as the scenario says.
  virtual void released(std::size_t slot) = 0;
  /// A node of the pool loses its power: what its main memory and GPUs held, and what was on its
  /// way there. Slots on it have been given up.
  virtual void node_lost(int node) = 0;
  /// It is back, with what its SSDs hold; or has come, with nothing.
  virtual void node_back(int node) = 0;
  /// When what the slot has in its GPUs was read from a store, by node of it: by a pull of its own,
  /// or the one by which the node has it.
  virtual const std::vector<ReadSpan>& reads_of(std::size_t slot) const = 0;
  /// What bound the slot's latest pull or load, or has so far, e.g. "uplink of store models".
  /// Empty: not known yet.
  virtual std::string bound_of(std::size_t slot, StartPhase phase) const = 0;
  /// What has carried weights so far.
  virtual std::vector<ResourceUse> uses() const = 0;
  /// How much came from which store; empty when there is only one to come from.
  virtual std::vector<StoreBytes> pulled_from() const = 0;
};

}  // namespace plimsoll
