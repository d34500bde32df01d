// How long something that carries bytes was carrying some, and how many.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Several carry at once: the time in which at least one does counts once.
class UseMeter {
 public:
  void begin(SimTime now) {
    if (active_ == 0) {
      since_ = now;
      peak_ = 0;
    }
    ++active_;
    peak_ = std::max(peak_, active_);
  }
  void end(Bytes carried, SimTime now) {
    bytes_ += carried.count();
    if (--active_ == 0) {
      busy_ns_ += (now - since_).count();
    }
  }

  /// The same of a flow of the engine, which it can then be asked about while it is under way.
  void begin(FlowId flow, SimTime now) {
    begin(now);
    flows_.push_back(flow);
  }
  void end(FlowId flow, Bytes carried, SimTime now) {
    end(carried, now);
    std::erase(flows_, flow);
  }

  /// Of something that ended early: what it had carried, told afterwards.
  void add(Bytes carried) { bytes_ += carried.count(); }

  int active() const { return active_; }
  /// The most at once since it last had nothing to carry.
  int peak() const { return peak_; }
  /// Carried by what is over, and by flows under way as Engine::carried() has it.
  std::int64_t bytes(const Engine& engine) const {
    std::int64_t bytes = bytes_;
    for (const FlowId flow : flows_) {
      bytes += engine.carried(flow).count();
    }
    return bytes;
  }
  /// Up to `now`, with the time since it last had nothing to carry.
  std::int64_t busy_ns(SimTime now) const {
    return busy_ns_ + (active_ > 0 ? (now - since_).count() : 0);
  }

 private:
  int active_ = 0;
  int peak_ = 0;
  SimTime since_{};
  std::int64_t bytes_ = 0;
  std::int64_t busy_ns_ = 0;
  std::vector<FlowId> flows_;  // under way
};

}  // namespace plimsoll
