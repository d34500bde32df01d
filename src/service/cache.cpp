// Hits of a cache, by Che's approximation or by the played order.
#include "service/cache.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace plimsoll {
namespace {

constexpr double forever = 1e30;  // requests

/// Whether an object is asked for within `time`.
double asked_within(double flow, double time) {
  return time >= forever && flow > 0 ? 1.0 : -std::expm1(-flow * time);
}

}  // namespace

Cache::Cache(std::uint64_t seed, const std::string& stage, const CacheConfig& config,
             const Popularity& popularity, std::vector<double> flow, int locations,
             std::vector<FrontCache> fronts)
    : passage_{seed, stage, config.latency, config.lookups, config.outages},
      hit_stream_{seed, "hit:" + stage},
      popularity_{popularity},
      flow_{std::move(flow)},
      fronts_{std::move(fronts)},
      locations_{locations},
      capacity_{config.capacity},
      object_size_{static_cast<double>(config.object_size->count())},
      location_stream_{seed, "location:" + stage} {
  double all = 0;
  for (std::size_t g = 0; g < flow_.size(); ++g) {
    all += static_cast<double>(popularity.groups()[g].count) * flow_[g];
  }
  time_a_look_up_ = all > 0 ? 1 / (all * locations) : 0;
  solve();
  time_held_ = time_full_;
  if (config.method == CacheMethod::lru) {
    const Popularity::Group& last = popularity.groups().back();
    orders_.assign(static_cast<std::size_t>(locations),
                   LruOrder{seed, stage, last.first + last.count, config});
    for (LruOrder& order : orders_) {
      order.fill(config.filled.value_or(0));
    }
  } else if (config.filled && *config.filled < 1) {
    time_held_ = time_that_holds(*config.filled * bytes_held(time_full_));
  }
}

double Cache::bytes_held(double time) const {
  double objects = 0;
  const std::vector<Popularity::Group>& groups = popularity_.groups();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    objects += static_cast<double>(groups[g].count) * -std::expm1(-flow_[g] * time);
  }
  return objects * object_size_;
}

/// By bisection of what is held, which grows with time; beyond 1e30 when there is not so much.
double Cache::time_that_holds(double bytes) const {
  if (bytes <= 0) {
    return 0;
  }
  double low = 0;
  double high = 1;
  while (high < forever && bytes_held(high) < bytes) {
    low = high;
    high *= 2;
  }
  constexpr int halvings = 60;
  for (int i = 0; i < halvings && high < forever; ++i) {
    const double middle = (low + high) / 2;
    (bytes_held(middle) < bytes ? low : high) = middle;
  }
  return high;
}

void Cache::solve() {
  const double high = time_that_holds(static_cast<double>(capacity_.count()));
  time_full_ = high;
  hit_.clear();
  for (const double flow : flow_) {
    hit_.push_back(asked_within(flow, beyond_quiet(high)));
  }
}

/// That in which the misses of caches in front can have been.
double Cache::beyond_quiet(double time) const {
  double left = time;
  for (const FrontCache& front : fronts_) {
    left -= front.weight * std::min(time, front.quiet);
  }
  return std::max(0.0, left);
}

StageResult Cache::look_up(std::uint64_t id, const AskedObject& object, SimTime t) {
  StageResult result = passage_.pass(id, t);
  if (object.group == AskedObject::none || passage_.is_out(id, t)) {
    return result;
  }
  if (plays_order()) {
    result.hit = order_of(id).look_up(object.rank);
    return result;
  }
  Draws draws = hit_stream_.of(id);
  const double mark = draws.uniform();
  if (!fills()) {
    result.hit = mark < hit_[object.group];
    return result;
  }
  result.hit = mark < -std::expm1(-flow_[object.group] * beyond_quiet(time_held_));
  time_held_ += result.hit ? time_a_look_up_ : 0;
  return result;
}

void Cache::store(std::uint64_t id, const AskedObject& object, SimTime t) {
  if (object.group == AskedObject::none || (!plays_order() && !fills()) || passage_.is_out(id, t)) {
    return;
  }
  if (plays_order()) {
    order_of(id).put(object.rank);
  } else {
    time_held_ += time_a_look_up_;
  }
}

/// Every attempt of a request comes to the location of its user.
LruOrder& Cache::order_of(std::uint64_t id) {
  if (orders_.size() == 1) {
    return orders_.front();
  }
  constexpr std::uint64_t request_bits = (std::uint64_t{1} << 48) - 1;
  Draws draws = location_stream_.of(id & request_bits);
  return orders_[draws.below(static_cast<std::uint32_t>(orders_.size()))];
}

void Cache::set_capacity(Bytes capacity) {
  capacity_ = capacity;
  time_held_ = std::min(time_held_, time_full_);
  solve();
  for (LruOrder& order : orders_) {
    order.set_capacity(capacity);
  }
}

double Cache::utilization() const {
  const auto room = static_cast<double>(capacity_.count());
  if (plays_order()) {
    std::int64_t bytes = 0;
    for (const LruOrder& order : orders_) {
      bytes += order.bytes();
    }
    return static_cast<double>(bytes) / (room * static_cast<double>(orders_.size()));
  }
  if (fills()) {
    return std::min(1.0, bytes_held(time_held_) / room);
  }
  const std::vector<Popularity::Group>& groups = popularity_.groups();
  double held = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    held +=
        static_cast<double>(groups[g].count) * asked_within(flow_[g], time_full_) * object_size_;
  }
  return std::min(1.0, held / room);
}

double Cache::expected_hits() const {
  const std::vector<Popularity::Group>& groups = popularity_.groups();
  double hits = 0;
  double all = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double requests = static_cast<double>(groups[g].count) * flow_[g];
    hits += requests * hit_[g];
    all += requests;
  }
  return all > 0 ? hits / all : 0.0;
}

std::vector<double> Cache::miss_flow() const {
  std::vector<double> flow;
  for (std::size_t g = 0; g < flow_.size(); ++g) {
    flow.push_back(flow_[g] * (1 - hit_[g]));
  }
  return flow;
}

}  // namespace plimsoll
