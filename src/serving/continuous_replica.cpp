// Continuous batching: plans one step, or many equal ones, at a time.
#include "serving/continuous_replica.hpp"

#include <algorithm>

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
  return std::make_unique<ContinuousReplica>(index, shape, engine, requests, sink, listener);
}

ContinuousReplica::ContinuousReplica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                                     RequestTable& requests, EventSink& sink,
                                     ReplicaListener& listener)
    : Replica{index, shape, engine, requests, sink, listener},
      ledger_{shape.kv_blocks, shape.block_size,
              shape.kv_layout == KvLayout::contiguous ? shape.max_context : 0},
      batches_(static_cast<std::size_t>(shape.micro_batches)),
      work_(static_cast<std::size_t>(shape.micro_batches)),
      growth_(static_cast<std::size_t>(shape.micro_batches)) {
}

std::int64_t ContinuousReplica::running() const {
  return decoding_ + prefilling_;
}

void ContinuousReplica::plan(FineTime start) {
  chunks_.clear();
  bool preempted = false;
  open_budgets();
  if (!shape_->chunked_prefill && head_fits(0)) {
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
        admit(ledger_.next_need(), false);
      }
    }
    decode_runs_ = decoding_ > 0;
  }
  if (chunks_.empty() && decoding_ == 0) {
    PLIMSOLL_CHECK(waiting_.empty(), "an idle replica leaves nobody waiting");
    set_busy(false);
    return;
  }
  set_busy(true);
  start_segment(start, preempted);
}

void ContinuousReplica::open_budgets() {
  for (MicroBatch& batch : batches_) {
    // Prompts that run without chunking have the step to themselves.
    batch.budget_left = shape_->token_budget - (shape_->chunked_prefill ? batch.decoding : 0);
  }
}

/// Preempts until the decoding sequences can take the blocks of their next step.
bool ContinuousReplica::make_room(SimTime now) {
  bool preempted = false;
  while (ledger_.next_need() > ledger_.free()) {
    preempt_one(now);
    preempted = true;
  }
  return preempted;
}

