// Continuous batching: plans one step, or many equal ones, at a time.
#include "serving/continuous_replica.hpp"

#include <algorithm>

#include "serving/plain_decoding.hpp"
#include "serving/speculative_decoding.hpp"
#include "serving/static_replica.hpp"

namespace plimsoll {
namespace {

/// Bounds a segment's length so that sums of femtoseconds stay far from overflow (about 1,000 s).
constexpr Femtoseconds longest_segment = 1'000'000'000'000'000'000;

}  // namespace

std::unique_ptr<Replica> make_replica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                                      RequestTable& requests, EventSink& sink,
                                      ReplicaListener& listener) {
  if (shape.batching == Batching::static_batch) {
    return std::make_unique<StaticReplica>(index, shape, engine, requests, sink, listener);
  }
  if (shape.speculation != nullptr) {
    return std::make_unique<ContinuousReplica<SpeculativeDecoding>>(index, shape, engine, requests,
                                                                    sink, listener);
  }
  return std::make_unique<ContinuousReplica<PlainDecoding>>(index, shape, engine, requests, sink,
                                                            listener);
}

template <class Decoding>
ContinuousReplica<Decoding>::ContinuousReplica(ReplicaIndex index, const ReplicaShape& shape,
                                               Engine& engine, RequestTable& requests,
                                               EventSink& sink, ReplicaListener& listener)
    : Replica{index, shape, engine, requests, sink, listener},
      decoding_{shape},
      prefixes_{shape.prefix_cache
                    ? std::make_unique<PrefixSharing>(shape, requests, decoding_.kv())
                    : nullptr},
      unread_{shape.holds_unread
                  ? std::make_unique<UnreadAnswers>(
                        engine, engine.make_timer(EventPriority::completion,
                                                  &ContinuousReplica::on_read, this, 0))
                  : nullptr},
      batches_(static_cast<std::size_t>(shape.micro_batches)),
      work_(static_cast<std::size_t>(shape.micro_batches)),
      growth_(static_cast<std::size_t>(shape.micro_batches)) {
}

template <class Decoding>
std::int64_t ContinuousReplica<Decoding>::running() const {
  return active() + (unread_ ? unread_->size() : 0);
}

template <class Decoding>
void ContinuousReplica<Decoding>::plan(FineTime start) {
  chunks_.clear();
  bool preempted = false;
  open_budgets();
  if (!shape_->chunked_prefill && !head_received() && head_fits(0)) {
    admit(0, true);
    decode_runs_ = chunks_.empty();
  } else {
    decode_runs_ = true;
  }
  if (decode_runs_) {
    preempted = make_room(start.published());
    if (shape_->chunked_prefill) {
      open_budgets();
      continue_partials();
      if (!preempted) {
        admit(decoding_.next_need(), false);
      }
    } else if (!preempted) {
      admit_received();
    }
    decode_runs_ = decoding_.count() > 0;
  }
  if (chunks_.empty() && decoding_.count() == 0) {
    if (preempted) {
      plan(start);  // unread answers left too little for whoever ran: whoever is first may have it
      return;
    }
    PLIMSOLL_CHECK(waiting_.empty() || kept_ > 0 || (unread_ && !unread_->empty()),
                   "an idle replica leaves nobody waiting");
    set_busy(false);
    return;
  }
  set_busy(true);
  start_segment(start, preempted);
}

template <class Decoding>
void ContinuousReplica<Decoding>::open_budgets() {
  for (MicroBatch& batch : batches_) {
    // Prompts that run without chunking have the step to themselves.
    batch.budget_left =
        shape_->token_budget - (shape_->chunked_prefill ? decoding_.budget_of(batch) : 0);
  }
}

/// Preempts until the decoding sequences can take the blocks of their next step.
template <class Decoding>
bool ContinuousReplica<Decoding>::make_room(SimTime now) {
  bool preempted = false;
  while (decoding_.next_need() > decoding_.kv().free()) {
    preempt_one(now);
    preempted = true;
  }
  return preempted;
}

