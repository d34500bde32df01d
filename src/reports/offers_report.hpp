// Reports room: what pools had from their offers.
#pragma once

#include <cstdint>
#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// Node-hours rented from an offer.
double node_hours(const OfferUse& use);

/// Offers as a table; empty when no pool has some.
std::string offers_table(const RunResult& result);

}  // namespace plimsoll
