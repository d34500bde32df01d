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
    Region region;
    region.access = LatencySampler{config_of_region.access};
    for (const RouteConfig& route : config_of_region.routes) {
      region.routes.push_back({route.datacenter, LatencySampler{route.rtt}});
    }
    regions_.push_back(std::move(region));
  }
  for (const DatacenterConfig& datacenter : config.datacenters) {
    datacenters_.emplace_back(seed, "outage:" + datacenter.name, datacenter.outages);
  }
}

std::uint16_t Edge::region_of(std::uint32_t mark) const {
  const double at = (static_cast<double>(mark) + 0.5) * 0x1.0p-32;
  std::size_t region = 0;
  while (region + 1 < cumulative_share_.size() && cumulative_share_[region] < at) {
    ++region;
  }
  return static_cast<std::uint16_t>(region);
}

StageResult Edge::access(std::uint64_t id, std::uint16_t region) const {
  return half_now(regions_[region].access.draw(access_stream_, id));
}

StageResult Edge::cross(std::uint64_t id, std::uint16_t region, SimTime t) const {
  for (const Route& route : regions_[region].routes) {
    const Outages& outages = datacenters_[route.datacenter];
    const bool down = outages.hits(id, t);
    // It is known to be down when it was so before the delay too.
    if (down && t - sim_start >= failover_delay_ && outages.hits(id, t - failover_delay_)) {
      continue;
    }
    const Duration round_trip = route.rtt.draw(rtt_stream_, id);
    if (!down) {
      return half_now(round_trip);
    }
    StageResult lost = half_now(round_trip);
    lost.outcome = Outcome::failed;
    return lost;
  }
  return ends_as(Outcome::failed);
}

}  // namespace plimsoll
