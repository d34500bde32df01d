// Robust, bounded, nonlinear least squares, after Levenberg and Marquardt, with Eigen.
#include "perf/least_squares.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "plimsoll/errors.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

constexpr int most_iterations = 400;
constexpr double difference = 1e-4;      // step of the differences, as a share of the start value
constexpr double smallest_step = 1e-10;  // likewise: the end of the search

/// The search in scaled parameters: u = value / start.
class Search {
 public:
  Search(const std::vector<FitParameter>& parameters, const Residuals& residuals, double loss_scale,
         const Vector& start)
      : parameters_{parameters}, residuals_{residuals}, scale_{loss_scale} {
    u_ = clamped(start);
    r_ = evaluate(u_);
    PLIMSOLL_CHECK(r_.size() > u_.size(), "a fit needs more residuals than parameters");
  }

  Fit run() {
    Fit fit;
    double damping = 1e-3;
    while (fit.iterations < most_iterations && damping < 1e12) {
      ++fit.iterations;
      jacobian_ = differences();
      const Matrix normal = weighted_normal();
      const Vector gradient = jacobian_.transpose() * weights().cwiseProduct(r_);
      const double moved = step(normal, gradient, damping);
      if (moved >= 0 && moved < smallest_step) {
        break;
      }
    }
    jacobian_ = differences();
    fill(fit);
    return fit;
  }

 private:
  std::vector<double> values(const Vector& u) const {
    std::vector<double> values;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      values.push_back(u[static_cast<Eigen::Index>(i)] * parameters_[i].start);
    }
    return values;
  }
  Vector evaluate(const Vector& u) const {
    const std::vector<double> r = residuals_(values(u));
    return Eigen::Map<const Vector>(r.data(), static_cast<Eigen::Index>(r.size()));
  }
  double bound(Eigen::Index i, bool upper) const {
    const FitParameter& p = parameters_[static_cast<std::size_t>(i)];
    const double a = p.lower / p.start;
    const double b = p.upper / p.start;
    return upper ? std::max(a, b) : std::min(a, b);
  }
  Vector clamped(Vector u) const {
    for (Eigen::Index i = 0; i < u.size(); ++i) {
      u[i] = std::clamp(u[i], bound(i, false), bound(i, true));
    }
    return u;
  }

  Vector weights() const {
    return (1.0 + (r_ / scale_).array().square()).sqrt().inverse().matrix();
  }
  double cost(const Vector& r) const {
    return 2.0 * scale_ * scale_ * ((1.0 + (r / scale_).array().square()).sqrt() - 1.0).sum();
  }
  Matrix weighted_normal() const {
    return jacobian_.transpose() * weights().asDiagonal() * jacobian_;
  }

  Matrix differences() const {
    Matrix jacobian(r_.size(), u_.size());
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      Vector low = u_;
      Vector high = u_;
      low[i] = std::max(bound(i, false), u_[i] - difference);
      high[i] = std::min(bound(i, true), u_[i] + difference);
      jacobian.col(i) = (evaluate(high) - evaluate(low)) / (high[i] - low[i]);
    }
    return jacobian;
  }

  /// A parameter at a bound, which the gradient presses against it.
  bool held(Eigen::Index i, const Vector& gradient) const {
    return (u_[i] <= bound(i, false) && gradient[i] > 0) ||
           (u_[i] >= bound(i, true) && gradient[i] < 0);
  }

  /// Tries one step, changes the damping. Returns how far it moved; negative when it did not.
  double step(Matrix normal, Vector gradient, double& damping) {
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      if (held(i, gradient)) {
        normal.row(i).setZero();
        normal.col(i).setZero();
        gradient[i] = 0;
      }
      normal(i, i) += damping * normal(i, i) + 1e-12;
    }
    const Vector tried = clamped(u_ - normal.ldlt().solve(gradient));
    const Vector r = evaluate(tried);
    if (!(cost(r) < cost(r_))) {
      damping *= 4;
      return -1;
    }
    const double moved = (tried - u_).cwiseAbs().maxCoeff();
    u_ = tried;
    r_ = r;
    damping = std::max(damping / 3, 1e-12);
    return moved;
  }

  void fill(Fit& fit) const {
    const std::vector<double> found = values(u_);
    const auto freedom = static_cast<double>(r_.size() - u_.size());
    const double variance = r_.cwiseProduct(weights()).dot(r_) / freedom;
    const Matrix normal = weighted_normal();
    // A direction that no residual depends on has no finite error: the pseudo-inverse hides it, so
    // its diagonal is told apart.
    const Matrix inverse = normal.completeOrthogonalDecomposition().pseudoInverse();
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      const double start = std::fabs(parameters_[k].start);
      const bool blind = normal(i, i) < 1e-12 * normal.diagonal().maxCoeff();
      FittedParameter one;
      one.value = found[k];
      one.standard_error = blind ? std::numeric_limits<double>::infinity()
                                 : start * std::sqrt(std::max(0.0, variance * inverse(i, i)));
      one.at_bound = u_[i] <= bound(i, false) || u_[i] >= bound(i, true);
      fit.parameters.push_back(one);
    }
    fit.residuals.assign(r_.data(), r_.data() + r_.size());
    fit.cost = cost(r_);
  }

  const std::vector<FitParameter>& parameters_;
  const Residuals& residuals_;
  double scale_;
  Vector u_;
  Vector r_;
  Matrix jacobian_;
};

}  // namespace

Fit fit_least_squares(const std::vector<FitParameter>& parameters, const Residuals& residuals,
                      double loss_scale, int more_starts) {
  PLIMSOLL_CHECK(!parameters.empty() && loss_scale > 0, "a fit has parameters and a scale");
  const auto size = static_cast<Eigen::Index>(parameters.size());
  Fit best = Search{parameters, residuals, loss_scale, Vector::Ones(size)}.run();
  const RandomStream stream{0, "fit"};
  for (int i = 0; i < more_starts; ++i) {
    Draws draws = stream.of(static_cast<std::uint64_t>(i));
    Vector start(size);
    for (Eigen::Index k = 0; k < size; ++k) {
      start[k] = 0.2 * std::pow(100.0, draws.uniform());
    }
    Fit fit = Search{parameters, residuals, loss_scale, start}.run();
    if (fit.cost < best.cost) {
      best = std::move(fit);
    }
  }
  return best;
}

Fit refit_least_squares(const std::vector<FitParameter>& parameters, const Residuals& residuals,
                        double loss_scale, const std::vector<FittedParameter>& from) {
  Vector start(static_cast<Eigen::Index>(parameters.size()));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    start[static_cast<Eigen::Index>(i)] = from.at(i).value / parameters[i].start;
  }
  return Search{parameters, residuals, loss_scale, start}.run();
}

}  // namespace plimsoll