/// The victim is the last in line of those that run, as in vLLM: largest (rank, id).
template <class Decoding>
void ContinuousReplica<Decoding>::preempt_one(SimTime now) {
  const auto later_in_line = [this](RequestSlot a, RequestSlot b) {
    const Request& left = (*requests_)[a];
    const Request& right = (*requests_)[b];
    return left.rank != right.rank ? left.rank > right.rank : left.id > right.id;
  };
  RequestSlot victim = no_slot;
  const auto decoding = static_cast<std::size_t>(decoding_.count());
  std::size_t position = decoding;
  for (std::size_t i = 0; i < decoding; ++i) {
    if (victim == no_slot || later_in_line(decoding_.slot_at(i), victim)) {
      victim = decoding_.slot_at(i);
      position = i;
    }
  }
  MicroBatch* of_partial = nullptr;
  for (MicroBatch& batch : batches_) {
    if (batch.partial != no_slot && (victim == no_slot || later_in_line(batch.partial, victim))) {
      victim = batch.partial;
      of_partial = &batch;
    }
  }
  PLIMSOLL_CHECK(victim != no_slot, "only running sequences need blocks");
  if (of_partial != nullptr) {
    preempt_partial(*of_partial);
  } else {
    preempt_decoding(position, now);
  }
  Request& request = (*requests_)[victim];
  request.preemptions = static_cast<std::uint16_t>(request.preemptions + 1);
  request.micro_batch = 0;
  request.state = RequestState::waiting;
  waiting_.push(victim);
  ++preemptions_;
}

template <class Decoding>
void ContinuousReplica<Decoding>::preempt_decoding(std::size_t position, SimTime now) {
  const LeavingSequence victim = decoding_.remove(position, *requests_, batches_);
  Request& request = (*requests_)[victim.slot];
  request.emitted_tokens = request.output_tokens - static_cast<std::int32_t>(victim.rest);
  take_memory(victim.slot, prefill_tokens(request) - 1, victim.blocks);
  interrupted_.push_back({victim.slot, last_token_of(victim.joined, now)});
}

/// When a decoding sequence that is taken out at `now`, a step's end, got its last token: then,
/// unless that step was one of prompts alone.
template <class Decoding>
SimTime ContinuousReplica<Decoding>::last_token_of(std::uint32_t joined, SimTime now) {
  for (Pause& pause : pauses_) {
    if (joined < pause.joined_before) {
      --pause.sequences;
      return pause.last_token;
    }
  }
  return now;
}

template <class Decoding>
void ContinuousReplica<Decoding>::preempt_partial(MicroBatch& batch) {
  const std::int64_t tokens = prefill_tokens((*requests_)[batch.partial]);
  if (prefixes_) {
    prefixes_->give_up(tokens - batch.partial_done);
  }
  take_memory(batch.partial, batch.partial_done, decoding_.kv().blocks_for(tokens));
  batch.partial = no_slot;
  --batch.prefilling;
  --prefilling_;
}

/// A preempted sequence with its first `tokens` in KV gives back its `blocks`, as far as no other
/// uses them.
template <class Decoding>
void ContinuousReplica<Decoding>::take_memory(RequestSlot slot, std::int64_t tokens,
                                              std::int64_t blocks) {
  decoding_.kv().give_back(prefixes_ ? prefixes_->preempt(slot, tokens, blocks) : blocks);
}

