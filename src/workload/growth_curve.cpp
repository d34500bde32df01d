// Workload: monotone interpolation of milestones, and growth laws fitted to them.
#include "workload/growth_curve.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace plimsoll {
namespace {

constexpr double ns_per_day = 86400e9;

double days_of(Duration t) {
  return static_cast<double>(t.count()) / ns_per_day;
}

/// Slope at the end of a curve whose first two secants are `near` and `far` over spans `h0`, `h1`:
/// the three-point formula, limited so that the end piece stays monotone.
double end_slope(double h0, double h1, double near, double far) {
  const double slope = ((2 * h0 + h1) * near - h0 * far) / (h0 + h1);
  if (slope * near <= 0) {
    return 0;
  }
  return near * far <= 0 || std::abs(slope) > 3 * std::abs(near)
             ? std::copysign(std::min(std::abs(slope), 3 * std::abs(near)), near)
             : slope;
}

/// m, and what the two laws do with time; parameters are logarithms, so all three stay positive.
double law(UserGrowth::Curve curve, const Eigen::Vector3d& parameters, double day) {
  const double market = std::exp(parameters[0]);
  if (curve == UserGrowth::Curve::logistic) {
    return market / (1 + std::exp(parameters[1] - std::exp(parameters[2]) * day));
  }
  const double p = std::exp(parameters[1]);
  const double q = std::exp(parameters[2]);
  const double decay = std::exp(-(p + q) * day);
  return market * (1 - decay) / (1 + q / p * decay);
}

/// Least squares of the logarithms of points: of relative deviations, where these are small.
class LogFit {
 public:
  LogFit(UserGrowth::Curve curve, const std::vector<double>& days, const std::vector<double>& users)
      : curve_{curve}, days_{days}, users_{users} {}

  /// The smallest sum that a descent found from any start of a grid: few points leave several
  /// minima.
  Eigen::Vector3d best() const {
    const double horizon = std::max(1e-3, days_.back());
    const bool logistic = curve_ == UserGrowth::Curve::logistic;
    Descent best = descent(start(1.5, logistic ? 5.0 : std::log(1e-3 / horizon), 10, horizon));
    for (const double top : {1.05, 1.5, 5.0, 50.0, 1e4}) {
      for (const double middle : {0.0, 0.25, 0.5, 0.75, 1.0}) {
        for (const double pace : {1.0, 3.0, 10.0, 30.0, 100.0}) {
          // Logistic: half of the market at a quarter of the time, and so on. Bass: p from 10^-5 to
          // 10^1 over the time.
          const double second =
              logistic ? pace * middle : std::log(std::pow(10.0, 6 * middle - 5) / horizon);
          const Descent next = descent(start(top, second, pace, horizon));
          constexpr double clearly = 1 - 1e-6;  // rounding does not choose between equal minima
          best = next.sum < best.sum * clearly ? next : best;
        }
      }
    }
    return best.at;
  }

 private:
  struct Descent {
    Eigen::Vector3d at;
    double sum = 0;
  };

  Eigen::Vector3d start(double top, double second, double pace, double horizon) const {
    return {std::log(top * users_.back()), second, std::log(pace / horizon)};
  }

  Eigen::VectorXd residuals(const Eigen::Vector3d& at) const {
    Eigen::VectorXd r(static_cast<Eigen::Index>(days_.size()));
    for (std::size_t k = 0; k < days_.size(); ++k) {
      r[static_cast<Eigen::Index>(k)] =
          std::log(std::max(1e-300, law(curve_, at, days_[k]))) - std::log(users_[k]);
    }
    return r;
  }

