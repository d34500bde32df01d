// The backlog of a gap as a fluid.
#include "simulation/carried_backlog.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "plimsoll/workload.hpp"
#include "workload/played_spans.hpp"

namespace plimsoll {
namespace {

constexpr Duration longest_tick = std::chrono::minutes{1};

/// Windows are played for one model alone.
const ServiceConfig& only_service(const Config& config) {
  return service_of(config, config.pools.front().model);
}

/// The longest wait of any tier; none when some may wait for ever.
std::optional<Duration> longest_deadline(const Config& config) {
  Duration longest{};
  for (const RequestClassConfig& one : config.workload.classes) {
    const auto& of_tier = config.tiers[one.tier].deadline;
    const std::optional<Duration> wait = of_tier ? of_tier : only_service(config).queue_deadline;
    if (!wait) {
      return std::nullopt;
    }
    longest = std::max(longest, *wait);
  }
  return longest;
}

}  // namespace

CarriedBacklog::CarriedBacklog(const Config& config,
                               const std::vector<std::unique_ptr<PoolPlan>>& plans, Engine& engine,
                               Service& service, double share,
                               std::function<void(std::int64_t)> take)
    : config_{config},
      engine_{engine},
      service_{service},
      share_{share},
      take_{std::move(take)},
      schedule_{compiled_arrivals(config)},
      gaps_(config.horizon.windows.size()) {
  for (const auto& plan : plans) {
    const PoolIndex pool = plan->shape.pool;
    const double estimate =
        capacity_estimate(plan->shape, expected_lengths(config, config.pools[pool].model));
    probes_.push_back(std::make_unique<CapacityProbe>(config, pool, plan->shape, engine, estimate));
  }
}

void CarriedBacklog::start() {
  for (const auto& probe : probes_) {
    probe->start();
  }
  const std::vector<PlayedWindow> spans = played_spans(config_.horizon);
  const auto& windows = config_.horizon.windows;
  Duration before{};
  for (const PlayedWindow& span : spans) {
    const auto window = static_cast<std::size_t>(
        std::find_if(windows.begin(), windows.end(),
                     [&](const PlayedWindow& one) { return one.to > span.from; }) -
        windows.begin());
    if (span.from > before + Duration{1}) {
      const SimTime until{span.from - Duration{1}};
      engine_.at(SimTime{before}, EventPriority::window, [this, until, window] {
        begin_gap();
        tick(until, window);
      });
    }
    before = span.to;
  }
}

void CarriedBacklog::begin_gap() {
  fluid_ = 0;
  left_ = 0;
  last_ = engine_.now();
  ended_ = service_.ended();
}

void CarriedBacklog::tick(SimTime until, std::size_t window) {
  const SimTime now = engine_.now();
  const std::int64_t ended = service_.ended();
  const double spare =
      std::max(0.0, capacity() * to_seconds(now - last_) - static_cast<double>(ended - ended_));
  fluid_ += inflow(last_, now) - spare;
  const double held = std::clamp(fluid_, 0.0, std::max(0.0, limit(now)));
  left_ += std::max(0.0, fluid_ - held);
  fluid_ = held;
  last_ = now;
  ended_ = ended;
  if (now >= until) {
    gaps_[window] = {std::llround(fluid_), std::llround(left_)};
    take_(gaps_[window].carried);
    return;
  }
  engine_.at(std::min(until, now + longest_tick), EventPriority::window,
             [this, until, window] { tick(until, window); });
}

double CarriedBacklog::capacity() const {
  std::vector<double> of_one;
  for (const auto& probe : probes_) {
    of_one.push_back(probe->rate());
  }
  return service_.serving_capacity(of_one);
}

double CarriedBacklog::inflow(SimTime from, SimTime to) const {
  return share_ * schedule_.integral(from, to);
}

double CarriedBacklog::limit(SimTime now) const {
  double limit = 1e12;
  if (const std::int64_t capacity = only_service(config_).queue_capacity; capacity > 0) {
    limit = static_cast<double>(capacity);
  }
  if (const auto deadline = longest_deadline(config_)) {
    const SimTime since = std::max(sim_start, now - *deadline);
    limit = std::min(limit, inflow(since, now));
  }
  return limit;
}

}  // namespace plimsoll
