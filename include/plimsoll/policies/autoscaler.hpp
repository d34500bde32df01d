// Autoscalers decide how many instances of something there should be: replicas of a pool, servers
// of a tier, parts of a cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "plimsoll/policies/registry.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// What an autoscaler may be shown of what it scales.
enum class ScalingSignal : std::uint8_t {
  none,
  queue_depth,         // requests that wait, in all
  utilization,         // busy share of the time of ready instances since the last scrape, 0 .. 1
  memory_utilization,  // used share of the memory of ready instances (KV blocks), 0 .. 1
  outstanding,         // requests assigned and not ended, per ready instance
  arrival_rate,        // requests/s since the last scrape
};

/// What an autoscaler knows. The past is what it has been shown before; nothing shows the future.
struct ScalingSnapshot {
  SimTime now{};
  Duration interval{};           // between two snapshots, > 0
  std::optional<double> signal;  // as last scraped; none: nothing was yet, or no instance is ready
  std::int64_t ready = 0;        // instances that serve
  std::int64_t loading = 0;      // on their way
  std::int64_t draining = 0;     // on their way out
  std::int64_t minimum = 1;
  std::int64_t maximum = 1;
  double dollars_per_hour = 0;  // of one instance; 0: no price
  // From the moment that the signal is of until what the next evaluation asks for serves; none:
  // that is not known before.
  std::optional<Duration> lead;
  bool measured = true;  // all that the signal tells of came after the warm-up

  std::int64_t current() const { return ready + loading; }
};

enum class ScalingReason : std::uint8_t {
  steady,        // where it should be
  above,         // the signal is above what is wanted
  below,         // ... below
  tolerated,     // off the target, but within tolerance
  stabilizing,   // a change is wanted, but not yet for long enough
  rate_limited,  // a change is wanted, and as much of it made as may be at once
  scheduled,     // its time of day
  forecast,      // the load that is expected
  cheaper,       // another number costs less
  no_signal,     // nothing is known
  at_minimum,    // fewer are wanted than there may be
  at_maximum,    // more ...
};

/// As it stands in scaling.csv.
constexpr std::string_view scaling_reason_name(ScalingReason reason) {
  constexpr std::string_view names[] = {"steady",      "above",        "below",      "tolerated",
                                        "stabilizing", "rate_limited", "scheduled",  "forecast",
                                        "cheaper",     "no_signal",    "at_minimum", "at_maximum"};
  return names[static_cast<int>(reason)];
}

/// How many instances there should be, ready and loading together, and why.
struct ScalingDecision {
  std::int64_t desired = 0;
  ScalingReason reason = ScalingReason::steady;
};

/// How good forecasts turned out to be, over those whose time came within what is measured.
struct ForecastError {
  std::int64_t compared = 0;
  double mape = 0;  // mean of |forecast - actual| / actual, over actual > 0
  double bias = 0;  // sum of (forecast - actual) / sum of actual
};

/// Contract: decide() is called once an interval, in order of time; it may keep what it was shown.
/// What it decides is clamped to minimum .. maximum by whoever asks. No clock but `now`, no
/// randomness.
class Autoscaler {
 public:
  virtual ~Autoscaler() = default;
  /// What snapshots are to show; the same for the whole run.
  virtual ScalingSignal signal() const = 0;
  virtual ScalingDecision decide(const ScalingSnapshot& snapshot) = 0;
  /// Of policies that forecast.
  virtual std::optional<ForecastError> forecast_error() const { return std::nullopt; }
};

void register_builtin_autoscalers(Registry<Autoscaler>& autoscalers);

}  // namespace plimsoll
