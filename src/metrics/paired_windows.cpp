// Metrics room: ratio estimators over paired windows.
#include "metrics/paired_windows.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

constexpr double least_in_tail = 20;
/// Windows that the values beyond a percentile must be spread over, else they are one or two
/// bursts.
constexpr double least_windows_in_tail = 3;
/// Batches that are long enough to be told from chance are not joined below this.
constexpr std::size_t least_batches = 8;

/// Doubles alone: the same bytes whatever a compiler makes of long double.
using StudentsT = boost::math::students_t_distribution<
    double, boost::math::policies::policy<boost::math::policies::promote_double<false>>>;

double students_t(double confidence, double degrees) {
  return boost::math::quantile(boost::math::complement(StudentsT{degrees}, (1 - confidence) / 2));
}

/// A figure of an arm, and what its windows and groups of keys contribute to its error.
struct ArmFigure {
  bool known = false;
  bool enough = false;  // values for an interval
  double value = 0;
  double resolution = 0;                // it is off by up to so much, whatever the sample
  std::vector<double> residuals;        // by window
  std::vector<double> counts;           // requests, by window
  std::vector<double> group_residuals;  // by group of keys; empty without
  std::vector<double> group_counts;
};

struct ArmMean {
  double value = 0;
  double count = 0;
  std::vector<double> residuals;  // by window
};

/// Ratio of sums over clusters, and what each contributes to its error.
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
double correlation_of_neighbours(const std::vector<double>& residuals) {
  double products = 0;
  for (std::size_t w = 1; w < residuals.size(); ++w) {
    products += residuals[w] * residuals[w - 1];
  }
  const double squares = sum_of_squares(residuals);
  return squares > 0 ? products / squares : 0;
}

/// The same without the bias of short series, which is -(1 + 3a) / n (Kendall, Biometrika 1954);
/// what is not positive is taken for none.
double unbiased_correlation(const std::vector<double>& residuals) {
  constexpr double most = 0.9;
  const double found = correlation_of_neighbours(residuals);
  const auto n = static_cast<double>(residuals.size());
  if (found <= 0 || n <= 4) {
    return std::max(found, 0.0);
  }
  return std::min((n * found + 1) / (n - 4), most);
}

/// Neighbours become one batch each; of three at the end one.
std::vector<double> joined(const std::vector<double>& residuals) {
  std::vector<double> pairs;
  for (std::size_t w = 0; w + 1 < residuals.size(); w += 2) {
    pairs.push_back((residuals[w] + residuals[w + 1]) / 2);
  }
  if (residuals.size() % 2 == 1) {
    pairs.back() = (2 * pairs.back() + residuals.back()) / 3;
  }
  return pairs;
}

/// Batches so long that neighbours are not alike beyond chance, as far as there are enough.
std::vector<double> long_batches(std::vector<double> residuals) {
  while (residuals.size() >= 2 * least_batches &&
         correlation_of_neighbours(residuals) >
             2 / std::sqrt(static_cast<double>(residuals.size()))) {
    residuals = joined(residuals);
  }
  return residuals;
}

/// `key_variance`: what the dealing of keys adds to the difference's variance.
void add_interval(PairedDifference& result, const std::vector<double>& control,
                  const std::vector<double>& treatment, double key_variance, double confidence) {
  if (control.size() < 2) {
    return;
  }
  std::vector<double> residuals;
  for (std::size_t w = 0; w < control.size(); ++w) {
    residuals.push_back(treatment[w] - control[w]);
  }
  result.autocorrelation = correlation_of_neighbours(residuals);
  const std::vector<double> batches = long_batches(std::move(residuals));
  const auto count = static_cast<double>(batches.size());
  const double alike = unbiased_correlation(batches);
  result.effective_windows = std::min(count, std::max(2.0, count * (1 - alike) / (1 + alike)));
  const double variance = sum_of_squares(batches) / (count - 1) / result.effective_windows;
  result.half_width =
      students_t(confidence, result.effective_windows - 1) * std::sqrt(variance + key_variance);
  result.has_interval = true;
}

// ---- keys ----

/// What the dealing of whole keys to an arm does to one of its figures.
struct KeyError {
  double variance = 0;   // of unlike keys
  double deviation = 0;  // of the load that they bring
  double effective = 0;  // equal keys that would be dealt as unevenly
};

