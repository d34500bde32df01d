// The search on problems whose answers are known.
#include "perf/least_squares.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace plimsoll {
namespace {

/// y = a exp(-b x) at 20 points, measured without error but for `outlier` at one of them.
Residuals decay(double a, double b, double outlier = 0) {
  return [=](const std::vector<double>& p) {
    std::vector<double> residuals;
    for (int i = 0; i < 20; ++i) {
      const double x = 0.25 * i;
      const double measured = a * std::exp(-b * x) + (i == 7 ? outlier : 0.0);
      residuals.push_back(p[0] * std::exp(-p[1] * x) - measured);
    }
    return residuals;
  };
}

const std::vector<FitParameter> both = {{"a", 1, 0, 10}, {"b", 1, 0, 10}};

TEST(LeastSquares, FindsWhatMadeTheData) {
  const Fit fit = fit_least_squares(both, decay(3.5, 0.4), 0.1);
  EXPECT_NEAR(fit.parameters[0].value, 3.5, 1e-7);
  EXPECT_NEAR(fit.parameters[1].value, 0.4, 1e-7);
  EXPECT_NEAR(fit.cost, 0, 1e-12);
  EXPECT_FALSE(fit.parameters[0].at_bound);
}

TEST(LeastSquares, OneBadRowPullsLittle) {
  const Fit fit = fit_least_squares(both, decay(3.5, 0.4, 5.0), 0.01);
  EXPECT_NEAR(fit.parameters[0].value, 3.5, 0.02);
  EXPECT_NEAR(fit.parameters[1].value, 0.4, 0.01);
}

TEST(LeastSquares, StopsAtABoundAndSaysSo) {
  const std::vector<FitParameter> bounded = {{"a", 1, 0, 2}, {"b", 1, 0, 10}};
  const Fit fit = fit_least_squares(bounded, decay(3.5, 0.4), 0.1);
  EXPECT_DOUBLE_EQ(fit.parameters[0].value, 2);
  EXPECT_TRUE(fit.parameters[0].at_bound);
  EXPECT_FALSE(fit.parameters[1].at_bound);
}

TEST(LeastSquares, WhatNoResidualDependsOnHasNoFiniteError) {
  std::vector<FitParameter> three = both;
  three.push_back({"idle", 1, 0, 10});
  const Fit fit = fit_least_squares(three, decay(3.5, 0.4, 0.1), 0.1);
  EXPECT_TRUE(std::isinf(fit.parameters[2].standard_error));
  EXPECT_TRUE(std::isfinite(fit.parameters[0].standard_error));
}

TEST(LeastSquares, MoreStartsFindTheDeeperValley) {
  // max(p, 4) is flat below 4: from 1 no direction helps.
  const Residuals hidden = [](const std::vector<double>& p) {
    return std::vector<double>{std::max(p[0], 4.0) - 9.0, 0.1 * (std::max(p[0], 4.0) - 9.0)};
  };
  const std::vector<FitParameter> one = {{"p", 1, 0, 20}};
  EXPECT_GT(fit_least_squares(one, hidden, 1).cost, 1);
  EXPECT_NEAR(fit_least_squares(one, hidden, 1, 12).parameters[0].value, 9, 1e-6);
}

}  // namespace
}  // namespace plimsoll
