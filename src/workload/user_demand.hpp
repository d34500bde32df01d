// Workload: users compiled into a rate of requests over time.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/workload.hpp"
#include "workload/growth_curve.hpp"

namespace plimsoll {

/// What users come to. With N_k(t) the users of tier k, the rate of requests is
///   w(t) / 1 day x sum over k of N_k(t) x daily_active x sessions_per_day x requests_per_session
/// and w(t) = events(t) x sum over regions of share x hours(local t) x days(local t), where hours
/// goes linearly from the middle of an hour to the next and days changes at local midnight: over
/// every local week w has the mean 1, events aside. Rates are tabulated every five minutes and at
/// every corner of an event, linear between.
class UserDemand {
 public:
  /// `config.workload.users` is set; `config` outlives this.
  explicit UserDemand(const Config& config);

  /// Users of a tier (position in UsersConfig::tiers) at `t`.
  double users_of(std::size_t tier, Duration t) const;
  double registered(Duration t) const { return growth_.users_at(t); }
  /// w just after `t`, and just before.
  double shape_after(Duration t) const { return shape(t, true); }
  double shape_before(Duration t) const { return shape(t, false); }
  /// Requests a day of a tier at `t`, by its number of users alone.
  double daily_requests(std::size_t tier, Duration t) const;

  /// Times in [0, duration] between which rates are linear.
  std::vector<Duration> grid() const;
  /// Where rates jump: local midnights, and events without ramps.
  ArrivalConfig arrivals() const;
  std::vector<DemandDay> days() const;

 private:
  double shape(Duration t, bool after) const;
  double events(Duration t, bool after) const;
  double rate(Duration t, bool after) const;
  void add_to_day(DemandDay& day, Duration from, Duration to) const;

  const Config& config_;
  const UsersConfig& users_;
  GrowthCurve growth_;
  std::vector<std::vector<double>> hours_;  // by region, mean 1
  std::vector<std::vector<double>> week_;   // by region, mean 1
  double region_shares_ = 0;
};

}  // namespace plimsoll
