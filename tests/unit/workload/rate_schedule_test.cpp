// Arrival rates over time: values at and beside corners, and integrals against closed forms.
#include "workload/rate_schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "plimsoll/workload.hpp"

namespace plimsoll {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

ArrivalConfig at_rate(double rate) {
  ArrivalConfig arrivals;
  arrivals.rate = Frequency::of(rate);
  return arrivals;
}

RateShape piecewise(std::vector<RateShape::Point> points) {
  RateShape shape;
  shape.points = std::move(points);
  return shape;
}

RateShape diurnal(Duration period, Duration peak_at, double peak_to_mean) {
  RateShape shape;
  shape.kind = RateShape::Kind::diurnal;
  shape.period = period;
  shape.peak_at = peak_at;
  shape.peak_to_mean = peak_to_mean;
  return shape;
}

RateShape spike(Duration at, Duration lasting, Duration ramp, double factor) {
  RateShape shape;
  shape.kind = RateShape::Kind::spike;
  shape.at = at;
  shape.lasting = lasting;
  shape.ramp = ramp;
  shape.factor = factor;
  return shape;
}

double rate_at(const ArrivalConfig& arrivals, double t) {
  return arrival_rate(arrivals, SimTime{from_seconds(t)});
}

/// The integral of the pieces over [0, end), which also checks that they join without gaps.
double integral(const ArrivalConfig& arrivals, Duration end) {
  const RateSchedule schedule{arrivals};
  double sum = 0;
  SimTime t = sim_start;
  while (t < SimTime{end}) {
    const RatePiece piece = schedule.piece_at(t);
    EXPECT_EQ(piece.begin, t);
    EXPECT_GT(piece.end, t);
    const SimTime stop = std::min(piece.end, SimTime{end});
    const double share = to_seconds(stop - t) / to_seconds(piece.end - t);
    const double rate_stop = piece.rate_begin + share * (piece.rate_end - piece.rate_begin);
    sum += 0.5 * (piece.rate_begin + rate_stop) * to_seconds(stop - t);
    t = stop;
  }
  return sum;
}

TEST(RateSchedule, ConstantRateIsOnePiece) {
  const RatePiece piece = RateSchedule{at_rate(5)}.piece_at(sim_start);
  EXPECT_EQ(piece.end, never);
  EXPECT_EQ(piece.rate_begin, 5);
  EXPECT_EQ(piece.rate_end, 5);
}

TEST(RateSchedule, PiecewiseIsLinearBetweenAndConstantOutside) {
  ArrivalConfig arrivals = at_rate(10);
  arrivals.shapes.push_back(piecewise({{seconds{100}, 1}, {seconds{200}, 3}, {seconds{400}, 2}}));
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 0), 10);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 100), 10);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 150), 20);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 200), 30);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 300), 25);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 1e6), 20);
  // 100 s at 10, 100 s at 20 on average, 200 s at 25, 600 s at 20.
  EXPECT_NEAR(integral(arrivals, seconds{1000}), 1000 + 2000 + 5000 + 12000, 1e-9);
}

TEST(RateSchedule, TwoPointsAtOneTimeAreAStep) {
  ArrivalConfig arrivals = at_rate(10);
  arrivals.shapes.push_back(piecewise({{seconds{0}, 1}, {seconds{50}, 1}, {seconds{50}, 4}}));
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 49.999), 10);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 50), 40);
  EXPECT_NEAR(integral(arrivals, seconds{60}), 500 + 400, 1e-9);
}

TEST(RateSchedule, SpikeHoldsItsFactorAndRampsOutside) {
  ArrivalConfig arrivals = at_rate(2);
  arrivals.shapes.push_back(spike(seconds{100}, seconds{60}, seconds{20}, 5));
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 80), 2);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 90), 6);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 100), 10);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 160), 10);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 175), 4);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 180), 2);
  // 2/s over 300 s, 8/s more over 60 s and half of that over both ramps.
  EXPECT_NEAR(integral(arrivals, seconds{300}), 600 + 480 + 160, 1e-9);
}

TEST(RateSchedule, SpikeWithoutRampIsABox) {
  ArrivalConfig arrivals = at_rate(2);
  arrivals.shapes.push_back(spike(seconds{0}, seconds{10}, seconds{0}, 3));
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 0), 6);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 9.999), 6);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 10), 2);
  EXPECT_NEAR(integral(arrivals, seconds{20}), 60 + 20, 1e-9);
}

TEST(RateSchedule, DiurnalHasItsPeakToMeanAndItsMean) {
  ArrivalConfig arrivals = at_rate(100);
  arrivals.shapes.push_back(diurnal(hours{24}, hours{15}, 1.8));
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 15 * 3600.0), 180);
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 3 * 3600.0), 20);
  EXPECT_NEAR(rate_at(arrivals, 9 * 3600.0), 100, 1e-9);
  // Chords over whole periods have the exact mean; over any span they stay within 5e-6.
  EXPECT_NEAR(integral(arrivals, hours{48}) / (100 * 48 * 3600.0), 1.0, 1e-12);
  // The six hours around the peak: 1 + 0.8 sin(pi/4) / (pi/4).
  const double quarter = std::numbers::pi / 4;
  const double six = integral(arrivals, hours{18}) - integral(arrivals, hours{12});
  EXPECT_NEAR(six / (100 * 6 * 3600.0), 1 + 0.8 * std::sin(quarter) / quarter, 1e-5);
}

TEST(RateSchedule, PeriodsThatDoNotDivideKeepTheirLength) {
  ArrivalConfig arrivals = at_rate(1);
  arrivals.shapes.push_back(diurnal(Duration{1'000'003}, Duration{17}, 1.5));
  const Duration period{1'000'003};
  EXPECT_DOUBLE_EQ(arrival_rate(arrivals, SimTime{Duration{17} + period * 1000}), 1.5);
  EXPECT_NEAR(integral(arrivals, period * 3) / to_seconds(period * 3), 1.0, 2e-3);
}

TEST(RateSchedule, ShapesMultiply) {
  ArrivalConfig arrivals = at_rate(10);
  arrivals.shapes.push_back(piecewise({{seconds{0}, 0}, {seconds{100}, 1}}));
  arrivals.shapes.push_back(piecewise({{seconds{0}, 1}, {seconds{100}, 4}}));
  EXPECT_DOUBLE_EQ(rate_at(arrivals, 50), 10 * 0.5 * 2.5);
  // 10 times the integral of x (1 + 3x) over the unit interval, times 100 s: 10 * 1.5 * 100.
  EXPECT_NEAR(integral(arrivals, seconds{100}) / 1500.0, 1.0, 1e-4);
}

TEST(RateSchedule, NothingComesAfterALastFactorOfZero) {
  ArrivalConfig arrivals = at_rate(10);
  arrivals.shapes.push_back(piecewise({{seconds{0}, 1}, {seconds{10}, 0}}));
  arrivals.shapes.push_back(diurnal(seconds{1}, seconds{0}, 1.2));
  const RatePiece piece = RateSchedule{arrivals}.piece_at(SimTime{seconds{10}});
  EXPECT_EQ(piece.end, never);
  EXPECT_EQ(piece.rate_begin, 0);
}

}  // namespace
}  // namespace plimsoll
