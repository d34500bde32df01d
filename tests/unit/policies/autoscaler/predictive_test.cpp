// Autoscaler predictive: forecasts from the past alone, and their errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "policies/autoscaler/forecast.hpp"
#include "unit/policies/autoscaler/autoscaler_harness.hpp"

namespace plimsoll {
namespace {

using testing::AutoscalerHarness;

constexpr double pi = 3.14159265358979323846;

AutoscalerHarness predictive(const std::string& model, double horizon_steps = 4) {
  return {"predictive",
          1,
          {{"rate_per_replica", 2},
           {"margin", 0},
           {"horizon", horizon_steps * 15e9},
           {"season", 40 * 15e9},
           {"level", 0.3},
           {"trend", 0.05},
           {"seasonal", 0.3},
           {"order", 4},
           {"history", 200}},
          {{"model", model}}};
}

double wave(int t) {
  return 50 + 40 * std::sin(2 * pi * t / 40);
}

TEST(HoltWinters, ALineIsContinued) {
  const auto forecaster = make_holt_winters({0.5, 0.5, 0.5}, 1000);
  for (int t = 0; t < 200; ++t) {
    forecaster->observe(10 + 3 * t);
  }
  const std::vector<double> next = forecaster->forecast(5);
  for (int k = 1; k <= 5; ++k) {
    EXPECT_NEAR(next[static_cast<std::size_t>(k - 1)], 10 + 3 * (199 + k), 0.01);
  }
}

TEST(HoltWinters, ASeasonIsRepeated) {
  const auto forecaster = make_holt_winters({0.3, 0.05, 0.3}, 40);
  for (int t = 0; t < 400; ++t) {
    forecaster->observe(wave(t));
  }
  const std::vector<double> next = forecaster->forecast(40);
  for (int k = 1; k <= 40; ++k) {
    EXPECT_NEAR(next[static_cast<std::size_t>(k - 1)], wave(399 + k), 1.0) << k;
  }
}

TEST(HoltWinters, DoesWhatItsRecursionSays) {
  // Season 2, values 10, 20, then 14: by hand. After one season: level 15, trend 0, season -5, 5.
  const auto forecaster = make_holt_winters({0.5, 0.5, 0.5}, 2);
  forecaster->observe(10);
  forecaster->observe(20);
  EXPECT_EQ(forecaster->forecast(2), (std::vector<double>{10, 20}));
  forecaster->observe(14);
  // level 0.5 (14 + 5) + 0.5 x 15 = 17, trend 0.5 x 2 = 1, season 0.5 (14 - 17) + 0.5 x -5 = -4
  EXPECT_EQ(forecaster->forecast(2), (std::vector<double>{17 + 1 + 5, 17 + 2 - 4}));
}

TEST(Autoregression, FindsTheCoefficientsOfAnAutoregressiveSeries) {
  // x[t] = 5 + 1.2 x[t-1] - 0.5 x[t-2]: without noise its future is known.
  const auto forecaster = make_autoregression(2, 100);
  std::vector<double> x{3, 9};
  for (int t = 2; t < 60; ++t) {
    x.push_back(5 + 1.2 * x[x.size() - 1] - 0.5 * x[x.size() - 2]);
  }
  for (int t = 0; t < 30; ++t) {
    forecaster->observe(x[static_cast<std::size_t>(t)]);
  }
  const std::vector<double> next = forecaster->forecast(10);
  for (std::size_t k = 0; k < 10; ++k) {
    EXPECT_NEAR(next[k], x[30 + k], 1e-3);
  }
}

TEST(Autoregression, FitsTheNoisySeriesItWasGiven) {
  // The mean squared error of one step stays near the noise's variance, 1/12 x 4^2.
  const auto forecaster = make_autoregression(2, 500);
  Draws draws = RandomStream{4, "noise"}.of(0);
  double before = 30;
  double now = 30;
  double squares = 0;
  for (int t = 0; t < 900; ++t) {
    const double noise = 4 * (draws.uniform() - 0.5);
    const double next = 10 + 1.2 * now - 0.5 * before + noise;
    if (t >= 500) {
      const double error = forecaster->forecast(1).front() - next;
      squares += error * error;
    }
    forecaster->observe(next);
    before = now;
    now = next;
  }
  EXPECT_LT(squares / 400, 1.15 * 16 / 12);
  EXPECT_GT(squares / 400, 0.85 * 16 / 12);
}

TEST(Forecasts, AreNeverNegativeAndWithoutAPastTheLastValueStands) {
  const auto falling = make_holt_winters({0.9, 0.9, 0}, 1000);
  for (int t = 0; t < 10; ++t) {
    falling->observe(20 - 2 * t);
  }
  EXPECT_EQ(falling->forecast(20).back(), 0);
  const auto young = make_autoregression(8, 100);
  young->observe(7);
  EXPECT_EQ(young->forecast(3), (std::vector<double>{7, 7, 7}));
}

TEST(Predictive, HoldsInAdvanceWhatIsComing) {
  for (const std::string model : {"holt_winters", "ar"}) {
    AutoscalerHarness harness = predictive(model);
    int late = 0;
    double held = 0;
    std::vector<std::int64_t> decided;
    for (int t = 0; t < 400; ++t) {
      decided.push_back(harness.ask(wave(t)).desired);
      if (t >= 200) {
        // What was decided up to four intervals ago bears what has come.
        late += static_cast<double>(decided[decided.size() - 5]) * 2 < wave(t) - 1 ? 1 : 0;
        held += static_cast<double>(decided.back()) * 2 / 200;
      }
    }
    EXPECT_EQ(late, 0) << model;
    EXPECT_LT(held, 70) << model << ": the mean load is 50";
    ASSERT_TRUE(harness.policy().forecast_error().has_value());
    EXPECT_EQ(harness.policy().forecast_error()->compared, 396);
  }
}

TEST(Predictive, ItsForecastErrorsAreThoseByHand) {
  // A model that says the last value: ar before it can fit. Horizon 2: 100 and 120 are said of 80
  // and 100, which come two later.
  AutoscalerHarness harness = predictive("ar", 2);
  for (const double value : {100.0, 120.0, 80.0, 100.0}) {
    harness.ask(value);
  }
  const ForecastError error = *harness.policy().forecast_error();
  EXPECT_EQ(error.compared, 2);
  EXPECT_DOUBLE_EQ(error.mape, (20.0 / 80 + 20.0 / 100) / 2);
  EXPECT_DOUBLE_EQ(error.bias, (20.0 + 20.0) / (80 + 100));
}

TEST(Predictive, ItsErrorsAreToldWhereWhatIsAskedForServesAndAfterTheWarmUp) {
  // The horizon is 4 intervals, and an instance serves after 2: the errors are those by hand of two
  // intervals ahead. The first three values came before the warm-up ended.
  AutoscalerHarness harness = predictive("ar", 4);
  harness.snapshot.lead = 2 * harness.snapshot.interval;
  int asked = 0;
  for (const double value : {100.0, 120.0, 80.0, 100.0, 50.0}) {
    harness.snapshot.measured = asked++ >= 3;
    harness.ask(value);
  }
  const ForecastError error = *harness.policy().forecast_error();
  EXPECT_EQ(error.compared, 2);
  EXPECT_DOUBLE_EQ(error.mape, (20.0 / 100 + 30.0 / 50) / 2) << "120 of 100, 80 of 50";
  EXPECT_DOUBLE_EQ(error.bias, (20.0 + 30.0) / (100 + 50));
}

TEST(Predictive, SeesThePastOnly) {
  // Two futures, one past: the same decisions until they part.
  for (const std::string model : {"holt_winters", "ar"}) {
    AutoscalerHarness calm = predictive(model);
    AutoscalerHarness stormy = predictive(model);
    for (int t = 0; t < 150; ++t) {
      const std::int64_t a = calm.ask(wave(t)).desired;
      const std::int64_t b = stormy.ask(t < 100 ? wave(t) : 500).desired;
      if (t < 100) {
        ASSERT_EQ(a, b) << model << " at " << t;
      } else if (t == 100) {
        EXPECT_GE(b, 250);
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll
