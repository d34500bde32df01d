// What a fault does to a pool: its machines stop and come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "plimsoll/operations_summary.hpp"

namespace plimsoll {

class FaultTarget {
 public:
  /// Of a slot's replica: "notice" (its spot machines go), "reclaimed" (they went), "preempted"
  /// (others get its GPUs), "serves" (again, or in place of what was lost); `detail` may be empty.
  using Observer =
      std::function<void(const char* what, std::size_t slot, const std::string& detail)>;

  virtual ~FaultTarget() = default;
  /// Of the timeline; before the pool opens.
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  /// The machine of a slot stops; it may be off, loading, serving or draining. True when it was
  /// rented: then its replica is down, with the requests that it had. Not called again before
  /// machine_repaired.
  virtual bool machine_failed(std::size_t slot, DownCause cause) = 0;
  /// That it stopped is known: nothing waits at its replica any more. Shared GPUs are given back,
  /// and others claimed in their place; a machine of the pool's own waits for its repair.
  virtual void machine_failure_noticed(std::size_t) {}
  /// The machine can be used again. Nothing waits at its replica any more. Never called on shared
  /// GPUs, where a slot has no machine of its own.
  virtual void machine_repaired(std::size_t slot) = 0;
  /// Offers of a provider (empty: anybody's) and region (empty: anywhere) stop: nodes that were
  /// bought there are gone for good, and everybody knows at once; none are to be had before
  /// offers_back(). Returns the replicas that were rented and are gone.
  virtual std::int64_t offers_lost(const std::string&, const std::string&) { return 0; }
  virtual void offers_back(const std::string&, const std::string&) {}
  /// Up to now.
  virtual PoolLacks lacks() const { return {}; }

 protected:
  void tell(const char* what, std::size_t slot, const std::string& detail = {}) const {
    if (observer_) {
      observer_(what, slot, detail);
    }
  }

 private:
  Observer observer_;
};

}  // namespace plimsoll