/// How a figure follows the load of its windows: slope and its standard error, together.
double slope_on_load(const std::vector<double>& residuals, const std::vector<double>& counts) {
  const auto windows = static_cast<double>(counts.size());
  const double mean = std::accumulate(counts.begin(), counts.end(), 0.0) / windows;
  double products = 0;
  double squares = 0;
  for (std::size_t w = 0; w < counts.size(); ++w) {
    products += residuals[w] * (counts[w] - mean);
    squares += (counts[w] - mean) * (counts[w] - mean);
  }
  if (squares <= 0 || windows < 3) {
    return 0;
  }
  const double slope = products / squares;
  double rest = 0;
  for (std::size_t w = 0; w < counts.size(); ++w) {
    const double off = residuals[w] - slope * (counts[w] - mean);
    rest += off * off;
  }
  return std::sqrt(slope * slope + rest / ((windows - 2) * squares));
}

KeyError key_error(const ArmFigure& arm, double share) {
  const auto groups = static_cast<double>(arm.group_counts.size());
  double requests = 0;
  for (const double count : arm.group_counts) {
    requests += count;
  }
  double squares = 0;  // an estimate of the sum over keys of (requests of the key)^2
  for (const double count : arm.group_counts) {
    const double off = count - requests / groups;
    squares += off * off * groups / (groups - 1);
  }
  KeyError error;
  error.effective = squares > 0 ? std::min(requests, requests * requests / squares) : requests;
  error.variance = sum_of_squares(arm.group_residuals) / (groups - 1) / groups;
  const double uneven = std::sqrt((1 - share) * std::max(0.0, squares - requests));
  error.deviation =
      slope_on_load(arm.residuals, arm.counts) * uneven / static_cast<double>(arm.counts.size());
  return error;
}

/// Both arms', with what they owe to keys in `result`.
double key_variance(PairedDifference& result, const ArmFigure& control, const ArmFigure& treatment,
                    const KeyShares& shares) {
  const KeyError ours = key_error(control, shares.control);
  const KeyError theirs = key_error(treatment, shares.treatment);
  result.effective_keys = std::min(ours.effective, theirs.effective);
  const double load = ours.deviation + theirs.deviation;  // what one arm lacks the other may have
  return ours.variance + theirs.variance + load * load;
}

PairedDifference difference_of(const ArmFigure& control, const ArmFigure& treatment,
                               const std::optional<KeyShares>& keys, double confidence) {
  PLIMSOLL_CHECK(control.counts.size() == treatment.counts.size(),
                 "arms are compared window by window");
  PairedDifference result;
  result.known = control.known && treatment.known;
  result.control = control.value;
  result.treatment = treatment.value;
  if (result.known && control.enough && treatment.enough) {
    const double variance = keys ? key_variance(result, control, treatment, *keys) : 0;
    add_interval(result, control.residuals, treatment.residuals, variance, confidence);
    if (result.has_interval) {
      result.half_width = std::max(result.half_width, control.resolution + treatment.resolution);
    }
  }
  return result;
}

std::vector<double> counts_of(const std::vector<WindowAmount>& amounts) {
  std::vector<double> counts;
  for (const WindowAmount& amount : amounts) {
    counts.push_back(amount.count);
  }
  return counts;
}

ArmFigure mean_figure(const std::vector<WindowAmount>& windows,
                      const std::vector<WindowAmount>& groups) {
  const ArmMean mean = mean_of(windows);
  ArmFigure figure;
  figure.known = mean.count > 0;
  figure.enough = figure.known;
  figure.value = mean.value;
  figure.residuals = mean.residuals;
  figure.counts = counts_of(windows);
  figure.group_residuals = mean_of(groups).residuals;
  figure.group_counts = counts_of(groups);
  return figure;
}

/// How many values of each lie up to `value`.
std::vector<WindowAmount> amounts_up_to(const std::vector<const LatencySketch*>& sketches,
                                        std::int64_t value) {
  std::vector<WindowAmount> below;
  for (const LatencySketch* const sketch : sketches) {
    below.push_back(
        {static_cast<double>(sketch->count_up_to(value)), static_cast<double>(sketch->count())});
  }
  return below;
}

