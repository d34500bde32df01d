// What replicas have in common whatever their batching.
#include "serving/replica.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "serving/segment.hpp"

namespace plimsoll {

Replica::Replica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                 RequestTable& requests, EventSink& sink, ReplicaListener& listener)
    : index_{index},
      shape_{&shape},
      engine_{&engine},
      requests_{&requests},
      sink_{&sink},
      listener_{&listener},
      timer_{engine.make_timer(EventPriority::step, &Replica::on_timer, this, 0)},
      waiting_{requests, RequestState::waiting} {
}

void Replica::on_timer(void* replica, std::uint64_t) {
  static_cast<Replica*>(replica)->step_ended();
}

void Replica::set_activity(Activity activity) {
  add_time(engine_->now());
  activity_ = activity;
}

void Replica::add_time(SimTime now) {
  const std::int64_t spent = (now - activity_since_).count();
  spent_ns_[account()] += spent;
  if (activity_ == Activity::down) {
    down_ns_[static_cast<std::size_t>(down_cause_)] += spent;
  }
  activity_since_ = now;
}

void Replica::set_busy(bool busy) {
  const Activity activity = busy ? Activity::busy : Activity::idle;
  if (activity != activity_) {
    set_activity(activity);
  }
}

void Replica::take_shape(const ReplicaShape& shape) {
  PLIMSOLL_CHECK(activity_ == Activity::down && running() == 0,
                 "only a replica that is down can be loaded with something else");
  shape_ = &shape;
}

void Replica::become_ready() {
  PLIMSOLL_CHECK(activity_ == Activity::down, "a replica becomes ready once");
  set_activity(Activity::idle);
  if (!waiting_.empty()) {
    plan(FineTime::of(engine_->now()));
  }
}

void Replica::begin_streaming() {
  PLIMSOLL_CHECK(activity_ == Activity::down, "weights stream in when a replica has just started");
  streams_ = true;
}

void Replica::arm_segment() {
  held_ = streams_;
  if (!held_) {
    engine_->arm(timer_, segment_.end());
    return;
  }
  PLIMSOLL_CHECK(segment_.steps == 1, "the first pass is a step of its own");
}

void Replica::weights_complete() {
  streams_ = false;
  if (!std::exchange(held_, false)) {
    return;
  }
  if (segment_.end() < engine_->now()) {
    segment_.start = FineTime::of(engine_->now()).minus(segment_.first);
  }
  engine_->arm(timer_, segment_.end());
}

/// Whatever was to come does not come any more.
void Replica::end_streaming() {
  streams_ = false;
  held_ = false;
}

void Replica::begin_draining() {
  PLIMSOLL_CHECK(activity_ == Activity::idle || activity_ == Activity::busy,
                 "only a replica that serves can drain");
  set_activity(activity_);
  draining_ = true;
}

void Replica::turn_off() {
  PLIMSOLL_CHECK(activity_ == Activity::down || (draining_ && activity_ == Activity::idle),
                 "a replica that is turned off has nothing to do");
  PLIMSOLL_CHECK(waiting_.empty() && running() == 0 && kept_ == 0,
                 "no request is lost with a replica");
  set_activity(Activity::off);
  draining_ = false;
  end_streaming();
}

void Replica::begin_loading(DownCause cause) {
  PLIMSOLL_CHECK(activity_ == Activity::off, "only a replica that is off can be provisioned");
  set_activity(Activity::down);
  down_cause_ = cause;
}

void Replica::end_draining() {
  PLIMSOLL_CHECK(draining_, "only a replica that drains can stay after all");
  add_time(engine_->now());
  draining_ = false;
}

void Replica::fail(DownCause cause) {
  PLIMSOLL_CHECK(activity_ != Activity::off, "a replica that is off has no machine to fail");
  DroppedWork dropped;
  if (running() > 0 || kept_ > 0) {
    dropped = drop_work(engine_->now() - Duration{1});
  }
  kept_ = 0;
  end_streaming();
  std::vector<RequestSlot>& lost = dropped.running;
  engine_->disarm(timer_);
  set_activity(Activity::down);
  draining_ = false;
  down_cause_ = cause;
  // Preempted ones lose what they had generated, too.
  while (!waiting_.empty()) {
    lost.push_back(waiting_.top());
    waiting_.pop();
    (*requests_)[lost.back()].state = RequestState::free;
  }
  for (const RequestSlot slot : lost) {
    Request& request = (*requests_)[slot];
    request.emitted_tokens = 0;
    request.micro_batch = 0;
    request.state = RequestState::waiting;
    if (requests_->keeps_prefixes()) {
      requests_->prefix_use(slot).common_blocks = 0;
      requests_->prefix_use(slot).own_blocks = 0;
    }
    waiting_.push(slot);
  }
  PLIMSOLL_CHECK(running() == 0, "nothing runs on a machine that stopped");
  for (const RequestSlot slot : dropped.leavers) {
    take_waiting(slot);
    listener_->on_cancelled(slot, engine_->now());
  }
}

void Replica::cut_drain() {
  PLIMSOLL_CHECK(draining_, "only a drain can be cut short");
  ++cut_drains_;
  fail(down_cause_);
  cut_attempts_ += static_cast<std::int64_t>(waiting_.size());
}

void Replica::end_cut() {
  PLIMSOLL_CHECK(activity_ == Activity::down && waiting_.empty(),
                 "a replica whose drain was cut short has nothing left");
  set_activity(Activity::idle);
  draining_ = true;
}

