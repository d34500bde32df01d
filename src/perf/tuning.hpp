// Which layout of a pool serves its objectives with the fewest GPUs, by step times in closed form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perf/static_batch.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// Times of one replica that is always full, in seconds, when its prompts and outputs have one
/// length and ends are spread evenly.
struct FullReplica {
  double ttft = 0;  // half a decode round to wait for, then the rounds with the prompt's chunks
  double tpot = 0;
  double e2e = 0;             // ttft + (output - 1) x tpot
  double requests_per_s = 0;  // batch / e2e: Little's law
};

/// `load.batch` sequences in flight, dealt to the micro-batches of `model`'s stages; each decodes
/// beside the others, half of their output on average, and during its output - 1 steps each of the
/// others begins once. A round is the larger of a micro-batch's passage and of all stays in the
/// slowest stage. With one stage tpot is closed_loop_tpot().
FullReplica full_replica(const StepTimeModel& model, const PoolConfig& pool,
                         const StaticLoad& load);

/// One layout of a pool with the batch that serves most per GPU.
struct TunedLayout {
  int tp = 1;
  int pp = 1;
  Precision precision = Precision::fp16;  // of weights
  int max_num_seqs = 1;
  FullReplica times;
  std::string reason;  // why it cannot serve; empty: it can

  bool feasible() const { return reason.empty(); }
  int gpus() const { return tp * pp; }
  double gpus_per_rate() const { return gpus() / times.requests_per_s; }
};

struct TuningRequest {
  std::int64_t prompt = 1;  // tokens, means
  std::int64_t output = 1;
  SloConfig slo;        // queue is not looked at: a full replica has no line
  int most_gpus = 8;    // of a replica
  int most_seqs = 512;  // see most_sequences
};

/// The most sequences of a batch that are tried: 512, or as many as the scenario lets a replica
/// have (max_outstanding) where that is less; more would never be in one.
int most_sequences(const Config& config, const PoolConfig& pool);

/// Every tp (powers of two that divide the heads, within a node) x pp (powers of two, layers at
/// most) x precision of `pool`, feasible ones first, by GPUs per request/s, ties by fewer GPUs. A
/// batch is feasible when KV memory holds all its sequences at their full length and all
/// objectives hold at the means; batches are powers of two.
std::vector<TunedLayout> tune_layouts(const Config& config, const PoolConfig& pool,
                                      const TuningRequest& request);

}  // namespace plimsoll
