// Reports room: the money of a run for a terminal.
#pragma once

#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// Bill by component, what was wasted, unit costs by tier and model: for runs that have revenue or
/// more than one component; else empty.
std::string money_tables(const MoneySummary& money);

/// Revenue per GPU-hour and user, break-even, as one line.
std::string earnings_text(const MoneySummary& money);

}  // namespace plimsoll
