// How long something that carries bytes was carrying some, and how many.
#pragma once

#include <algorithm>
#include <cstdint>

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

  /// Of something that ended early: what it had carried, told afterwards.
  void add(Bytes carried) { bytes_ += carried.count(); }

  int active() const { return active_; }
  /// The most at once since it last had nothing to carry.
  int peak() const { return peak_; }
  /// Carried by what is over.
  std::int64_t bytes() const { return bytes_; }
  std::int64_t busy_ns() const { return busy_ns_; }

 private:
  int active_ = 0;
  int peak_ = 0;
  SimTime since_{};
  std::int64_t bytes_ = 0;
  std::int64_t busy_ns_ = 0;
};

}  // namespace plimsoll
