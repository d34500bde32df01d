// Static batching: prefill in passes, then decode until the longest output is done.
#include "serving/static_replica.hpp"

#include <algorithm>

#include "serving/round_cost.hpp"

namespace plimsoll {
namespace {

/// Sums over a segment stay below this, so that they and their neighbours fit 64 bits.
constexpr Femtoseconds longest_segment = 2'000'000'000'000'000'000;

}  // namespace

StaticReplica::StaticReplica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                             RequestTable& requests, EventSink& sink, ReplicaListener& listener)
    : Replica{index, shape, engine, requests, sink, listener},
      blocks_per_sequence_{(shape.max_context + shape.block_size - 1) / shape.block_size},
      most_sequences_{std::min<std::int64_t>(
          shape.max_num_seqs, shape.kv_blocks / std::max<std::int64_t>(blocks_per_sequence_, 1))} {
  PLIMSOLL_CHECK(most_sequences_ >= 1, "a replica has KV memory for one sequence at least");
  const auto micro_batches = static_cast<std::size_t>(shape.micro_batches);
  prefilled_.resize(micro_batches);
  work_.resize(micro_batches);
  growth_.resize(micro_batches);
}

void StaticReplica::plan(FineTime) {
  // Idle. The batch begins in a step event, so that it sees all that arrives at this moment.
  engine_->arm(timer_, engine_->now());
}

void StaticReplica::line_changed(bool, Phase) {
  // Nothing joins a batch that runs.
}

std::int64_t StaticReplica::kv_blocks_used(SimTime) const {
  return running() * blocks_per_sequence_;
}

void StaticReplica::settle(SimTime t) {
  if (!batch_.empty()) {
    report(steps_over(t));
  }
}

DroppedWork StaticReplica::drop_work(SimTime before) {
  report(steps_over(before));
  DroppedWork dropped;
  dropped.running.swap(batch_);
  return dropped;
}

void StaticReplica::step_ended() {
  if (batch_.empty()) {
    begin_batch(FineTime::of(engine_->now()));
    return;
  }
  report(segment_.steps);
  if (first_tokens_ > 0) {
    for (const RequestSlot slot : batch_) {
      first_token(slot, engine_->now());
    }
  } else if (emitting_ > 0) {
    decode_steps_ += segment_.steps;
  }
  const FineTime end = segment_.boundary(segment_.steps);
  if (prefilled() && decode_steps_ + 1 >= outputs_.back()) {
    end_batch(end);
  } else {
    go_on(end);
  }
}

void StaticReplica::begin_batch(FineTime start) {
  padded_prompt_ = 1;
  outputs_.clear();
  while (running() < most_sequences_ && !waiting_.empty()) {
    const RequestSlot slot = waiting_.top();
    waiting_.pop();
    Request& request = (*requests_)[slot];
    request.state = RequestState::running;
    note_scheduled(slot);
    request.micro_batch = static_cast<std::uint8_t>(batch_.size() % work_.size());
    padded_prompt_ = std::max<std::int64_t>(padded_prompt_, request.prompt_tokens);
    outputs_.push_back(request.output_tokens);
    batch_.push_back(slot);
  }
  if (batch_.empty()) {
    return;  // who waited has left
  }
  std::sort(outputs_.begin(), outputs_.end());
  std::fill(prefilled_.begin(), prefilled_.end(), 0);
  satisfied_ = 0;
  decode_steps_ = 0;
  set_busy(true);
  go_on(start);
}

void StaticReplica::end_batch(FineTime end) {
  const SimTime now = engine_->now();
  for (const RequestSlot slot : batch_) {
    end_request(slot, now);
  }
  batch_.clear();
  if (waiting_.empty()) {
    set_busy(false);
  } else {
    begin_batch(end);
  }
}

void StaticReplica::go_on(FineTime start) {
  if (prefilled()) {
    plan_decode(start);
  } else {
    plan_prefill(start);
  }
}

std::int64_t StaticReplica::sequences_of(std::size_t micro_batch) const {
  return static_cast<std::int64_t>((batch_.size() + work_.size() - 1 - micro_batch) / work_.size());
}

bool StaticReplica::prefilled() const {
  for (std::size_t m = 0; m < work_.size(); ++m) {
    if (prefilled_[m] < sequences_of(m) * padded_prompt_) {
      return false;
    }
  }
  return true;
}

