// A static batch in closed form: prompts of one length are prefilled together, then decoded
// together until every sequence has its output. No clock and no replica: sums of step times.
#pragma once

#include <cstdint>

#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// One micro-batch through all stages and hops, in seconds: exact per stage.
double latency_seconds(const StepTimeModel& model, const StepWork& work);

/// The stay of a micro-batch in the stage that is slowest for it, in seconds.
double bottleneck_seconds(const StepTimeModel& model, const StepWork& work);

/// A batch whose sequences start and end together.
struct StaticLoad {
  std::int64_t batch = 1;   // sequences, >= 1
  std::int64_t prompt = 1;  // tokens of each, >= 1
  std::int64_t output = 1;  // tokens of each, >= 1
};

/// Times in seconds.
struct StaticBatch {
  double ttft = 0;           // all wait for the end of the last prefill pass
  double tpot = 0;           // (e2e - ttft) / (output - 1); 0 with one output token
  double e2e = 0;            // prefill + (output - 1) decode steps
  double throughput = 0;     // output tokens/s of the replica: batch x output / e2e
  std::int64_t passes = 0;   // rounds of prefill
  StepWork longest_prefill;  // the micro-batch with most tokens of all passes
  StepWork middle_decode;    // the largest micro-batch half way through the output
};

/// The times of `load` on one replica of `pool`. Prompts are prefilled in passes of at most
/// pool.max_num_batched_tokens tokens, one sequence after the other (the last of a pass may be cut
/// and go on in the next); decode step j = 0 .. output - 2 reads prompt + j tokens of KV per
/// sequence. With pp stages the batch is dealt to pp micro-batches, all in flight, and a round
/// lasts
///   max(longest passage of a micro-batch through all stages,
///       sum over micro-batches of their stays in their slowest stage).
StaticBatch predict_static_batch(const StepTimeModel& model, const PoolConfig& pool,
                                 const StaticLoad& load);

}  // namespace plimsoll
