// Config: which price is in force when.
#pragma once

#include <cstddef>
#include <vector>

#include "config/reader.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// `named` and the prices that follow it, in their order.
std::vector<std::size_t> prices_to_come(const std::vector<PriceSpec>& prices, std::size_t named);

/// Of these, the one in force at `at`: from each price's `until` on it is the next.
std::size_t price_in_force(const std::vector<PriceSpec>& prices, std::size_t named, UtcTime at);

/// A date as a time of the scenario, which has a start.
SimTime time_of(const Config& config, UtcTime at);

/// Of `named` and those that follow it, the one in force at `at`; `named` itself in a scenario
/// without a start. `named` is the one in force at the start (settle_prices).
std::size_t price_in_force(const Config& config, std::size_t named, SimTime at);

/// Gives every pool, and every offer, the price in force at the scenario's start, when it has a
/// start. Reports prices that follow each other in a circle, out of order, for another GPU, or
/// without the pool's contract.
void settle_prices(Reader& reader, const RawNode& pools, Config& config);

}  // namespace plimsoll
