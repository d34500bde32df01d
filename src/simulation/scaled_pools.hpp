// The pools of a run, each with the loop that scales it, if it has one.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "operations/scalable_pool.hpp"
#include "operations/scaling_loop.hpp"
#include "plimsoll/metrics.hpp"
#include "service/service.hpp"

namespace plimsoll {

class ScaledPools {
 public:
  /// Gets a row per evaluation; set before the first pool is opened.
  void set_writer(std::function<void(const ScalingRow&)> writer) { writer_ = std::move(writer); }

  /// Pools are added or skipped in their order, all of them. Arguments as of ScalablePool;
  /// `config`, `service`, `engine` and `weights` outlive this. `policy` may be null: nobody scales
  /// it.
  void add(const Config& config, PoolIndex pool, std::vector<Replica*> replicas, Service& service,
           Engine& engine, WeightSource* weights, std::unique_ptr<Autoscaler> policy);
  void skip(PoolIndex pool);
  bool has(PoolIndex pool) const { return entries_[pool].target != nullptr; }
  /// The pool, for those who give it machines or take them, and for rollouts; it was added.
  ScalablePool& pool(PoolIndex pool) { return *entries_[pool].target; }
  /// At t = 0: its replicas begin, and its loop.
  void open(PoolIndex pool);
  /// How a pool's replicas came and went up to now(); zeros of one that was skipped.
  ElasticitySummary elasticity(PoolIndex pool) const;
  /// Fills RunResult::scaling and PoolSummary::elasticity, once its pools are there.
  void summarize(RunResult& result) const;

 private:
  struct Entry {
    const PoolConfig* config = nullptr;
    std::unique_ptr<ScalablePool> target;  // null: skipped
    std::unique_ptr<ScalingLoop> loop;
  };

  std::vector<Entry> entries_;  // by pool
  std::function<void(const ScalingRow&)> writer_;
};

}  // namespace plimsoll
