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
  EXPECT_TRUE(fit.parameters[2].unused);
  EXPECT_FALSE(fit.parameters[0].unused);
  EXPECT_TRUE(std::isfinite(fit.parameters[0].standard_error));
}

TEST(LeastSquares, ASumLeavesItsTermsOpenWhateverHoldsThem) {
  // y = (a + b) x, measured exactly; priors hold a and b to 1 as weakly as by 0.01.
  const Residuals sum = [](const std::vector<double>& p) {
    std::vector<double> residuals;
    for (int i = 1; i <= 10; ++i) {
      residuals.push_back((p[0] + p[1] - 5.0) * i);
    }
    residuals.push_back(0.01 * (p[0] - 1));
    residuals.push_back(0.01 * (p[1] - 1));
    return residuals;
  };
  const Fit fit = fit_least_squares(both, sum, 0.1, 0, {2, 0.01});
  EXPECT_NEAR(fit.parameters[0].value + fit.parameters[1].value, 5, 1e-4);
  EXPECT_NEAR(fit.parameters[0].value, 2.5, 1e-3) << "the priors share the sum";
  for (const FittedParameter& one : fit.parameters) {
    EXPECT_TRUE(std::isinf(one.standard_error)) << "no row parts them";
    EXPECT_FALSE(one.unused);
  }
}

TEST(LeastSquares, NothingIsMeasuredBetterThanTheLeastDeviation) {
  // The mean of 16 exact measurements: sigma / sqrt(16).
  const Residuals mean = [](const std::vector<double>& p) {
    return std::vector<double>(16, p[0] - 2);
  };
  const std::vector<FitParameter> one = {{"p", 1, 0, 20}};
  const Fit fit = fit_least_squares(one, mean, 1, 0, {0, 0.02});
  EXPECT_NEAR(fit.parameters[0].standard_error, 0.02 / 4, 1e-6);
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
