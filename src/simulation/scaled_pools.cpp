// The pools of a run that grow and shrink.
#include "simulation/scaled_pools.hpp"

#include <string>
#include <utility>

namespace plimsoll {
namespace {

ScalingRow row_of(const std::string& pool, const ScalingStep& step) {
  ScalingRow row;
  row.at = step.at;
  row.pool = pool;
  row.measured = step.signal.has_value();
  row.signal = step.signal.value_or(0);
  row.ready = step.before.ready;
  row.loading = step.before.loading;
  row.draining = step.before.draining;
  row.from = step.before.current();
  row.to = step.decided;
  row.reason = scaling_reason_name(step.reason);
  return row;
}

}  // namespace

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
          writer_(row_of(name, step));
        });
      }
      entry.loop->start();
    }
  }
}

FaultTarget& ScaledPools::target(PoolIndex pool) {
  for (Entry& entry : entries_) {
    if (entry.pool == pool) {
      return *entry.target;
    }
  }
  throw InternalError{"a pool that scales has a target"};
}

void ScaledPools::summarize(RunResult& result) const {
  const auto elapsed = static_cast<double>(result.end.time_since_epoch().count());
  for (const Entry& entry : entries_) {
    const ScalingTotals& totals = entry.loop->totals();
    const PoolSummary& pool = result.pools[entry.pool];
    ScalingSummary summary;
    summary.pool = entry.config->name;
    summary.policy = entry.config->autoscale->policy.policy;
    summary.evaluations = totals.evaluations;
    summary.scale_ups = totals.scale_ups;
    summary.scale_downs = totals.scale_downs;
    summary.replicas_min = totals.least;
    summary.replicas_max = totals.most;
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    summary.replicas_mean = elapsed > 0 ? static_cast<double>(rented) / elapsed : 0;
    if (const auto error = entry.loop->policy().forecast_error()) {
      summary.forecasts = true;
      summary.forecasts_compared = error->compared;
      summary.forecast_mape = error->mape;
      summary.forecast_bias = error->bias;
    }
    result.scaling.push_back(summary);
  }
}

}  // namespace plimsoll
