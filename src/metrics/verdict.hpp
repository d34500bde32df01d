// Metrics room: does the fleet hold, and what gives way first?
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// What a verdict rests on besides figures and thresholds.
struct VerdictBasis {
  std::string overload;          // as from find_overload; empty: none was found
  std::string overload_unknown;  // as from why_overload_is_unknown
  std::int64_t arrived = 0;
  std::int64_t measured = 0;        // of these, arrived where it is measured
  std::int64_t users_measured = 0;  // of these, of classes that count; the outcomes are theirs
  std::array<std::int64_t, outcome_count> outcomes{};
};

/// The verdict over all thresholds. A run in which nothing was measured, or no measured request of
/// a user was answered, fails: it shows nothing that holds. Where more than 5 % of them ended
/// unanswered, a reason says so, whatever the verdict is. What is nearest to its limit is not in
/// its reasons yet: tell_bottleneck.
Verdict judge(const RunResult& result, const VerdictBasis& basis);

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
