// Metrics room: ratio estimators over paired windows.
#include "metrics/paired_windows.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

constexpr double least_in_tail = 20;

/// Doubles alone: the same bytes whatever a compiler makes of long double.
using StudentsT = boost::math::students_t_distribution<
    double, boost::math::policies::policy<boost::math::policies::promote_double<false>>>;

double students_t(double confidence, double degrees) {
  return boost::math::quantile(boost::math::complement(StudentsT{degrees}, (1 - confidence) / 2));
}

struct ArmMean {
  double value = 0;
  double count = 0;
  std::vector<double> residuals;  // by window
};

ArmMean mean_of(const std::vector<WindowAmount>& windows) {
  ArmMean mean;
  double sum = 0;
  for (const WindowAmount& window : windows) {
    sum += window.sum;
    mean.count += window.count;
  }
  if (mean.count <= 0) {
    return mean;
  }
  mean.value = sum / mean.count;
  const double scale = static_cast<double>(windows.size()) / mean.count;
  for (const WindowAmount& window : windows) {
    mean.residuals.push_back(scale * (window.sum - mean.value * window.count));
  }
  return mean;
}

double sum_of_squares(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value * value;
  }
  return sum;
}

/// Of residuals, whose sum is zero.
double correlation_of_neighbours(const std::vector<double>& residuals, double squares) {
  double products = 0;
  for (std::size_t w = 1; w < residuals.size(); ++w) {
    products += residuals[w] * residuals[w - 1];
  }
  return squares > 0 ? products / squares : 0;
}

void add_interval(PairedDifference& result, const std::vector<double>& control,
                  const std::vector<double>& treatment, double confidence) {
  const auto windows = static_cast<double>(control.size());
  if (control.size() < 2) {
    return;
  }
  std::vector<double> residuals;
  for (std::size_t w = 0; w < control.size(); ++w) {
    residuals.push_back(treatment[w] - control[w]);
  }
  const double squares = sum_of_squares(residuals);
  result.autocorrelation = correlation_of_neighbours(residuals, squares);
  const double alike = result.autocorrelation;
  const bool beyond_chance = alike > 2 / std::sqrt(windows);
  result.effective_windows =
      beyond_chance ? std::max(2.0, windows * (1 - alike) / (1 + alike)) : windows;
  const double deviation = std::sqrt(squares / (windows - 1));
  result.half_width = students_t(confidence, result.effective_windows - 1) * deviation /
                      std::sqrt(result.effective_windows);
  result.has_interval = true;
}

/// A percentile and what its windows contribute to its error.
struct ArmPercentile {
  double value = 0;  // ns
  bool enough = false;
  std::vector<double> residuals;
};

ArmPercentile percentile_of(const std::vector<const LatencySketch*>& windows, double p) {
  LatencySketch all;
  for (const LatencySketch* const window : windows) {
    all.merge(*window);
  }
  ArmPercentile result;
  const std::int64_t percentile = all.percentile_ns(p);
  result.value = static_cast<double>(percentile);
  const double tail = std::min(p, 100 - p) / 100;
  result.enough = tail * static_cast<double>(all.count()) >= least_in_tail;
  if (!result.enough || windows.size() < 2) {
    return result;
  }
  std::vector<WindowAmount> below;
  for (const LatencySketch* const window : windows) {
    below.push_back({static_cast<double>(window->count_up_to(percentile)),
                     static_cast<double>(window->count())});
  }
  const ArmMean share = mean_of(below);
  const auto k = static_cast<double>(windows.size());
  const double error = std::sqrt(sum_of_squares(share.residuals) / (k - 1) / k);
  constexpr double least_step = 0.01;  // of a percent: sketches tell no less
  const double step = std::max(least_step, 100 * error);
  const double above = std::min(100.0, p + step);
  const double under = std::max(0.0, p - step);
  const auto rise = static_cast<double>(all.percentile_ns(above) - all.percentile_ns(under));
  const double per_share = rise / ((above - under) / 100);
  for (const double residual : share.residuals) {
    result.residuals.push_back(-residual * per_share);
  }
  return result;
}

std::int64_t values_in(const std::vector<const LatencySketch*>& windows) {
  std::int64_t count = 0;
  for (const LatencySketch* const window : windows) {
    count += window->count();
  }
  return count;
}

}  // namespace

PairedDifference difference_of_means(const std::vector<WindowAmount>& control,
                                     const std::vector<WindowAmount>& treatment,
                                     double confidence) {
  PLIMSOLL_CHECK(control.size() == treatment.size(), "arms are compared window by window");
  const ArmMean of_control = mean_of(control);
  const ArmMean of_treatment = mean_of(treatment);
  PairedDifference result;
  result.known = of_control.count > 0 && of_treatment.count > 0;
  result.control = of_control.value;
  result.treatment = of_treatment.value;
  if (result.known) {
    add_interval(result, of_control.residuals, of_treatment.residuals, confidence);
  }
  return result;
}

PairedDifference difference_of_percentiles(const std::vector<const LatencySketch*>& control,
                                           const std::vector<const LatencySketch*>& treatment,
                                           double p, double confidence) {
  PLIMSOLL_CHECK(control.size() == treatment.size(), "arms are compared window by window");
  PairedDifference result;
  result.known = values_in(control) > 0 && values_in(treatment) > 0;
  if (!result.known) {
    return result;
  }
  const ArmPercentile of_control = percentile_of(control, p);
  const ArmPercentile of_treatment = percentile_of(treatment, p);
  result.control = of_control.value;
  result.treatment = of_treatment.value;
  if (of_control.enough && of_treatment.enough) {
    add_interval(result, of_control.residuals, of_treatment.residuals, confidence);
  }
  return result;
}

}  // namespace plimsoll