std::vector<RequestSlot> Replica::take_waiting() {
  PLIMSOLL_CHECK(activity_ == Activity::down, "only a replica that is down loses its line");
  std::vector<RequestSlot> slots;
  while (!waiting_.empty()) {
    slots.push_back(waiting_.top());
    waiting_.pop();
    (*requests_)[slots.back()].state = RequestState::free;
  }
  return slots;
}

void Replica::take_waiting(RequestSlot slot) {
  PLIMSOLL_CHECK(activity_ == Activity::down, "only a replica that is down loses its line");
  waiting_.erase(slot);
  (*requests_)[slot].state = RequestState::free;
}

void Replica::enqueue(RequestSlot slot, Phase phase) {
  PLIMSOLL_CHECK(activity_ != Activity::off, "a replica that is off gets no requests");
  Request& request = (*requests_)[slot];
  request.state = RequestState::waiting;
  waiting_.push(slot);
  if (activity_ == Activity::idle) {
    plan(FineTime::of(engine_->now()));
  } else if (activity_ == Activity::busy) {
    line_changed(waiting_.top() == slot, phase);
  }
}

void Replica::let_go(RequestSlot) {
  throw InternalError{"only replicas that batch continuously keep KV for others"};
}

void Replica::cancel_waiting(RequestSlot slot, Phase phase) {
  const bool was_head = waiting_.top() == slot;
  Request& request = (*requests_)[slot];
  PLIMSOLL_CHECK(request.state == RequestState::waiting, "only a waiting request can be cancelled");
  request.state = RequestState::free;
  if (request.preemptions > 0) {
    forget_interrupted(slot);
  }
  waiting_.forget_one();
  if (was_head && !waiting_.empty() && activity_ == Activity::busy) {
    line_changed(true, phase);
  }
}

void Replica::add_gauges(PoolGauges& gauges, SimTime t) const {
  auto spent = spent_ns_;
  spent[account()] += (t - activity_since_).count();
  gauges.down_ns += spent[static_cast<std::size_t>(Activity::down)];
  gauges.idle_ns += spent[static_cast<std::size_t>(Activity::idle)];
  gauges.busy_ns += spent[static_cast<std::size_t>(Activity::busy)];
  gauges.off_ns += spent[static_cast<std::size_t>(Activity::off)];
  gauges.draining_ns += spent[draining_account];
  for (std::size_t cause = 0; cause < down_ns_.size(); ++cause) {
    gauges.down_by_cause[cause] += down_ns_[cause];
  }
  if (activity_ == Activity::down) {
    gauges.down_by_cause[static_cast<std::size_t>(down_cause_)] += (t - activity_since_).count();
  }
  const bool serves = activity_ == Activity::idle || activity_ == Activity::busy;
  gauges.replicas_ready += serves && !draining_ ? 1 : 0;
  gauges.replicas_serving += serves ? 1 : 0;
  gauges.replicas_busy += activity_ == Activity::busy ? 1 : 0;
  gauges.running += running();
  gauges.waiting += waiting_.size();
  gauges.kv_blocks_used += kv_blocks_used(t);
  gauges.kv_blocks_total += activity_ == Activity::off ? 0 : shape_->kv_blocks;
  gauges.preemptions += preemptions_;
  gauges.cut_drains += cut_drains_;
  gauges.cut_attempts += cut_attempts_;
  add_prefix_counts(gauges.prefix);
  if (shape_->energy != nullptr) {
    add_energy_gauges(gauges.energy, spent);
  }
}

/// What is rented and in no step that is over draws idle power.
void Replica::add_energy_gauges(EnergyGauges& gauges, const Spent& spent) const {
  const Int128 idle_mw = shape_->energy->idle_mw;
  const std::int64_t down = spent[static_cast<std::size_t>(Activity::down)];
  const std::int64_t serving = spent[static_cast<std::size_t>(Activity::idle)] +
                               spent[static_cast<std::size_t>(Activity::busy)] +
                               spent[draining_account];
  gauges.steps += energy_.energy();
  gauges.idle += idle_mw * (Int128{serving} * fs_per_ns - energy_.time());
  gauges.loading += idle_mw * down * fs_per_ns;
}

void Replica::note_scheduled(RequestSlot slot) {
  Request& request = (*requests_)[slot];
  if (request.scheduled == never) {
    request.scheduled = engine_->now();
    listener_->on_scheduled(slot);
  }
}

void Replica::first_token(RequestSlot slot, SimTime now) {
  Request& request = (*requests_)[slot];
  request.prefilled = true;
  // A request that was begun anew had its first token before: its user saw it then.
  request.first_token = request.first_token == never ? now : request.first_token;
  listener_->on_first_token(slot, now);
}

void Replica::end_request(RequestSlot slot, SimTime now) {
  Request& request = (*requests_)[slot];
  request.emitted_tokens = request.output_tokens;
  listener_->on_completed(slot, now);
}

void Replica::audit_segment(const std::vector<StepWork>& work,
                            const std::vector<std::int64_t>& growth, const Segment& segment) const {
  if (shape_->audit == nullptr) {
    return;
  }
  const std::int64_t last = segment.steps - 1;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (work[i].tokens == 0) {
      continue;  // an empty micro-batch does not run
    }
    audit_step(work[i], segment.first);
    StepWork grown = work[i];
    grown.kv_tokens += last * growth[i];
    audit_step(grown, segment.first + last * segment.slope);
  }
}

void Replica::audit_step(const StepWork& work, Femtoseconds cost) const {
  const double bound = shape_->audit->roofline_seconds(work);
  PLIMSOLL_CHECK(static_cast<double>(cost) * 1e-15 >= bound,
                 fmt::format("a step of {} tokens took {} fs but the machine needs {} s",
                             work.tokens, cost, bound));
}

}  // namespace plimsoll
