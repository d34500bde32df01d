// Breaks machines, links and stores as the scenario says, repairs them, and has dead replicas
// noticed by health checks. Whole outages of datacenters are faults of all that stands in them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "fleet/failure_domains.hpp"
#include "operations/fault_draws.hpp"
#include "operations/fault_target.hpp"
#include "operations/gpu_inventory.hpp"
#include "operations/weight_source.hpp"
#include "serving/replica_incidents.hpp"

namespace plimsoll {

/// Faults that overlap: a replica is out from the first until all are repaired, and the time counts
/// for the first; of limits on one link the lowest holds. On shared GPUs a replica that dies is out
/// until that is noticed; then its pool starts it elsewhere. O(units) memory, one event per unit.
class FaultInjector {
 public:
  using Observer = std::function<void(const IncidentRow&)>;
  /// Names of hosts in the engine.
  struct HostNames {
    std::function<std::string(const NodePlace& place)> node;
    std::function<std::vector<std::string>(std::size_t store)> servers;
  };

  /// `config` has faults, whose units are there (require_fault_units). References outlive this.
  FaultInjector(const Config& config, FailureDomains domains, Engine& engine, HostNames names,
                Observer observer);

  /// The replicas of a pool, in order of pools; `weights` is null when they never start cold.
  void add_pool(PoolIndex pool, FaultTarget& target, ReplicaIncidents& incidents, std::size_t slots,
                WeightSource* weights);
  /// Shared GPUs, in their order.
  void add_inventory(GpuInventory& inventory) { inventories_.push_back(&inventory); }
  /// Is told when all servers of a store go down or come up; set before start().
  void set_store_listener(std::function<void(std::size_t store, bool up)> listener) {
    store_listener_ = std::move(listener);
  }
  /// At t = 0, when all pools have begun.
  void start();

  std::int64_t outages(PoolIndex pool) const { return pools_[pool].outages; }
  /// Mean over the outages that were noticed; 0 without any.
  double mean_detection_seconds(PoolIndex pool) const;

 private:
  struct Pool {
    FaultTarget* target = nullptr;
    ReplicaIncidents* incidents = nullptr;
    WeightSource* weights = nullptr;
    ReplicaIndex first = 0;
    std::int64_t outages = 0;
    std::int64_t noticed = 0;
    std::int64_t notice_ns = 0;
  };
  struct Machine {
    PoolIndex pool = 0;
    int faults = 0;  // that last
    bool dead = false;
    bool noticed = false;
    SimTime died{};
    TimerId notice_event = 0;
  };
  /// A unit of a process that repeats.
  struct Unit {
    std::size_t process = 0;
    int number = 0;
    Draws draws;
  };

  ReplicaIndex index_of(const StruckReplica& replica) const {
    return pools_[replica.pool].first + static_cast<ReplicaIndex>(replica.slot);
  }
  void start_process(std::size_t process);
  void play_outages_of_datacenters();
  void schedule(const FaultProcess& process, const FaultEvent& event);
  void await_fault(std::size_t unit);
  void fault_of(std::size_t unit);
  void begin(const FaultProcess& process, int unit);
  void end(const FaultProcess& process, int unit);
  void lose_offers(const FaultProcess& process);
  void strike(const Struck& struck, DownCause cause);
  void repair(const Struck& struck);
  void take_down(ReplicaIndex replica, DownCause cause);
  void bring_back(ReplicaIndex replica);
  void notice_at_once(ReplicaIndex replica);
  void notice(ReplicaIndex replica);
  std::vector<WeightSource*> weights_on(const NodePlace& place) const;
  void cut_power(int node);
  void restore_power(int node);
  void limit(const FaultProcess& process, int unit, bool begins);
  std::vector<std::string> hosts_of(const FaultProcess& process, int unit) const;
  std::string describe(const FaultProcess& process, int unit) const;
  void tell(const char* what, const std::string& subject, std::string detail);

  const Config& config_;
  const FaultsConfig& faults_;
  FailureDomains domains_;
  Engine& engine_;
  HostNames names_;
  Observer observer_;
  std::function<void(std::size_t, bool)> store_listener_;
  std::vector<Pool> pools_;
  std::vector<GpuInventory*> inventories_;
  std::vector<Machine> machines_;  // by replica
  std::vector<int> node_faults_;   // that last, by node
  std::vector<Unit> units_;
  std::map<std::string, std::vector<double>> limits_;  // by host
};

}  // namespace plimsoll
