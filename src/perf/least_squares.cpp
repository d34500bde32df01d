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

// Directions of J'J count as empty below this share of its largest eigenvalue, and a parameter has
// a part in them above that square of a cosine: differences are exact to some 1e-8.
constexpr double blind_share = 1e-12;
constexpr double blind_part = 1e-6;

/// The search in scaled parameters: u = value / start.
class Search {
 public:
  Search(const std::vector<FitParameter>& parameters, const Residuals& residuals, double loss_scale,
         const Vector& start, const ResidualFacts& facts)
      : parameters_{parameters}, residuals_{residuals}, scale_{loss_scale}, facts_{facts} {
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
    const Matrix jacobian = measured_jacobian();
    const Vector errors = standard_errors(jacobian);
    const double most = jacobian.colwise().squaredNorm().maxCoeff();
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      FittedParameter one;
      one.value = found[k];
      one.standard_error = std::fabs(parameters_[k].start) * errors[i];
      one.at_bound = at_bound(i);
      one.unused = jacobian.col(i).squaredNorm() <= blind_share * most;
      fit.parameters.push_back(one);
    }
    fit.residuals.assign(r_.data(), r_.data() + r_.size());
    fit.cost = cost(r_);
  }

  bool at_bound(Eigen::Index i) const {
    return u_[i] <= bound(i, false) || u_[i] >= bound(i, true);
  }

  Eigen::Index measured() const { return r_.size() - static_cast<Eigen::Index>(facts_.priors); }
  /// What a factor of a scaled parameter is taken of: of one at 0, of a millionth of its scale.
  double size(Eigen::Index i) const { return std::max(std::fabs(u_[i]), 1e-6); }

  /// Of the measured residuals, weighted, per factor of each parameter.
  Matrix measured_jacobian() const {
    const Vector w = weights().head(measured()).cwiseSqrt();
    Matrix jacobian = w.asDiagonal() * jacobian_.topRows(measured());
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      jacobian.col(i) *= size(i);
    }
    return jacobian;
  }

  /// The standard deviation of a measured residual.
  double deviation() const {
    Eigen::Index free = measured();
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      free -= at_bound(i) ? 0 : 1;
    }
    const Vector r = r_.head(measured());
    const double squares = weights().head(measured()).dot(r.cwiseProduct(r));
    const auto freedom = static_cast<double>(std::max<Eigen::Index>(1, free));
    return std::max(facts_.least_deviation, std::sqrt(squares / freedom));
  }

  /// Of the scaled parameters, from J'J of the measured residuals: directions in which it is 0
  /// leave open every parameter that has a part in them. Parameters at a bound are taken as given
  /// there, but for the one asked about.
  Vector standard_errors(const Matrix& jacobian) const {
    const double each = deviation();
    Vector errors(u_.size());
    for (Eigen::Index i = 0; i < u_.size(); ++i) {
      std::vector<Eigen::Index> asked;
      for (Eigen::Index k = 0; k < u_.size(); ++k) {
        if (k == i || !at_bound(k)) {
          asked.push_back(k);
        }
      }
      const Matrix columns = jacobian(Eigen::all, asked);
      const auto place = std::lower_bound(asked.begin(), asked.end(), i) - asked.begin();
      errors[i] = size(i) * each * std::sqrt(inverse_entry(columns.transpose() * columns, place));
    }
    return errors;
  }

  /// The i-th diagonal entry of the inverse of `normal`; infinite where it has none.
  static double inverse_entry(const Matrix& normal, Eigen::Index i) {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver{normal};
    const Vector& eigenvalues = solver.eigenvalues();
    const double most = eigenvalues.maxCoeff();
    double sum = 0;
    for (Eigen::Index k = 0; k < eigenvalues.size(); ++k) {
      const double part = solver.eigenvectors()(i, k) * solver.eigenvectors()(i, k);
      if (eigenvalues[k] > blind_share * most) {
        sum += part / eigenvalues[k];
      } else if (part > blind_part) {
        return std::numeric_limits<double>::infinity();
      }
    }
    return sum;
  }

  const std::vector<FitParameter>& parameters_;
  const Residuals& residuals_;
  double scale_;
  ResidualFacts facts_;
  Vector u_;
  Vector r_;
  Matrix jacobian_;
};

}  // namespace

Fit fit_least_squares(const std::vector<FitParameter>& parameters, const Residuals& residuals,
                      double loss_scale, int more_starts, const ResidualFacts& facts) {
  PLIMSOLL_CHECK(!parameters.empty() && loss_scale > 0, "a fit has parameters and a scale");
  const auto size = static_cast<Eigen::Index>(parameters.size());
  Fit best = Search{parameters, residuals, loss_scale, Vector::Ones(size), facts}.run();
  const RandomStream stream{0, "fit"};
  for (int i = 0; i < more_starts; ++i) {
    Draws draws = stream.of(static_cast<std::uint64_t>(i));
    Vector start(size);
    for (Eigen::Index k = 0; k < size; ++k) {
      start[k] = 0.2 * std::pow(100.0, draws.uniform());
    }
    Fit fit = Search{parameters, residuals, loss_scale, start, facts}.run();
    if (fit.cost < best.cost) {
      best = std::move(fit);
    }
  }
  return best;
}

Fit refit_least_squares(const std::vector<FitParameter>& parameters, const Residuals& residuals,
                        double loss_scale, const std::vector<FittedParameter>& from,
                        const ResidualFacts& facts) {
  Vector start(static_cast<Eigen::Index>(parameters.size()));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    start[static_cast<Eigen::Index>(i)] = from.at(i).value / parameters[i].start;
  }
  return Search{parameters, residuals, loss_scale, start, facts}.run();
}

}  // namespace plimsoll
