// Arrival times: moments of the gaps, and schedules that modulate them exactly.
#include "workload/renewal_process.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace plimsoll {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

ArrivalConfig process_of(ArrivalProcess process, double rate, double cv) {
  ArrivalConfig arrivals;
  arrivals.process = process;
  arrivals.rate = Frequency::of(rate);
  arrivals.cv = cv;
  return arrivals;
}

std::vector<SimTime> arrivals_of(const ArrivalConfig& config, std::size_t count,
                                 SimTime end = never, std::uint64_t seed = 11) {
  RenewalProcess process{config, seed};
  std::vector<SimTime> times;
  SimTime at{};
  while (times.size() < count && process.next(times.size(), at) && at < end) {
    times.push_back(at);
  }
  return times;
}

/// Mean and variance of the gaps against 1/rate and (cv/rate)^2, within 4 standard errors. A
/// gamma law of coefficient cv has kurtosis 3 + 6 cv^2 (exponential: cv = 1).
void expect_moments(const ArrivalConfig& config, double cv) {
  constexpr std::size_t count = 200000;
  const std::vector<SimTime> times = arrivals_of(config, count);
  ASSERT_EQ(times.size(), count);
  const double mean_gap = 1.0 / config.rate.count();
  double sum = 0;
  double squares = 0;
  SimTime last = sim_start;
  for (const SimTime at : times) {
    ASSERT_GE(at, last);
    const double gap = to_seconds(at - last) / mean_gap;
    sum += gap;
    squares += (gap - 1) * (gap - 1);
    last = at;
  }
  const double n = static_cast<double>(count);
  const double variance = cv * cv;
  EXPECT_NEAR(sum / n, 1.0, 4 * cv / std::sqrt(n));
  EXPECT_NEAR(squares / n, variance, 4 * variance * std::sqrt((2 + 6 * variance) / n));
}

TEST(RenewalProcess, PoissonGaps) {
  expect_moments(process_of(ArrivalProcess::poisson, 50, 1), 1.0);
}

TEST(RenewalProcess, GammaGaps) {
  for (const double cv : {0.5, 1.0, 2.0, 4.0}) {
    SCOPED_TRACE(cv);
    expect_moments(process_of(ArrivalProcess::gamma, 50, cv), cv);
  }
}

// Share of exponential gaps above their mean: exp(-1); binomial error. Tells the law from others
// of equal mean and variance.
TEST(RenewalProcess, PoissonGapsAreExponential) {
  constexpr int count = 100000;
  const std::vector<SimTime> times = arrivals_of(process_of(ArrivalProcess::poisson, 1, 1), count);
  SimTime last = sim_start;
  int above = 0;
  for (const SimTime at : times) {
    above += at - last > seconds{1} ? 1 : 0;
    last = at;
  }
  const double p = std::exp(-1.0);
  EXPECT_NEAR(above, count * p, 4 * std::sqrt(count * p * (1 - p)));
}

// Without variance the n-th arrival is where the integral of the rate is n, to the nanosecond.
TEST(RenewalProcess, ConstantRateDoesNotDriftOverLongHorizons) {
  constexpr int count = 3'000'000;
  const std::vector<SimTime> times = arrivals_of(process_of(ArrivalProcess::gamma, 3, 0), count);
  for (const std::size_t n : {0U, 1U, 2U, 299'999U, 2'999'999U}) {
    const auto third = static_cast<std::int64_t>((n + 1) * 1'000'000'000 / 3);
    EXPECT_NEAR(static_cast<double>(times[n].time_since_epoch().count() - third), 0.0, 1.0) << n;
  }
}

TEST(RenewalProcess, InvertsALinearRate) {
  ArrivalConfig config = process_of(ArrivalProcess::gamma, 100, 0);
  RateShape up;
  up.points = {{seconds{0}, 1}, {seconds{1000}, 3}};
  config.shapes.push_back(up);
  const std::vector<SimTime> times = arrivals_of(config, 200'000);
  for (const std::size_t n : {0U, 999U, 99'999U, 199'998U}) {
    // 100 t + 0.1 t^2 = n + 1, its root without cancellation.
    const double count = static_cast<double>(n + 1);
    const double root = 2 * count / (100 + std::sqrt(10000 + 0.4 * count));
    EXPECT_NEAR(to_seconds(times[n].time_since_epoch()), root, 3e-9) << n;
  }
  ArrivalConfig falling = config;
  falling.shapes[0].points = {{seconds{0}, 1}, {seconds{100}, 0}};
  // 100 t - t^2 / 2 = n + 1; the integral ends at 5000.
  const std::vector<SimTime> fewer = arrivals_of(falling, 6000);
  ASSERT_GE(fewer.size(), 4999U);
  ASSERT_LE(fewer.size(), 5000U);
  EXPECT_NEAR(to_seconds(fewer[4500].time_since_epoch()), 100 - std::sqrt(10000 - 2 * 4501.0),
              1e-8);
}

// Expected counts are integrals of the rate; a renewal count has the variance cv^2 N and is ahead
// by (cv^2 - 1)/2 at the start.
TEST(RenewalProcess, CountsFollowASchedule) {
  for (const double cv : {1.0, 0.5, 2.0}) {
    SCOPED_TRACE(cv);
    ArrivalConfig config =
        process_of(cv == 1.0 ? ArrivalProcess::poisson : ArrivalProcess::gamma, 100, cv);
    RateShape up;
    up.points = {{seconds{0}, 1}, {seconds{1000}, 3}};
    config.shapes.push_back(up);
    const std::vector<SimTime> times = arrivals_of(config, 1'000'000, SimTime{seconds{1500}});
    double first_half = 0;
    double second_half = 0;
    double after = 0;
    for (const SimTime at : times) {
      const double t = to_seconds(at.time_since_epoch());
      (t < 500 ? first_half : t < 1000 ? second_half : after) += 1;
    }
    const double ahead = std::abs(cv * cv - 1) / 2;
    EXPECT_NEAR(first_half, 75'000, 4 * cv * std::sqrt(75'000) + ahead);
    EXPECT_NEAR(second_half, 125'000, 4 * cv * std::sqrt(125'000));
    EXPECT_NEAR(after, 150'000, 4 * cv * std::sqrt(150'000));
  }
}

