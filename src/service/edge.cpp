// Geographic routing with failover.
#include "service/edge.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

/// A round trip: the way there now, the way back with the answer.
StageResult half_now(Duration round_trip) {
  StageResult result;
  result.latency = round_trip;
  result.ahead = round_trip / 2;
  return result;
}

}  // namespace

Edge::Edge(std::uint64_t seed, const EdgeConfig& config)
    : access_stream_{seed, "edge_access"},
      rtt_stream_{seed, "edge_rtt"},
      failover_delay_{config.failover_delay} {
  double all = 0;
  for (const RegionConfig& region : config.regions) {
    all += region.share;
  }
  double sum = 0;
  for (const RegionConfig& config_of_region : config.regions) {
    sum += config_of_region.share;
    cumulative_share_.push_back(sum / all);
    Region region{LatencySampler{config_of_region.access}, routes_of(config_of_region.routes),
                  Outages{seed, "outage:edge:" + config_of_region.name, config_of_region.outages},
                  Turnstile{config_of_region.capacity},
                  static_cast<double>(config_of_region.queue)};
    regions_.push_back(std::move(region));
  }
  for (const DatacenterConfig& datacenter : config.datacenters) {
    datacenters_.push_back({Outages{seed, "outage:" + datacenter.name, datacenter.outages},
                            Turnstile{datacenter.capacity}, static_cast<double>(datacenter.queue),
                            routes_of(datacenter.failover),
                            RandomStream{seed, "edge_failover:" + datacenter.name}});
    limited_ = limited_ || datacenter.capacity;
  }
}

std::vector<Edge::Route> Edge::routes_of(const std::vector<RouteConfig>& routes) {
  std::vector<Route> sampled;
  for (const RouteConfig& route : routes) {
    sampled.push_back({route.datacenter, LatencySampler{route.rtt}});
  }
  return sampled;
}

std::uint16_t Edge::region_of(std::uint32_t mark) const {
  const double at = (static_cast<double>(mark) + 0.5) * 0x1.0p-32;
  std::size_t region = 0;
  while (region + 1 < cumulative_share_.size() && cumulative_share_[region] < at) {
    ++region;
  }
  return static_cast<std::uint16_t>(region);
}

StageResult Edge::access(std::uint64_t id, std::uint16_t number, SimTime t) {
  Region& region = regions_[number];
  StageResult result = half_now(region.access.draw(access_stream_, id));
  if (region.outages.hits(id, t)) {
    result.outcome = Outcome::failed;
    result.refused = true;
  } else if (region.entrance.waiting_at(t) > region.room) {
    result.outcome = Outcome::shed;
    result.refused = true;
  } else {
    result.wait = region.entrance.take(t);
    result.ahead += result.wait;
  }
  return result;
}

/// It was so before the delay of the routing, too.
bool Edge::known_down(const Datacenter& datacenter, std::uint64_t id, SimTime t) const {
  return datacenter.outages.hits(id, t) && t - sim_start >= failover_delay_ &&
         datacenter.outages.hits(id, t - failover_delay_);
}

Edge::Crossing Edge::enter(std::uint64_t id, const Route& route, SimTime t) {
  Datacenter& datacenter = datacenters_[route.datacenter];
  Crossing crossing;
  crossing.datacenter = static_cast<std::uint16_t>(route.datacenter);
  crossing.result = half_now(route.rtt.draw(rtt_stream_, id));
  if (datacenter.outages.hits(id, t)) {
    crossing.result.outcome = Outcome::failed;
    crossing.result.refused = true;
    return crossing;
  }
  crossing.result.wait = datacenter.entrance.take(t);
  crossing.result.ahead += crossing.result.wait;
  return crossing;
}

Edge::Crossing Edge::cross(std::uint64_t id, std::uint16_t region, SimTime t, const Sites& sites,
                           ModelIndex model) {
  const Route* second = nullptr;  // has pools, none of which serves
  bool full = false;
  for (const Route& route : regions_[region].routes) {
    const Datacenter& datacenter = datacenters_[route.datacenter];
    if (known_down(datacenter, id, t)) {
      continue;
    }
    const Service* const service =
        sites.differ() ? sites.of(model, static_cast<std::uint16_t>(route.datacenter)) : nullptr;
    if (sites.differ() && service == nullptr) {
      continue;
    }
    if (datacenter.entrance.waiting_at(t) > datacenter.room) {
      full = true;
      continue;
    }
    if (service != nullptr && !service->serves()) {
      second = second == nullptr ? &route : second;
      continue;
    }
    return enter(id, route, t);
  }
  return second != nullptr ? enter(id, *second, t)
                           : Crossing{ends_as(full ? Outcome::shed : Outcome::failed)};
}

std::optional<Edge::Crossing> Edge::fail_over(std::uint64_t id, std::uint16_t from, SimTime t,
                                              const Sites& sites, ModelIndex model) {
  for (const Route& route : datacenters_[from].failover) {
    Datacenter& next = datacenters_[route.datacenter];
    const Service* const service = sites.of(model, static_cast<std::uint16_t>(route.datacenter));
    if (service == nullptr || !service->serves() || next.outages.hits(id, t) ||
        next.entrance.waiting_at(t) > next.room) {
      continue;
    }
    Crossing crossing;
    crossing.datacenter = static_cast<std::uint16_t>(route.datacenter);
    crossing.result = half_now(route.rtt.draw(datacenters_[from].failover_stream, id));
    crossing.result.wait = next.entrance.take(t);
    crossing.result.ahead += crossing.result.wait;
    return crossing;
  }
  return std::nullopt;
}

}  // namespace plimsoll
