// A run of equal steps as one event: the arithmetic of its boundaries.
#pragma once

#include <cstdint>

#include "perf/step_time_model.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

inline constexpr std::int64_t fs_per_ns = 1'000'000;

/// A time to the femtosecond: whole nanoseconds plus 0 .. 999,999 fs. Published (as an event's
/// time, a token's time) as the nearest nanosecond.
struct FineTime {
  std::int64_t ns = 0;
  Femtoseconds rest = 0;

  static FineTime of(SimTime t) { return {t.time_since_epoch().count(), 0}; }
  FineTime plus(Femtoseconds d) const {
    const Femtoseconds sum = rest + d;
    return {ns + sum / fs_per_ns, sum % fs_per_ns};
  }
  /// `d` >= 0 earlier.
  FineTime minus(Femtoseconds d) const {
    const std::int64_t whole = (d - rest + fs_per_ns - 1) / fs_per_ns;
    return d <= rest ? FineTime{ns, rest - d} : FineTime{ns - whole, whole * fs_per_ns + rest - d};
  }
  SimTime published() const { return SimTime{Duration{ns + (rest + fs_per_ns / 2) / fs_per_ns}}; }
};

/// Steps 0, 1, ..., steps-1 of cost first + j * slope each. Boundary B_j is the end of step j-1;
/// B_0 is the start.
struct Segment {
  FineTime start;
  Femtoseconds first = 0;
  Femtoseconds slope = 0;
  std::int64_t steps = 0;
  std::int64_t reported = 0;  // steps told to the metrics already

  /// S(j): femtoseconds from B_0 to B_j.
  Femtoseconds sum(std::int64_t j) const { return first * j + slope * (j * (j - 1) / 2); }
  FineTime boundary(std::int64_t j) const { return start.plus(sum(j)); }
  SimTime end() const { return boundary(steps).published(); }

  /// The smallest j in 1 .. steps whose boundary is published at or after `t` (after `t`, when not
  /// `inclusive`); `steps` when there is none.
  std::int64_t first_boundary_from(SimTime t, bool inclusive) const {
    const std::int64_t ns = t.time_since_epoch().count() - start.ns + (inclusive ? 0 : 1);
    const Femtoseconds target = ns * fs_per_ns - fs_per_ns / 2 - start.rest;
    return first_sum_from(target);
  }

  /// Steps whose end is published at or before `t`.
  std::int64_t steps_until(SimTime t) const {
    if (t < start.published()) {
      return 0;
    }
    const std::int64_t after = first_boundary_from(t, false);
    return boundary(after).published() <= t ? after : after - 1;
  }

 private:
  /// The smallest j in 1 .. steps with S(j) >= target, else steps.
  std::int64_t first_sum_from(Femtoseconds target) const {
    if (target <= first) {
      return 1;
    }
    // Steps do not get shorter, so the last one bounds j from below and the first from above.
    std::int64_t low = target / (first + slope * steps);
    std::int64_t high = target / first + 1;
    low = low < 1 ? 1 : low;
    high = high > steps ? steps : high;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (sum(middle) >= target) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return high < 1 ? 1 : high;
  }
};

}  // namespace plimsoll
