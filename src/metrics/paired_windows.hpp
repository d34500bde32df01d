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
  double effective_keys = 0;     // of the arm with fewer; only where keys are dealt to arms
};

/// Difference of the arms' means sum / count over all windows. Both lists have one entry for each
/// window, in order of time.
///
/// The windows are the sample, not the requests (batch means: Law, Simulation Modeling and
/// Analysis, ch. 9; ratios of clusters: Deng, Knoblich, Lu, KDD 2018). With R = sum / count and k
/// windows, window w of an arm has the residual r_w = k (sum_w - R count_w) / count; of the
/// difference d_w = r_w(treatment) - r_w(control), so that what both arms suffer together cancels.
///   half width = t(confidence, m - 1) x s_d / sqrt(m),  s_d^2 = sum of d_w^2 / (k - 1)
/// First neighbouring windows are joined, pair by pair, while they are alike beyond chance (their
/// correlation a > 2 / sqrt(k)) and eight batches are left. What correlation is left then counts,
/// too, beyond chance or not: m = k (1 - a) / (1 + a), as many independent batches as an AR(1)
/// series of k is worth, a > 0 without the bias of short series. confidence in (0, 1).
PairedDifference difference_of_means(const std::vector<WindowAmount>& control,
                                     const std::vector<WindowAmount>& treatment, double confidence);

/// Difference of the arms' percentiles over all windows, p in (0, 100). One sketch for each window,
/// in order of time; none is null.
///
/// With q the percentile of all windows, the share of values up to q is a mean over windows as
/// above; its residuals divided by the slope of the distribution at q are those of q itself
/// (Woodruff, JASA 1952), the slope taken over one standard error of that share on both sides,
/// where it rises by one bucket of the sketch at least. Nor is the half width less than half a
/// bucket of each arm, by which its percentile may be off: equal latencies are equal to that.
/// There is no interval when an arm has fewer than 20 values beyond its percentile, or has them in
/// as few windows as less than three equal ones would hold them: one burst is one observation.
PairedDifference difference_of_percentiles(const std::vector<const LatencySketch*>& control,
                                           const std::vector<const LatencySketch*>& treatment,
                                           double p, double confidence);

/// The same requests of an arm twice: by window, and by group of the keys that sent them. A key is
/// dealt to its arm once, with all its requests, so keys are a sample as well.
struct KeyedAmounts {
  std::vector<WindowAmount> windows;
  std::vector<WindowAmount> groups;
};
struct KeyedSketches {
  std::vector<const LatencySketch*> windows;
  std::vector<const LatencySketch*> groups;
};

/// Which part of all keys was dealt to an arm, in (0, 1].
struct KeyShares {
  double control = 0.5;
  double treatment = 0.5;
};

/// Differences as above, where whole keys were dealt to the arms. Groups are keys by a hash; keys
/// of one group stand and fall together. To the variance of the windows is added
///   1. that of unlike keys, between the groups' residuals r_g of both arms (delete-a-group
///   jackknife:
///      Kott, Journal of Official Statistics 2001): sum of r_g^2 / (G (G - 1));
///   2. that of the load which the dealt keys happen to bring to an arm, which all of its windows
///      share and none shows: (sum over arms of b x sd(n))^2, b the slope of the windows' residuals
///      on their requests (for Poisson arrivals the derivative by the rate: Glynn, Communications
///      of the ACM 1990) and sd(n)^2 = (1 - share) x (sum over keys of n_key^2 - N) / k^2, that sum
///      from the variance of the groups' requests.
/// Windows and keys as clusters of two kinds, without taking off what both contain: never too
/// narrow (Cameron, Gelbach, Miller, Journal of Business and Economic Statistics 2011).
/// effective_keys = N^2 / sum over keys of n_key^2, N at most.
PairedDifference difference_of_means(const KeyedAmounts& control, const KeyedAmounts& treatment,
                                     const KeyShares& shares, double confidence);
PairedDifference difference_of_percentiles(const KeyedSketches& control,
                                           const KeyedSketches& treatment, const KeyShares& shares,
                                           double p, double confidence);

}  // namespace plimsoll