/// As many windows with equally many values beyond would hold them as unevenly: (sum x)^2 / sum
/// x^2.
double windows_in_tail(const std::vector<WindowAmount>& below) {
  double sum = 0;
  double squares = 0;
  for (const WindowAmount& window : below) {
    const double beyond = window.count - window.sum;
    sum += beyond;
    squares += beyond * beyond;
  }
  return squares > 0 ? sum * sum / squares : 0;
}

double bucket_width_at(std::int64_t value) {
  return static_cast<double>(LatencySketch::width_of(LatencySketch::bucket_of(value)));
}

/// The slope of the distribution's inverse at its percentile p, over one standard error.
double rise_per_share(const LatencySketch& all, double p, const ArmMean& share) {
  const auto k = static_cast<double>(share.residuals.size());
  const double error = std::sqrt(sum_of_squares(share.residuals) / (k - 1) / k);
  constexpr double least_step = 0.01;  // of a percent: sketches tell no less
  const double step = std::max(least_step, 100 * error);
  const double above = std::min(100.0, p + step);
  const double under = std::max(0.0, p - step);
  // Both may lie in one bucket. Values may differ by its width all the same: a slope of 0 would
  // make every difference certain.
  const double rise =
      std::max(static_cast<double>(all.percentile_ns(above) - all.percentile_ns(under)),
               bucket_width_at(all.percentile_ns(p)));
  return rise / ((above - under) / 100);
}

ArmFigure percentile_figure(const std::vector<const LatencySketch*>& windows,
                            const std::vector<const LatencySketch*>& groups, double p) {
  LatencySketch all;
  for (const LatencySketch* const window : windows) {
    all.merge(*window);
  }
  ArmFigure figure;
  const std::int64_t percentile = all.percentile_ns(p);
  figure.known = all.count() > 0;
  figure.value = static_cast<double>(percentile);
  figure.resolution = bucket_width_at(percentile) / 2;  // a bucket's middle stands for all of it
  const std::vector<WindowAmount> below = amounts_up_to(windows, percentile);
  figure.counts = counts_of(below);
  const double tail = std::min(p, 100 - p) / 100;
  const bool spread = static_cast<double>(windows.size()) < 2 * least_windows_in_tail ||
                      windows_in_tail(below) >= least_windows_in_tail;
  figure.enough = spread && tail * static_cast<double>(all.count()) >= least_in_tail;
  if (!figure.enough || windows.size() < 2) {
    return figure;
  }
  const ArmMean share = mean_of(below);
  const double per_share = rise_per_share(all, p, share);
  const std::vector<WindowAmount> group_below = amounts_up_to(groups, percentile);
  figure.residuals = share.residuals;
  figure.group_residuals = mean_of(group_below).residuals;
  figure.group_counts = counts_of(group_below);
  for (std::vector<double>* const list : {&figure.residuals, &figure.group_residuals}) {
    for (double& residual : *list) {
      residual *= -per_share;
    }
  }
  return figure;
}

}  // namespace

PairedDifference difference_of_means(const std::vector<WindowAmount>& control,
                                     const std::vector<WindowAmount>& treatment,
                                     double confidence) {
  return difference_of(mean_figure(control, {}), mean_figure(treatment, {}), std::nullopt,
                       confidence);
}

PairedDifference difference_of_means(const KeyedAmounts& control, const KeyedAmounts& treatment,
                                     const KeyShares& shares, double confidence) {
  return difference_of(mean_figure(control.windows, control.groups),
                       mean_figure(treatment.windows, treatment.groups), shares, confidence);
}

PairedDifference difference_of_percentiles(const std::vector<const LatencySketch*>& control,
                                           const std::vector<const LatencySketch*>& treatment,
                                           double p, double confidence) {
  return difference_of(percentile_figure(control, {}, p), percentile_figure(treatment, {}, p),
                       std::nullopt, confidence);
}

PairedDifference difference_of_percentiles(const KeyedSketches& control,
                                           const KeyedSketches& treatment, const KeyShares& shares,
                                           double p, double confidence) {
  return difference_of(percentile_figure(control.windows, control.groups, p),
                       percentile_figure(treatment.windows, treatment.groups, p), shares,
                       confidence);
}

}  // namespace plimsoll
