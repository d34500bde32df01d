// Where users are, and which datacenter answers them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "service/latency_sampler.hpp"
#include "service/outages.hpp"
#include "service/stage_result.hpp"

namespace plimsoll {

/// Regions with their laws. Half of a round trip passes before a request goes on, half when its
/// answer comes back; the rows of the stages tell whole round trips.
class Edge {
 public:
  Edge(std::uint64_t seed, const EdgeConfig& config);

  /// The region of a user by a uniform draw of 32 bits.
  std::uint16_t region_of(std::uint32_t mark) const;
  bool has_datacenters() const { return !datacenters_.empty(); }

  /// From the user to the nearest edge location.
  StageResult access(std::uint64_t id, std::uint16_t region) const;
  /// On to the first datacenter of the region's routes that is not known to be down at `t`. Fails
  /// when all are, and when it is down and the routing does not know yet.
  StageResult cross(std::uint64_t id, std::uint16_t region, SimTime t) const;

 private:
  struct Route {
    std::size_t datacenter = 0;
    LatencySampler rtt;
  };
  struct Region {
    LatencySampler access;
    std::vector<Route> routes;
  };
  RandomStream access_stream_;
  RandomStream rtt_stream_;
  Duration failover_delay_;
  std::vector<double> cumulative_share_;  // by region, normalized
  std::vector<Region> regions_;
  std::vector<Outages> datacenters_;
};

}  // namespace plimsoll
