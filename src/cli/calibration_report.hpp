// Command line: what a calibration found, for people, and how it is written down.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "perf/least_squares.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll::cli {

/// `value` to six significant digits: what is written, so that the last bits of a fit do not show.
double six_digits(double value);

/// Median, 90th percentile and maximum of |e^r - 1| over residuals r = log(predicted / measured).
struct ErrorSummary {
  std::size_t count = 0;
  double median = 0;
  double p90 = 0;
  double worst = 0;
};
ErrorSummary summarize_errors(const std::vector<double>& residuals);

/// "27 values: median error 1.5 %, p90 4.0 %, worst 6.7 %".
std::string error_text(const ErrorSummary& errors);

/// Whether the data determine a fitted value: away from its bounds, with a standard error below
/// half of it.
bool determined(const FittedParameter& parameter);

/// A table of name, value, standard error, and what is to be said of it.
std::string parameter_table(const std::vector<FitParameter>& parameters, const Fit& fit);

/// Figures for those that are not determined: assumed, with the reason.
std::vector<FigureSource> undetermined_figures(const std::vector<FitParameter>& parameters,
                                               const Fit& fit);

}  // namespace plimsoll::cli
