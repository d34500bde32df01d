// From a configuration to the machines of a run.
#include "simulation/fleet_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "operations/fault_units.hpp"
#include "simulation/weight_routes.hpp"

namespace plimsoll {
namespace {

constexpr const char* node_prefix = "node:";
constexpr const char* shared_prefix = "shared:";

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
  shape.kv_layout = pool.kv_layout;
  shape.prefix_cache = pool.prefix_cache;
  shape.block_size = pool.block_size;
  shape.kv_blocks = plan.fit.kv_blocks;
  if (pool.kv_layout == KvLayout::paged) {
    shape.watermark_blocks = static_cast<std::int64_t>(
        std::floor(pool.watermark * static_cast<double>(plan.fit.kv_blocks)));
  }
  shape.max_context = pool.max_context;
  shape.role = pool.role;
  shape.speculation = plan.speculation ? &*plan.speculation : nullptr;
  shape.holds_unread = holds_unread(config);
  shape.energy = &plan.energy;
  shape.draft_energy = plan.draft_energy ? &*plan.draft_energy : nullptr;
  shape.fast_forward = config.fast_forward;
  shape.audit = audit ? plan.model.get() : nullptr;
  return shape;
}

/// What the slowest version of a pool makes of its steps, 1 at least.
double slowest_version(const Config& config, const PoolConfig& pool) {
  double slowest = 1;
  for (const RolloutConfig& rollout : config.rollouts) {
    if (config.pools[rollout.pool].name == pool.name) {
      slowest = std::max(slowest, rollout.version_step_time);
    }
  }
  return slowest;
}

/// Steps are counted in femtoseconds, which 64 bits hold for 2.5 hours. Figures that no machine
/// has could exceed that: refused before they are tabulated.
void require_countable_steps(const Config& config, const PoolConfig& pool, const PoolPlan& plan) {
  constexpr double longest_seconds = 3600;
  const std::int64_t tokens = pool.max_num_batched_tokens;
  const std::int64_t context =
      pool.max_context > 0 ? pool.max_context : config.models[pool.model].max_context;
  const StepWork most{tokens, pool.max_num_seqs, plan.fit.kv_tokens,
                      tokens * std::max(context, 2 * context - tokens)};
  const double seconds = longest_step_seconds(*plan.model, most) * slowest_version(config, pool);
  if (seconds > longest_seconds) {
    Diagnostic finding;
    finding.key_path = "pools." + pool.name;
    finding.message = fmt::format(
        "a full step of {} with profile {} on {} would take {:.3g} s, more than an hour",
        config.models[pool.model].name, config.profiles[pool.profile].name,
        config.gpus[pool.gpu].name, seconds);
    finding.hint = "check the GPU's bandwidths and FLOPS and the profile's times and efficiencies";
    throw ConfigError{{finding}};
  }
}

/// The draft model of a pool that speculates, as a pool of its own: one stage of the same GPUs.
PoolConfig draft_pool(const PoolConfig& pool) {
  PoolConfig draft = pool;
  draft.model = pool.speculation->draft;
  draft.pp = 1;
  draft.speculation.reset();
  return draft;
}

void plan_speculation(const Config& config, const PoolConfig& pool, PoolPlan& plan) {
  const PoolConfig draft = draft_pool(pool);
  const auto model = make_step_time_model(config, draft);
  plan.speculation.emplace(tabulate(*model, pool.max_num_batched_tokens), pool.speculation->tokens,
                           pool.speculation->acceptance, config.seed);
  plan.draft_energy = tabulate_energy(PowerModel{config, draft}, pool.max_num_batched_tokens);
}

}  // namespace

std::string host_of_node(const PoolConfig& pool, std::int32_t node) {
  return fmt::format("{}{}-{}", node_prefix, pool.name, node);
}

std::string host_of_shared_node(const SharedGpusConfig& shared, std::int32_t node) {
  return fmt::format("{}{}-{}", shared_prefix, shared.name, node);
}

std::vector<std::unique_ptr<PoolPlan>> plan_pools(const Config& config, bool audit) {
  require_memory_fit(config);
  std::vector<std::unique_ptr<PoolPlan>> plans;
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const PoolConfig& pool = config.pools[i];
    auto plan = std::make_unique<PoolPlan>();
    plan->placement = place(config, pool);
    plan->fit = memory_fit(config, pool);
    plan->model = make_step_time_model(config, pool);
    require_countable_steps(config, pool, *plan);
    plan->costs = tabulate(*plan->model, pool.max_num_batched_tokens);
    plan->energy = tabulate_energy(PowerModel{config, pool}, pool.max_num_batched_tokens);
    if (pool.speculation) {
      plan_speculation(config, pool, *plan);
    }
    plan->shape = shape_of(config, static_cast<PoolIndex>(i), *plan, audit);
    plans.push_back(std::move(plan));
  }
  if (config.faults) {
    require_fault_units(*config.faults, domains_of(config, plans));
  }
  return plans;
}

FailureDomains domains_of(const Config& config,
                          const std::vector<std::unique_ptr<PoolPlan>>& plans) {
  std::vector<const Placement*> placements;
  for (const auto& plan : plans) {
    placements.push_back(&plan->placement);
  }
  return FailureDomains{config, placements};
}

PlatformSpec platform_of(const Config& config,
                         const std::vector<std::unique_ptr<PoolPlan>>& plans) {
  PlatformSpec platform;
  const auto add = [&](const std::string& name, int nodes, const GpuSpec& gpu) {
    PlatformSpec::NodeGroup group;
    group.name = name;
    group.count = nodes;
    group.nic = gpu.nic;
    group.nic_latency = gpu.node_hop_latency;
    group.disk_read = gpu.ssd;
    platform.groups.push_back(group);
  };
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const PoolConfig& pool = config.pools[i];
    if (!pool.allocation) {
      add(node_prefix + pool.name, plans[i]->placement.nodes, config.gpus[pool.gpu]);
    }
  }
  for (const SharedGpusConfig& shared : config.shared_gpus) {
    add(shared_prefix + shared.name, most_nodes(shared), config.gpus[shared.gpu]);
  }
  add_weight_hosts(config, plans, platform);
  return platform;
}

}  // namespace plimsoll
