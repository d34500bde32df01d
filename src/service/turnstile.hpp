// A capacity in requests/s: whoever comes too early waits for his turn.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// One server with a fixed service time of 1 / capacity, in O(1): times are kept to 2^-32 ns, so
/// that any rate is kept exactly. Requests must come in order of time.
class Turnstile {
 public:
  Turnstile() = default;
  /// Without a capacity nobody waits.
  explicit Turnstile(std::optional<Frequency> capacity) {
    if (capacity) {
      const double ns = 1e9 / capacity->count();
      limited_ = true;
      gap_ns_ = static_cast<std::int64_t>(std::floor(ns));
      gap_fraction_ = static_cast<std::uint64_t>((ns - std::floor(ns)) * two_to_32);
      gap_ = ns;
    }
  }

  bool limited() const { return limited_; }
  /// How long a request that comes at `t` would wait.
  Duration wait_at(SimTime t) const {
    const std::int64_t now = t.time_since_epoch().count();
    return Duration{limited_ && free_ns_ > now ? free_ns_ - now : 0};
  }
  /// Requests that wait, or are passing, at `t`.
  double waiting_at(SimTime t) const {
    return limited_ ? static_cast<double>(wait_at(t).count()) / gap_ : 0.0;
  }
  /// The request that comes at `t` takes the next turn. Returns its wait.
  Duration take(SimTime t) {
    if (!limited_) {
      return {};
    }
    const Duration wait = wait_at(t);
    if (wait == Duration::zero()) {
      free_ns_ = t.time_since_epoch().count();
      free_fraction_ = 0;
    }
    free_fraction_ += gap_fraction_;
    free_ns_ += gap_ns_ + static_cast<std::int64_t>(free_fraction_ >> 32);
    free_fraction_ &= 0xffffffffU;
    ++taken_;
    return wait;
  }
  /// Whoever has not had his turn by `t` goes without, and leaves no wait behind.
  void drop_waiting(SimTime t) {
    const Duration wait = wait_at(t);
    if (wait > Duration::zero()) {
      taken_ -= static_cast<std::int64_t>(static_cast<double>(wait.count()) / gap_);
      free_ns_ = t.time_since_epoch().count();
      free_fraction_ = 0;
    }
  }
  /// Turns taken so far over all turns until `t`.
  double utilization(SimTime t) const {
    const auto ns = static_cast<double>(t.time_since_epoch().count());
    return limited_ && ns > 0 ? static_cast<double>(taken_) * gap_ / ns : 0.0;
  }

 private:
  static constexpr double two_to_32 = 4294967296.0;

  bool limited_ = false;
  double gap_ = 1;  // ns
  std::int64_t gap_ns_ = 0;
  std::uint64_t gap_fraction_ = 0;  // of a ns, in 2^-32
  std::int64_t free_ns_ = 0;
  std::uint64_t free_fraction_ = 0;
  std::int64_t taken_ = 0;
};

}  // namespace plimsoll
