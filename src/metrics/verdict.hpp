// Metrics room: does the fleet hold, and what gives way first?
#pragma once

#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// The verdict over all thresholds; `overload` as from find_overload (empty: not overloaded).
Verdict judge(const RunResult& result, const std::string& overload);

/// The pool whose replicas are down for the largest share of their rented time, with the causes,
/// the longest first: "replicas of pool chat that are down (75.0 % of their rented time: zone 74.9
/// %)". Empty when no pool's are for a tenth of it.
std::string replicas_down(const RunResult& result);

/// The resource nearest to its limit, in one sentence: replicas that are down, else KV memory,
/// sequence slots or GPU time of one pool, or turns, workers or connections of a stage of the path.
/// Who has only a part of its replicas is at their limit whatever the rest are busy with. Memory of
/// caches is none: a cache is full when it works.
std::string bottleneck(const RunResult& result);

}  // namespace plimsoll
