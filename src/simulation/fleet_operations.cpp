// Wires faults and rollouts to pools and services.
#include "simulation/fleet_operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "simulation/weight_routes.hpp"

namespace plimsoll {
namespace {

bool has_rollouts(const Config& config, PoolIndex pool) {
  return std::any_of(config.rollouts.begin(), config.rollouts.end(),
                     [pool](const RolloutConfig& rollout) { return rollout.pool == pool; });
}

/// A rollout that did not get the GPUs that it needs is said to, in words.
void note_want_of_gpus(RunResult& result, const RolloutSummary& rollout, bool shared) {
  const char* const wanted = shared ? "shared GPUs" : "machines";
  if (rollout.gave_up_s >= 0) {
    result.notes.push_back(
        fmt::format("Rollout {} was given up after {:.0f} s: {} replicas that it adds or replaces "
                    "had got no {}",
                    rollout.name, rollout.gave_up_s - rollout.began_s, rollout.lacked, wanted));
  }
  if (rollout.lacks > 0) {
    result.notes.push_back(fmt::format(
        "Rollout {} is {} at the end: {} replicas still wait for {}", rollout.name,
        rollout.outcome == "under_way" ? "under way" : "rolling back", rollout.lacks, wanted));
  }
}

double share_of(std::int64_t part_ns, std::int64_t all_ns) {
  return all_ns > 0 ? static_cast<double>(part_ns) / static_cast<double>(all_ns) : 1.0;
}

/// Starts in place of what was taken away count for that, the others as loading.
LackTimes down_by_cause(const DownTimes& down, const LackTimes& starting) {
  LackTimes by_cause = starting;
  for (std::size_t cause = 0; cause < down.size(); ++cause) {
    by_cause[cause] += down[cause];
  }
  auto& loading = by_cause[static_cast<std::size_t>(DownCause::loading)];
  loading -= std::accumulate(starting.begin(), starting.end(), std::int64_t{0});
  PLIMSOLL_CHECK(loading >= 0, "who replaces what was taken away is loading meanwhile");
  return by_cause;
}

}  // namespace

bool is_operated(const Config& config, PoolIndex pool) {
  return config.faults || has_rollouts(config, pool);
}

bool may_lack(const PoolConfig& pool) {
  return pool.allocation || may_be_reclaimed(pool) ||
         (pool.procurement && (has_offers(pool) || !pool.procurement->stock_outs.empty()));
}

bool has_incidents(const Config& config) {
  return config.faults || !config.rollouts.empty() ||
         std::any_of(config.pools.begin(), config.pools.end(), may_lack);
}

bool is_fixed(const Config& config, PoolIndex index) {
  const PoolConfig& pool = config.pools[index];
  return !pool.autoscale && !pool.procurement && is_operated(config, index) &&
         (!pool.allocation || has_rollouts(config, index));
}

FleetOperations::FleetOperations(const Config& config,
                                 const std::vector<std::unique_ptr<PoolPlan>>& plans,
                                 Engine& engine)
    : config_{config},
      engine_{engine},
      entries_(config.pools.size()),
      weights_(config.pools.size()),
      shapes_(config.pools.size()) {
  if (config.faults) {
    FaultInjector::HostNames names;
    names.node = [&config](const NodePlace& place) {
      return place.owner.shared
                 ? host_of_shared_node(config.shared_gpus[place.owner.index], place.number)
                 : host_of_node(config.pools[place.owner.index], place.number);
    };
    names.servers = [&config](std::size_t store) {
      std::vector<std::string> servers;
      for (int server = 0; server < config.stores[store].servers; ++server) {
        servers.push_back(host_of_store(config.stores[store], server));
      }
      return servers;
    };
    faults_ =
        std::make_unique<FaultInjector>(config, domains_of(config, plans), engine, std::move(names),
                                        [this](const IncidentRow& row) { tell(row); });
  }
  for (const auto& plan : plans) {
    weights_[plan->shape.pool] = plan->fit.total_weights + plan->fit.total_draft_weights;
    shapes_[plan->shape.pool] = &plan->shape;
  }
  for (const RolloutConfig& rollout : config.rollouts) {
    in_order_.push_back(&rollout);
  }
  std::stable_sort(in_order_.begin(), in_order_.end(),
                   [](const RolloutConfig* a, const RolloutConfig* b) { return a->at < b->at; });
}

void FleetOperations::watch_stores(ModelStores& stores) {
  if (faults_) {
    faults_->set_store_listener(
        [&stores](std::size_t store, bool up) { stores.set_up(store, up); });
  }
}

void FleetOperations::watch_inventories(const std::vector<GpuInventory*>& inventories) {
  for (GpuInventory* const inventory : inventories) {
    if (faults_) {
      faults_->add_inventory(*inventory);
    }
  }
}

void FleetOperations::watch(PoolIndex pool, Service& service) {
  entries_[pool].service = &service;
  if (!config_.rollouts.empty()) {
    service.set_answer_listener(*this);
  }
  skip(pool);
}

void FleetOperations::skip(PoolIndex pool) {
  const auto slots = static_cast<std::size_t>(replica_slots(config_.pools[pool]));
  pool_of_replica_.resize(pool_of_replica_.size() + slots, pool);
}

FixedPool& FleetOperations::add_fixed(PoolIndex pool, std::vector<Replica*> replicas,
                                      Service& service, WeightSource* weights) {
  Entry& entry = entries_[pool];
  const std::size_t slots = replicas.size();
  entry.pool = std::make_unique<FixedPool>(config_, pool, std::move(replicas), service, service,
                                           engine_, weights);
  watch(pool, service);
  entry.target = entry.pool.get();
  observe(pool, *entry.pool);
  if (faults_) {
    faults_->add_pool(pool, *entry.pool, service, slots, weights);
  }
  add_rollouts(pool, *entry.pool);
  return *entry.pool;
}

void FleetOperations::add_scaled(PoolIndex pool, ScalablePool& target, Service& service,
                                 WeightSource* weights) {
  watch(pool, service);
  entries_[pool].target = &target;
  observe(pool, target);
  if (faults_) {
    faults_->add_pool(pool, target, service,
                      static_cast<std::size_t>(replica_slots(config_.pools[pool])), weights);
  }
  if (has_rollouts(config_, pool)) {
    add_rollouts(pool, target);
  }
}

const ReplicaShape* FleetOperations::shape_of_version(const RolloutConfig& rollout) {
  if (rollout.version_step_time == 1) {
    return nullptr;
  }
  const ReplicaShape& own = *shapes_[rollout.pool];
  auto steps = std::make_unique<VersionSteps>();
  steps->costs = scaled(*own.costs, rollout.version_step_time);
  steps->shape = own;
  steps->shape.costs = &steps->costs;
  if (rollout.version_step_time < 1) {
    steps->shape.audit = nullptr;  // who says that it is faster may well have fewer bytes to read
  }
  version_steps_.push_back(std::move(steps));
  return &version_steps_.back()->shape;
}

DrawnVersion FleetOperations::draw_version(const RolloutConfig& rollout) {
  DrawnVersion version;
  version.shape = shape_of_version(rollout);
  Draws of_checkpoint = RandomStream{config_.seed, "checkpoint:" + rollout.name}.of(0);
  version.corrupt = of_checkpoint.uniform() < rollout.version_corrupt;
  Draws of_validation = RandomStream{config_.seed, "validation:" + rollout.name}.of(0);
  version.rejected =
      of_validation.uniform() < (version.corrupt ? rollout.detects : rollout.false_alarms);
  return version;
}

void FleetOperations::add_rollouts(PoolIndex pool, RolloutTarget& target) {
  Entry& entry = entries_[pool];
  for (const RolloutConfig* const rollout : in_order_) {
    if (rollout->pool == pool) {
      entry.rollouts.push_back(std::make_unique<Rollout>(
          *rollout, config_.pools[pool].name, target, engine_, weights_[pool],
          draw_version(*rollout), [this](const IncidentRow& row) { tell(row); }));
    }
  }
  target.set_listener([this, pool] {
    for (const auto& rollout : entries_[pool].rollouts) {
      rollout->on_progress();
    }
  });
}

void FleetOperations::open(PoolIndex pool) {
  entries_[pool].pool->open();
}

void FleetOperations::start() {
  if (faults_) {
    faults_->start();
  }
  for (const RolloutConfig* const rollout : in_order_) {
    engine_.at(sim_start + rollout->at, EventPriority::fleet,
               [this, pool = static_cast<PoolIndex>(rollout->pool)] { begin_due(pool); });
  }
}

/// The next rollout of the pool begins, if it is due and none is under way.
void FleetOperations::begin_due(PoolIndex pool) {
  Entry& entry = entries_[pool];
  if (entry.under_way || entry.next == entry.rollouts.size() ||
      entry.rollouts[entry.next]->due() > engine_.now()) {
    return;
  }
  entry.under_way = true;
  entry.rollouts[entry.next++]->begin([this, pool] {
    entries_[pool].under_way = false;
    begin_due(pool);
  });
}

void FleetOperations::on_answer(const RequestRecord& record) {
  const Entry& entry = entries_[pool_of_replica_[record.replica]];
  for (const auto& rollout : entry.rollouts) {
    rollout->on_answer(record);
  }
}

void FleetOperations::observe(PoolIndex pool, FaultTarget& target) {
  target.set_observer([this, pool](const char* what, std::size_t slot, const std::string& detail) {
    tell({engine_.now(), what, config_.pools[pool].name,
          fmt::format("replica {}{}{}", slot, detail.empty() ? "" : ", ", detail)});
  });
}

void FleetOperations::tell(const IncidentRow& row) {
  ++incidents_;
  if (writer_) {
    writer_(row);
  }
}

void FleetOperations::summarize(RunResult& result) const {
  OperationsSummary& operations = result.operations;
  operations.faults = faults_ != nullptr;
  operations.incidents = incidents_;
  std::vector<const Service*> counted;
  for (std::size_t p = 0; p < entries_.size(); ++p) {
    const Entry& entry = entries_[p];
    for (const auto& rollout : entry.rollouts) {
      operations.rollouts.push_back(rollout->summary());
      note_want_of_gpus(result, operations.rollouts.back(),
                        config_.pools[p].allocation.has_value());
    }
    const bool own = !config_.pools[p].allocation;  // else the account is that of the inventory
    if (entry.pool != nullptr && own && adds_cold(config_.pools[p])) {
      result.pools[p].elasticity = entry.pool->elasticity();
    }
    if (entry.target == nullptr || !(faults_ || may_lack(config_.pools[p]))) {
      continue;
    }
    if (std::find(counted.begin(), counted.end(), entry.service) == counted.end()) {
      counted.push_back(entry.service);
      add_to(operations.losses, entry.service->losses());
    }
    operations.outages.push_back(outages(static_cast<PoolIndex>(p), result.pools[p]));
  }
}

OutageSummary FleetOperations::outages(PoolIndex index, const PoolSummary& pool) const {
  OutageSummary summary;
  summary.pool = pool.name;
  summary.up_ns = pool.busy_ns + pool.idle_ns + pool.draining_ns;
  summary.lacks = entries_[index].target->lacks();
  summary.down_by_cause = down_by_cause(pool.down_by_cause, summary.lacks.starting);
  summary.outages = summary.lacks.taken_away;
  if (faults_) {
    summary.outages += faults_->outages(index);
    summary.detection_seconds = faults_->mean_detection_seconds(index);
  }
  std::int64_t absent_ns = 0;
  std::int64_t waited_ns = 0;  // for others in place of broken ones
  for (std::size_t cause = first_loss_cause; cause < down_cause_count; ++cause) {
    summary.down_ns += summary.down_by_cause[cause];
    absent_ns += summary.lacks.absent[cause];
    waited_ns += cause < first_market_cause ? summary.lacks.absent[cause] : 0;
  }
  if (faults_ && config_.pools[index].allocation) {
    summary.waited_ns = waited_ns;
  }
  const std::int64_t lacked_ns = summary.down_ns + absent_ns;
  summary.availability = share_of(summary.up_ns, summary.up_ns + lacked_ns);
  summary.wanted_served = share_of(summary.up_ns, summary.up_ns + pool.down_ns + absent_ns);
  if (summary.outages > 0) {
    const auto outages = static_cast<double>(summary.outages);
    summary.mtbf_seconds = static_cast<double>(summary.up_ns) / 1e9 / outages;
    summary.mttr_seconds = static_cast<double>(lacked_ns) / 1e9 / outages;
  }
  return summary;
}

}  // namespace plimsoll
