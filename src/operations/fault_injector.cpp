// Faults as events: each unit alternates between up and under repair.
#include "operations/fault_injector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operations/fault_units.hpp"
#include "operations/health_check.hpp"

namespace plimsoll {
namespace {

/// What is left of the bandwidth of a link that passes nothing: flows must have an end.
constexpr double least_share = 1e-9;

bool slows(FaultScope scope) {
  return scope == FaultScope::link || scope == FaultScope::store;
}

DownCause cause_of(FaultScope scope) {
  switch (scope) {
    case FaultScope::gpu:
      return DownCause::gpu;
    case FaultScope::node:
      return DownCause::node;
    case FaultScope::rack:
      return DownCause::rack;
    case FaultScope::zone:
      return DownCause::zone;
    case FaultScope::link:
    case FaultScope::store:
    case FaultScope::offers:
      break;
  }
  throw InternalError{"a link, store or offer takes down no replica that comes back"};
}

}  // namespace

FaultInjector::FaultInjector(const Config& config, FailureDomains domains, Engine& engine,
                             HostNames names, Observer observer)
    : config_{config},
      faults_{*config.faults},
      domains_{std::move(domains)},
      engine_{engine},
      names_{std::move(names)},
      observer_{std::move(observer)},
      node_faults_(static_cast<std::size_t>(domains_.nodes())) {
}

void FaultInjector::add_pool(PoolIndex pool, FaultTarget& target, ReplicaIncidents& incidents,
                             std::size_t slots, WeightSource* weights) {
  PLIMSOLL_CHECK(pool == pools_.size(), "pools are told in their order");
  Pool entry;
  entry.target = &target;
  entry.incidents = &incidents;
  entry.weights = weights;
  entry.first = static_cast<ReplicaIndex>(machines_.size());
  pools_.push_back(entry);
  Machine machine;
  machine.pool = pool;
  machines_.resize(machines_.size() + slots, machine);
}

void FaultInjector::start() {
  for (std::size_t process = 0; process < faults_.processes.size(); ++process) {
    start_process(process);
  }
  play_outages_of_datacenters();
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    await_fault(unit);
  }
}

void FaultInjector::start_process(std::size_t index) {
  const FaultProcess& process = faults_.processes[index];
  const std::vector<int> units = units_of(process, domains_);
  const RandomStream stream{config_.seed, "faults:" + process.name};
  if (process.law == FaultLaw::timeline || process.law == FaultLaw::trace) {
    std::uint64_t row = 0;
    for (FaultEvent event : given_faults(process)) {
      Draws draws = stream.of(row++);
      const auto drawn = draws.below(static_cast<std::uint32_t>(units.size()));
      event.unit = units[event.unit < 0 ? drawn : static_cast<std::size_t>(event.unit)];
      schedule(process, event);
    }
    return;
  }
  for (const int unit : units) {
    units_.push_back({index, unit, stream.of(static_cast<std::uint64_t>(unit))});
  }
}

/// As a fault of a zone that is the datacenter: an outage of a part of the requests stops nothing.
void FaultInjector::play_outages_of_datacenters() {
  if (!datacenters_own_pools(config_)) {
    return;
  }
  const std::vector<DatacenterConfig>& datacenters = config_.path->edge->datacenters;
  for (std::size_t d = 0; d < datacenters.size(); ++d) {
    for (const OutageConfig& outage : datacenters[d].outages) {
      if (outage.share < 1.0) {
        continue;
      }
      const SimTime at = sim_start + outage.at;
      const std::string& name = datacenters[d].name;
      engine_.at(at, EventPriority::fleet, [this, d, &name] {
        tell("fault", name, "datacenter " + name);
        strike(domains_.in_datacenter(d), DownCause::zone);
      });
      engine_.at(at + outage.lasting, EventPriority::fleet, [this, d, &name] {
        tell("repaired", name, "datacenter " + name);
        repair(domains_.in_datacenter(d));
      });
    }
  }
}

