// Reports room: faults and rollouts as tables.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plimsoll/metrics.hpp"
#include "reports/result_digest.hpp"

namespace plimsoll {

/// Outages by pool with their causes, lost requests, rollouts, allocation of shared GPUs; empty
/// without any.
std::string operations_tables(const RunResult& result);

/// Rollouts of variants side by side, from (variant, digest); empty when no variant has one.
std::string rollouts_compared(const std::vector<std::pair<std::string, ResultDigest>>& variants);

}  // namespace plimsoll
