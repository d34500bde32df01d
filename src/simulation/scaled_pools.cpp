// The pools of a run, each with the loop that scales it, if it has one.
#include "simulation/scaled_pools.hpp"

#include <string>
#include <utility>

#include "simulation/scaling_rows.hpp"

namespace plimsoll {
void ScaledPools::add(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
                      Service& service, Engine& engine, WeightSource* weights,
                      std::unique_ptr<Autoscaler> policy) {
  skip(pool);
  Entry& entry = entries_.back();
  entry.config = &config.pools[pool];
  entry.target = std::make_unique<ScalablePool>(config, pool, std::move(replicas), service, service,
                                                engine, weights);
  if (policy != nullptr) {
    const AutoscaleConfig& scale = *entry.config->autoscale;
    entry.loop = std::make_unique<ScalingLoop>(engine, *entry.target, std::move(policy),
                                               scale.interval, scale.signal_delay);
    entry.loop->tell(scale.provisioning_delay, sim_start + config.warm_up);
  }
}

void ScaledPools::skip(PoolIndex pool) {
  PLIMSOLL_CHECK(entries_.size() == pool, "pools are added in their order");
  entries_.push_back(Entry{});
}

void ScaledPools::open(PoolIndex pool) {
  Entry& entry = entries_[pool];
  entry.target->open();
  if (!entry.loop) {
    return;
  }
  if (writer_) {
    entry.loop->set_observer([this, name = entry.config->name](const ScalingStep& step) {
      writer_(scaling_row(name, step));
    });
  }
  entry.loop->start();
}

ElasticitySummary ScaledPools::elasticity(PoolIndex pool) const {
  const Entry& entry = entries_[pool];
  return entry.target != nullptr ? entry.target->elasticity() : ElasticitySummary{};
}

void ScaledPools::summarize(RunResult& result) const {
  const auto elapsed = static_cast<double>(result.end.time_since_epoch().count());
  for (std::size_t p = 0; p < entries_.size(); ++p) {
    const Entry& entry = entries_[p];
    if (entry.target == nullptr) {
      continue;
    }
    ElasticitySummary elasticity = entry.target->elasticity();
    if (adds_cold(*entry.config)) {
      result.pools[p].elasticity = std::move(elasticity);
    }
    if (entry.loop) {
      const PoolSummary& pool = result.pools[p];
      const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
      result.scaling.push_back(
          scaling_summary(pool.name, entry.config->autoscale->policy.policy, *entry.loop,
                          elapsed > 0 ? static_cast<double>(rented) / elapsed : 0));
    }
  }
}

}  // namespace plimsoll
