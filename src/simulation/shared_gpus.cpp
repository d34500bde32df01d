// The GPUs of a run that pools share: their schedulers, and what their nodes have of weights.
#include "simulation/shared_gpus.hpp"

#include "cost/bill.hpp"
#include "perf/power_model.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

SharedGpus::SharedGpus(const Config& config, Engine& engine)
    : config_{config}, weights_(config.pools.size()), pools_(config.pools.size()) {
  for (std::size_t s = 0; s < config.shared_gpus.size(); ++s) {
    const SharedGpusConfig& shared = config.shared_gpus[s];
    schedulers_.push_back(std::make_unique<GpuScheduler>(config, s, engine));
    schedulers_.back()->set_arrival_listener([this, s](int node) { node_came(s, node); });
    auto nodes = std::make_unique<WeightNodes>();
    nodes->owner = "shared GPUs " + shared.name;
    nodes->stay = true;
    nodes->nodes.assign(static_cast<std::size_t>(most_nodes(shared)),
                        WeightNode{shared.ssd_cache, shared.memory_cache});
    for (std::size_t n = static_cast<std::size_t>(shared.nodes); n < nodes->nodes.size(); ++n) {
      nodes->nodes[n].there = false;
    }
    nodes_.push_back(std::move(nodes));
  }
  for (const PoolConfig& pool : config.pools) {
    if (!pool.allocation) {
      nodes_.push_back(std::make_unique<WeightNodes>());
      nodes_.back()->owner = "pool " + pool.name;
    }
    nodes_of_pool_.push_back(pool.allocation ? nodes_[pool.allocation->from].get()
                                             : nodes_.back().get());
  }
}

/// Whoever prefetches begins to.
void SharedGpus::node_came(std::size_t shared, int node) {
  nodes_[shared]->nodes[static_cast<std::size_t>(node)].there = true;
  for (std::size_t p = 0; p < config_.pools.size(); ++p) {
    if (weights_[p] != nullptr && config_.pools[p].allocation->from == shared) {
      weights_[p]->node_back(node);
    }
  }
}

std::vector<std::int64_t> SharedGpus::total_ns() const {
  std::vector<std::int64_t> totals;
  for (const auto& scheduler : schedulers_) {
    totals.push_back(scheduler->total_ns());
  }
  return totals;
}

Int128 SharedGpus::unallocated_energy() const {
  constexpr Int128 fs_per_ns = 1'000'000;  // a milliwatt for a femtosecond is an attojoule
  Int128 energy = 0;
  for (std::size_t s = 0; s < schedulers_.size(); ++s) {
    const GpuSpec& gpu = config_.gpus[config_.shared_gpus[s].gpu];
    energy += fs_per_ns * idle_milliwatts(gpu) * schedulers_[s]->unallocated_ns();
  }
  return energy;
}

std::vector<GpuInventory*> SharedGpus::inventories() const {
  std::vector<GpuInventory*> all;
  for (const auto& scheduler : schedulers_) {
    all.push_back(scheduler.get());
  }
  return all;
}

void SharedGpus::start() {
  for (const auto& scheduler : schedulers_) {
    scheduler->start();
  }
}

void SharedGpus::summarize(RunResult& result) const {
  if (schedulers_.empty()) {
    return;
  }
  AllocationSummary& allocation = result.allocation.emplace();
  for (const auto& scheduler : schedulers_) {
    SharedGpusSummary shared = scheduler->summary();
    const auto share_of_all = [&](std::int64_t part) {
      return shared.total_ns > 0 ? static_cast<double>(part) / static_cast<double>(shared.total_ns)
                                 : 0.0;
    };
    std::int64_t busy_ns = 0;
    for (PoolShare& share : shared.pools) {
      const PoolSummary& pool = result.pools[share.pool];
      PLIMSOLL_CHECK(share.gpu_ns == rented_ns(pool) * pool.gpus_per_replica,
                     "a pool's replicas are there while they have GPUs");
      share.claims.preempted_busy = pools_[share.pool]->preempted_busy();
      share.share = share_of_all(share.gpu_ns);
      busy_ns += pool.busy_ns * pool.gpus_per_replica;
    }
    shared.busy_share = share_of_all(busy_ns);
    shared.allocated_share = share_of_all(shared.total_ns - shared.unallocated_ns - shared.down_ns);
    shared.availability = 1.0 - share_of_all(shared.broken_ns);
    shared.fragmentation =
        shared.unallocated_ns > 0
            ? static_cast<double>(shared.blocked_ns) / static_cast<double>(shared.unallocated_ns)
            : 0;
    allocation.shared.push_back(std::move(shared));
  }
}

}  // namespace plimsoll
