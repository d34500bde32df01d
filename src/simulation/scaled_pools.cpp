// The pools of a run that grow and shrink.
#include "simulation/scaled_pools.hpp"

#include <string>
#include <utility>

#include "simulation/scaling_rows.hpp"

namespace plimsoll {
void ScaledPools::add(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
                      ReplicaDirectory& directory, Engine& engine,
                      ScalablePool::ColdStart cold_start, std::unique_ptr<Autoscaler> policy) {
  Entry entry;
  entry.pool = pool;
  entry.config = &config.pools[pool];
  const AutoscaleConfig& scale = *entry.config->autoscale;
  entry.target = std::make_unique<ScalablePool>(config, pool, std::move(replicas), directory,
                                                engine, std::move(cold_start));
  entry.loop = std::make_unique<ScalingLoop>(engine, *entry.target, std::move(policy),
                                             scale.interval, scale.signal_delay);
  entries_.push_back(std::move(entry));
}

void ScaledPools::open(PoolIndex pool) {
  for (Entry& entry : entries_) {
    if (entry.pool == pool) {
      entry.target->open();
      if (writer_) {
        entry.loop->set_observer([this, name = entry.config->name](const ScalingStep& step) {
          writer_(scaling_row(name, step));
        });
      }
      entry.loop->start();
    }
  }
}

void ScaledPools::summarize(RunResult& result) const {
  const auto elapsed = static_cast<double>(result.end.time_since_epoch().count());
  for (const Entry& entry : entries_) {
    const PoolSummary& pool = result.pools[entry.pool];
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    result.scaling.push_back(
        scaling_summary(entry.config->name, entry.config->autoscale->policy.policy, *entry.loop,
                        elapsed > 0 ? static_cast<double>(rented) / elapsed : 0));
  }
}

}  // namespace plimsoll
