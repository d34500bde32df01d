// Test support: the oracle of the continuous replica, by plain loops over all sequences.
#include "support/naive_replica.hpp"

#include <algorithm>
#include <tuple>

namespace plimsoll::testing {
namespace {
constexpr std::int64_t femto = 1'000'000;  // femtoseconds in a nanosecond

SimTime nearest(std::int64_t ns, std::int64_t rest) {
  return SimTime{Duration{2 * rest >= femto ? ns + 1 : ns}};
}
}  // namespace

NaiveReplica::NaiveReplica(const ReplicaShape& shape, RequestTable& requests, EventSink& sink,
                           ReplicaListener& listener)
    : shape_{&shape},
      requests_{&requests},
      sink_{&sink},
      listener_{&listener},
      memory_{shape.prefix_cache ? shape.kv_blocks : 0} {
}

void NaiveReplica::become(int activity, SimTime now) {
  spent_ns_[activity_] += (now - since_).count();
  since_ = now;
  activity_ = activity;
}

void NaiveReplica::become_ready(SimTime now) {
  ready_ = true;
  become(1, now);
  plan(now.time_since_epoch().count(), 0);
}

void NaiveReplica::enqueue(RequestSlot slot, SimTime now) {
  Request& request = (*requests_)[slot];
  request.state = RequestState::waiting;
  Sequence sequence;
  sequence.slot = slot;
  sequence.id = request.id;
  sequence.rank = request.rank;
  sequence.prompt = request.prompt_tokens;
  sequence.output = request.output_tokens;
  if (caches()) {
    sequence.prefix = requests_->prefix_use(slot).prefix;
    sequence.history = sequence.prefix.history_tokens;
  }
  sequences_.push_back(sequence);
  if (ready_ && !stepping_) {
    only_decodes_ = false;
    plan(now.time_since_epoch().count(), 0);
  }
}

void NaiveReplica::cancel_waiting(RequestSlot slot) {
  (*requests_)[slot].state = RequestState::free;
  drop(slot);
}

void NaiveReplica::cancel_running(RequestSlot slot) {
  const auto found = std::find_if(sequences_.begin(), sequences_.end(),
                                  [slot](const Sequence& s) { return s.slot == slot; });
  found->leaves = ++leavers_;
}

void NaiveReplica::drop_leavers(SimTime now) {
  std::vector<std::pair<std::int64_t, RequestSlot>> leavers;
  for (Sequence& s : sequences_) {
    if (s.leaves > 0 && runs(s)) {
      leavers.emplace_back(s.leaves, s.slot);
      const bool prompt = s.stage == Stage::prefilling;
      (prompt ? counts_.left_prefill : counts_.left_decoding)++;
      prefix_.given_up_tokens += caches() && prompt ? s.goal - s.in_kv : 0;
      (*requests_)[s.slot].emitted_tokens = static_cast<std::int32_t>(s.emitted);
    }
    s.leaves = 0;
  }
  std::sort(leavers.begin(), leavers.end());
  for (const auto& [order, slot] : leavers) {
    drop(slot);
    listener_->on_cancelled(slot, now);
  }
}

void NaiveReplica::drop(RequestSlot slot) {
  const auto found = std::find_if(sequences_.begin(), sequences_.end(),
                                  [slot](const Sequence& s) { return s.slot == slot; });
  if (caches() && found->stage != Stage::waiting) {
    give_names(*found, false);
    let_go(*found);
  }
  sequences_.erase(found);
}

SimTime NaiveReplica::next_boundary() const {
  return stepping_ ? nearest(end_ns_, end_rest_) : never;
}

// ---- a step ends ----

void NaiveReplica::end_step() {
  const SimTime now = next_boundary();
  StepRun run;
  run.pool = shape_->pool;
  run.steps = 1;
  run.first_step = cost_;
  only_decodes_ = true;
  std::vector<Femtoseconds> longer_gaps;
  for (Sequence& s : sequences_) {
    if (s.decodes && s.waited > 0) {
      longer_gaps.push_back(cost_ + s.waited);
    } else {
      run.sequences += s.decodes ? 1 : 0;
    }
    s.waited = s.stage == Stage::decoding && !s.decodes ? s.waited + cost_ : 0;
    run.prompt_tokens += s.chunk;
    only_decodes_ = only_decodes_ && s.chunk == 0;
    if (s.decodes) {
      hold(s, std::max(s.blocks, blocks_of_step(s)));
      s.gain = gain_of(s);
      run.burst_tokens += s.gain - 1;
    }
    s.in_kv += s.chunk + (s.decodes ? s.gain : 0);
    run.first_tokens += s.chunk > 0 && s.in_kv == s.goal ? 1 : 0;
    if (s.stage != Stage::waiting) {
      hold(s, std::max(s.blocks, blocks_for(s.in_kv)));
    }
  }
  ++counts_.steps;
  step_time_ += cost_;
  step_energy_ += energy_;
  sink_->on_steps(run);
  for (const Femtoseconds gap : longer_gaps) {
    StepRun one;
    one.steps = 1;
    one.sequences = 1;
    one.first_step = gap;
    one.told_before = true;
    sink_->on_steps(one);
  }
  stepping_ = false;
  completed_ = false;
  emit_decodes(now);
  emit_first(now);
  drop_leavers(now);
  plan(end_ns_, end_rest_);
}

void NaiveReplica::emit_decodes(SimTime now) {
  std::vector<std::pair<std::int64_t, RequestSlot>> complete;
  for (Sequence& s : sequences_) {
    if (s.decodes) {
      s.emitted += s.gain;
      s.last_token = now;
      if (s.emitted == s.output) {
        complete.emplace_back(s.joined, s.slot);
      }
    }
  }
  std::sort(complete.begin(), complete.end());
  for (const auto& [joined, slot] : complete) {
    completed_ = true;
    finish(slot, now);
  }
}

void NaiveReplica::emit_first(SimTime now) {
  std::vector<std::pair<std::int64_t, RequestSlot>> chunks;
  for (const Sequence& s : sequences_) {
    if (s.chunk > 0) {
      chunks.emplace_back(s.chunk_turn, s.slot);
    }
  }
  std::sort(chunks.begin(), chunks.end());
  for (const auto& turn_and_slot : chunks) {
    const RequestSlot slot = turn_and_slot.second;
    Sequence& s = *std::find_if(sequences_.begin(), sequences_.end(),
                                [slot](const Sequence& other) { return other.slot == slot; });
    if (caches()) {
      give_names(s, false);
    }
    if (s.in_kv < s.goal) {
      continue;
    }
    if (s.emitted == 0) {
      (*requests_)[s.slot].first_token = now;
      listener_->on_first_token(s.slot, now);
    } else {
      sink_->on_resumed_token(shape_->pool, now - s.last_token);
    }
    ++s.emitted;
    s.last_token = now;
    s.stage = Stage::decoding;
    s.joined = joins_++;
    if (shape_->speculation != nullptr) {
      s.draws = shape_->speculation->draws_of(s.id, (*requests_)[s.slot].preemptions);
    }
    if (s.emitted == s.output) {
      finish(slot, now);
    }
  }
}

/// It has all its tokens: it ends, or is held until it is read.
void NaiveReplica::finish(RequestSlot slot, SimTime now) {
  const SimTime until = shape_->holds_unread ? listener_->leaves_at(slot, now) : now;
  if (until <= now) {
    complete(slot, now);
    return;
  }
  Sequence& s = *std::find_if(sequences_.begin(), sequences_.end(),
                              [slot](const Sequence& other) { return other.slot == slot; });
  s.stage = Stage::unread;
  s.until = until;
  (*requests_)[slot].state = RequestState::unread;
  ++counts_.reads;
}

void NaiveReplica::complete(RequestSlot slot, SimTime now) {
  drop(slot);
  (*requests_)[slot].emitted_tokens = (*requests_)[slot].output_tokens;
  listener_->on_completed(slot, now);
}

SimTime NaiveReplica::next_read() const {
  SimTime next = never;
  for (const Sequence& s : sequences_) {
    next = s.stage == Stage::unread ? std::min(next, s.until) : next;
  }
  return next;
}

void NaiveReplica::end_read() {
  const SimTime now = next_read();
  std::vector<std::pair<RequestId, RequestSlot>> read;
  for (const Sequence& s : sequences_) {
    if (s.stage == Stage::unread && s.until == now) {
      read.emplace_back(s.id, s.slot);
    }
  }
  std::sort(read.begin(), read.end());
  for (const auto& [id, slot] : read) {
    complete(slot, now);
  }
  if (!stepping_) {
    only_decodes_ = false;
    plan(now.time_since_epoch().count(), 0);
  }
}

// ---- the next one ----

void NaiveReplica::plan(std::int64_t ns, std::int64_t rest) {
  for (Sequence& s : sequences_) {
    s.chunk = 0;
    s.decodes = false;
  }
  decode_paused_ = false;
  chunk_turns_ = shape_->micro_batches;
  planned_at_ = nearest(ns, rest);
  const bool preempted = shape_->chunked_prefill ? plan_chunked() : plan_whole_prompts();
  const bool any = std::any_of(sequences_.begin(), sequences_.end(),
                               [](const Sequence& s) { return s.decodes || s.chunk > 0; });
  if (!any && preempted) {
    ++counts_.held_up;
    plan(ns, rest);
    return;
  }
  const int activity = any ? 2 : 1;
  if (activity != activity_) {
    become(activity, planned_at_);
  }
  if (any) {
    start_step(ns, rest);
  }
}

bool NaiveReplica::plan_chunked() {
  const bool preempted = preempt_until_decodes_fit();
  continue_prefills();
  if (!preempted) {
    admit(decode_need());
  }
  for (Sequence& s : sequences_) {
    s.decodes = s.stage == Stage::decoding;
  }
  return preempted;
}

bool NaiveReplica::plan_whole_prompts() {
  decode_paused_ = true;
  if (admit(0)) {
    return false;
  }
  decode_paused_ = false;
  const bool preempted = preempt_until_decodes_fit();
  for (Sequence& s : sequences_) {
    s.decodes = s.stage == Stage::decoding;
  }
  return preempted;
}

bool NaiveReplica::preempt_until_decodes_fit() {
  bool preempted = false;
  while (decode_need() > free_blocks()) {
    Sequence* last = nullptr;
    for (Sequence& s : sequences_) {
      if (runs(s) && (last == nullptr || std::tie(s.rank, s.id) > std::tie(last->rank, last->id))) {
        last = &s;
      }
    }
    (last->stage == Stage::decoding ? counts_.preempted_decodes : counts_.preempted_prefills)++;
    prefix_.given_up_tokens +=
        caches() && last->stage == Stage::prefilling ? last->goal - last->in_kv : 0;
    if (caches()) {
      give_names(*last, true);
      let_go(*last);
    }
    last->stage = Stage::waiting;
    last->in_kv = 0;
    last->blocks = 0;
    Request& request = (*requests_)[last->slot];
    request.state = RequestState::waiting;
    request.emitted_tokens = static_cast<std::int32_t>(last->emitted);
    ++request.preemptions;
    ++preemptions_;
    preempted = true;
  }
  return preempted;
}

void NaiveReplica::continue_prefills() {
  for (Sequence& s : sequences_) {
    if (s.stage == Stage::prefilling) {
      s.chunk = std::min(s.goal - s.in_kv, budget_left(s.micro_batch));
      s.chunk_turn = s.micro_batch;
      ++counts_.continued_chunks;
    }
  }
}

bool NaiveReplica::admit(std::int64_t decode_need) {
  bool admitted = false;
  while (Sequence* const s = head()) {
    const std::int64_t running =
        count(Stage::prefilling) + count(Stage::decoding) + count(Stage::unread);
    const std::int64_t tokens = s->prompt + s->emitted;
    const std::int64_t kept = running > 0 ? shape_->watermark_blocks : 0;
    const std::vector<int> found = find(*s, tokens);
    std::int64_t need = blocks_for(tokens);
    for (const int block : found) {
      need -= memory_.in_use(block) ? 1 : 0;
    }
    if (running >= shape_->max_num_seqs || free_blocks() - decode_need - need < kept) {
      break;
    }
    const std::int64_t hit = static_cast<std::int64_t>(found.size()) * shape_->block_size;
    const int micro_batch = micro_batch_for(tokens - hit);
    if (micro_batch < 0) {
      break;
    }
    start_with(*s, found, tokens);
    s->in_kv = hit;
    s->chunk = std::min(tokens - hit, budget_left(micro_batch));
    s->chunk_turn = chunk_turns_++;
    s->goal = tokens;
    hold(*s, blocks_for(tokens));
    s->micro_batch = micro_batch;
    s->stage = Stage::prefilling;
    Request& request = (*requests_)[s->slot];
    request.state = RequestState::running;
    if (request.scheduled == never) {
      request.scheduled = planned_at_;
    }
    admitted = true;
  }
  counts_.cuts += admitted && only_decodes_ && !completed_ ? 1 : 0;
  return admitted;
}

// ---- with a prefix cache ----

/// Whose blocks stand behind the common part of the sequence's prompt.
PrefixId NaiveReplica::own_stream(const Sequence& sequence) const {
  return sequence.prefix.session != no_prefix ? sequence.prefix.session
                                              : (PrefixId{1} << 62) + sequence.id;
}

/// The block that ends within the common part is the common prefix's, any other its own stream's.
NaiveBlocks::Name NaiveReplica::name_of(const Sequence& sequence, std::int64_t position) const {
  const bool common = (position + 1) * shape_->block_size <= sequence.prefix.common_tokens;
  return {common ? sequence.prefix.common : own_stream(sequence), position};
}

/// Named blocks from the first on, all but the last token at most.
std::vector<int> NaiveReplica::find(const Sequence& sequence, std::int64_t tokens) const {
  std::vector<int> found;
  for (std::int64_t i = 0; caches() && (i + 1) * shape_->block_size < tokens; ++i) {
    const NaiveBlocks::Name name = name_of(sequence, i);
    const bool may =
        name.first != own_stream(sequence) || (i + 1) * shape_->block_size <= sequence.history;
    const int block = memory_.with_name(name);
    if (!may || block == NaiveBlocks::no_block) {
      break;
    }
    found.push_back(block);
  }
  return found;
}

void NaiveReplica::start_with(Sequence& sequence, const std::vector<int>& found,
                              std::int64_t tokens) {
  if (!caches()) {
    return;
  }
  for (const int block : found) {
    const auto position = static_cast<std::int64_t>(sequence.held.size());
    const bool own = memory_.named(block, {own_stream(sequence), position});
    counts_.hits_in_use += memory_.in_use(block) ? 1 : 0;
    counts_.own_hits += own && sequence.prefix.session == no_prefix ? 1 : 0;
    counts_.session_hits += own && sequence.prefix.session != no_prefix ? 1 : 0;
    memory_.use(block);
    sequence.held.push_back(block);
  }
  sequence.blocks = static_cast<std::int64_t>(found.size());
  counts_.hits += found.empty() ? 0 : 1;
  const std::int64_t hit = sequence.blocks * shape_->block_size;
  const bool again = (*requests_)[sequence.slot].preemptions > 0;
  counts_.lost += again && hit < sequence.history ? 1 : 0;
  (again ? prefix_.recompute_tokens : prefix_.prompt_tokens) += tokens;
  (again ? prefix_.recompute_hit_tokens : prefix_.hit_tokens) += hit;
  if (!again) {
    requests_->prefix_use(sequence.slot).hit_tokens = static_cast<std::int32_t>(hit);
  }
}

/// From now on it holds so many blocks.
void NaiveReplica::hold(Sequence& sequence, std::int64_t blocks) {
  while (caches() && static_cast<std::int64_t>(sequence.held.size()) < blocks) {
    sequence.held.push_back(memory_.take());
  }
  sequence.blocks = blocks;
}

/// Its full blocks get their names, unless such a name exists already or its predecessor in the
/// same stream is a copy.
void NaiveReplica::give_names(Sequence& sequence, bool its_own) {
  for (std::int64_t i = 0; (i + 1) * shape_->block_size <= sequence.in_kv; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const NaiveBlocks::Name name = name_of(sequence, i);
    const bool own = name.first == own_stream(sequence);
    const bool first = i == 0 || name_of(sequence, i - 1).first != name.first;
    if (memory_.named(sequence.held[at], name) ||
        (own && sequence.prefix.session == no_prefix && !its_own)) {
      continue;
    }
    if (memory_.with_name(name) != NaiveBlocks::no_block ||
        (!first && !memory_.named(sequence.held[at - 1], name_of(sequence, i - 1)))) {
      ++counts_.copies;
      continue;
    }
    memory_.give_name(sequence.held[at], name);
    sequence.history = own ? std::max(sequence.history, sequence.in_kv) : sequence.history;
  }
}

void NaiveReplica::let_go(Sequence& sequence) {
  for (; !sequence.held.empty(); sequence.held.pop_back()) {
    memory_.drop(sequence.held.back());
  }
}

int NaiveReplica::micro_batch_for(std::int64_t tokens) const {
  int best = -1;
  std::int64_t fewest = 0;
  for (int m = 0; m < shape_->micro_batches; ++m) {
    if (budget_left(m) < (shape_->chunked_prefill ? 1 : tokens)) {
      continue;
    }
    const std::int64_t running =
        std::count_if(sequences_.begin(), sequences_.end(),
                      [this, m](const Sequence& s) { return runs(s) && s.micro_batch == m; });
    if (best < 0 || running < fewest) {
      best = m;
      fewest = running;
    }
  }
  return best;
}

void NaiveReplica::start_step(std::int64_t ns, std::int64_t rest) {
  cost_ = round();
  energy_ = energy();
  rest += cost_;
  end_ns_ = ns + rest / femto;
  end_rest_ = rest % femto;
  stepping_ = true;
}

StepWork NaiveReplica::work_of(int micro_batch) const {
  StepWork work;
  for (const Sequence& s : sequences_) {
    if (s.micro_batch != micro_batch) {
      continue;
    }
    if (s.decodes) {
      work.tokens += verified();
      work.samples += verified();
      work.kv_tokens += s.in_kv + verified();
    } else if (s.chunk > 0) {
      work.tokens += s.chunk;
      work.samples += s.in_kv + s.chunk == s.goal ? 1 : 0;
      work.kv_tokens += s.in_kv;
      work.attention_pairs += s.chunk * (2 * s.in_kv + s.chunk);
    }
  }
  return work;
}

/// Tokens of a decoding sequence that a pass of the model computes.
std::int64_t NaiveReplica::verified() const {
  return shape_->speculation == nullptr ? 1 : shape_->speculation->tokens() + 1;
}

/// One token, and one more for each proposal in a row that is accepted, as far as it wants them.
std::int64_t NaiveReplica::gain_of(Sequence& sequence) const {
  std::int64_t gain = 1;
  if (shape_->speculation != nullptr) {
    const double mark = static_cast<double>((*sequence.draws)()) / 4294967296.0;
    double accepted = shape_->speculation->acceptance();
    while (gain < verified() && mark < accepted) {
      ++gain;
      accepted *= shape_->speculation->acceptance();
    }
  }
  return std::min(gain, sequence.output - sequence.emitted);
}

/// The passes of the draft model: the first with the prompts' chunks.
std::vector<StepWork> NaiveReplica::draft_passes(int micro_batch) const {
  std::vector<StepWork> passes;
  for (std::int64_t pass = 1; shape_->speculation != nullptr && pass < verified(); ++pass) {
    StepWork work;
    for (const Sequence& s : sequences_) {
      if (s.micro_batch == micro_batch && s.decodes) {
        work.tokens += 1;
        work.samples += 1;
        work.kv_tokens += s.in_kv + pass;
      } else if (s.micro_batch == micro_batch && s.chunk > 0 && pass == 1) {
        work.tokens += s.chunk;
        work.kv_tokens += s.in_kv;
        work.attention_pairs += s.chunk * (2 * s.in_kv + s.chunk);
      }
    }
    if (work.tokens > 0) {
      passes.push_back(work);
    }
  }
  return passes;
}

Femtoseconds NaiveReplica::draft(int micro_batch) const {
  Femtoseconds sum = 0;
  for (const StepWork& pass : draft_passes(micro_batch)) {
    sum += shape_->speculation->draft().latency(pass);
  }
  return sum;
}

/// Attojoules of the step: active power and work, as far as the limit goes.
Int128 NaiveReplica::energy() {
  if (shape_->energy == nullptr) {
    return 0;
  }
  const auto picojoules = [](const EnergyTable& table, const StepWork& work) {
    Int128 sum = table.tokens[static_cast<std::size_t>(work.tokens)];
    sum += Int128{table.sample} * work.samples;
    sum += Int128{table.kv_token} * work.kv_tokens;
    return sum + Int128{table.pair} * work.attention_pairs;
  };
  Int128 work = 0;
  for (int m = 0; m < shape_->micro_batches; ++m) {
    work += picojoules(*shape_->energy, work_of(m));
    for (const StepWork& pass : draft_passes(m)) {
      work += picojoules(*shape_->draft_energy, pass);
    }
  }
  const Int128 wanted = Int128{shape_->energy->active_mw} * cost_ + work * 1'000'000;
  const Int128 most = Int128{shape_->energy->limit_mw} * cost_;
  counts_.limited += wanted > most ? 1 : 0;
  return std::min(wanted, most);
}

/// max(longest passage, sum of stays in the slowest stage), at least a nanosecond.
Femtoseconds NaiveReplica::round() const {
  Femtoseconds longest = femto;
  Femtoseconds stays = 0;
  for (int m = 0; m < shape_->micro_batches; ++m) {
    const StepWork work = work_of(m);
    if (work.tokens == 0) {
      continue;
    }
    longest = std::max(longest, draft(m) + shape_->costs->latency(work));
    if (shape_->costs->stages() > 1) {
      stays += draft(m) + shape_->costs->bottleneck(work);
    }
  }
  return std::max(longest, stays);
}

// ---- sums over all sequences ----

std::int64_t NaiveReplica::blocks_for(std::int64_t tokens) const {
  if (shape_->kv_layout == KvLayout::contiguous) {
    tokens = shape_->max_context;  // reserved at once, whatever is in them
  }
  std::int64_t blocks = tokens / shape_->block_size;
  return blocks * shape_->block_size < tokens ? blocks + 1 : blocks;
}

std::int64_t NaiveReplica::free_blocks() const {
  if (caches()) {
    return memory_.free();
  }
  std::int64_t free = shape_->kv_blocks;
  for (const Sequence& s : sequences_) {
    free -= s.blocks;
  }
  return free;
}

std::int64_t NaiveReplica::decode_need() const {
  std::int64_t need = 0;
  for (const Sequence& s : sequences_) {
    need += s.stage == Stage::decoding ? blocks_of_step(s) - s.blocks : 0;
  }
  return need;
}

/// Blocks that a decoding sequence holds at the end of a step: speculation writes beyond what it
/// keeps, but not beyond the longest context.
std::int64_t NaiveReplica::blocks_of_step(const Sequence& sequence) const {
  const std::int64_t tokens = sequence.in_kv + verified();
  return blocks_for(shape_->speculation == nullptr
                        ? tokens
                        : std::min<std::int64_t>(tokens, shape_->max_context));
}

std::int64_t NaiveReplica::count(Stage stage) const {
  return std::count_if(sequences_.begin(), sequences_.end(),
                       [stage](const Sequence& s) { return s.stage == stage; });
}

std::int64_t NaiveReplica::budget_left(int micro_batch) const {
  std::int64_t left = shape_->token_budget;
  for (const Sequence& s : sequences_) {
    if (s.micro_batch == micro_batch) {
      left -= s.chunk + (s.stage == Stage::decoding && !decode_paused_ ? verified() : 0);
    }
  }
  return left;
}

NaiveReplica::Sequence* NaiveReplica::head() {
  Sequence* first = nullptr;
  for (Sequence& s : sequences_) {
    if (s.stage == Stage::waiting &&
        (first == nullptr || std::tie(s.rank, s.id) < std::tie(first->rank, first->id))) {
      first = &s;
    }
  }
  return first;
}

void NaiveReplica::add_gauges(PoolGauges& gauges, SimTime t) const {
  std::int64_t spent[3] = {spent_ns_[0], spent_ns_[1], spent_ns_[2]};
  spent[activity_] += (t - since_).count();
  gauges.down_ns += spent[0];
  gauges.idle_ns += spent[1];
  gauges.busy_ns += spent[2];
  gauges.replicas_ready += activity_ != 0 ? 1 : 0;
  gauges.replicas_busy += activity_ == 2 ? 1 : 0;
  gauges.running += count(Stage::prefilling) + count(Stage::decoding) + count(Stage::unread);
  gauges.waiting += count(Stage::waiting);
  gauges.kv_blocks_used += shape_->kv_blocks - free_blocks();
  gauges.kv_blocks_total += shape_->kv_blocks;
  gauges.preemptions += preemptions_;
  gauges.prefix = prefix_;
  for (const Sequence& s : sequences_) {
    gauges.prefix.left_tokens += caches() && s.stage == Stage::prefilling ? s.goal - s.in_kv : 0;
  }
  if (shape_->energy == nullptr) {
    return;
  }
  const Int128 idle = Int128{spent[1] + spent[2]} * femto - step_time_;
  gauges.energy.steps += step_energy_;
  gauges.energy.idle += shape_->energy->idle_mw * idle;
  gauges.energy.loading += Int128{shape_->energy->idle_mw} * spent[0] * femto;
}

}  // namespace plimsoll::testing
