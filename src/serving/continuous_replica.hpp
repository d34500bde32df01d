// Continuous batching (Orca, OSDI '22; vLLM, SOSP '23): sequences join and leave between steps.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "serving/micro_batch.hpp"
#include "serving/prefix_sharing.hpp"
#include "serving/replica.hpp"
#include "serving/round_cost.hpp"
#include "serving/segment.hpp"
#include "serving/unread_answers.hpp"

namespace plimsoll {

/// Iteration-level scheduling with chunked prefill, KV memory and preemption by recompute.
/// `Decoding` is how the sequences whose prompts are computed go on (PlainDecoding,
/// SpeculativeDecoding). While no prompt is being computed and steps are alike, consecutive steps
/// are one event (a Segment).
///
/// With pipeline stages there is one running set (micro-batch) per stage in flight; they advance
/// in rounds (round_cost.hpp) and share the KV memory.
///
/// Where the shape holds unread answers, a sequence is computed at full speed, and with its last
/// token it leaves the batch; its KV and its place among max_num_seqs stay taken until its client
/// has read, and it is not preempted meanwhile. It costs an event at the end of that.
template <class Decoding>
class ContinuousReplica final : public Replica {
 public:
  ContinuousReplica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                    RequestTable& requests, EventSink& sink, ReplicaListener& listener);

  void settle(SimTime t) override;
  void cancel_running(RequestSlot slot, Phase phase) override;
  void let_go(RequestSlot slot) override;

 protected:
  void step_ended() override;
  void plan(FineTime start) override;
  void line_changed(bool head_changed, Phase phase) override;
  void forget_interrupted(RequestSlot slot) override;
  std::int64_t running() const override;
  DroppedWork drop_work(SimTime before) override;
  std::int64_t kv_blocks_used(SimTime t) const override;
  void add_prefix_counts(PrefixCounts& counts) const override;

 private:
  /// A piece of a prompt that the current step computes.
  struct Chunk {
    RequestSlot slot = no_slot;
    std::int64_t tokens = 0;
    std::int64_t context = 0;  // tokens of the prompt in KV before: computed, or found there
    bool completes = false;
  };
  /// When a preempted sequence got its last token.
  struct Interrupted {
    RequestSlot slot = no_slot;
    SimTime last_token{};
  };
  /// A running request whose client left since the last step boundary.
  struct Leaver {
    RequestSlot slot = no_slot;
    RequestId id = 0;
  };
  /// Decoding sequences that whole prompts hold up: those that joined before number
  /// `joined_before` and are in no earlier pause. Their next gap is longer by `length`.
  struct Pause {
    std::uint32_t joined_before = 0;
    std::int64_t sequences = 0;
    SimTime last_token{};
    Femtoseconds length = 0;
  };

  /// Tokens that must be computed before the next one can be emitted: the prompt, and after a
  /// preemption what had been emitted.
  std::int64_t prefill_tokens(const Request& request) const {
    return std::int64_t{request.prompt_tokens} + request.emitted_tokens;
  }

  static void on_read(void* replica, std::uint64_t);
  /// Sequences that steps are computed for.
  std::int64_t active() const { return decoding_.count() + prefilling_; }
  bool make_room(SimTime now);
  void preempt_one(SimTime now);
  void preempt_decoding(std::size_t position, SimTime now);
  void preempt_partial(MicroBatch& batch);
  void open_budgets();
  void continue_partials();
  void admit(std::int64_t decode_need, bool whole_prompts);
  bool head_received() { return !waiting_.empty() && is_received(waiting_.top()); }
  bool is_received(RequestSlot slot) const { return (*requests_)[slot].micro_batch == kv_received; }
  void admit_received();
  void join_received(RequestSlot slot, MicroBatch& batch);
  void tell_received(SimTime now);
  void end_prefill(RequestSlot slot, SimTime now);
  MicroBatch* roomiest(std::int64_t least_budget);
  bool head_fits(std::int64_t decode_need);
  void take_memory(RequestSlot slot, std::int64_t tokens, std::int64_t blocks);
  /// A sequence that is done here with its first `tokens` in KV gives back its blocks, as far as no
  /// other uses them. Steps under way have taken `taken` blocks.
  void give_back(RequestSlot slot, std::int64_t tokens, std::int64_t blocks,
                 std::int64_t taken = 0) {
    decoding_.kv().give_back(prefixes_ ? prefixes_->end(slot, tokens, blocks, taken) : blocks);
  }
  std::int64_t taken_before(SimTime t) const;
  void finish(RequestSlot slot, std::int64_t tokens, std::int64_t blocks, SimTime now);
  void end_read();
  void add_chunk(MicroBatch& batch, RequestSlot slot, std::int64_t done);
  void start_segment(FineTime start, bool preempted);
  void fill_work();
  std::int64_t segment_steps(const AffineCost& cost, bool preempted) const;
  void report(std::int64_t until);
  void report_end_of_pauses();
  void hold_up_decodes();
  SimTime last_token_of(std::uint32_t joined, SimTime now);
  void end_sequences(SimTime now);
  void end_chunks(SimTime now);
  void end_chunk(const Chunk& chunk, SimTime now);
  void note_gap(RequestSlot slot, SimTime now);
  void cut_segment(Phase phase);
  void drop_leavers(SimTime now);
  void drop_running(RequestSlot slot, SimTime now);

  Decoding decoding_;                        // in all micro-batches; has the KV memory
  std::unique_ptr<PrefixSharing> prefixes_;  // null: no prefix cache
  std::unique_ptr<UnreadAnswers> unread_;    // null: answers end when they are computed
  PrefixHit head_hit_;                       // of the first in line, by head_fits
  bool decode_runs_ = false;                 // the decoding sequences advance in the segment
  std::int64_t prefilling_ = 0;              // prompts in part
  std::int64_t burst_tokens_ = 0;  // that come in the segment beside the first of each sequence
  std::vector<MicroBatch> batches_;
  std::vector<Chunk> chunks_;
  std::vector<Interrupted> interrupted_;
  std::vector<Leaver> leavers_;
  std::vector<RequestSlot> received_;  // whose prompt another replica computed: in their first step
  std::vector<Pause> pauses_;          // in order of joining; empty when prompts are chunked
  std::vector<StepWork> work_;         // by micro-batch
  std::vector<std::int64_t> growth_;
};

}  // namespace plimsoll
