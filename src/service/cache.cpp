// Hits of a cache, by Che's approximation or by the played order.
#include "service/cache.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace plimsoll {

Cache::Cache(std::uint64_t seed, const std::string& stage, const CacheConfig& config,
             const Popularity& popularity, std::vector<double> flow)
    : passage_{seed, stage, config.latency, config.lookups, config.outages},
      hit_stream_{seed, "hit:" + stage},
      popularity_{popularity},
      flow_{std::move(flow)},
      capacity_{config.capacity},
      object_size_{static_cast<double>(config.object_size.count())} {
  solve();
  if (config.method == CacheMethod::lru) {
    const Popularity::Group& last = popularity.groups().back();
    order_ = std::make_unique<LruOrder>(seed, stage, last.first + last.count, config);
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

/// Finds T by bisection of what is held, which grows with it.
void Cache::solve() {
  const auto room = static_cast<double>(capacity_.count());
  double low = 0;
  double high = 1;
  constexpr double forever = 1e30;
  while (high < forever && bytes_held(high) < room) {
    low = high;
    high *= 2;
  }
  constexpr int halvings = 60;
  for (int i = 0; i < halvings && high < forever; ++i) {
    const double middle = (low + high) / 2;
    (bytes_held(middle) < room ? low : high) = middle;
  }
  hit_.clear();
  for (const double flow : flow_) {
    hit_.push_back(high >= forever && flow > 0 ? 1.0 : -std::expm1(-flow * high));
  }
}

StageResult Cache::look_up(std::uint64_t id, const AskedObject& object, SimTime t) {
  StageResult result = passage_.pass(id, t);
  if (object.group == AskedObject::none || passage_.is_out(id, t)) {
    return result;
  }
  if (order_ != nullptr) {
    result.hit = order_->touch(object.rank);
    return result;
  }
  Draws draws = hit_stream_.of(id);
  result.hit = draws.uniform() < hit_[object.group];
  return result;
}

void Cache::set_capacity(Bytes capacity) {
  capacity_ = capacity;
  solve();
  if (order_ != nullptr) {
    order_->set_capacity(capacity);
  }
}

double Cache::utilization() const {
  const auto room = static_cast<double>(capacity_.count());
  if (order_ != nullptr) {
    return static_cast<double>(order_->bytes()) / room;
  }
  const std::vector<Popularity::Group>& groups = popularity_.groups();
  double held = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    held += static_cast<double>(groups[g].count) * hit_[g] * object_size_;
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
