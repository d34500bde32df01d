// From a configuration to the machines of a run.
#include "simulation/fleet_builder.hpp"

#include <algorithm>
#include <cmath>

namespace plimsoll {
namespace {

ReplicaShape shape_of(const Config& config, PoolIndex index, const PoolPlan& plan, bool audit) {
  const PoolConfig& pool = config.pools[index];
  ReplicaShape shape;
  shape.pool = index;
  shape.costs = &plan.costs;
  shape.micro_batches = pool.pp;
  shape.max_num_seqs = pool.max_num_seqs;
  shape.token_budget = pool.max_num_batched_tokens;
  shape.chunked_prefill = pool.chunked_prefill;
  shape.batching = pool.batching;
  shape.block_size = pool.block_size;
  shape.kv_blocks = plan.fit.kv_blocks;
  shape.watermark_blocks = static_cast<std::int64_t>(
      std::floor(pool.watermark * static_cast<double>(plan.fit.kv_blocks)));
  shape.max_context = pool.max_context;
  shape.fast_forward = config.fast_forward;
  shape.audit = audit ? plan.model.get() : nullptr;
  return shape;
}

}  // namespace

std::vector<std::unique_ptr<PoolPlan>> plan_pools(const Config& config, bool audit) {
  require_memory_fit(config);
  std::vector<std::unique_ptr<PoolPlan>> plans;
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const PoolConfig& pool = config.pools[i];
    auto plan = std::make_unique<PoolPlan>();
    plan->placement = place(config, pool);
    plan->fit = memory_fit(config, pool);
    plan->model = make_step_time_model(config, pool);
    plan->costs = tabulate(*plan->model, pool.max_num_batched_tokens);
    plan->shape = shape_of(config, static_cast<PoolIndex>(i), *plan, audit);
    plans.push_back(std::move(plan));
  }
  return plans;
}

PlatformSpec platform_of(const Config& config,
                         const std::vector<std::unique_ptr<PoolPlan>>& plans) {
  PlatformSpec platform;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const GpuSpec& gpu = config.gpus[config.pools[i].gpu];
    PlatformSpec::NodeGroup group;
    group.name = config.pools[i].name;
    group.count = plans[i]->placement.nodes;
    group.nic = gpu.nic;
    group.nic_latency = gpu.node_hop_latency;
    group.disk_read = gpu.ssd;
    platform.groups.push_back(group);
  }
  for (const StoreConfig& store : config.stores) {
    platform.stores.push_back({store.name, store.uplink, store.latency});
  }
  return platform;
}

}  // namespace plimsoll
