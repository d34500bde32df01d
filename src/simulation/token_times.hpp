// How long a replica works on a prompt token and on an output token: what splits its cost.
#pragma once

#include "plimsoll/metrics.hpp"
#include "serving/replica.hpp"

namespace plimsoll {

/// Of pool `pool`, from its step times: a prompt token in a full chunk, an output token in a decode
/// step of the run's mean batch at its mean context (prompt and half the output).
TokenTimes token_times(const ReplicaShape& shape, const RunResult& result, std::size_t pool);

}  // namespace plimsoll
