// Robust, bounded, nonlinear least squares: how coefficients are fitted to measurements.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace plimsoll {

/// A coefficient to be found. lower <= start <= upper, start > 0: it sets the scale.
struct FitParameter {
  std::string name;
  double start = 1;
  double lower = 0;
  double upper = 1;
};

struct FittedParameter {
  double value = 0;
  /// From the curvature of the measured residuals at the optimum, those at their bounds taken as
  /// given; infinite when the measured ones leave the value open.
  double standard_error = 0;
  bool at_bound = false;
  bool unused = false;  // no measured residual depends on it
};

struct Fit {
  std::vector<FittedParameter> parameters;  // in the order given
  std::vector<double> residuals;            // at the optimum
  double cost = 0;                          // sum of the robust loss
  int iterations = 0;
};

/// Residuals as a function of the parameters: as many at every call, finite, continuous.
using Residuals = std::function<std::vector<double>(const std::vector<double>&)>;

/// What is known of residuals beside their values.
struct ResidualFacts {
  /// So many of the last ones hold parameters to what is expected of them. They steer the search,
  /// but say nothing of what was measured: standard errors are without them.
  std::size_t priors = 0;
  /// No measured residual is better than this, however well they are met: the standard deviation
  /// that errors are reckoned with at least.
  double least_deviation = 0;
};

/// Minimizes the sum of s^2 rho((r / s)^2), rho(z) = 2 (sqrt(1 + z) - 1) ("soft L1": quadratic
/// below the scale s, linear above), within the bounds, by Levenberg-Marquardt steps with central
/// differences; parameters that a bound holds are left out of a step. The search begins at the
/// start values and at `more_starts` others, drawn between a fifth and twenty times of them, and
/// the best end counts: a maximum of two times has valleys on either side. Pure: equal inputs give
/// equal results. There are more residuals than parameters.
Fit fit_least_squares(const std::vector<FitParameter>& parameters, const Residuals& residuals,
                      double loss_scale, int more_starts = 0, const ResidualFacts& facts = {});

/// The same from one point, `from`, within the bounds.
Fit refit_least_squares(const std::vector<FitParameter>& parameters, const Residuals& residuals,
                        double loss_scale, const std::vector<FittedParameter>& from,
                        const ResidualFacts& facts = {});

}  // namespace plimsoll
