// Fits an engine profile to measurements of whole replicas.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "perf/least_squares.hpp"
#include "perf/static_batch.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// One replica and one measured load on it. Times in seconds; what was not measured is absent.
struct MeasuredPoint {
  std::size_t replica = 0;  // into MeasuredPoints::replicas
  StaticLoad load;
  bool closed_loop = false;  // load.batch requests in flight: only tpot is fitted
  std::optional<double> ttft;
  std::optional<double> tpot;
  std::optional<double> e2e;  // fitted where neither of the others is known
};

struct MeasuredPoints {
  std::vector<Config> replicas;  // one pool each, whose profile is replaced by the fitted one
  std::vector<MeasuredPoint> points;
};

/// A coefficient of a profile: its key, as in the catalog, and its range. Times are in nanoseconds,
/// bandwidths in bytes/s.
struct ProfileCoefficient {
  FitParameter range;
  std::function<double(const EngineProfile&)> get;
  std::function<void(EngineProfile&, double)> set;
};

/// Every coefficient of `form: operators` that can be fitted; those of machines for the names
/// given: machines.NAME.host_factor, machines.NAME.large_pass_bandwidth.
std::vector<ProfileCoefficient> profile_coefficients(const std::vector<std::string>& machines);

struct ProfileFit {
  EngineProfile profile;
  std::vector<FitParameter> parameters;
  Fit fit;
  std::vector<double> residuals;  // of the points, weighted
};

/// How strongly a residual counts: decode steps, of which a request has hundreds, against prefill.
inline constexpr double tpot_weight = 2;

/// How strongly a coefficient is held to where it starts, per factor of e: as one residual of this
/// size. It decides what the points do not: without it, coefficients that only their sum tells
/// apart would take any value.
inline constexpr double prior_weight = 0.02;

/// Residuals are reckoned with this standard deviation at least, in logarithms: as strong as the
/// prior. Few rows may be met exactly, but no row is measured exactly.
inline constexpr double least_deviation = 0.02;

/// `all` with one point for each replica and load: rows that repeat it tell no more about the model
/// than one does. Its times are the geometric means of what the rows measured.
MeasuredPoints distinct_points(const MeasuredPoints& all);

/// Fits the coefficients of `start` to the distinct points; all else stays as it is in `start`,
/// `host` included. Residuals are log(predicted / measured), those of TPOT times tpot_weight;
/// beside them stands prior_weight x log(value / expected) for each coefficient, expected what
/// `start` says of it where that is not 0. Standard errors are of the measured residuals alone.
/// Throws ConfigError for too few distinct points.
ProfileFit fit_profile(const MeasuredPoints& points, const EngineProfile& start,
                       const std::vector<ProfileCoefficient>& coefficients);

/// The median absolute residual on distinct points left out of the fit, every fifth in its turn.
/// Each search begins where `whole`, the fit to all of them, ended. Infinite when too few points
/// are left.
double cross_validated_error(const MeasuredPoints& points, const ProfileFit& whole,
                             const std::vector<ProfileCoefficient>& coefficients);

}  // namespace plimsoll
