// Autoscaler `predictive`: as many instances as the load that is coming needs.
#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "policies/autoscaler/forecast.hpp"
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// Compares each forecast with what came at its time, if that counts.
class ForecastAccount {
 public:
  void add(double actual, double forecast_for_later, std::int64_t steps, bool counts) {
    pending_.push_back(forecast_for_later);
    if (static_cast<std::int64_t>(pending_.size()) <= steps) {
      return;
    }
    const double forecast = pending_.front();
    pending_.pop_front();
    if (!counts) {
      return;
    }
    ++compared_;
    sum_of_errors_ += forecast - actual;
    sum_of_actuals_ += actual;
    if (actual > 0) {
      ++relative_;
      sum_of_relative_ += std::abs(forecast - actual) / actual;
    }
  }

  ForecastError error() const {
    ForecastError error;
    error.compared = compared_;
    error.mape = relative_ > 0 ? sum_of_relative_ / static_cast<double>(relative_) : 0;
    error.bias = sum_of_actuals_ > 0 ? sum_of_errors_ / sum_of_actuals_ : 0;
    return error;
  }

 private:
  std::deque<double> pending_;  // forecasts whose time has not come
  std::int64_t compared_ = 0;
  std::int64_t relative_ = 0;
  double sum_of_errors_ = 0;
  double sum_of_actuals_ = 0;
  double sum_of_relative_ = 0;
};

/// The load of now and of every interval up to the horizon must be borne: capacity that is needed
/// at its end has to be asked for now, and what is needed before it may not be given away.
class Predictive final : public Autoscaler {
 public:
  explicit Predictive(const PolicyParams& params)
      : params_{params},
        rate_{params.ratio("rate_per_replica")},
        margin_{params.ratio("margin")},
        horizon_{params.duration("horizon")} {}

  ScalingSignal signal() const override { return ScalingSignal::arrival_rate; }

  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    const std::int64_t current = snapshot.current();
    if (!snapshot.signal) {
      return {current, ScalingReason::no_signal};
    }
    if (!forecaster_) {
      open(snapshot);
    }
    forecaster_->observe(*snapshot.signal);
    const std::vector<double> expected = forecaster_->forecast(steps_);
    account_.add(*snapshot.signal, expected[static_cast<std::size_t>(told_ - 1)], told_,
                 snapshot.measured);
    const double most =
        std::max(*snapshot.signal, *std::max_element(expected.begin(), expected.end()));
    const double needed = std::ceil(std::min(most * (1 + margin_) / rate_, 1e12) - 1e-9);
    const auto desired = static_cast<std::int64_t>(needed);
    return {desired, desired == current ? ScalingReason::steady : ScalingReason::forecast};
  }

  std::optional<ForecastError> forecast_error() const override { return account_.error(); }

 private:
  /// Whole intervals that `ahead` takes.
  std::int64_t intervals_in(Duration ahead) const {
    return std::max<std::int64_t>(1, (ahead + interval_ - Duration{1}) / interval_);
  }

  void open(const ScalingSnapshot& snapshot) {
    interval_ = snapshot.interval;
    steps_ = intervals_in(horizon_);
    told_ = std::min(steps_, intervals_in(snapshot.lead.value_or(horizon_)));
    if (params_.text("model") == "ar") {
      forecaster_ = make_autoregression(params_.count("order"), params_.count("history"));
      return;
    }
    const Smoothing smoothing{params_.ratio("level"), params_.ratio("trend"),
                              params_.ratio("seasonal")};
    forecaster_ = make_holt_winters(smoothing, params_.duration("season") / interval_);
  }

  PolicyParams params_;
  double rate_;
  double margin_;
  Duration horizon_;
  Duration interval_{};
  std::int64_t steps_ = 1;
  std::int64_t told_ =
      1;  // intervals ahead at which errors are told: what is asked for serves then
  std::unique_ptr<Forecaster> forecaster_;
  ForecastAccount account_;
};

}  // namespace

PolicyEntry<Autoscaler> predictive_entry() {
  return {
      {"predictive",
       "Forecasts the arrival rate from its past and holds what the largest value up to the "
       "horizon needs; its errors stand in the results.",
       {{"model",
         ParamKind::text,
         "holt_winters",
         "Additive Holt-Winters with a season, or autoregression by least squares.",
         0,
         0,
         {"holt_winters", "ar"}},
        {"rate_per_replica", ParamKind::rate, "1/s",
         "Requests per second that an instance is to bear.", 1e-6, 1e9},
        {"margin", ParamKind::ratio, "10%", "Capacity held beyond the forecast.", 0, 10},
        {"horizon", ParamKind::duration, "5min",
         "How far ahead: the provisioning delay, the signal's age and an interval at least, which "
         "it is if nothing is said and they are longer. Errors are told at that distance.",
         1, 8.64e13},
        {"season", ParamKind::duration, "24h",
         "Of holt_winters: what repeats, a whole number of intervals, two at least.", 1, 3.2e16},
        {"level", ParamKind::ratio, "0.3", "Of holt_winters: smoothing of the level.", 0, 1},
        {"trend", ParamKind::ratio, "0.05", "Of holt_winters: smoothing of the trend.", 0, 1},
        {"seasonal", ParamKind::ratio, "0.3", "Of holt_winters: smoothing of the season.", 0, 1},
        {"order", ParamKind::count, "8", "Of ar: past values that a value depends on.", 1, 64},
        {"history", ParamKind::count, "720", "Of ar: values that it is fitted to.", 8, 100000}}},
      [](const PolicyParams& params) { return std::make_unique<Predictive>(params); }};
}

}  // namespace plimsoll
