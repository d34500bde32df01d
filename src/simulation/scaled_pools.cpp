// The pools of a run, each with the loop that scales it, if it has one.
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
      writer_(row_of(name, step));
    });
  }
  entry.loop->start();
}

ScalingSummary ScaledPools::summary_of(const Entry& entry, const PoolSummary& pool, SimTime end) {
  const auto elapsed = static_cast<double>(end.time_since_epoch().count());
  const ScalingTotals& totals = entry.loop->totals();
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
  return summary;
}

void ScaledPools::summarize(RunResult& result) const {
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
      result.scaling.push_back(summary_of(entry, result.pools[p], result.end));
    }
  }
}

}  // namespace plimsoll
