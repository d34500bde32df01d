// Forecasts of a series from its past: what the predictive autoscaler chooses from.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace plimsoll {

/// Takes equally spaced values one by one and extrapolates. Sees the past only.
class Forecaster {
 public:
  virtual ~Forecaster() = default;
  virtual void observe(double value) = 0;
  /// The next `steps` values, never negative; steps >= 1, something was observed.
  virtual std::vector<double> forecast(std::int64_t steps) const = 0;
};

/// Additive Holt-Winters (Holt 1957, Winters 1960): level, trend and a season of `season` values.
/// Without a full season seen it is Holt's method, level and trend alone.
///   l' = alpha (x - s[t - m]) + (1 - alpha)(l + b)
///   b' = beta (l' - l) + (1 - beta) b
///   s[t] = gamma (x - l') + (1 - gamma) s[t - m]
struct Smoothing {
  double level = 0.3;     // alpha
  double trend = 0.05;    // beta
  double seasonal = 0.3;  // gamma
};
std::unique_ptr<Forecaster> make_holt_winters(const Smoothing& smoothing, std::int64_t season);

/// x[t] = c + a[1] x[t-1] + .. + a[p] x[t-p], by least squares over the last `history` values
/// (Eigen, QR), fitted anew when asked; the last value while there are too few to fit.
std::unique_ptr<Forecaster> make_autoregression(std::int64_t order, std::int64_t history);

}  // namespace plimsoll