/// The victim is the last in line of those that run, as in vLLM: largest (rank, id).
void ContinuousReplica::preempt_one(SimTime now) {
  const auto later_in_line = [this](RequestSlot a, RequestSlot b) {
    const Request& left = (*requests_)[a];
    const Request& right = (*requests_)[b];
    return left.rank != right.rank ? left.rank > right.rank : left.id > right.id;
  };
  RequestSlot victim = no_slot;
  std::size_t position = endings_.size();
  for (std::size_t i = 0; i < endings_.size(); ++i) {
    if (victim == no_slot || later_in_line(endings_[i].slot, victim)) {
      victim = endings_[i].slot;
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
  request.state = RequestState::waiting;
  waiting_.push(victim);
  ++preemptions_;
}

void ContinuousReplica::preempt_decoding(std::size_t position, SimTime now) {
  const Ending ending = endings_[position];
  endings_[position] = endings_.back();
  endings_.pop_back();
  std::make_heap(endings_.begin(), endings_.end(), ends_later);

  Request& request = (*requests_)[ending.slot];
  request.emitted_tokens =
      request.output_tokens - static_cast<std::int32_t>(ending.step - steps_done_);
  const std::int64_t tokens = prefill_tokens(request) - 1;  // the last one is not in KV yet
  ledger_.leave(tokens);
  ledger_.give_back(ledger_.blocks_for(tokens));
  MicroBatch& batch = batches_[request.micro_batch];
  --batch.decoding;
  batch.kv_tokens -= tokens;
  --decoding_;
  interrupted_.push_back({ending.slot, last_token_of(ending, now)});
}

/// When a decoding sequence that is taken out at `now`, a step's end, got its last token: then,
/// unless that step was one of prompts alone.
SimTime ContinuousReplica::last_token_of(const Ending& preempted, SimTime now) {
  for (Pause& pause : pauses_) {
    if (preempted.joined < pause.joined_before) {
      --pause.sequences;
      return pause.last_token;
    }
  }
  return now;
}

void ContinuousReplica::preempt_partial(MicroBatch& batch) {
  ledger_.give_back(ledger_.blocks_for(prefill_tokens((*requests_)[batch.partial])));
  batch.partial = no_slot;
  --batch.prefilling;
  --prefilling_;
}

void ContinuousReplica::continue_partials() {
  for (MicroBatch& batch : batches_) {
    if (batch.partial != no_slot) {
      add_chunk(batch, batch.partial, batch.partial_done);
    }
  }
}

void ContinuousReplica::add_chunk(MicroBatch& batch, RequestSlot slot, std::int64_t done) {
  const std::int64_t rest = prefill_tokens((*requests_)[slot]) - done;
  const std::int64_t tokens = std::min(rest, batch.budget_left);
  batch.budget_left -= tokens;
  const bool completes = tokens == rest;
  chunks_.push_back({slot, tokens, done, completes});
  batch.partial = completes ? no_slot : slot;
  batch.partial_done = done + tokens;
}

bool ContinuousReplica::head_fits(std::int64_t decode_need) {
  if (waiting_.empty() || running() >= shape_->max_num_seqs) {
    return false;
  }
  const Request& head = (*requests_)[waiting_.top()];
  const std::int64_t need = ledger_.blocks_for(prefill_tokens(head));
  const std::int64_t keep = running() > 0 ? shape_->watermark_blocks : 0;
  return ledger_.free() - decode_need - need >= keep;
}

/// The micro-batch with the fewest sequences among those with that much budget; null: none.
ContinuousReplica::MicroBatch* ContinuousReplica::roomiest(std::int64_t least_budget) {
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

void ContinuousReplica::admit(std::int64_t decode_need, bool whole_prompts) {
  while (head_fits(decode_need)) {
    const RequestSlot slot = waiting_.top();
    Request& request = (*requests_)[slot];
    const std::int64_t tokens = prefill_tokens(request);
    MicroBatch* batch = roomiest(whole_prompts ? tokens : 1);
    if (batch == nullptr) {
      return;
    }
    waiting_.pop();
    request.state = RequestState::running;
    request.micro_batch = static_cast<std::uint8_t>(batch - batches_.data());
    if (request.scheduled == never) {
      request.scheduled = engine_->now();
    }
    ledger_.take(ledger_.blocks_for(tokens));
    ++batch->prefilling;
    ++prefilling_;
    add_chunk(*batch, slot, 0);
  }
}

void ContinuousReplica::fill_work() {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    const MicroBatch& batch = batches_[i];
    const std::int64_t decoding = decode_runs_ ? batch.decoding : 0;
    work_[i] = {decoding, decoding, decode_runs_ ? batch.kv_tokens + decoding : 0, 0};
    growth_[i] = decoding;
  }
  for (const Chunk& chunk : chunks_) {
    StepWork& work = work_[(*requests_)[chunk.slot].micro_batch];
    work.tokens += chunk.tokens;
    work.samples += chunk.completes ? 1 : 0;
    work.kv_tokens += chunk.context;
    work.attention_pairs += chunk.tokens * (2 * chunk.context + chunk.tokens);
  }
}

std::int64_t ContinuousReplica::segment_steps(const AffineCost& cost, bool preempted) const {
  // A preemption keeps the line from moving in this step, so the next step plans anew.
  if (!shape_->fast_forward || !chunks_.empty() || preempted) {
    return 1;
  }
  std::int64_t steps = std::min(cost.steps, endings_.front().step - steps_done_);
  steps = ledger_.steps_possible(steps);
  const Femtoseconds last = cost.value + cost.slope * steps;
  steps = std::min(steps, longest_segment / last);
  return std::max<std::int64_t>(steps, 1);
}

void ContinuousReplica::start_segment(FineTime start, bool preempted) {
  fill_work();
  const int count = static_cast<int>(batches_.size());
  const AffineCost cost = round_cost(*shape_->costs, work_.data(), growth_.data(), count);
  segment_ = {start, cost.value, cost.slope, segment_steps(cost, preempted), 0};
  audit_segment(work_, growth_, segment_);
  engine_->arm(timer_, segment_.end());
}

void ContinuousReplica::line_changed(bool head_changed, Phase phase) {
  // Whoever is not first in line waits behind somebody who had no room, and room comes only at the
  // end of a segment. Steps with prompts are single anyway.
  if (!head_changed || segment_.steps == 1 || running() >= shape_->max_num_seqs) {
    return;
  }
  const std::int64_t boundary =
      segment_.first_boundary_from(engine_->now(), phase == Phase::before_steps);
  if (boundary < segment_.steps) {
    segment_.steps = boundary;
    engine_->arm(timer_, segment_.end());
  }
}

void ContinuousReplica::settle(SimTime t) {
  if (running() > 0) {
    report(segment_.steps_until(t));
  }
}

void ContinuousReplica::report(std::int64_t until) {
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
  run.sequences = decode_runs_ ? decoding_ : 0;
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
void ContinuousReplica::report_end_of_pauses() {
  StepRun run;
  run.pool = shape_->pool;
  run.replica = index_;
  run.steps = 1;
  run.first_step = segment_.first;
  run.sequences = decoding_;
  for (const Pause& pause : pauses_) {
    run.sequences -= pause.sequences;
  }
  sink_->on_steps(run);
  run.told_before = true;
  for (const Pause& pause : pauses_) {
    run.sequences = pause.sequences;
    run.first_step = segment_.first + pause.length;
    sink_->on_steps(run);
  }
  pauses_.clear();
  segment_.reported = 1;
}

/// A step of prompts alone ended: whoever decodes got no token.
void ContinuousReplica::hold_up_decodes() {
  std::int64_t fresh = decoding_;
  for (Pause& pause : pauses_) {
    fresh -= pause.sequences;
    pause.length += segment_.first;
  }
  if (fresh > 0) {
    pauses_.push_back({joined_, fresh, segment_.start.published(), segment_.first});
  }
}

std::int64_t ContinuousReplica::kv_blocks_used(SimTime t) const {
  if (!decode_runs_ || decoding_ == 0) {
    return ledger_.used();
  }
  return ledger_.used() + ledger_.need_of(std::min(segment_.steps_until(t), segment_.steps));
}

void ContinuousReplica::step_ended() {
  const SimTime now = engine_->now();
  const FineTime end = segment_.boundary(segment_.steps);
  report(segment_.steps);
  if (decode_runs_) {
    ledger_.advance(segment_.steps);
    steps_done_ += segment_.steps;
    for (MicroBatch& batch : batches_) {
      batch.kv_tokens += batch.decoding * segment_.steps;
    }
    end_sequences(now);
  } else {
    hold_up_decodes();
  }
  end_chunks(now);
  plan(end);
}

void ContinuousReplica::end_sequences(SimTime now) {
  while (!endings_.empty() && endings_.front().step == steps_done_) {
    const RequestSlot slot = endings_.front().slot;
    std::pop_heap(endings_.begin(), endings_.end(), ends_later);
    endings_.pop_back();
    const Request& request = (*requests_)[slot];
    const std::int64_t tokens = std::int64_t{request.prompt_tokens} + request.output_tokens - 1;
    ledger_.leave(tokens);
    ledger_.give_back(ledger_.blocks_for(tokens));
    MicroBatch& batch = batches_[request.micro_batch];
    --batch.decoding;
    batch.kv_tokens -= tokens;
    --decoding_;
    end_request(slot, now);
  }
}

void ContinuousReplica::end_chunks(SimTime now) {
  for (const Chunk& chunk : chunks_) {
    if (chunk.completes) {
      end_chunk(chunk, now);
    }
  }
}

/// A prompt is computed: its sequence emits a token, then decodes on or ends.
void ContinuousReplica::end_chunk(const Chunk& chunk, SimTime now) {
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
    ledger_.give_back(ledger_.blocks_for(tokens));
    end_request(chunk.slot, now);
    return;
  }
  ledger_.join(tokens);
  ++batch.decoding;
  batch.kv_tokens += tokens;
  ++decoding_;
  endings_.push_back({steps_done_ + rest, joined_++, chunk.slot});
  std::push_heap(endings_.begin(), endings_.end(), ends_later);
}

void ContinuousReplica::note_gap(RequestSlot slot, SimTime now) {
  const auto found = std::find_if(interrupted_.begin(), interrupted_.end(),
                                  [slot](const Interrupted& i) { return i.slot == slot; });
  PLIMSOLL_CHECK(found != interrupted_.end(), "a sequence that resumes was interrupted");
  const Duration gap = now - found->last_token;
  *found = interrupted_.back();
  interrupted_.pop_back();
  sink_->on_resumed_token(shape_->pool, gap);
}

}  // namespace plimsoll