void FaultInjector::schedule(const FaultProcess& process, const FaultEvent& event) {
  const SimTime at = sim_start + event.at;
  engine_.at(at, EventPriority::fleet,
             [this, &process, unit = event.unit] { begin(process, unit); });
  engine_.at(at + event.lasting, EventPriority::fleet,
             [this, &process, unit = event.unit] { end(process, unit); });
}

void FaultInjector::await_fault(std::size_t unit) {
  const Duration up = draw_time_up(faults_.processes[units_[unit].process], units_[unit].draws);
  // Beyond the clock's range is never.
  if (up < never - engine_.now()) {
    engine_.at(engine_.now() + up, EventPriority::fleet, [this, unit] { fault_of(unit); });
  }
}

void FaultInjector::fault_of(std::size_t index) {
  Unit& unit = units_[index];
  const FaultProcess& process = faults_.processes[unit.process];
  const RepairDraw repair = draw_repair(process, unit.draws);
  begin(process, unit.number);
  engine_.at(engine_.now() + repair.length, EventPriority::fleet, [this, index] {
    end(faults_.processes[units_[index].process], units_[index].number);
    await_fault(index);
  });
}

void FaultInjector::begin(const FaultProcess& process, int unit) {
  tell("fault", process.name, describe(process, unit));
  if (slows(process.scope)) {
    limit(process, unit, true);
    return;
  }
  if (process.scope == FaultScope::offers) {
    lose_offers(process);
    return;
  }
  strike(domains_.struck_by(process.scope, unit), cause_of(process.scope));
}

void FaultInjector::strike(const Struck& struck, DownCause cause) {
  for (const ReplicaIndex replica : struck.replicas) {
    if (machines_[replica].faults++ == 0) {
      take_down(replica, cause);
    }
  }
  for (const GpuRange& range : struck.shared_gpus) {
    for (const StruckReplica& dead : inventories_[range.shared]->strike(range)) {
      take_down(index_of(dead), cause);
    }
  }
  for (const int node : struck.nodes) {
    cut_power(node);
  }
}

void FaultInjector::end(const FaultProcess& process, int unit) {
  tell("repaired", process.name, describe(process, unit));
  if (slows(process.scope)) {
    limit(process, unit, false);
    return;
  }
  if (process.scope == FaultScope::offers) {
    for (const Pool& pool : pools_) {
      pool.target->offers_back(process.provider, process.region);
    }
    return;
  }
  repair(domains_.struck_by(process.scope, unit));
}

void FaultInjector::repair(const Struck& struck) {
  for (const int node : struck.nodes) {
    restore_power(node);
  }
  for (const ReplicaIndex replica : struck.replicas) {
    if (--machines_[replica].faults == 0) {
      bring_back(replica);
    }
  }
  for (const GpuRange& range : struck.shared_gpus) {
    for (const StruckReplica& dead : inventories_[range.shared]->repair(range)) {
      notice_at_once(index_of(dead));
    }
  }
}

void FaultInjector::lose_offers(const FaultProcess& process) {
  for (std::size_t p = 0; p < pools_.size(); ++p) {
    const std::int64_t lost = pools_[p].target->offers_lost(process.provider, process.region);
    if (lost > 0) {
      tell("lost", config_.pools[p].name, fmt::format("{} replicas", lost));
    }
  }
}

void FaultInjector::take_down(ReplicaIndex replica, DownCause cause) {
  Machine& machine = machines_[replica];
  Pool& pool = pools_[machine.pool];
  machine.died = engine_.now();
  machine.noticed = false;
  machine.dead = pool.target->machine_failed(replica - pool.first, cause);
  if (!machine.dead) {
    return;
  }
  ++pool.outages;
  pool.incidents->replica_died(replica);
  tell("died", config_.pools[machine.pool].name, fmt::format("replica {}", replica - pool.first));
  machine.notice_event = engine_.at(noticed_at(faults_, engine_.now()), EventPriority::fleet,
                                    [this, replica] { notice(replica); });
}

