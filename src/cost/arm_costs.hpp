// Cost room: what the requests of each arm of an experiment cost.
#pragma once

#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// Gives every arm its share of the GPU cost of the pools that worked for it, by the replica time
/// of its completed requests' tokens as in docs/money.md: the whole of a pool that served nobody
/// else. Adds a difference of dollars_per_request for every treatment: without an interval, since a
/// run has one bill. Needs result.cost.
void add_arm_costs(RunResult& result, const Config& config);

}  // namespace plimsoll
