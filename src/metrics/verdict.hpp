// Metrics room: does the fleet hold, and what gives way first?
#pragma once

#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// The verdict over all thresholds; `overload` as from find_overload (empty: not overloaded). What
/// is nearest to its limit is not in its reasons yet: tell_bottleneck.
Verdict judge(const RunResult& result, const std::string& overload);

/// The pool whose replicas are down for the largest share of their rented time, with the causes,
/// the longest first: "replicas of pool chat that are down (75.0 % of their rented time: zone 74.9
/// %)". Empty when no pool's are for a tenth of it.
std::string replicas_down(const RunResult& result);

/// What is nearest to its limit, in one sentence; `result.verdict` is known. Replicas that are
/// down: who has only a part of them is at their limit whatever the rest are busy with. Else what
/// is used to the largest share: KV memory or sequence slots of a pool (at the fullest end of a
/// window), its GPU time in prompts, turns, workers or connections of a stage of the path, or, of a
/// run that holds, the threshold nearest to its bound. A pool's busy time is none where it decodes:
/// a replica is as busy with one sequence as with its batch full. It is named where requests pile
/// up and nothing else is tight. Memory of caches is none: a cache is full when it works.
std::string bottleneck(const RunResult& result);

/// Ends the reasons of a verdict that does not hold with that sentence. For whoever knows stages'
/// utilizations and tokens' times, which the collector does not.
void tell_bottleneck(RunResult& result);

}  // namespace plimsoll
