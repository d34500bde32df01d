// Cost room: what a run earns, row by row.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// Token prices of tiers, then the scenario's own revenue in its order; tokens have a row for each
/// model; rows of nothing are left out.
std::vector<RevenueRow> revenue_rows(const RunResult& result, const BilledLoad& load,
                                     const Config& config);

/// Users of a tier, on average over the run: what the scenario's money.users say, else those of a
/// workload of users; 0: not known.
std::int64_t mean_users(const RunResult& result, const Config& config, const std::string& tier);

}  // namespace plimsoll
