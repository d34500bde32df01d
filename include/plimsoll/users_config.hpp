// What a validated scenario says of users: how many there are, what they do in a day, and when.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Registered users over time.
struct UserGrowth {
  enum class Curve : std::uint8_t {
    milestones,  // monotone cubic through the points (Fritsch and Carlson, 1980)
    logistic,    // m / (1 + exp(-(t - t0) / scale)), fitted to the points
    bass,        // m (1 - e^-(p+q)t) / (1 + q/p e^-(p+q)t), fitted to the points
  };
  struct Point {
    Duration at{};
    double users = 0;
  };
  Curve curve = Curve::milestones;
  std::vector<Point> points;  // times increase, users do not decrease
};

/// How load is spread over a day and a week, by local time. Factors of the mean.
struct LoadShapeSpec {
  std::string name;
  std::vector<double> hours;  // 24, of the hours of a day; normalized to a mean of 1
  std::vector<double> days;   // 7, Monday first; normalized to a mean of 1
  std::string source;
};

/// Users who live by one clock.
struct UserRegion {
  std::string name;
  double share = 1;            // weight; shares are normalized
  Duration utc_offset{};       // local time - UTC; may be negative; whole quarters of an hour
  std::size_t load_shape = 0;  // into Config::load_shapes
};

/// A holiday or a viral spike: an input of the scenario, not something that comes out of it.
struct DemandEvent {
  std::string name;
  Duration at{};  // when the full factor is reached
  Duration lasting{};
  Duration ramp{};  // linear rise before, fall after
  double factor = 1;
};

/// What the users of one tier do. A tier has a share of all registered users, or so many accounts
/// of its own, or takes the users whom no other tier has.
struct UserTierConfig {
  std::string name;  // of the tier
  TierIndex tier = 0;
  std::optional<double> share;     // of registered users, once `over` has passed
  std::optional<double> accounts;  // of its own, beside the registered users
  Duration from{};                 // nobody has this tier earlier
  Duration over{};                 // its share or accounts grow linearly for so long
  double daily_active = 1;         // share of its users who come on a day
  double sessions_per_day = 1;     // of a user who comes
  double requests_per_session = 1;
  Duration session_length{};
};

struct UsersConfig {
  std::string start;         // the date of t = 0, as written: 2022-11-30 or 2022-11-30T10:00Z
  std::int64_t start_s = 0;  // the same, seconds since 1970-01-01T00:00Z
  UserGrowth growth;
  std::vector<UserTierConfig> tiers;  // at least one
  std::vector<UserRegion> regions;    // at least one
  std::vector<DemandEvent> events;    // several multiply
};

}  // namespace plimsoll
