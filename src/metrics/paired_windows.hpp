// Metrics room: the difference between two arms that share the same windows of time, with an
// interval that holds although requests of one window depend on each other.
#pragma once

#include <vector>

#include "metrics/sketch.hpp"

namespace plimsoll {

/// What one arm adds to a mean in one window: a sum over its requests, and how many they are.
struct WindowAmount {
  double sum = 0;
  double count = 0;
};

struct PairedDifference {
  bool known = false;  // both arms have something to tell
  double control = 0;
  double treatment = 0;
  bool has_interval = false;
  double half_width = 0;         // of the interval around treatment - control
  double autocorrelation = 0;    // of neighbouring windows' residuals
  double effective_windows = 0;  // those windows are worth so many independent ones
};

/// Difference of the arms' means sum / count over all windows. Both lists have one entry for each
/// window, in order of time.
///
/// The windows are the sample, not the requests (batch means: Law, Simulation Modeling and
/// Analysis, ch. 9; ratios of clusters: Deng, Knoblich, Lu, KDD 2018). With R = sum / count and k
/// windows, window w of an arm has the residual r_w = k (sum_w - R count_w) / count; of the
/// difference d_w = r_w(treatment) - r_w(control), so that what both arms suffer together cancels.
///   half width = t(confidence, m - 1) x s_d / sqrt(m),  s_d^2 = sum of d_w^2 / (k - 1)
/// with m = k, or k (1 - a) / (1 + a) where neighbouring d_w are correlated beyond chance
/// (a > 2 / sqrt(k)): as many independent windows as an AR(1) series of k is worth.
/// confidence in (0, 1).
PairedDifference difference_of_means(const std::vector<WindowAmount>& control,
                                     const std::vector<WindowAmount>& treatment, double confidence);

/// Difference of the arms' percentiles over all windows, p in (0, 100). One sketch for each window,
/// in order of time; none is null.
///
/// With q the percentile of all windows, the share of values up to q is a mean over windows as
/// above; its residuals divided by the slope of the distribution at q are those of q itself
/// (Woodruff, JASA 1952), the slope taken over one standard error of that share on both sides.
/// There is no interval when an arm has fewer than 20 values beyond its percentile.
PairedDifference difference_of_percentiles(const std::vector<const LatencySketch*>& control,
                                           const std::vector<const LatencySketch*>& treatment,
                                           double p, double confidence);

}  // namespace plimsoll
