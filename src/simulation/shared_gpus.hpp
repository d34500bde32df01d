// The GPUs of a run that pools share: their schedulers, and what their nodes have of weights.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/int128.hpp"
#include "operations/gpu_scheduler.hpp"
#include "operations/weight_nodes.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

class SharedGpus {
 public:
  /// References outlive this.
  SharedGpus(const Config& config, Engine& engine);

  /// Of a pool with an `allocation`.
  GpuScheduler& scheduler(PoolIndex pool) {
    return *schedulers_[config_.pools[pool].allocation->from];
  }
  /// A pool that has its GPUs from scheduler(); it outlives this.
  void note(PoolIndex pool, const GpuClaimant& claimant) { pools_[pool] = &claimant; }
  /// All shared GPUs, in their order, for faults.
  std::vector<GpuInventory*> inventories() const;
  /// What the nodes have that a pool runs on: its own, or shared ones.
  WeightNodes& weight_nodes(PoolIndex pool) { return *nodes_of_pool_[pool]; }
  /// What brings the weights of a pool on shared GPUs to their nodes; it outlives this.
  void note_weights(PoolIndex pool, WeightSource& weights) { weights_[pool] = &weights; }
  /// GPU-ns of all GPUs that were there so far, by Config::shared_gpus.
  std::vector<std::int64_t> total_ns() const;
  /// Attojoules that GPUs without a replica have drawn so far: idle power. Broken ones draw none.
  Int128 unallocated_energy() const;
  /// At t = 0, when all pools are open.
  void start();
  /// Fills RunResult::allocation, once its pools are there.
  void summarize(RunResult& result) const;

 private:
  const Config& config_;
  std::vector<std::unique_ptr<WeightNodes>> nodes_;
  std::vector<WeightNodes*> nodes_of_pool_;
  std::vector<std::unique_ptr<GpuScheduler>> schedulers_;  // by Config::shared_gpus
  void node_came(std::size_t shared, int node);

  std::vector<WeightSource*> weights_;     // by pool; null: of its own
  std::vector<const GpuClaimant*> pools_;  // null: it shares nothing
};

}  // namespace plimsoll
