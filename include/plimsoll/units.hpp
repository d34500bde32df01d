// Units as types: every physical quantity that crosses a function boundary is one of these.
// Conversions from and to text happen in base/unit_text only; SimGrid's doubles in engine only.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace plimsoll {

/// A span of simulated time: int64 nanoseconds, exact for 292 years.
using Duration = std::chrono::nanoseconds;

/// A share of a step's time, finer than the clock: costs of operators, which are fitted and added
/// before they become steps. A Duration converts to it.
using FineDuration = std::chrono::duration<double, std::nano>;

/// The simulated clock. Every scenario starts at its own t = 0.
struct SimClock {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<SimClock>;
  static constexpr bool is_steady = true;
};

/// A point in simulated time. `SimTime + SimTime` does not compile.
using SimTime = SimClock::time_point;

inline constexpr SimTime sim_start{};
inline constexpr SimTime never = SimTime::max();

/// One number in one base unit, with no implicit way in or out.
template <class Tag, class Rep>
class Quantity {
 public:
  constexpr Quantity() = default;
  static constexpr Quantity of(Rep base) { return Quantity{base}; }
  constexpr Rep count() const { return value_; }

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity{a.value_ + b.value_};
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity{a.value_ - b.value_};
  }
  /// The ratio of two like quantities is a bare number.
  friend constexpr double operator/(Quantity a, Quantity b) {
    return static_cast<double>(a.value_) / static_cast<double>(b.value_);
  }

 private:
  explicit constexpr Quantity(Rep v) : value_{v} {}
  Rep value_{};
};

using Bytes = Quantity<struct BytesTag, std::int64_t>;              // bytes
using BytesPerSecond = Quantity<struct BytesPerSecondTag, double>;  // bytes/s
using FlopRate = Quantity<struct FlopRateTag, double>;              // floating-point operations/s
using Frequency = Quantity<struct FrequencyTag, double>;            // events/s (requests, users)
using Watts = Quantity<struct WattsTag, double>;                    // W
using Usd = Quantity<struct UsdTag, double>;                // formed once, from integers x price
using UsdPerHour = Quantity<struct UsdPerHourTag, double>;  // $/h
using UsdPerMillion = Quantity<struct UsdPerMillionTag, double>;  // $ per 10^6 tokens
using UsdPerGb = Quantity<struct UsdPerGbTag, double>;            // $ per 10^9 bytes moved
using UsdPerGbMonth = Quantity<struct UsdPerGbMonthTag, double>;  // $ per 10^9 bytes and month held
using UsdPerMonth = Quantity<struct UsdPerMonthTag, double>;      // $ per month
using MicroUsd = Quantity<struct MicroUsdTag, std::int64_t>;      // 10^-6 $: amounts that add up

/// A month of prices: a twelfth of 365 days.
inline constexpr Duration price_month = std::chrono::hours{730};

/// A moment of the calendar, UTC.
using UtcTime = std::chrono::sys_seconds;

/// Seconds as double, for formulas and reports; never for the order of events.
constexpr double to_seconds(Duration d) {
  return static_cast<double>(d.count()) * 1e-9;
}
constexpr double to_seconds(FineDuration d) {
  return d.count() * 1e-9;
}
/// The double nearest to a decimal fraction of seconds, as reports print it: 15 and not
/// 15.000000000000002. Divided, where formulas multiply by 1e-9.
constexpr double decimal_seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e9;
}
constexpr double to_milliseconds(Duration d) {
  return static_cast<double>(d.count()) * 1e-6;
}

/// The nearest nanosecond to `seconds`; halves away from zero.
constexpr Duration from_seconds(double seconds) {
  return Duration{static_cast<std::int64_t>(seconds * 1e9 + (seconds < 0 ? -0.5 : 0.5))};
}

}  // namespace plimsoll
