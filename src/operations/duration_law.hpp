// Draws of the times that orders take and machines stay.
#pragma once

#include "plimsoll/elasticity_config.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Of the lognormal law, at most ten years; no draw where it is a constant.
Duration draw_duration(const DurationLaw& law, Draws draws);
/// Of the exponential law of this mean (above 0), at most ten years.
Duration draw_exponential(Duration mean, Draws draws);
/// The wait for the end of a stock-out that holds at `now`, and of those that follow without a gap;
/// 0 when there is none. `outs` are sorted.
Duration wait_for_stock(const std::vector<StockOutConfig>& outs, SimTime now);

}  // namespace plimsoll