  /// Levenberg and Marquardt.
  Descent descent(Eigen::Vector3d at) const {
    Eigen::VectorXd r = residuals(at);
    double damping = 1e-2;
    constexpr int most_rounds = 500;
    for (int round = 0; round < most_rounds; ++round) {
      Eigen::MatrixXd jacobian(r.size(), 3);
      constexpr double nudge = 1e-6;
      for (int p = 0; p < 3; ++p) {
        Eigen::Vector3d beside = at;
        beside[p] += nudge;
        jacobian.col(p) = (residuals(beside) - r) / nudge;
      }
      Eigen::Matrix3d normal = jacobian.transpose() * jacobian;
      normal.diagonal() *= 1 + damping;
      normal.diagonal().array() += 1e-12;
      const Eigen::Vector3d step = normal.ldlt().solve(-jacobian.transpose() * r);
      const Eigen::VectorXd next = residuals(at + step);
      const bool better = next.squaredNorm() < r.squaredNorm();
      damping = better ? damping / 3 : damping * 4;
      if (better) {
        at += step;
        r = next;
      }
      if (damping > 1e12 || (better && step.norm() < 1e-12)) {
        break;
      }
    }
    return {at, r.squaredNorm()};
  }

  UserGrowth::Curve curve_;
  const std::vector<double>& days_;
  const std::vector<double>& users_;
};

}  // namespace

GrowthCurve::GrowthCurve(const UserGrowth& growth) : curve_{growth.curve} {
  for (const UserGrowth::Point& point : growth.points) {
    days_.push_back(days_of(point.at));
    users_.push_back(point.users);
  }
  if (curve_ == UserGrowth::Curve::milestones) {
    set_slopes();
  } else {
    fit();
  }
}

double GrowthCurve::users_at(Duration t) const {
  const double day = days_of(t);
  return curve_ == UserGrowth::Curve::milestones ? interpolated(day) : fitted(day);
}

void GrowthCurve::set_slopes() {
  const std::size_t n = days_.size();
  slopes_.assign(n, 0.0);
  if (n < 2) {
    return;
  }
  std::vector<double> span, secant;
  for (std::size_t i = 1; i < n; ++i) {
    span.push_back(days_[i] - days_[i - 1]);
    secant.push_back((users_[i] - users_[i - 1]) / span.back());
  }
  if (n == 2) {
    slopes_ = {secant[0], secant[0]};
    return;
  }
  slopes_[0] = end_slope(span[0], span[1], secant[0], secant[1]);
  slopes_[n - 1] = end_slope(span[n - 2], span[n - 3], secant[n - 2], secant[n - 3]);
  for (std::size_t i = 1; i + 1 < n; ++i) {
    if (secant[i - 1] * secant[i] > 0) {
      const double w0 = 2 * span[i] + span[i - 1];
      const double w1 = span[i] + 2 * span[i - 1];
      slopes_[i] = (w0 + w1) / (w0 / secant[i - 1] + w1 / secant[i]);
    }
  }
}

double GrowthCurve::interpolated(double day) const {
  const auto next = std::upper_bound(days_.begin(), days_.end(), day);
  if (next == days_.begin() || next == days_.end()) {
    return next == days_.end() ? users_.back() : users_.front();
  }
  const auto i = static_cast<std::size_t>(next - days_.begin()) - 1;
  const double h = days_[i + 1] - days_[i];
  const double s = (day - days_[i]) / h;
  const double rest = 1 - s;
  // Hermite's cubic.
  const double value = users_[i] * (1 + 2 * s) * rest * rest + users_[i + 1] * s * s * (3 - 2 * s) +
                       slopes_[i] * h * s * rest * rest - slopes_[i + 1] * h * s * s * rest;
  // Rounding may step over the milestones by a hair.
  return std::clamp(value, users_[i], users_[i + 1]);
}

double GrowthCurve::fitted(double day) const {
  return law(curve_, Eigen::Vector3d{parameters_[0], parameters_[1], parameters_[2]}, day);
}

void GrowthCurve::fit() {
  std::vector<double> days;
  std::vector<double> users;
  for (std::size_t i = 0; i < days_.size(); ++i) {
    if (users_[i] > 0 && (curve_ != UserGrowth::Curve::bass || days_[i] > 0)) {
      days.push_back(days_[i]);
      users.push_back(users_[i]);
    }
  }
  const Eigen::Vector3d best = LogFit{curve_, days, users}.best();
  parameters_ = {best[0], best[1], best[2]};
  for (std::size_t i = 0; i < days.size(); ++i) {
    misfit_ = std::max(misfit_, std::abs(fitted(days[i]) / users[i] - 1));
  }
}

}  // namespace plimsoll
