// What results say of demand over days, and of a horizon of which only a part was played.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/money.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// One day of users, as the scenario expects it; only `arrived` was played.
struct DemandDay {
  std::string date;                // 2022-11-30
  double users = 0;                // registered at its end (or at the end of the horizon)
  double new_users = 0;            // signed up in it
  double active_users = 0;         // came on it
  double sessions = 0;             // begun in it
  double requests = 0;             // expected in it
  double peak_requests_per_s = 0;  // the largest rate of the day
  double peak_concurrent = 0;      // users in a session at once, at most (Little's law)
  std::int64_t arrived = 0;        // requests that were played; without carried backlog
};

/// A point that a growth curve was fitted to.
struct GrowthPoint {
  Duration at{};
  double given = 0;   // users
  double fitted = 0;  // of the curve then
};

/// Users of a tier, on average over the horizon.
struct TierUsers {
  TierIndex tier = 0;
  double mean = 0;
};

/// What a played window stands for.
struct WindowCoverage {
  SimTime from{};
  SimTime to{};
  std::int64_t arrived = 0;    // in the window
  std::int64_t completed = 0;  // of these
  std::int64_t output_tokens = 0;
  std::int64_t carried = 0;         // requests of the gap before it that were taken as waiting
  std::int64_t left = 0;            // of that gap, estimated: too long in line, or no room there
  double expected_arrivals = 0;     // in the window
  double represented_arrivals = 0;  // in the part of the horizon that is nearest to it
};

/// Windows weighed back to the horizon: each stands for the part of the horizon that is nearest to
/// it, in proportion to the arrivals that are expected there.
struct HorizonSummary {
  std::vector<WindowCoverage> windows;
  Duration covered{};
  Duration horizon{};
  double requests = 0;   // expected arrivals of the whole horizon
  double completed = 0;  // estimated, as is what follows; without who left between windows
  double cached = 0;
  std::int64_t left = 0;  // between windows, unserved: the sum of those of the windows' gaps
  double output_tokens = 0;
  BilledLoad load;
};

}  // namespace plimsoll