template <class Decoding>
void ContinuousReplica<Decoding>::continue_partials() {
  for (MicroBatch& batch : batches_) {
    if (batch.partial != no_slot) {
      add_chunk(batch, batch.partial, batch.partial_done);
    }
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::add_chunk(MicroBatch& batch, RequestSlot slot,
                                            std::int64_t done) {
  const std::int64_t rest = prefill_tokens((*requests_)[slot]) - done;
  const std::int64_t tokens = std::min(rest, batch.budget_left);
  batch.budget_left -= tokens;
  const bool completes = tokens == rest;
  chunks_.push_back({slot, tokens, done, completes});
  batch.partial = completes ? no_slot : slot;
  batch.partial_done = done + tokens;
}

template <class Decoding>
bool ContinuousReplica<Decoding>::head_fits(std::int64_t decode_need) {
  if (waiting_.empty() || running() >= shape_->max_num_seqs) {
    return false;
  }
  const RequestSlot slot = waiting_.top();
  const std::int64_t tokens = prefill_tokens((*requests_)[slot]);
  const std::int64_t free_blocks = decoding_.kv().free();
  std::int64_t need = decoding_.kv().blocks_for(tokens);
  if (prefixes_) {
    head_hit_ = prefixes_->find(slot, tokens);
    need -= head_hit_.blocks() - head_hit_.unreferenced;
  }
  const std::int64_t keep = running() > 0 ? shape_->watermark_blocks : 0;
  return free_blocks - decode_need - need >= keep;
}

/// The micro-batch with the fewest sequences among those with that much budget; null: none.
template <class Decoding>
MicroBatch* ContinuousReplica<Decoding>::roomiest(std::int64_t least_budget) {
  MicroBatch* best = nullptr;
  for (MicroBatch& batch : batches_) {
    if (batch.budget_left >= least_budget &&
        (best == nullptr ||
         batch.decoding + batch.prefilling < best->decoding + best->prefilling)) {
      best = &batch;
    }
  }
  return best;
}

template <class Decoding>
void ContinuousReplica<Decoding>::admit(std::int64_t decode_need, bool whole_prompts) {
  while (head_fits(decode_need)) {
    const RequestSlot slot = waiting_.top();
    if (whole_prompts && is_received(slot)) {
      return;  // it decodes, and nobody does in a step of prompts alone
    }
    Request& request = (*requests_)[slot];
    const std::int64_t tokens = prefill_tokens(request);
    const std::int64_t found = head_hit_.blocks() * shape_->block_size;
    MicroBatch* batch = roomiest(whole_prompts ? tokens - found : 1);
    if (batch == nullptr) {
      return;
    }
    if (is_received(slot)) {
      join_received(slot, *batch);
      decode_need = decoding_.next_need();
      continue;
    }
    waiting_.pop();
    request.state = RequestState::running;
    request.micro_batch = static_cast<std::uint8_t>(batch - batches_.data());
    note_scheduled(slot);
    std::int64_t blocks = decoding_.kv().blocks_for(tokens);
    if (prefixes_) {
      blocks -= head_hit_.blocks() - head_hit_.unreferenced;
      prefixes_->take(slot, tokens, head_hit_);
    }
    decoding_.kv().take(blocks);
    ++batch->prefilling;
    ++prefilling_;
    add_chunk(*batch, slot, found);
  }
}

/// Between steps of prompts alone, those whose prompt another replica computed begin to decode.
template <class Decoding>
void ContinuousReplica<Decoding>::admit_received() {
  while (head_received() && head_fits(decoding_.next_need())) {
    MicroBatch* batch = roomiest(1);
    if (batch == nullptr) {
      return;
    }
    join_received(waiting_.top(), *batch);
  }
}

/// The first in line, whose KV has come and has room here, decodes from this step on: its last
/// token is not in KV yet.
template <class Decoding>
void ContinuousReplica<Decoding>::join_received(RequestSlot slot, MicroBatch& batch) {
  waiting_.pop();
  Request& request = (*requests_)[slot];
  request.state = RequestState::running;
  request.micro_batch = static_cast<std::uint8_t>(&batch - batches_.data());
  const std::int64_t tokens = prefill_tokens(request) - 1;
  decoding_.kv().take(decoding_.kv().blocks_for(tokens));
  decoding_.join(request, slot, tokens, request.output_tokens - request.emitted_tokens, batch);
  --batch.budget_left;
  received_.push_back(slot);
}

template <class Decoding>
void ContinuousReplica<Decoding>::fill_work() {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    const MicroBatch& batch = batches_[i];
    work_[i] = decode_runs_ ? decoding_.work_of(batch) : StepWork{};
    growth_[i] = decode_runs_ ? decoding_.growth_of(batch) : 0;
  }
  for (const Chunk& chunk : chunks_) {
    StepWork& work = work_[(*requests_)[chunk.slot].micro_batch];
    work.tokens += chunk.tokens;
    work.samples += chunk.completes ? 1 : 0;
    work.kv_tokens += chunk.context;
    work.attention_pairs += chunk.tokens * (2 * chunk.context + chunk.tokens);
  }
}

template <class Decoding>
std::int64_t ContinuousReplica<Decoding>::segment_steps(const AffineCost& cost,
                                                        bool preempted) const {
  // A preemption keeps the line from moving in this step, so the next step plans anew.
  if (!shape_->fast_forward || !chunks_.empty() || !received_.empty() || preempted) {
    return 1;
  }
  std::int64_t steps = decoding_.equal_steps(cost.steps);
  const Femtoseconds last = cost.value + cost.slope * steps;
  steps = std::min(steps, longest_segment / last);
  return std::max<std::int64_t>(steps, 1);
}

template <class Decoding>
void ContinuousReplica<Decoding>::start_segment(FineTime start, bool preempted) {
  fill_work();
  burst_tokens_ = decode_runs_ ? decoding_.begin_step() : 0;
  const AffineCost cost = decoding_.cost(*shape_->costs, work_, growth_, batches_, decode_runs_);
  segment_ = {start, cost.value, cost.slope, segment_steps(cost, preempted), 0};
  if (shape_->energy != nullptr) {
    WorkEnergy work = work_energy(*shape_->energy, work_, growth_);
    work.first += decoding_.more_energy(*shape_, work_, batches_, decode_runs_);
    energy_.begin_segment(work);
  }
  audit_segment(work_, growth_, segment_);
  arm_segment();
}

template <class Decoding>
void ContinuousReplica<Decoding>::line_changed(bool head_changed, Phase phase) {
  // Whoever is not first in line waits behind somebody who had no room, and room comes only at the
  // end of a segment. Steps with prompts are single anyway.
  if (!head_changed || segment_.steps == 1 || running() >= shape_->max_num_seqs) {
    return;
  }
  cut_segment(phase);
}

/// The segment ends at the first boundary from now on.
template <class Decoding>
void ContinuousReplica<Decoding>::cut_segment(Phase phase) {
  const std::int64_t boundary =
      segment_.first_boundary_from(engine_->now(), phase == Phase::before_steps);
  if (boundary < segment_.steps) {
    segment_.steps = boundary;
    engine_->arm(timer_, segment_.end());
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::cancel_running(RequestSlot slot, Phase phase) {
  leavers_.push_back({slot, (*requests_)[slot].id});
  if (segment_.steps > 1) {
    cut_segment(phase);
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::drop_leavers(SimTime now) {
  for (const Leaver& leaver : leavers_) {
    const Request& request = (*requests_)[leaver.slot];
    // Whoever had all its tokens at this boundary was completed, and its slot may be another's.
    if (request.id == leaver.id && request.state == RequestState::running) {
      drop_running(leaver.slot, now);
      listener_->on_cancelled(leaver.slot, now);
    }
  }
  leavers_.clear();
}

template <class Decoding>
void ContinuousReplica<Decoding>::drop_running(RequestSlot slot, SimTime now) {
  MicroBatch& batch = batches_[(*requests_)[slot].micro_batch];
  if (batch.partial == slot) {
    preempt_partial(batch);
    forget_interrupted(slot);
    return;
  }
  std::size_t position = 0;
  while (decoding_.slot_at(position) != slot) {
    ++position;
    PLIMSOLL_CHECK(position < static_cast<std::size_t>(decoding_.count()),
                   "a running sequence decodes or has its prompt computed");
  }
  const LeavingSequence left = decoding_.remove(position, *requests_, batches_);
  Request& request = (*requests_)[slot];
  request.emitted_tokens = request.output_tokens - static_cast<std::int32_t>(left.rest);
  give_back(slot, prefill_tokens(request) - 1, left.blocks);
  static_cast<void>(last_token_of(left.joined, now));  // no pause counts it any more
}

template <class Decoding>
void ContinuousReplica<Decoding>::forget_interrupted(RequestSlot slot) {
  const auto found = std::find_if(interrupted_.begin(), interrupted_.end(),
                                  [slot](const Interrupted& i) { return i.slot == slot; });
  if (found != interrupted_.end()) {
    *found = interrupted_.back();
    interrupted_.pop_back();
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::settle(SimTime t) {
  if (active() > 0) {
    report(steps_over(t));
  }
}

template <class Decoding>
DroppedWork ContinuousReplica<Decoding>::drop_work(SimTime before) {
  report(steps_over(before));
  DroppedWork dropped;
  std::vector<RequestSlot>& lost = dropped.running;
  for (std::size_t i = 0; i < static_cast<std::size_t>(decoding_.count()); ++i) {
    lost.push_back(decoding_.slot_at(i));
  }
  // Each prompt that is under way has one chunk in the step under way.
  for (const Chunk& chunk : chunks_) {
    lost.push_back(chunk.slot);
    if (prefixes_) {
      prefixes_->give_up(prefill_tokens((*requests_)[chunk.slot]) - chunk.context);
    }
  }
  if (unread_) {
    for (const UnreadAnswer& answer : unread_->all()) {
      lost.push_back(answer.slot);
    }
  }
  PLIMSOLL_CHECK(static_cast<std::int64_t>(lost.size()) == running(),
                 "who runs decodes, has its prompt computed or is not read yet");
  for (const Leaver& leaver : leavers_) {
    const Request& request = (*requests_)[leaver.slot];
    if (request.id == leaver.id && request.state == RequestState::running) {
      dropped.leavers.push_back(leaver.slot);
    }
  }
  leavers_.clear();
  decoding_ = Decoding{*shape_};
  if (unread_) {
    unread_->clear();
  }
  if (prefixes_) {
    prefixes_->lose_memory();
  }
  std::fill(batches_.begin(), batches_.end(), MicroBatch{});
  chunks_.clear();
  interrupted_.clear();
  received_.clear();
  pauses_.clear();
  prefilling_ = 0;
  decode_runs_ = false;
  return dropped;
}

template <class Decoding>
void ContinuousReplica<Decoding>::report(std::int64_t until) {
  if (shape_->energy != nullptr && until > segment_.reported) {
    energy_.add_steps(*shape_->energy, segment_, until);
  }
  if (until > 0 && decode_runs_ && !pauses_.empty()) {
    report_end_of_pauses();
  }
  if (until <= segment_.reported) {
    return;
  }
  StepRun run;
  run.pool = shape_->pool;
  run.replica = index_;
  run.steps = until - segment_.reported;
  run.received = static_cast<std::int64_t>(received_.size());
  run.sequences = decode_runs_ ? decoding_.count() - run.received : 0;
  run.burst_tokens = burst_tokens_;
  for (const Chunk& chunk : chunks_) {
    run.prompt_tokens += chunk.tokens;
    run.first_tokens += chunk.completes ? 1 : 0;
  }
  run.first_step = segment_.first + segment_.slope * segment_.reported;
  run.slope = segment_.slope;
  segment_.reported = until;
  sink_->on_steps(run);
}

/// The first step of decodes after steps of prompts alone: gaps differ by who waited how long.
template <class Decoding>
void ContinuousReplica<Decoding>::report_end_of_pauses() {
  StepRun run;
  run.pool = shape_->pool;
  run.replica = index_;
  run.steps = 1;
  run.first_step = segment_.first;
  run.received = static_cast<std::int64_t>(received_.size());
  run.sequences = decoding_.count() - run.received;
  run.burst_tokens = burst_tokens_;
  for (const Pause& pause : pauses_) {
    run.sequences -= pause.sequences;
  }
  sink_->on_steps(run);
  run.told_before = true;
  run.burst_tokens = 0;
  run.received = 0;
  for (const Pause& pause : pauses_) {
    run.sequences = pause.sequences;
    run.first_step = segment_.first + pause.length;
    sink_->on_steps(run);
  }
  pauses_.clear();
  segment_.reported = 1;
}

/// A step of prompts alone ended: whoever decodes got no token.
template <class Decoding>
void ContinuousReplica<Decoding>::hold_up_decodes() {
  std::int64_t fresh = decoding_.count();
  for (Pause& pause : pauses_) {
    fresh -= pause.sequences;
    pause.length += segment_.first;
  }
  if (fresh > 0) {
    pauses_.push_back({decoding_.joined(), fresh, segment_.start.published(), segment_.first});
  }
}

template <class Decoding>
std::int64_t ContinuousReplica<Decoding>::kv_blocks_used(SimTime t) const {
  if (!decode_runs_ || decoding_.count() == 0) {
    return decoding_.kv().used();
  }
  return decoding_.kv().used() + decoding_.kv().need_of(std::min(steps_over(t), segment_.steps));
}

template <class Decoding>
void ContinuousReplica<Decoding>::add_prefix_counts(PrefixCounts& counts) const {
  if (!prefixes_) {
    return;
  }
  const PrefixCounts& own = prefixes_->counts();
  counts.prompt_tokens += own.prompt_tokens;
  counts.hit_tokens += own.hit_tokens;
  counts.recompute_tokens += own.recompute_tokens;
  counts.recompute_hit_tokens += own.recompute_hit_tokens;
  counts.given_up_tokens += own.given_up_tokens;
  // Each prompt that is under way has one chunk in the step under way.
  for (const Chunk& chunk : chunks_) {
    counts.left_tokens += prefill_tokens((*requests_)[chunk.slot]) - chunk.context;
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::step_ended() {
  const SimTime now = engine_->now();
  const FineTime end = segment_.boundary(segment_.steps);
  report(segment_.steps);
  tell_received(now);
  if (decode_runs_) {
    decoding_.advance(segment_.steps, batches_);
    end_sequences(now);
  } else {
    hold_up_decodes();
  }
  end_chunks(now);
  if (!leavers_.empty()) {
    drop_leavers(now);
  }
  plan(end);
}

/// Their gap holds the transfer and the wait for room.
template <class Decoding>
void ContinuousReplica<Decoding>::tell_received(SimTime now) {
  for (const RequestSlot slot : received_) {
    sink_->on_resumed_token(shape_->pool, now - (*requests_)[slot].first_token);
  }
  received_.clear();
}

template <class Decoding>
void ContinuousReplica<Decoding>::end_sequences(SimTime now) {
  LeavingSequence ended;
  while (decoding_.take_ended(ended, *requests_, batches_)) {
    const Request& request = (*requests_)[ended.slot];
    // The last token that was emitted is not in KV.
    finish(ended.slot, std::int64_t{request.prompt_tokens} + request.output_tokens - 1,
           ended.blocks, now);
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::end_chunks(SimTime now) {
  for (const Chunk& chunk : chunks_) {
    if (prefixes_) {
      prefixes_->computed(chunk.slot, chunk.context + chunk.tokens);
    }
    if (chunk.completes) {
      end_chunk(chunk, now);
    }
  }
}

/// A prompt is computed: its sequence emits a token, then decodes on or ends.
template <class Decoding>
void ContinuousReplica<Decoding>::end_chunk(const Chunk& chunk, SimTime now) {
  Request& request = (*requests_)[chunk.slot];
  MicroBatch& batch = batches_[request.micro_batch];
  const std::int64_t tokens = prefill_tokens(request);
  --batch.prefilling;
  --prefilling_;
  const bool first = request.emitted_tokens == 0;
  ++request.emitted_tokens;
  if (first) {
    first_token(chunk.slot, now);
  } else {
    note_gap(chunk.slot, now);
  }
  const std::int64_t rest = request.output_tokens - request.emitted_tokens;
  if (rest == 0) {
    finish(chunk.slot, tokens, decoding_.kv().blocks_for(tokens), now);
    return;
  }
  if (shape_->role == PoolRole::prefill) {
    end_prefill(chunk.slot, now);
    return;
  }
  decoding_.join(request, chunk.slot, tokens, rest, batch);
}

/// A sequence has all its tokens, the first `tokens` of them in KV: it ends, or stays until its
/// client has read.
template <class Decoding>
void ContinuousReplica<Decoding>::finish(RequestSlot slot, std::int64_t tokens, std::int64_t blocks,
                                         SimTime now) {
  const SimTime until = unread_ ? listener_->leaves_at(slot, now) : now;
  if (until > now) {
    Request& request = (*requests_)[slot];
    request.state = RequestState::unread;
    unread_->keep({until, request.id, slot, tokens, blocks});
    return;
  }
  give_back(slot, tokens, blocks);
  end_request(slot, now);
}

/// Blocks that the steps of the segment took whose end lies before `t`.
template <class Decoding>
std::int64_t ContinuousReplica<Decoding>::taken_before(SimTime t) const {
  if (!decode_runs_ || decoding_.count() == 0) {
    return 0;
  }
  return decoding_.kv().need_of(segment_.first_boundary_from(t, true) - 1);
}

template <class Decoding>
void ContinuousReplica<Decoding>::on_read(void* replica, std::uint64_t) {
  static_cast<ContinuousReplica*>(replica)->end_read();
}

/// Whoever has been read ends, and leaves room for others.
template <class Decoding>
void ContinuousReplica<Decoding>::end_read() {
  const SimTime now = engine_->now();
  UnreadAnswer answer;
  const std::int64_t taken = taken_before(now);
  while (unread_->take(answer)) {
    give_back(answer.slot, answer.tokens, answer.blocks, taken);
    end_request(answer.slot, now);
  }
  if (waiting_.empty()) {
    return;
  }
  if (is_idle()) {
    plan(FineTime::of(now));
  } else {
    line_changed(true, Phase::before_steps);
  }
}

/// Its KV stays until it has been sent, unless its client left during the step.
template <class Decoding>
void ContinuousReplica<Decoding>::end_prefill(RequestSlot slot, SimTime now) {
  Request& request = (*requests_)[slot];
  ++kept_;
  const bool leaves = std::any_of(leavers_.begin(), leavers_.end(), [&](const Leaver& leaver) {
    return leaver.slot == slot && leaver.id == request.id;
  });
  if (leaves) {
    let_go(slot);
    listener_->on_cancelled(slot, now);
    return;
  }
  request.state = RequestState::prefilled;
  listener_->on_prefilled(slot, now);
}

template <class Decoding>
void ContinuousReplica<Decoding>::let_go(RequestSlot slot) {
  PLIMSOLL_CHECK(kept_ > 0, "KV that is let go was kept");
  --kept_;
  const std::int64_t tokens = (*requests_)[slot].prompt_tokens;
  give_back(slot, tokens, decoding_.kv().blocks_for(tokens));
  if (is_idle() && !waiting_.empty()) {
    plan(FineTime::of(engine_->now()));
  }
}

template <class Decoding>
void ContinuousReplica<Decoding>::note_gap(RequestSlot slot, SimTime now) {
  const auto found = std::find_if(interrupted_.begin(), interrupted_.end(),
                                  [slot](const Interrupted& i) { return i.slot == slot; });
  PLIMSOLL_CHECK(found != interrupted_.end(), "a sequence that resumes was interrupted");
  const Duration gap = now - found->last_token;
  *found = interrupted_.back();
  interrupted_.pop_back();
  sink_->on_resumed_token(shape_->pool, gap);
}

template class ContinuousReplica<PlainDecoding>;
template class ContinuousReplica<SpeculativeDecoding>;

}  // namespace plimsoll