void StaticReplica::plan_prefill(FineTime start) {
  emitting_ = 0;
  prompt_tokens_ = 0;
  for (std::size_t m = 0; m < work_.size(); ++m) {
    work_[m] = take_chunks(m);
    growth_[m] = 0;
  }
  first_tokens_ = prefilled() ? running() : 0;
  run(start, 1);
}

/// The next pass of a micro-batch: its sequences one after the other, as far as the budget goes.
StepWork StaticReplica::take_chunks(std::size_t micro_batch) {
  StepWork work;
  std::int64_t& done = prefilled_[micro_batch];
  const std::int64_t all = sequences_of(micro_batch) * padded_prompt_;
  while (done < all && work.tokens < shape_->token_budget) {
    const std::int64_t context = done % padded_prompt_;
    const std::int64_t rest = padded_prompt_ - context;
    const std::int64_t chunk = std::min(rest, shape_->token_budget - work.tokens);
    if (chunk < rest && !shape_->chunked_prefill && work.tokens > 0) {
      break;
    }
    const auto number = static_cast<std::size_t>(done / padded_prompt_);
    const Request& request = (*requests_)[batch_[number * work_.size() + micro_batch]];
    work.tokens += chunk;
    work.samples += chunk == rest ? 1 : 0;
    work.kv_tokens += context;
    work.attention_pairs += chunk * (2 * context + chunk);
    prompt_tokens_ += std::clamp<std::int64_t>(request.prompt_tokens - context, 0, chunk);
    done += chunk;
  }
  return work;
}

void StaticReplica::plan_decode(FineTime start) {
  // A sequence that wants n tokens emits in decode steps 1 .. n - 1.
  while (outputs_[satisfied_] <= decode_steps_ + 1) {
    ++satisfied_;
  }
  emitting_ = static_cast<std::int64_t>(outputs_.size() - satisfied_);
  prompt_tokens_ = 0;
  first_tokens_ = 0;
  std::int64_t steps = outputs_[satisfied_] - 1 - decode_steps_;
  const std::int64_t room = shape_->max_context - padded_prompt_ - decode_steps_;
  const std::int64_t context = padded_prompt_ + decode_steps_ + std::min<std::int64_t>(room, 0);
  for (std::size_t m = 0; m < work_.size(); ++m) {
    const std::int64_t sequences = sequences_of(m);
    work_[m] = StepWork{sequences, sequences, sequences * context, 0};
    growth_[m] = room > 0 ? sequences : 0;
  }
  if (room > 0) {
    steps = std::min(steps, room);
  }
  run(start, shape_->fast_forward ? steps : 1);
}

/// Starts up to `steps` steps of work_ growing by growth_.
void StaticReplica::run(FineTime start, std::int64_t steps) {
  const auto count = static_cast<int>(work_.size());
  const AffineCost cost = round_cost(*shape_->costs, work_.data(), growth_.data(), count);
  std::int64_t most = std::min(steps, cost.steps);
  const Femtoseconds last = cost.value + cost.slope * most;
  most = std::max<std::int64_t>(std::min(most, longest_segment / last), 1);
  segment_ = Segment{start, cost.value, cost.slope, most, 0};
  if (shape_->energy != nullptr) {
    energy_.begin_segment(work_energy(*shape_->energy, work_, growth_));
  }
  audit_segment(work_, growth_, segment_);
  arm_segment();
}

/// Tells the sink about the segment's first `steps` steps, as far as it does not know them.
void StaticReplica::report(std::int64_t steps) {
  if (steps <= segment_.reported) {
    return;
  }
  if (shape_->energy != nullptr) {
    energy_.add_steps(*shape_->energy, segment_, steps);
  }
  StepRun told;
  told.pool = shape_->pool;
  told.replica = index_;
  told.steps = steps - segment_.reported;
  told.sequences = emitting_;
  told.prompt_tokens = prompt_tokens_;
  told.first_tokens = first_tokens_;
  told.first_step = segment_.first + segment_.reported * segment_.slope;
  told.slope = segment_.slope;
  sink_->on_steps(told);
  segment_.reported = steps;
}

}  // namespace plimsoll
