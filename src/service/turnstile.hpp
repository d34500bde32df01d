// A capacity in requests/s: whoever comes too early waits for his turn.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "plimsoll/errors.hpp"
#include "plimsoll/units.hpp"
#include "service/stage_result.hpp"

namespace plimsoll {

/// One server with a service time of 1 / capacity, and 1 / `tokens` for each token that a request
/// has, in O(1): times are kept to 2^-32 ns, so that any rate is kept exactly. Requests must come
/// in order of time.
class Turnstile {
 public:
  Turnstile() = default;
  /// Without a capacity nobody waits.
  explicit Turnstile(std::optional<Frequency> capacity,
                     std::optional<Frequency> tokens = std::nullopt) {
    if (tokens) {
      limited_ = true;
      token_ns_ = 1e9 / tokens->count();
      gap_ = 0;
    }
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
  /// Requests that wait, or are passing, at `t`; only where turns are all alike.
  double waiting_at(SimTime t) const {
    return limited_ ? static_cast<double>(wait_at(t).count()) / gap_ : 0.0;
  }
  /// The request that comes at `t` with so many tokens takes the next turn. Returns its wait.
  Duration take(SimTime t, double tokens = 0) {
    if (!limited_) {
      return {};
    }
    PLIMSOLL_CHECK(t >= last_, "turns are given in order of time");
    last_ = t;
    const Duration wait = wait_at(t);
    if (wait == Duration::zero()) {
      busy_from_ns_ = t.time_since_epoch().count();
      busy_before_ns_ = had_ns();
      free_ns_ = t.time_since_epoch().count();
      free_fraction_ = 0;
    }
    free_fraction_ += gap_fraction_;
    free_ns_ += gap_ns_ + static_cast<std::int64_t>(free_fraction_ >> 32);
    free_fraction_ &= 0xffffffffU;
    ++taken_;
    if (token_ns_ > 0) {
      const auto more = static_cast<std::int64_t>(tokens * token_ns_ + 0.5);
      free_ns_ += more;
      of_tokens_ns_ += more;
    }
    return wait;
  }
  /// Whoever has not had his turn by `t` goes without, and leaves no wait behind.
  void drop_waiting(SimTime t) {
    const Duration wait = wait_at(t);
    if (wait > Duration::zero()) {
      dropped_ns_ += wait.count();
      free_ns_ = t.time_since_epoch().count();
      free_fraction_ = 0;
    }
  }
  /// Nanoseconds in which turns were had until `t`, of those since t = 0: turns yet to come are in
  /// neither. `t` is no earlier than in calls before.
  CapacityUse use(SimTime t) const {
    CapacityUse use;
    if (limited_) {
      const std::int64_t now = t.time_since_epoch().count();
      use.all = static_cast<double>(now);
      use.used = now <= busy_from_ns_ ? busy_before_ns_
                                      : had_ns() - static_cast<double>(wait_at(t).count());
    }
    return use;
  }

 private:
  /// Of all turns taken, those to come included.
  double had_ns() const {
    return static_cast<double>(taken_) * gap_ + static_cast<double>(of_tokens_ns_ - dropped_ns_);
  }

  static constexpr double two_to_32 = 4294967296.0;

  bool limited_ = false;
  double gap_ = 1;       // ns
  double token_ns_ = 0;  // 0: tokens do not count
  std::int64_t gap_ns_ = 0;
  std::uint64_t gap_fraction_ = 0;  // of a ns, in 2^-32
  std::int64_t free_ns_ = 0;
  std::uint64_t free_fraction_ = 0;
  SimTime last_{};  // when a request came
  std::int64_t taken_ = 0;
  std::int64_t of_tokens_ns_ = 0;
  std::int64_t dropped_ns_ = 0;
  std::int64_t busy_from_ns_ = 0;  // when turns last began to follow one another, and
  double busy_before_ns_ = 0;      // what had been had by then
};

}  // namespace plimsoll
