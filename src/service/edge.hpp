// Where users are, and which datacenter answers them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "service/latency_sampler.hpp"
#include "service/outages.hpp"
#include "service/sites.hpp"
#include "service/stage_result.hpp"
#include "service/turnstile.hpp"

namespace plimsoll {

/// Regions with their laws. Half of a round trip passes before a request goes on, half when its
/// answer comes back; the rows of the stages tell whole round trips.
class Edge {
 public:
  Edge(std::uint64_t seed, const EdgeConfig& config);

  /// The region of a user by a uniform draw of 32 bits.
  std::uint16_t region_of(std::uint32_t mark) const;
  bool has_datacenters() const { return !datacenters_.empty(); }

  /// From the user, who sends at `t`, to the nearest edge location, which may be out, or full, or
  /// let it wait: turns are given in the order in which users send.
  StageResult access(std::uint64_t id, std::uint16_t region, SimTime t);
  struct Crossing {
    StageResult result;
    std::uint16_t datacenter = no_datacenter;  // to which it went
  };
  /// On to the first datacenter of the region's routes that is not known to be down at `t`, has
  /// room at its entrance and, where datacenters differ, replicas that serve `model`; where none of
  /// them does, to the first that has pools of it. Fails when all are known to be down, and when it
  /// is down and the routing does not know yet; is shed when no entrance has room. In order of time
  /// where datacenters differ or have capacities.
  Crossing cross(std::uint64_t id, std::uint16_t region, SimTime t, const Sites& sites,
                 ModelIndex model);
  /// On from datacenter `from`, none of whose replicas serves `model`, to the first of its failover
  /// order that is up at `t`, has room at its entrance and replicas that serve: a round trip
  /// between the two, and the wait at the entrance. None: there is no such datacenter. In order of
  /// time.
  std::optional<Crossing> fail_over(std::uint64_t id, std::uint16_t from, SimTime t,
                                    const Sites& sites, ModelIndex model);
  const Turnstile& entrance_of_region(std::size_t region) const {
    return regions_[region].entrance;
  }
  const Turnstile& entrance_of_datacenter(std::size_t datacenter) const {
    return datacenters_[datacenter].entrance;
  }
  /// Some datacenter has a capacity.
  bool limited() const { return limited_; }

 private:
  struct Route {
    std::size_t datacenter = 0;
    LatencySampler rtt;
  };
  struct Region {
    LatencySampler access;
    std::vector<Route> routes;
    Outages outages;
    Turnstile entrance;
    double room = 0;  // requests that may wait at its edge locations
  };
  RandomStream access_stream_;
  RandomStream rtt_stream_;
  Duration failover_delay_;
  std::vector<double> cumulative_share_;  // by region, normalized
  std::vector<Region> regions_;
  struct Datacenter {
    Outages outages;
    Turnstile entrance;
    double room = 0;  // requests that may wait at its entrance
    std::vector<Route> failover;
    RandomStream failover_stream;
  };
  static std::vector<Route> routes_of(const std::vector<RouteConfig>& routes);
  bool known_down(const Datacenter& datacenter, std::uint64_t id, SimTime t) const;
  Crossing enter(std::uint64_t id, const Route& route, SimTime t);

  std::vector<Datacenter> datacenters_;
  bool limited_ = false;
};

}  // namespace plimsoll
