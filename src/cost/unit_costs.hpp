// Cost room: who caused what a run has to pay, and at which load it would pay for itself.
#pragma once

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// From bill and revenue to the rest of MoneySummary: unit costs by tier and model, what was idle,
/// down or missed, by user, by GPU-hour, and the load at which the run would break even.
void add_unit_costs(MoneySummary& money, const RunResult& result, const BilledLoad& load,
                    const Config& config);

}  // namespace plimsoll
