// What waits when a window of the horizon begins: an estimate of the backlog of the gap before it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/config.hpp"
#include "service/service.hpp"
#include "simulation/capacity_probe.hpp"
#include "simulation/fleet_builder.hpp"
#include "simulation/horizon.hpp"
#include "workload/rate_schedule.hpp"

namespace plimsoll {

/// In a gap no request comes, while the fleet lives on. A fluid stands for the requests: it grows
/// by the expected arrivals and falls by what the replicas that serve then would complete (as many
/// times what a probe of their pool does), beyond what they do complete of requests that came
/// before the gap; it stays within the capacity of the queue and what arrived within the longest
/// deadline, and what is beyond has left. A nanosecond before the next lead-in it becomes so many
/// requests, which arrive at once and are not measured.
class CarriedBacklog {
 public:
  /// `share` of the arrivals reach the service; `take` gets the requests; everything referred to
  /// outlives this.
  CarriedBacklog(const Config& config, const std::vector<std::unique_ptr<PoolPlan>>& plans,
                 Engine& engine, Service& service, double share,
                 std::function<void(std::int64_t)> take);

  /// At t = 0: plans all gaps.
  void start();

  /// By window of the horizon, so far.
  const std::vector<GapBacklog>& gaps() const { return gaps_; }

 private:
  void begin_gap();
  void tick(SimTime until, std::size_t window);
  double capacity() const;
  double limit(SimTime now) const;
  /// Requests that are expected to reach the service.
  double inflow(SimTime from, SimTime to) const;

  const Config& config_;
  Engine& engine_;
  Service& service_;
  double share_;
  std::function<void(std::int64_t)> take_;
  std::vector<std::unique_ptr<CapacityProbe>> probes_;  // by pool
  RateSchedule schedule_;
  std::vector<GapBacklog> gaps_;
  double fluid_ = 0;  // requests
  double left_ = 0;   // of this gap
  SimTime last_{};    // up to which the fluid is known
  std::int64_t ended_ = 0;
};

}  // namespace plimsoll
