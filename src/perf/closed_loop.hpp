// A closed loop in closed form: what fits need, without playing it.
#pragma once

#include <cstdint>
#include <vector>

#include "perf/static_batch.hpp"

namespace plimsoll {

/// A step that decodes `sequences` of a load, half of their output behind them on average.
StepWork decode_step(std::int64_t sequences, const StaticLoad& load);

/// The steps, in order, in which a prompt is computed beside `decode`, in chunks of at most `room`
/// tokens.
std::vector<StepWork> steps_with_chunks(const StepWork& decode, std::int64_t prompt,
                                        std::int64_t room);

/// Mean time per output token, in seconds, when `load.batch` requests are in flight on one
/// replica, each replaced when it ends, and their ends are spread evenly. A sequence then decodes
/// beside batch - 1 others, half of their output on average, and during its output - 1 steps each
/// of the others begins once, with the chunks of a new prompt in the same steps:
///   d + (batch - 1) / (output - 1) x sum over chunks (step with the chunk - d),
/// d the step that only decodes. KV memory is taken to hold them all; one stage's micro-batch.
double closed_loop_tpot(const StepTimeModel& model, const PoolConfig& pool, const StaticLoad& load);

}  // namespace plimsoll
