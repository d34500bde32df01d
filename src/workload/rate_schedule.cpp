// Workload: rate shapes and their corners.
#include "workload/rate_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "plimsoll/workload.hpp"

namespace plimsoll {
namespace {

constexpr int chords_per_period = 1024;
constexpr int chords_per_slope = 64;  // when another shape multiplies it

/// `t` since the last whole period that began at `origin`, in [0, period).
Duration within_period(Duration t, Duration origin, Duration period) {
  const Duration rest = (t - origin) % period;
  return rest < Duration::zero() ? rest + period : rest;
}

double interpolate(const RateShape::Point& a, const RateShape::Point& b, Duration t) {
  return a.factor + (b.factor - a.factor) * (static_cast<double>((t - a.at).count()) /
                                             static_cast<double>((b.at - a.at).count()));
}

std::vector<RateShape::Point> spike_points(const RateShape& spike) {
  const Duration last = spike.at + spike.lasting;
  return {{spike.at - spike.ramp, 1.0},
          {spike.at, spike.factor},
          {last, spike.factor},
          {last + spike.ramp, 1.0}};
}

}  // namespace

RateSchedule::RateSchedule(const ArrivalConfig& arrivals) : base_rate_{arrivals.rate.count()} {
  for (const RateShape& shape : arrivals.shapes) {
    switch (shape.kind) {
      case RateShape::Kind::piecewise:
        lines_.push_back(Line{shape.points});
        break;
      case RateShape::Kind::spike:
        lines_.push_back(Line{spike_points(shape)});
        break;
      case RateShape::Kind::diurnal:
        waves_.push_back(Wave{shape.period, shape.peak_at, shape.peak_to_mean - 1.0});
        break;
    }
  }
}

RateSchedule::RateSchedule(const ArrivalConfig& arrivals, std::vector<PlayedWindow> played)
    : RateSchedule{arrivals} {
  played_ = std::move(played);
}

RatePiece RateSchedule::piece_at(SimTime t) const {
  if (played_.empty()) {
    return unbroken_piece_at(t);
  }
  const Duration begin = t.time_since_epoch();
  const auto next = std::partition_point(
      played_.begin(), played_.end(), [&](const PlayedWindow& span) { return span.to <= begin; });
  if (next == played_.end()) {
    return RatePiece{t, never, 0.0, 0.0};
  }
  if (begin < next->from) {
    return RatePiece{t, SimTime{next->from}, 0.0, 0.0};
  }
  RatePiece piece = unbroken_piece_at(t);
  if (piece.end > SimTime{next->to}) {
    piece.end = SimTime{next->to};
    piece.rate_end = rate_before(next->to);
  }
  return piece;
}

RatePiece RateSchedule::unbroken_piece_at(SimTime t) const {
  const Duration begin = t.time_since_epoch();
  const bool refine = lines_.size() + waves_.size() > 1;
  Duration end = never.time_since_epoch();
  for (const Line& line : lines_) {
    if (line.zero_from(begin)) {
      return RatePiece{t, never, 0.0, 0.0};
    }
    end = std::min(end, line.next_corner(begin, refine));
  }
  for (const Wave& wave : waves_) {
    end = std::min(end, wave.next_corner(begin));
  }
  const double rate = rate_after(begin);
  if (end == never.time_since_epoch()) {
    return RatePiece{t, never, rate, rate};
  }
  return RatePiece{t, SimTime{end}, rate, rate_before(end)};
}

double RateSchedule::rate_before(Duration t) const {
  double rate = base_rate_;
  for (const Line& line : lines_) {
    rate *= std::max(0.0, line.factor_before(t));
  }
  for (const Wave& wave : waves_) {
    rate *= std::max(0.0, wave.factor(t));
  }
  return rate;
}

double RateSchedule::rate_after(Duration t) const {
  double rate = base_rate_;
  for (const Line& line : lines_) {
    rate *= std::max(0.0, line.factor_after(t));
  }
  for (const Wave& wave : waves_) {
    rate *= std::max(0.0, wave.factor(t));
  }
  return rate;
}

double RateSchedule::Line::factor_before(Duration t) const {
  const auto next = std::partition_point(points.begin(), points.end(),
                                         [t](const RateShape::Point& p) { return p.at < t; });
  if (points.empty()) {
    return 1.0;
  }
  if (next == points.begin() || next == points.end()) {
    return next == points.end() ? points.back().factor : points.front().factor;
  }
  return interpolate(*(next - 1), *next, t);
}

double RateSchedule::Line::factor_after(Duration t) const {
  const auto next = std::partition_point(points.begin(), points.end(),
                                         [t](const RateShape::Point& p) { return p.at <= t; });
  if (points.empty()) {
    return 1.0;
  }
  if (next == points.begin() || next == points.end()) {
    return next == points.end() ? points.back().factor : points.front().factor;
  }
  return interpolate(*(next - 1), *next, t);
}

Duration RateSchedule::Line::next_corner(Duration t, bool refine) const {
  const auto next = std::partition_point(points.begin(), points.end(),
                                         [t](const RateShape::Point& p) { return p.at <= t; });
  if (next == points.end()) {
    return never.time_since_epoch();
  }
  if (!refine || next == points.begin() || (next - 1)->factor == next->factor) {
    return next->at;
  }
  const Duration origin = (next - 1)->at;
  const Duration chord = std::max(Duration{1}, (next->at - origin) / chords_per_slope);
  return std::min(next->at, origin + ((t - origin) / chord + 1) * chord);
}

bool RateSchedule::Line::zero_from(Duration t) const {
  return !points.empty() && points.back().at <= t && points.back().factor <= 0.0;
}

double RateSchedule::Wave::factor(Duration t) const {
  const Duration within = within_period(t, peak_at, period);
  const double turn = static_cast<double>(within.count()) / static_cast<double>(period.count());
  return 1.0 + amplitude * std::cos(2.0 * std::numbers::pi * turn);
}

Duration RateSchedule::Wave::next_corner(Duration t) const {
  const Duration chord = std::max(Duration{1}, period / chords_per_period);
  const Duration within = within_period(t, peak_at, period);
  return t - within + std::min(period, (within / chord + 1) * chord);
}

double arrival_rate(const ArrivalConfig& arrivals, SimTime t) {
  return RateSchedule{arrivals}.rate_at(t);
}

double RateSchedule::integral(SimTime from, SimTime to) const {
  double sum = 0;
  for (SimTime at = from; at < to;) {
    const RatePiece piece = piece_at(at);
    const SimTime end = std::min(piece.end, to);
    const double slope = piece.end == never ? 0.0
                                            : (piece.rate_end - piece.rate_begin) /
                                                  to_seconds(piece.end - piece.begin);
    const double seconds = to_seconds(end - at);
    sum += (piece.rate_begin + 0.5 * slope * seconds) * seconds;
    at = end;
  }
  return sum;
}

double expected_arrivals(const ArrivalConfig& arrivals, SimTime from, SimTime to) {
  return RateSchedule{arrivals}.integral(from, to);
}

}  // namespace plimsoll
