// Cost room: GPU time and tokens times prices.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// The GPU time that a pool rents, in GPU-hours: every GPU of every replica, up or down, from
/// t = 0 to the end of the run, since a broken or loading machine is paid for as well; replicas
/// that an autoscaler has turned off are not.
double rented_gpu_hours(const PoolSummary& pool);

/// Money of a run. Each pool's integer replica-nanoseconds become GPU-hours and dollars in one
/// multiplication each, at the price of the pool's contract; the total is the sum of the lines in
/// pool order. Revenue is the tokens of all completed requests times their tier's prices. Pools
/// without a price add GPU-hours but no dollars, and a note in `notes`.
CostSummary summarize_cost(const RunResult& result, const Config& config,
                           std::vector<std::string>& notes);

/// "on_demand", "reserved" or "spot".
const char* contract_name(Contract contract);

}  // namespace plimsoll
