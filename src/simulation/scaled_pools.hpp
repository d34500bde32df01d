// The pools of a run that grow and shrink, each with its loop.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "operations/scalable_pool.hpp"
#include "operations/scaling_loop.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

class ScaledPools {
 public:
  /// Gets a row per evaluation; set before the first pool is opened.
  void set_writer(std::function<void(const ScalingRow&)> writer) { writer_ = std::move(writer); }

  /// Arguments as of ScalablePool; `config` and `engine` outlive this.
  void add(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
           ReplicaDirectory& directory, Engine& engine, ScalablePool::ColdStart cold_start,
           std::unique_ptr<Autoscaler> policy);
  /// The pool, for faults.
  FaultTarget& target(PoolIndex pool);
  /// At t = 0: its replicas begin, and its loop.
  void open(PoolIndex pool);
  /// Fills RunResult::scaling, once its pools are there.
  void summarize(RunResult& result) const;

 private:
  struct Entry {
    PoolIndex pool = 0;
    const PoolConfig* config = nullptr;
    std::unique_ptr<ScalablePool> target;
    std::unique_ptr<ScalingLoop> loop;
  };

  std::vector<Entry> entries_;
  std::function<void(const ScalingRow&)> writer_;
};

}  // namespace plimsoll
