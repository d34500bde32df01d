// What share of its GPUs' peak arithmetic a pool's tokens needed.
#pragma once

#include "metrics/monitor.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// PoolSummary::model_flops_utilization of pool `pool`, from the tokens that its replicas worked
/// on. 0 when no replica served.
double model_flops_utilization(const Config& config, std::size_t pool, const PoolTokens& tokens,
                               const PoolSummary& summary);

}  // namespace plimsoll
