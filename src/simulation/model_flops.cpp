// What share of its GPUs' peak arithmetic a pool's tokens needed.
#include "simulation/model_flops.hpp"

#include "perf/roofline_bound.hpp"

namespace plimsoll {

double model_flops_utilization(const Config& config, std::size_t pool, const PoolTokens& tokens,
                               const PoolSummary& summary) {
  const PoolConfig& of = config.pools[pool];
  const double gpu_seconds = static_cast<double>(summary.measured_serving_ns) * 1e-9 *
                             static_cast<double>(summary.gpus_per_replica);
  if (gpu_seconds == 0) {
    return 0;
  }
  const double operations = 2 * static_cast<double>(config.models[of.model].active_parameters) *
                            static_cast<double>(tokens.prompt + tokens.generation);
  const FlopRate peak = peak_rate(config.gpus[of.gpu], of.weight_precision);
  return operations / (peak.count() * gpu_seconds);
}

}  // namespace plimsoll
