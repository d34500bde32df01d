// Growth curves: through milestones and monotone, or fitted laws that give back their parameters.
#include "workload/growth_curve.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

namespace plimsoll {
namespace {

constexpr Duration day = std::chrono::hours{24};

UserGrowth growth_of(UserGrowth::Curve curve, const std::vector<std::pair<double, double>>& rows) {
  UserGrowth growth;
  growth.curve = curve;
  for (const auto& row : rows) {
    growth.points.push_back({from_seconds(row.first * 86400), row.second});
  }
  return growth;
}

TEST(GrowthCurve, GoesThroughItsMilestonesAndNeverFalls) {
  const std::vector<std::pair<double, double>> milestones = {
      {0, 0}, {1, 1e5}, {5, 1e6}, {40, 1e7}, {60, 1e8}};
  const GrowthCurve curve{growth_of(UserGrowth::Curve::milestones, milestones)};
  for (const auto& [at, users] : milestones) {
    EXPECT_DOUBLE_EQ(curve.users_at(from_seconds(at * 86400)), users);
  }
  double before = 0;
  for (Duration t{}; t <= 70 * day; t += std::chrono::minutes{7}) {
    const double users = curve.users_at(t);
    ASSERT_GE(users, before) << "at day " << to_seconds(t) / 86400;
    before = users;
  }
  EXPECT_DOUBLE_EQ(curve.users_at(70 * day), 1e8) << "constant after the last milestone";
  EXPECT_EQ(curve.worst_misfit(), 0);
}

TEST(GrowthCurve, AFlatPieceStaysFlat) {
  const GrowthCurve curve{
      growth_of(UserGrowth::Curve::milestones, {{0, 10}, {1, 20}, {2, 20}, {3, 400}})};
  for (int hour = 24; hour <= 48; ++hour) {
    EXPECT_DOUBLE_EQ(curve.users_at(std::chrono::hours{hour}), 20);
  }
}

TEST(GrowthCurve, TheInnerSlopeIsFritschAndButlands) {
  // Secants 1 and 3 over equal spans: slope 3 / (1.5 / 1 + 1.5 / 3) = 1.5 at day 1. Ends by the
  // three-point formula: (3 x 1 - 3) / 2 = 0 at day 0. Hermite at day 0.5:
  // 0.5 (0 + 1) + (0 - 1.5) / 8 = 0.3125.
  const GrowthCurve curve{growth_of(UserGrowth::Curve::milestones, {{0, 0}, {1, 1}, {2, 4}})};
  EXPECT_NEAR(curve.users_at(day / 2), 0.3125, 1e-12);
}

TEST(GrowthCurve, TwoMilestonesAreALine) {
  const GrowthCurve curve{growth_of(UserGrowth::Curve::milestones, {{0, 100}, {10, 1100}})};
  EXPECT_NEAR(curve.users_at(3 * day), 400, 1e-9);
}

TEST(GrowthCurve, AFittedLogisticGivesBackItsLaw) {
  const auto law = [](double t) { return 2e6 / (1 + std::exp(4 - 0.3 * t)); };
  std::vector<std::pair<double, double>> rows;
  for (const double t : {0.0, 4.0, 9.0, 14.0, 20.0, 35.0}) {
    rows.emplace_back(t, law(t));
  }
  const GrowthCurve curve{growth_of(UserGrowth::Curve::logistic, rows)};
  for (const double t : {2.0, 11.0, 17.0, 25.0}) {
    EXPECT_NEAR(curve.users_at(from_seconds(t * 86400)) / law(t), 1, 1e-5) << t;
  }
  EXPECT_LT(curve.worst_misfit(), 1e-6);
}

TEST(GrowthCurve, AFittedBassCurveGivesBackItsLaw) {
  constexpr double p = 0.003, q = 0.38, m = 5e6;  // Bass (1969): typical p and q
  const auto law = [&](double t) {
    const double decay = std::exp(-(p + q) * t);
    return m * (1 - decay) / (1 + q / p * decay);
  };
  std::vector<std::pair<double, double>> rows;
  for (const double t : {1.0, 3.0, 6.0, 10.0, 14.0, 25.0}) {
    rows.emplace_back(t, law(t));
  }
  const GrowthCurve curve{growth_of(UserGrowth::Curve::bass, rows)};
  for (const double t : {2.0, 8.0, 12.0, 20.0}) {
    EXPECT_NEAR(curve.users_at(from_seconds(t * 86400)) / law(t), 1, 1e-4) << t;
  }
}

/// ChatGPT's milestones have no S in them. The sum of squared logarithms of the best curve of a
/// grid of the three parameters, much finer than that of the starts, is no smaller than the fit's.
TEST(GrowthCurve, NoCurveOfAGridFitsBetter) {
  const std::vector<std::pair<double, double>> rows = {{1, 1e5}, {5, 1e6}, {40, 1e7}, {60, 1e8}};
  for (const auto kind : {UserGrowth::Curve::logistic, UserGrowth::Curve::bass}) {
    const GrowthCurve curve{growth_of(kind, rows)};
    const auto sum_of = [&](auto&& users_at) {
      double sum = 0;
      for (const auto& [t, users] : rows) {
        sum += std::pow(std::log(std::max(1e-300, users_at(t)) / users), 2);
      }
      return sum;
    };
    const double fitted = sum_of([&](double t) { return curve.users_at(from_seconds(t * 86400)); });
    double best = 1e300;
    for (double m = 18.4; m < 32; m += 0.2) {
      for (double a = -14; a < 14; a += 0.2) {
        for (double b = -8; b < 1; b += 0.1) {
          const double rate = std::exp(b);
          best = std::min(best, sum_of([&](double t) {
                            if (kind == UserGrowth::Curve::logistic) {
                              return std::exp(m) / (1 + std::exp(a - rate * t));
                            }
                            const double p = std::exp(a);
                            const double decay = std::exp(-(p + rate) * t);
                            return std::exp(m) * (1 - decay) / (1 + rate / p * decay);
                          }));
        }
      }
    }
    EXPECT_LT(fitted, best * 1.0001) << static_cast<int>(kind);
    EXPECT_GT(curve.worst_misfit(), 0.1) << "it should say that it misses";
  }
}

}  // namespace
}  // namespace plimsoll
