// Metrics room: does the fleet hold, and what gives way first?
#pragma once

#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// The verdict over all thresholds; `overload` as from find_overload (empty: not overloaded).
Verdict judge(const RunResult& result, const std::string& overload);

/// The resource nearest to its limit, in one sentence: KV memory, sequence slots or GPU time of
/// one pool, or turns, workers or connections of a stage of the path. Memory of caches is none: a
/// cache is full when it works.
std::string bottleneck(const RunResult& result);

}  // namespace plimsoll
