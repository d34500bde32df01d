// Metrics room: the four signs of overload.
#include "metrics/overload.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "metrics/backlog_looks.hpp"

namespace plimsoll {
namespace {

constexpr double least_growth = 50;          // requests
constexpr double least_growth_share = 0.02;  // of the arrivals of the second half
constexpr double wander = 4;                 // standard deviations of a critical queue
constexpr double least_ratio = 1.5;          // of the backlogs at the end and at half time
constexpr double refused_share = 0.05;
constexpr std::size_t least_points = 4;

std::vector<BacklogPoint>::const_iterator first_after(const std::vector<BacklogPoint>& points,
                                                      SimTime at) {
  return std::upper_bound(points.begin(), points.end(), at,
                          [](SimTime t, const BacklogPoint& p) { return t < p.at; });
}

/// The last point at or before `at`; the first one when there is none.
const BacklogPoint& point_at(const std::vector<BacklogPoint>& points, SimTime at) {
  const auto after = first_after(points, at);
  return after == points.begin() ? points.front() : *(after - 1);
}

constexpr double least_rise = 40;           // requests
constexpr std::size_t quarter_points = 10;  // fewer would miss the floor
static_assert(BacklogLooks::enough_windows >= 4 * quarter_points);

/// The least backlog after `from`, until `to`; none with too few points.
std::optional<double> floor_of(const std::vector<BacklogPoint>& points, SimTime from, SimTime to) {
  std::size_t seen = 0;
  std::int64_t least = 0;
  for (const BacklogPoint& point : points) {
    if (point.at > from && point.at <= to) {
      least = seen == 0 ? point.backlog : std::min(least, point.backlog);
      ++seen;
    }
  }
  return seen < quarter_points ? std::nullopt : std::optional{static_cast<double>(least)};
}

/// The fourth sign. `end`: of the arrivals; `arrivals`: of the second half.
std::string find_slow_growth(const std::vector<BacklogPoint>& points, SimTime end,
                             double arrivals) {
  const Duration quarter = end.time_since_epoch() / 4;
  const auto second = floor_of(points, sim_start + quarter, sim_start + 2 * quarter);
  const auto third = floor_of(points, sim_start + 2 * quarter, sim_start + 3 * quarter);
  const auto fourth = floor_of(points, sim_start + 3 * quarter, end);
  if (!second || !third || !fourth) {
    return {};
  }
  const bool rises = *second < *third && *third < *fourth;
  if (!rises || *fourth - *second <= std::max(least_rise, std::sqrt(arrivals)) ||
      *fourth <= least_ratio * *second) {
    return {};
  }
  return fmt::format(
      "OVERLOADED: the backlog grows slowly and does not come back: it was never below {:.0f}, "
      "{:.0f} and {:.0f} requests in the second, third and last quarter of the arrivals",
      *second, *third, *fourth);
}

}  // namespace

void BacklogSeries::add(const BacklogPoint& point) {
  const bool taken = offered_ % stride_ == 0;
  ++offered_;
  if (!taken) {
    return;
  }
  points_.push_back(point);
  if (points_.size() < most_points) {
    return;
  }
  for (std::size_t i = 0; 2 * i < points_.size(); ++i) {
    points_[i] = points_[2 * i];
  }
  points_.resize(points_.size() / 2);
  stride_ *= 2;
}

std::size_t BacklogSeries::points_until(SimTime end) const {
  return static_cast<std::size_t>(first_after(points_, end) - points_.begin());
}

std::string find_overload(const BacklogSeries& series, SimTime arrivals_end, bool all_ended) {
  const std::vector<BacklogPoint>& points = series.points();
  if (series.points_until(arrivals_end) < least_points) {
    return {};
  }
  const BacklogPoint* last = &point_at(points, arrivals_end);
  const BacklogPoint& half = point_at(points, SimTime{last->at.time_since_epoch() / 2});
  const auto arrivals = static_cast<double>(last->arrived - half.arrived);
  if (arrivals <= 0) {
    return {};
  }
  const auto growth = static_cast<double>(last->backlog - half.backlog);
  const double margin =
      std::max({least_growth, least_growth_share * arrivals, wander * std::sqrt(arrivals)});
  if (growth > margin &&
      static_cast<double>(last->backlog) > least_ratio * static_cast<double>(half.backlog)) {
    return fmt::format(
        "OVERLOADED: the backlog grew from {} to {} requests in the second half of the arrivals, "
        "{:.1f} % of the {} that arrived in it",
        half.backlog, last->backlog, 100 * growth / arrivals, last->arrived - half.arrived);
  }
  const auto refused = static_cast<double>(last->refused - half.refused);
  if (refused > least_growth && refused > refused_share * arrivals) {
    return fmt::format(
        "OVERLOADED: {:.1f} % of the {} requests of the second half of the arrivals were shed, "
        "refused by a full queue, timed out or abandoned",
        100 * refused / arrivals, last->arrived - half.arrived);
  }
  if (arrivals > least_growth && last->ended == half.ended && !all_ended) {
    return fmt::format(
        "OVERLOADED: none of the {} requests in flight ended in the second half of the arrivals; "
        "a longer duration would tell more",
        last->arrived - last->ended);
  }
  return find_slow_growth(points, last->at, arrivals);
}

std::string why_overload_is_unknown(const BacklogSeries& series, SimTime arrivals_end) {
  if (series.points_until(arrivals_end) < least_points) {
    return "overload was not looked for: the time in which requests arrive is too short";
  }
  const BacklogPoint& last = point_at(series.points(), arrivals_end);
  const BacklogPoint& half = point_at(series.points(), SimTime{last.at.time_since_epoch() / 2});
  const std::int64_t arrivals = last.arrived - half.arrived;
  if (static_cast<double>(arrivals) > least_growth) {
    return {};
  }
  return fmt::format(
      "overload was not looked for: {} requests arrived in the second half of the arrivals' time, "
      "and it takes more than {:.0f} to tell a line that grows from chance",
      arrivals, least_growth);
}

bool waits_in_vain(const Config& config, bool overloaded, Duration rest) {
  if (overloaded) {
    return true;
  }
  std::optional<Duration> patience;
  if (config.path && config.path->clients && config.path->clients->patience) {
    const LatencyLaw& law = *config.path->clients->patience;
    patience = law.kind == LatencyLaw::Kind::fixed       ? std::optional{law.mean}
               : law.kind == LatencyLaw::Kind::lognormal ? std::optional{law.p99}
                                                         : std::nullopt;
  }
  return std::all_of(config.tiers.begin(), config.tiers.end(), [&](const TierConfig& tier) {
    const std::optional<Duration> deadline =
        tier.deadline ? tier.deadline : config.service.queue_deadline;
    const std::optional<Duration> limit = deadline ? deadline : patience;
    return limit && rest >= *limit;
  });
}

}  // namespace plimsoll
