// Workload: users, what they do in a day, and when: compiled into rates.
#include "workload/user_demand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace plimsoll {
namespace {

constexpr Duration one_hour = std::chrono::hours{1};
constexpr Duration one_day = std::chrono::hours{24};
constexpr Duration step = std::chrono::minutes{5};
constexpr double seconds_per_day = 86400;

std::vector<double> normalized(std::vector<double> factors) {
  const double sum = std::accumulate(factors.begin(), factors.end(), 0.0);
  for (double& factor : factors) {
    factor *= static_cast<double>(factors.size()) / sum;
  }
  return factors;
}

double share_of(Duration part, Duration whole) {
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

/// The factor of the hours at `in_day`, linear between the middles of the hours.
double hour_factor(const std::vector<double>& hours, Duration in_day) {
  const Duration shifted = in_day + one_day - one_hour / 2;
  const auto from = static_cast<std::size_t>(shifted / one_hour);
  const double along = share_of(shifted % one_hour, one_hour);
  return hours[from % 24] + (hours[(from + 1) % 24] - hours[from % 24]) * along;
}

/// 0 before `from`, 1 after `from` + `over`.
double risen(Duration t, Duration from, Duration over) {
  if (t < from) {
    return 0;
  }
  return t - from >= over ? 1.0 : share_of(t - from, over);
}

double event_factor(const DemandEvent& event, Duration t, bool after) {
  const Duration end = event.at + event.lasting;
  const bool begun = after ? t >= event.at : t > event.at;
  const bool over = after ? t >= end : t > end;
  double full = begun && !over ? 1.0 : 0.0;
  if (!begun && event.ramp > Duration::zero()) {
    full = std::max(0.0, 1 - share_of(event.at - t, event.ramp));
  } else if (over && event.ramp > Duration::zero()) {
    full = std::max(0.0, 1 - share_of(t - end, event.ramp));
  }
  return 1 + (event.factor - 1) * full;
}

std::string date_of(std::int64_t seconds) {
  const std::chrono::sys_days day{std::chrono::days{seconds / 86'400}};
  const std::chrono::year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace

UserDemand::UserDemand(const Config& config)
    : config_{config}, users_{*config.workload.users}, growth_{users_.growth} {
  for (const UserRegion& region : users_.regions) {
    const LoadShapeSpec& shape = config.load_shapes.at(region.load_shape);
    hours_.push_back(normalized(shape.hours));
    week_.push_back(normalized(shape.days));
    region_shares_ += region.share;
  }
}

double UserDemand::users_of(std::size_t tier, Duration t) const {
  const auto of = [&](const UserTierConfig& one) {
    return one.share.value_or(0) * risen(t, one.from, one.over);
  };
  const UserTierConfig& asked = users_.tiers[tier];
  if (asked.accounts) {
    return *asked.accounts * risen(t, asked.from, asked.over);
  }
  if (asked.share) {
    return growth_.users_at(t) * of(asked);
  }
  double others = 0;
  for (const UserTierConfig& one : users_.tiers) {
    others += of(one);
  }
  return growth_.users_at(t) * (1 - others);
}

double UserDemand::daily_requests(std::size_t tier, Duration t) const {
  const UserTierConfig& habits = users_.tiers[tier];
  return users_of(tier, t) * habits.daily_active * habits.sessions_per_day *
         habits.requests_per_session;
}

double UserDemand::events(Duration t, bool after) const {
  double factor = 1;
  for (const DemandEvent& event : users_.events) {
    factor *= event_factor(event, t, after);
  }
  return factor;
}

double UserDemand::shape(Duration t, bool after) const {
  double sum = 0;
  for (std::size_t r = 0; r < users_.regions.size(); ++r) {
    // 1970-01-01 was a Thursday, day 3 of a week that begins with Monday.
    const Duration local =
        t + std::chrono::seconds{users_.start_s} + users_.regions[r].utc_offset + 3 * one_day;
    const Duration instant = after ? local : local - Duration{1};
    const auto day = static_cast<std::size_t>(instant / one_day) % 7;
    sum += users_.regions[r].share * hour_factor(hours_[r], local % one_day) * week_[r][day];
  }
  return sum / region_shares_ * events(t, after);
}

double UserDemand::rate(Duration t, bool after) const {
  const Duration instant = after ? t : t - Duration{1};  // a tier may begin at t
  double daily = 0;
  for (std::size_t tier = 0; tier < users_.tiers.size(); ++tier) {
    daily += daily_requests(tier, instant);
  }
  return daily / seconds_per_day * shape(t, after);
}

std::vector<Duration> UserDemand::grid() const {
  std::vector<Duration> times;
  for (Duration t{}; t < config_.duration; t += step) {
    times.push_back(t);
  }
  times.push_back(config_.duration);
  const auto add = [&](Duration t) {
    if (t > Duration::zero() && t < config_.duration) {
      times.push_back(t);
    }
  };
  for (const DemandEvent& event : users_.events) {
    const Duration end = event.at + event.lasting;
    for (const Duration corner : {event.at - event.ramp, event.at, end, end + event.ramp}) {
      add(corner);
    }
  }
  for (const UserTierConfig& tier : users_.tiers) {
    add(tier.from);
    add(tier.from + tier.over);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

ArrivalConfig UserDemand::arrivals() const {
  ArrivalConfig compiled;
  compiled.rate = Frequency::of(1.0);
  RateShape shape;
  shape.kind = RateShape::Kind::piecewise;
  for (const Duration t : grid()) {
    const double before = rate(t, false);
    const double after = rate(t, true);
    constexpr double jump = 1e-9;  // relative; less is rounding
    if (std::abs(before - after) > jump * after && t > Duration::zero()) {
      shape.points.push_back({t, before});
    }
    shape.points.push_back({t, after});
  }
  compiled.shapes.push_back(std::move(shape));
  return compiled;
}

/// Adds a piece of the grid by the trapezoidal rule, which is exact for rates.
void UserDemand::add_to_day(DemandDay& day, Duration from, Duration to) const {
  const double days = share_of(to - from, one_day);
  const double begin = rate(from, true);
  const double end = rate(to, false);
  day.requests += 0.5 * (begin + end) * days * seconds_per_day;
  day.peak_requests_per_s = std::max({day.peak_requests_per_s, begin, end});
  const double mean_shape = 0.5 * (shape_after(from) + shape_before(to));
  double concurrent = 0;
  for (std::size_t k = 0; k < users_.tiers.size(); ++k) {
    const UserTierConfig& habits = users_.tiers[k];
    const double active = 0.5 * (users_of(k, from) + users_of(k, to)) * habits.daily_active;
    day.active_users += active * days;
    const double sessions_a_day = active * habits.sessions_per_day * mean_shape;
    day.sessions += sessions_a_day * days;
    concurrent += sessions_a_day / seconds_per_day * to_seconds(habits.session_length);
  }
  day.peak_concurrent = std::max(day.peak_concurrent, concurrent);
}

std::vector<DemandDay> UserDemand::days() const {
  const std::vector<Duration> times = grid();
  std::vector<DemandDay> days;
  for (std::size_t i = 1; i < times.size(); ++i) {
    const auto index = static_cast<std::size_t>(times[i - 1] / one_day);
    if (index == days.size()) {
      days.emplace_back();
      days.back().date = date_of(users_.start_s + static_cast<std::int64_t>(index) * 86'400);
    }
    add_to_day(days[index], times[i - 1], times[i]);
  }
  for (std::size_t d = 0; d < days.size(); ++d) {
    const Duration begin = static_cast<std::int64_t>(d) * one_day;
    days[d].users = registered(std::min(begin + one_day, config_.duration));
    days[d].new_users = days[d].users - (d == 0 ? 0.0 : registered(begin));
  }
  return days;
}

ArrivalConfig compiled_arrivals(const Config& config) {
  ArrivalConfig arrivals =
      config.workload.users ? UserDemand{config}.arrivals() : config.workload.arrivals;
  arrivals.rate = Frequency::of(arrivals.rate.count() / config.horizon.sample);
  return arrivals;
}

std::vector<DemandDay> demand_by_day(const Config& config) {
  return config.workload.users ? UserDemand{config}.days() : std::vector<DemandDay>{};
}

std::vector<GrowthPoint> growth_fit(const Config& config) {
  std::vector<GrowthPoint> points;
  if (!config.workload.users ||
      config.workload.users->growth.curve == UserGrowth::Curve::milestones) {
    return points;
  }
  const GrowthCurve curve{config.workload.users->growth};
  for (const UserGrowth::Point& point : config.workload.users->growth.points) {
    points.push_back({point.at, point.users, curve.users_at(point.at)});
  }
  return points;
}

std::vector<TierUsers> mean_users_by_tier(const Config& config) {
  std::vector<TierUsers> all;
  if (!config.workload.users || config.duration == Duration::zero()) {
    return all;
  }
  const UserDemand demand{config};
  const std::vector<Duration> grid = demand.grid();
  for (std::size_t k = 0; k < config.workload.users->tiers.size(); ++k) {
    double user_seconds = 0;  // trapezoids
    for (std::size_t i = 0; i + 1 < grid.size(); ++i) {
      user_seconds += 0.5 * (demand.users_of(k, grid[i]) + demand.users_of(k, grid[i + 1])) *
                      to_seconds(grid[i + 1] - grid[i]);
    }
    all.push_back(
        {config.workload.users->tiers[k].tier, user_seconds / to_seconds(config.duration)});
  }
  return all;
}

}  // namespace plimsoll
