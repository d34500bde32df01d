// What happens to the machines of a run: faults, and rollouts of new versions.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "operations/fault_injector.hpp"
#include "operations/fixed_pool.hpp"
#include "operations/model_stores.hpp"
#include "operations/rollout/rollout.hpp"
#include "operations/scalable_pool.hpp"
#include "plimsoll/metrics.hpp"
#include "service/service.hpp"
#include "simulation/fleet_builder.hpp"

namespace plimsoll {

/// Whether a scenario has faults, or rollouts of this pool.
bool is_operated(const Config& config, PoolIndex pool);
/// Whether replicas of a pool may be taken away, or not be there when they are asked for.
bool may_lack(const PoolConfig& pool);
/// Whether any of that may happen to some pool: then there is a timeline of incidents.
bool has_incidents(const Config& config);
/// Pools whose size is given and to which something happens are slots of a FixedPool, on shared
/// GPUs only when they have rollouts. All others, whoever decides on their size, are ScalablePools.
bool is_fixed(const Config& config, PoolIndex pool);

class FleetOperations final : public AnswerListener {
 public:
  /// References outlive this.
  FleetOperations(const Config& config, const std::vector<std::unique_ptr<PoolPlan>>& plans,
                  Engine& engine);

  /// Tells it which stores are up, from t = 0 on.
  void watch_stores(ModelStores& stores);
  /// Tells it of shared GPUs, in their order.
  void watch_inventories(const std::vector<GpuInventory*>& inventories);
  /// Gets a row per incident; set before start().
  void set_writer(std::function<void(const IncidentRow&)> writer) { writer_ = std::move(writer); }

  /// Pools are told in their order, all of them when there are faults; `weights` are null for those
  /// that never start cold.
  FixedPool& add_fixed(PoolIndex pool, std::vector<Replica*> replicas, Service& service,
                       WeightSource* weights);
  void add_scaled(PoolIndex pool, ScalablePool& target, Service& service, WeightSource* weights);
  /// A pool to which nothing happens.
  void skip(PoolIndex pool);
  /// At t = 0: the replicas of a fixed pool begin.
  void open(PoolIndex pool);
  /// At t = 0, before the pools begin: events of that moment come after that.
  void start();

  void on_answer(const RequestRecord& record) override;
  /// Fills RunResult::operations, once its pools are there.
  void summarize(RunResult& result) const;

 private:
  struct Entry {
    std::unique_ptr<FixedPool> pool;  // null: it scales
    Service* service = nullptr;
    const FaultTarget* target = nullptr;             // what of it fails; null: nothing does
    std::vector<std::unique_ptr<Rollout>> rollouts;  // in order of their beginning
    std::size_t next = 0;                            // behind the one under way
    bool under_way = false;
  };

  /// Steps of a version that are not those of its pool.
  struct VersionSteps {
    StepCostTable costs;
    ReplicaShape shape;
  };

  void watch(PoolIndex pool, Service& service);
  const ReplicaShape* shape_of_version(const RolloutConfig& rollout);
  void add_rollouts(PoolIndex pool, RolloutTarget& target);
  void begin_due(PoolIndex pool);
  OutageSummary outages(PoolIndex pool, const PoolSummary& time) const;
  void tell(const IncidentRow& row);
  /// Tells what becomes of a pool's replicas.
  void observe(PoolIndex pool, FaultTarget& target);
  DrawnVersion draw_version(const RolloutConfig& rollout);

  const Config& config_;
  Engine& engine_;
  std::unique_ptr<FaultInjector> faults_;
  std::vector<Entry> entries_;               // by pool
  std::vector<Bytes> weights_;               // of a copy, by pool
  std::vector<const ReplicaShape*> shapes_;  // by pool
  std::vector<std::unique_ptr<VersionSteps>> version_steps_;
  std::vector<PoolIndex> pool_of_replica_;
  std::vector<const RolloutConfig*> in_order_;  // by `at`
  std::function<void(const IncidentRow&)> writer_;
  std::int64_t incidents_ = 0;
};

}  // namespace plimsoll
