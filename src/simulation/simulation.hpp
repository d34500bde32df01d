// Wires the rooms together and plays one configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "metrics/collector.hpp"
#include "metrics/monitor.hpp"
#include "operations/weight_loading.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/workload.hpp"
#include "service/request_path.hpp"
#include "service/service.hpp"
#include "simulation/carried_backlog.hpp"
#include "simulation/fleet_builder.hpp"
#include "simulation/fleet_operations.hpp"
#include "simulation/scaled_pools.hpp"
#include "simulation/scaled_tiers.hpp"
#include "simulation/shared_gpus.hpp"
#include "simulation/stage_use.hpp"

namespace plimsoll {

/// One run: arrivals flow into services, windows close, and it ends when no request can come or is
/// in flight any more (but not before Config::duration), or when the drain is over.
class Simulation final : public EndListener, public FollowUpListener {
 public:
  /// Throws ConfigError for what does not fit. `config` outlives the simulation.
  Simulation(const Config& config, const RunOptions& options);

  /// Where closed windows go; set before play().
  void set_window_writer(std::function<void(const WindowSummary&)> writer);

  /// Where every evaluation of an autoscaler goes; set before play().
  void set_scaling_writer(std::function<void(const ScalingRow&)> writer);

  /// Where every incident goes; set before play().
  void set_incident_writer(std::function<void(const IncidentRow&)> writer);
  /// Where scrapes of the monitoring go; set before play().
  void set_monitoring_writer(std::function<void(const MonitoringRow&)> writer);

  /// Plays it. Once.
  RunResult play();

  void on_request_ended(SimTime now) override;
  void on_follow_up(const Arrival& arrival) override;

 private:
  static void on_arrival(void* simulation, std::uint64_t);
  static void on_window(void* simulation, std::uint64_t);
  static void on_look(void* simulation, std::uint64_t);

  void build_kv_network();
  void build_replicas();
  void build_services(const PolicyRegistries& policies);
  void build_pools(const PolicyRegistries& policies);
  std::vector<Replica*> replicas_of(PoolIndex pool) const;
  void start_pools();
  void fetch_arrival();
  void play_arrival();
  /// `waiting`: carried from a gap, it stands before the service at once.
  void begin_request(const Arrival& arrival, Phase phase, bool waiting = false);
  void take_backlog(std::int64_t requests);
  void close_window();
  void await_look();
  void look();
  void await_scrape();
  void scrape();
  void stop_when_done();
  void end_arrivals();
  void report_progress();
  std::vector<PoolGauges> gauges(SimTime t) const;
  std::int64_t queued_centrally() const;
  /// Keeps what every pool has rented so far.
  void mark_rent();
  SimTime arrivals_end() const;
  void add_notes(RunResult& result) const;
  void set_nic_utilizations(RunResult& result) const;
  void add_stages(RunResult& result) const;
  RunResult summarize();

  const Config& config_;
  const RunOptions& options_;
  std::vector<std::unique_ptr<PoolPlan>> plans_;
  MetricsCollector collector_;
  std::unique_ptr<RequestSource> source_;
  Engine engine_;
  ModelStores stores_;
  RequestTable requests_;
  std::unique_ptr<RequestPath> path_;      // null without config.path
  std::optional<StageUse> stage_use_;      // with a path
  std::unique_ptr<KvNetwork> kv_network_;  // null: no pool has a role
  std::vector<std::unique_ptr<Service>> services_;
  std::vector<Service*> service_of_pool_;
  Sites sites_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  SharedGpus shared_gpus_;
  std::vector<std::unique_ptr<WeightLoading>> weights_;  // by pool; null: it never starts cold
  ScaledPools scaled_pools_;
  FleetOperations operations_;
  ScaledTiers scaled_tiers_;
  std::optional<CarriedBacklog> carried_;     // when only windows are played
  std::vector<std::int64_t> arrived_on_day_;  // of workloads of users
  std::unique_ptr<Monitor> monitor_;          // null: nothing is monitored
  TimerId arrival_timer_;
  TimerId window_timer_;
  TimerId look_timer_;  // at the backlog, where windows are few
  Arrival pending_;
  bool has_pending_ = false;
  bool more_arrivals_ = true;  // the source may still yield some
  bool in_arrival_ = false;
  bool prefixes_seen_ = false;  // the trace has reusable prefixes
  int refused_in_a_row_ = 0;    // at once, in a closed loop
  SimTime last_arrival_{};
  std::vector<RentMark> rent_marks_;  // at changes of prices
  RequestId next_id_ = 0;
  std::chrono::steady_clock::time_point last_progress_;
};

}  // namespace plimsoll
