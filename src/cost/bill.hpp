// Cost room: what a run has to pay, row by row.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// When prices of pools change after t = 0, in order, without repetition; none without a start.
std::vector<SimTime> price_changes(const Config& config);

/// GPU rows: one for each pool, price in force and contract of its slots, in the order of pools,
/// dates and contracts; pools without a price have none. The replica-nanoseconds of a pool's rows
/// add up to what it rented. `result.rent_marks` tells them at price_changes(); InternalError when
/// one is missing.
std::vector<BillRow> gpu_rows(const RunResult& result, const Config& config);

/// Rows of what else costs, in the order of the items: what is held first, then what follows load.
std::vector<BillRow> item_rows(const RunResult& result, const BilledLoad& load,
                               const Config& config);

/// Replica-nanoseconds that a pool rented: all but off.
std::int64_t rented_ns(const PoolSummary& pool);

}  // namespace plimsoll
