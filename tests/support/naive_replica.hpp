// Test support: the oracle of the continuous replica. One event per step, every sequence touched in
// each, sums by plain loops: nothing of src/serving's arithmetic but the table of requests.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "serving/replica.hpp"
#include "serving/speculation.hpp"
#include "support/naive_blocks.hpp"

namespace plimsoll::testing {

/// Needs no engine: whoever plays it calls it in order of time, and end_step() at next_boundary()
/// after what belongs to Phase::before_steps and before what belongs to Phase::after_steps.
class NaiveReplica {
 public:
  /// What happened, for tests that must know that it did.
  struct Counts {
    std::int64_t steps = 0;
    std::int64_t preempted_decodes = 0;
    std::int64_t preempted_prefills = 0;
    std::int64_t continued_chunks = 0;
    std::int64_t hits = 0;          // admissions that found something named
    std::int64_t hits_in_use = 0;   // that others were using
    std::int64_t own_hits = 0;      // of what the sequence had computed before a preemption
    std::int64_t session_hits = 0;  // of earlier turns
    std::int64_t copies = 0;        // whole blocks that got no name: it was there
    std::int64_t lost = 0;          // admissions with a prefix that had been found before, and gone
    std::int64_t limited = 0;       // steps that drew all that the GPUs may
    std::int64_t reads = 0;         // answers that were held until they were read
    std::int64_t held_up = 0;       // steps in which nothing ran since unread answers had the KV
    std::int64_t left_decoding = 0;  // clients who left amid their answer, and
    std::int64_t left_prefill = 0;   // amid the steps of their prompt
    std::int64_t cuts = 0;           // admissions amid steps of decodes alone, of which none ended
  };

  NaiveReplica(const ReplicaShape& shape, RequestTable& requests, EventSink& sink,
               ReplicaListener& listener);

  void become_ready(SimTime now);
  void enqueue(RequestSlot slot, SimTime now);
  void cancel_waiting(RequestSlot slot);
  /// It leaves at the end of the step under way, unless it ends there.
  void cancel_running(RequestSlot slot);

  /// When the step under way ends, to the nearest nanosecond; `never` when there is none.
  SimTime next_boundary() const;
  void end_step();
  /// When the next answer has been read, if any is held; `never` when none is.
  SimTime next_read() const;
  void end_read();
  void add_gauges(PoolGauges& gauges, SimTime t) const;
  const Counts& counts() const { return counts_; }

 private:
  enum class Stage : std::uint8_t { waiting, prefilling, decoding, unread };
  struct Sequence {
    RequestSlot slot = no_slot;
    RequestId id = 0;
    QueueRank rank = 0;
    std::int64_t prompt = 0;
    std::int64_t output = 0;
    std::int64_t emitted = 0;
    std::int64_t in_kv = 0;   // tokens computed
    std::int64_t goal = 0;    // tokens to compute before the next one is emitted
    std::int64_t blocks = 0;  // held
    std::vector<int> held{};  // the same one by one, in order; only with a prefix cache
    SharedPrefix prefix{};
    std::int64_t history = 0;     // tokens that it may find of its own stream
    std::int64_t chunk_turn = 0;  // order of the chunks in a step
    std::int64_t chunk = 0;       // prompt tokens computed in this step
    bool decodes = false;         // in this step
    Stage stage = Stage::waiting;
    int micro_batch = 0;
    std::int64_t joined = 0;  // the decoding set, in this order
    SimTime last_token{};
    std::optional<Draws> draws{};  // of speculation, since it began to decode
    std::int64_t gain = 0;         // tokens that the step gave it
    SimTime until = never;         // unread: its last token leaves then
    std::int64_t leaves = 0;       // > 0: at the end of the step, in this order
    Femtoseconds waited = 0;       // for its next token, while prompts alone were computed
  };

  void plan(std::int64_t ns, std::int64_t rest);
  bool plan_chunked();
  bool plan_whole_prompts();
  bool preempt_until_decodes_fit();
  void continue_prefills();
  bool admit(std::int64_t decode_need);
  int micro_batch_for(std::int64_t tokens) const;
  void start_step(std::int64_t ns, std::int64_t rest);
  StepWork work_of(int micro_batch) const;
  std::vector<StepWork> draft_passes(int micro_batch) const;
  Femtoseconds draft(int micro_batch) const;
  Int128 energy();
  Femtoseconds round() const;
  std::int64_t verified() const;
  std::int64_t gain_of(Sequence& sequence) const;
  std::int64_t blocks_of_step(const Sequence& sequence) const;
  void emit_decodes(SimTime now);
  void emit_first(SimTime now);
  void drop(RequestSlot slot);
  void drop_leavers(SimTime now);
  void finish(RequestSlot slot, SimTime now);
  void complete(RequestSlot slot, SimTime now);
  bool runs(const Sequence& sequence) const {
    return sequence.stage == Stage::prefilling || sequence.stage == Stage::decoding;
  }

  // with a prefix cache
  bool caches() const { return shape_->prefix_cache; }
  PrefixId own_stream(const Sequence& sequence) const;
  NaiveBlocks::Name name_of(const Sequence& sequence, std::int64_t position) const;
  std::vector<int> find(const Sequence& sequence, std::int64_t tokens) const;
  void start_with(Sequence& sequence, const std::vector<int>& found, std::int64_t tokens);
  void hold(Sequence& sequence, std::int64_t blocks);
  void give_names(Sequence& sequence, bool its_own);
  void let_go(Sequence& sequence);

  std::int64_t blocks_for(std::int64_t tokens) const;
  std::int64_t free_blocks() const;
  std::int64_t decode_need() const;
  std::int64_t count(Stage stage) const;
  std::int64_t budget_left(int micro_batch) const;
  Sequence* head();
  void become(int activity, SimTime now);

  const ReplicaShape* shape_;
  RequestTable* requests_;
  EventSink* sink_;
  ReplicaListener* listener_;
  std::vector<Sequence> sequences_;
  NaiveBlocks memory_;  // with a prefix cache
  PrefixCounts prefix_;
  std::int64_t joins_ = 0;
  std::int64_t chunk_turns_ = 0;
  std::int64_t leavers_ = 0;
  bool ready_ = false;
  bool stepping_ = false;
  bool only_decodes_ = false;  // the step that ended last
  bool completed_ = false;     // something did when it ended
  bool decode_paused_ = false;
  SimTime planned_at_{};
  std::int64_t end_ns_ = 0;    // of the step: nanoseconds and
  std::int64_t end_rest_ = 0;  // femtoseconds
  Femtoseconds cost_ = 0;
  Int128 energy_ = 0;       // aJ, of the step
  Int128 step_time_ = 0;    // fs, and
  Int128 step_energy_ = 0;  // aJ of all that ended
  std::int64_t preemptions_ = 0;
  std::int64_t spent_ns_[3] = {0, 0, 0};  // down, idle, busy
  int activity_ = 0;
  SimTime since_{};
  Counts counts_;
};

}  // namespace plimsoll::testing
