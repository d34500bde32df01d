// Holt-Winters and autoregression.
#include "policies/autoscaler/forecast.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace plimsoll {
namespace {

/// Coefficients and sums of doubles end here: forecasts are multiples of 2^-20, so that the last
/// bits of a solver decide nothing.
double rounded(double value) {
  constexpr double grid = 1 << 20;
  return std::isfinite(value) ? std::max(0.0, std::round(value * grid) / grid) : 0.0;
}

class HoltWinters final : public Forecaster {
 public:
  HoltWinters(const Smoothing& smoothing, std::int64_t season)
      : smoothing_{smoothing}, season_{std::max<std::int64_t>(1, season)} {}

  void observe(double value) override {
    if (seen_ < season_) {
      first_season_.push_back(value);
    }
    if (seen_ == 0) {
      level_ = value;
    } else {
      smooth(value);
    }
    ++seen_;
    if (seen_ == season_ && season_ > 1) {
      begin_seasons();
    }
  }

  std::vector<double> forecast(std::int64_t steps) const override {
    std::vector<double> values;
    for (std::int64_t k = 1; k <= steps; ++k) {
      const double season = seasonal_.empty() ? 0.0 : seasonal_[at(seen_ + k - 1)];
      values.push_back(rounded(level_ + static_cast<double>(k) * trend_ + season));
    }
    return values;
  }

 private:
  std::size_t at(std::int64_t t) const { return static_cast<std::size_t>(t % season_); }

  void smooth(double value) {
    const double season = seasonal_.empty() ? 0.0 : seasonal_[at(seen_)];
    const double before = level_;
    level_ = smoothing_.level * (value - season) + (1 - smoothing_.level) * (level_ + trend_);
    trend_ = smoothing_.trend * (level_ - before) + (1 - smoothing_.trend) * trend_;
    if (!seasonal_.empty()) {
      seasonal_[at(seen_)] =
          smoothing_.seasonal * (value - level_) + (1 - smoothing_.seasonal) * season;
    }
  }

  /// The first season as deviations from its mean; no trend is known from one season.
  void begin_seasons() {
    double sum = 0;
    for (const double value : first_season_) {
      sum += value;
    }
    level_ = sum / static_cast<double>(season_);
    trend_ = 0;
    seasonal_ = std::move(first_season_);
    for (double& value : seasonal_) {
      value -= level_;
    }
    first_season_.clear();
  }

  Smoothing smoothing_;
  std::int64_t season_;
  std::int64_t seen_ = 0;
  double level_ = 0;
  double trend_ = 0;
  std::vector<double> first_season_;
  std::vector<double> seasonal_;  // by t mod season; empty until a season was seen
};

class Autoregression final : public Forecaster {
 public:
  Autoregression(std::int64_t order, std::int64_t history)
      : order_{order}, history_{std::max(history, 3 * order + 3)} {}

  void observe(double value) override {
    past_.push_back(value);
    if (static_cast<std::int64_t>(past_.size()) > history_) {
      past_.pop_front();
    }
  }

  std::vector<double> forecast(std::int64_t steps) const override {
    const auto count = static_cast<std::int64_t>(past_.size());
    if (count < 2 * order_ + 2) {
      return std::vector<double>(static_cast<std::size_t>(steps), rounded(past_.back()));
    }
    const Eigen::VectorXd coefficients = fit();
    // An unstable fit would run away: nothing beyond twice what was ever seen is believed.
    const double most = 2 * *std::max_element(past_.begin(), past_.end());
    std::vector<double> recent(past_.end() - order_, past_.end());
    std::vector<double> values;
    for (std::int64_t k = 0; k < steps; ++k) {
      double next = coefficients(0);
      for (std::int64_t i = 1; i <= order_; ++i) {
        next += coefficients(i) * recent[recent.size() - static_cast<std::size_t>(i)];
      }
      next = std::clamp(rounded(next), 0.0, most);
      recent.push_back(next);
      values.push_back(next);
    }
    return values;
  }

 private:
  Eigen::VectorXd fit() const {
    const auto count = static_cast<std::int64_t>(past_.size());
    const std::int64_t rows = count - order_;
    Eigen::MatrixXd design{rows, order_ + 1};
    Eigen::VectorXd wanted{rows};
    for (std::int64_t row = 0; row < rows; ++row) {
      design(row, 0) = 1;
      for (std::int64_t i = 1; i <= order_; ++i) {
        design(row, i) = past_[static_cast<std::size_t>(row + order_ - i)];
      }
      wanted(row) = past_[static_cast<std::size_t>(row + order_)];
    }
    return design.colPivHouseholderQr().solve(wanted);
  }

  std::int64_t order_;
  std::int64_t history_;
  std::deque<double> past_;
};

}  // namespace

std::unique_ptr<Forecaster> make_holt_winters(const Smoothing& smoothing, std::int64_t season) {
  return std::make_unique<HoltWinters>(smoothing, season);
}

std::unique_ptr<Forecaster> make_autoregression(std::int64_t order, std::int64_t history) {
  return std::make_unique<Autoregression>(order, history);
}

}  // namespace plimsoll