TEST(RenewalProcess, DiurnalPeakToMean) {
  ArrivalConfig config = process_of(ArrivalProcess::poisson, 10, 1);
  RateShape day;
  day.kind = RateShape::Kind::diurnal;
  day.period = hours{24};
  day.peak_at = hours{15};
  day.peak_to_mean = 1.8;
  config.shapes.push_back(day);
  const std::vector<SimTime> times = arrivals_of(config, 1'000'000, SimTime{hours{24}});
  double peak_hour = 0;
  double low_hour = 0;
  for (const SimTime at : times) {
    const double h = to_seconds(at.time_since_epoch()) / 3600;
    peak_hour += h >= 14.5 && h < 15.5 ? 1 : 0;
    low_hour += h >= 2.5 && h < 3.5 ? 1 : 0;
  }
  const double all = static_cast<double>(times.size());
  EXPECT_NEAR(all, 864'000, 4 * std::sqrt(864'000));
  // Mean factor within half an hour of the peak: 1 + 0.8 sin(pi/24) / (pi/24) = 1.7977.
  EXPECT_NEAR(peak_hour, 36'000 * 1.7977, 4 * std::sqrt(36'000 * 1.8));
  EXPECT_NEAR(low_hour, 36'000 * 0.2023, 4 * std::sqrt(36'000 * 0.21));
}

TEST(RenewalProcess, EndsWhereTheRateStaysZero) {
  EXPECT_TRUE(arrivals_of(process_of(ArrivalProcess::poisson, 0, 1), 10).empty());
  ArrivalConfig config = process_of(ArrivalProcess::poisson, 100, 1);
  RateShape stop;
  stop.points = {{seconds{10}, 1}, {seconds{10}, 0}, {seconds{20}, 0}, {seconds{20}, 1}};
  config.shapes.push_back(stop);
  const std::vector<SimTime> resumed = arrivals_of(config, 5000);
  ASSERT_EQ(resumed.size(), 5000U);
  int in_gap = 0;
  int before = 0;
  for (const SimTime at : resumed) {
    in_gap += at > SimTime{seconds{10}} && at < SimTime{seconds{20}} ? 1 : 0;
    before += at <= SimTime{seconds{10}} ? 1 : 0;
  }
  EXPECT_EQ(in_gap, 0);
  EXPECT_NEAR(before, 1000, 4 * std::sqrt(1000.0));
  config.shapes[0].points.resize(3);
  EXPECT_EQ(arrivals_of(config, 5000).size(), static_cast<std::size_t>(before));
}

TEST(RenewalProcess, SeedsDiffer) {
  const ArrivalConfig config = process_of(ArrivalProcess::gamma, 5, 2);
  EXPECT_EQ(arrivals_of(config, 1000, never, 1), arrivals_of(config, 1000, never, 1));
  EXPECT_NE(arrivals_of(config, 1000, never, 1), arrivals_of(config, 1000, never, 2));
}

}  // namespace
}  // namespace plimsoll
