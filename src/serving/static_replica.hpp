// A replica that serves whole batches: the baseline that continuous batching is compared with.
#pragma once

#include <cstdint>
#include <vector>

#include "perf/step_time_model.hpp"
#include "serving/replica.hpp"

namespace plimsoll {

/// Request-level scheduling (Yu et al., Orca, OSDI 2022, section 2): a batch begins when the
/// replica is idle, takes what waits then, and returns as a whole when its longest output is done.
/// - A sequence reserves contiguous KV for max_context tokens, whatever it needs.
/// - Prompts are padded at their end to the longest of the batch; padding is computed.
/// - Prefill runs in passes of at most token_budget tokens per micro-batch. All sequences emit
///   their first token at its end.
/// - Each decode step computes all sequences; one that has its tokens is computed on for nothing.
/// A sequence's context is its padded prompt and the decode steps so far, at most max_context: a
/// full reservation writes over its padding.
class StaticReplica final : public Replica {
 public:
  /// InternalError when not even one sequence's reservation fits.
  StaticReplica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                RequestTable& requests, EventSink& sink, ReplicaListener& listener);

  void settle(SimTime t) override;
  void cancel_running(RequestSlot, Phase) override {}

 protected:
  void step_ended() override;
  void plan(FineTime start) override;
  void line_changed(bool head_changed, Phase phase) override;
  std::int64_t running() const override { return static_cast<std::int64_t>(batch_.size()); }
  DroppedWork drop_work(SimTime before) override;
  std::int64_t kv_blocks_used(SimTime t) const override;

 private:
  void begin_batch(FineTime start);
  void go_on(FineTime start);
  void plan_prefill(FineTime start);
  StepWork take_chunks(std::size_t micro_batch);
  void plan_decode(FineTime start);
  void end_batch(FineTime end);
  void run(FineTime start, std::int64_t steps);
  void report(std::int64_t steps);

  std::int64_t sequences_of(std::size_t micro_batch) const;
  bool prefilled() const;

  std::int64_t blocks_per_sequence_;
  std::int64_t most_sequences_;

  // The batch: sequence i is number i / micro_batches of micro-batch i mod micro_batches.
  std::vector<RequestSlot> batch_;
  std::int64_t padded_prompt_ = 0;
  std::vector<std::int64_t> outputs_;    // tokens the sequences want, ascending
  std::size_t satisfied_ = 0;            // of them, have all their tokens
  std::vector<std::int64_t> prefilled_;  // padded tokens by micro-batch
  std::int64_t decode_steps_ = 0;        // done

  // What each step of the segment reports.
  std::int64_t emitting_ = 0;
  std::int64_t prompt_tokens_ = 0;
  std::int64_t first_tokens_ = 0;

  std::vector<StepWork> work_;        // by micro-batch
  std::vector<std::int64_t> growth_;  // KV tokens per step, by micro-batch
};

}  // namespace plimsoll