void FaultInjector::bring_back(ReplicaIndex replica) {
  Machine& machine = machines_[replica];
  Pool& pool = pools_[machine.pool];
  notice_at_once(replica);
  machine.dead = false;
  pool.target->machine_repaired(replica - pool.first);
}

/// A machine that comes back knows nothing of its requests, and says so.
void FaultInjector::notice_at_once(ReplicaIndex replica) {
  const Machine& machine = machines_[replica];
  if (machine.dead && !machine.noticed) {
    engine_.cancel(machine.notice_event);
    notice(replica);
  }
}

void FaultInjector::notice(ReplicaIndex replica) {
  Machine& machine = machines_[replica];
  Pool& pool = pools_[machine.pool];
  machine.noticed = true;
  ++pool.noticed;
  pool.notice_ns += (engine_.now() - machine.died).count();
  tell("noticed", config_.pools[machine.pool].name,
       fmt::format("replica {}", replica - pool.first));
  pool.incidents->replica_lost(replica);
  pool.target->machine_failure_noticed(replica - pool.first);
}

/// What brings weights to a node: of its pool, or of all pools that share it.
std::vector<WeightSource*> FaultInjector::weights_on(const NodePlace& place) const {
  std::vector<WeightSource*> found;
  for (std::size_t p = 0; p < pools_.size(); ++p) {
    const std::optional<AllocationConfig>& allocation = config_.pools[p].allocation;
    const NodeOwner owner{allocation.has_value(), allocation ? allocation->from : p};
    if (owner == place.owner && pools_[p].weights != nullptr) {
      found.push_back(pools_[p].weights);
    }
  }
  return found;
}

/// A broken GPU leaves its node's main memory alone.
void FaultInjector::cut_power(int node) {
  if (node_faults_[static_cast<std::size_t>(node)]++ > 0) {
    return;
  }
  const NodePlace& place = domains_.place_of(node);
  for (WeightSource* const weights : weights_on(place)) {
    weights->node_lost(place.number);
  }
}

void FaultInjector::restore_power(int node) {
  if (--node_faults_[static_cast<std::size_t>(node)] > 0) {
    return;
  }
  const NodePlace& place = domains_.place_of(node);
  for (WeightSource* const weights : weights_on(place)) {
    weights->node_back(place.number);
  }
}

void FaultInjector::limit(const FaultProcess& process, int unit, bool begins) {
  const double share = std::max(process.factor, least_share);
  bool up = true;
  for (const std::string& host : hosts_of(process, unit)) {
    std::vector<double>& limits = limits_[host];
    if (begins) {
      limits.push_back(share);
    } else {
      limits.erase(std::find(limits.begin(), limits.end(), share));
    }
    const double lowest = limits.empty() ? 1.0 : *std::min_element(limits.begin(), limits.end());
    engine_.set_bandwidth_share(host, lowest);
    up = lowest > least_share;
  }
  if (process.scope == FaultScope::store && store_listener_) {
    store_listener_(*process.store, up);
  }
}

std::vector<std::string> FaultInjector::hosts_of(const FaultProcess& process, int unit) const {
  if (process.scope == FaultScope::store) {
    return names_.servers(*process.store);
  }
  return {names_.node(domains_.place_of(unit))};
}

std::string FaultInjector::describe(const FaultProcess& process, int unit) const {
  if (process.scope == FaultScope::offers) {
    return "offers of " + (process.provider.empty() ? "anybody" : process.provider) +
           (process.region.empty() ? "" : " in " + process.region);
  }
  return process.scope == FaultScope::store
             ? "store " + config_.stores[*process.store].name
             : fmt::format("{} {}", fault_scope_name(process.scope), unit);
}

void FaultInjector::tell(const char* what, const std::string& subject, std::string detail) {
  observer_({engine_.now(), what, subject, std::move(detail)});
}

double FaultInjector::mean_detection_seconds(PoolIndex pool) const {
  const Pool& entry = pools_[pool];
  return entry.noticed == 0
             ? 0
             : static_cast<double>(entry.notice_ns) * 1e-9 / static_cast<double>(entry.noticed);
}

}  // namespace plimsoll
