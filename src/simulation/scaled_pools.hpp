// The pools of a run, each with the loop that scales it, if it has one, and its weights.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "operations/scalable_pool.hpp"
#include "operations/scaling_loop.hpp"
#include "operations/weight_loading.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

class ScaledPools {
 public:
  /// Gets a row per evaluation; set before the first pool is opened.
  void set_writer(std::function<void(const ScalingRow&)> writer) { writer_ = std::move(writer); }

  /// Pools in their order, all of them. Arguments as of ScalablePool; `config` and `engine` outlive
  /// this. `weights` may be null when the pool never starts cold, `policy` when nobody scales it.
  void add(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
           ReplicaDirectory& directory, Engine& engine, std::unique_ptr<WeightLoading> weights,
           std::unique_ptr<Autoscaler> policy);
  /// At t = 0: the replicas of all pools begin, and their loops.
  void open();
  ScalablePool& pool(PoolIndex pool) { return *entries_[pool].target; }
  /// Fills RunResult::scaling and PoolSummary::elasticity, once its pools are there.
  void summarize(RunResult& result) const;

 private:
  struct Entry {
    const PoolConfig* config = nullptr;
    std::unique_ptr<WeightLoading> weights;
    std::unique_ptr<ScalablePool> target;
    std::unique_ptr<ScalingLoop> loop;
  };
  static ScalingSummary summary_of(const Entry& entry, const PoolSummary& pool, SimTime end);

  std::vector<Entry> entries_;  // by pool
  std::function<void(const ScalingRow&)> writer_;
};

}  // namespace plimsoll
