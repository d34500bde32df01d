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

/// What was played; of windows of a horizon, the estimate for the whole of it.
BilledLoad billed_load(const RunResult& result);

/// Over the cells of classes that count.
std::int64_t counted(const BilledLoad& load, const Config& config, std::int64_t TokenCell::*count);

/// Money of a run, in whole micro-dollars: the bill (GPU time at the prices in force, then what
/// else costs) and the revenue; each amount is formed once from integers, and totals are sums of
/// amounts. Figures per request and per token are of classes that count. Pools without a price add
/// GPU-hours but no dollars, and a note in `notes`.
CostSummary summarize_cost(const RunResult& result, const Config& config,
                           std::vector<std::string>& notes);

/// "on_demand", "reserved", "reserved_3y" or "spot".
const char* contract_name(Contract contract);

}  // namespace plimsoll
