// A pool of given size: each slot is brought to its goal.
#include "operations/fixed_pool.hpp"

#include <fmt/format.h>

#include <utility>

namespace plimsoll {

FixedPool::FixedPool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
                     ReplicaDirectory& directory, ReplicaIncidents& incidents, Engine& engine,
                     WeightSource* weights)
    : pool_{config.pools[pool]},
      directory_{directory},
      incidents_{incidents},
      engine_{engine},
      weights_{weights},
      cold_starts_{pool_, engine, weights, replicas.size()},
      account_{replicas.size(), pool_.replicas, pool_.contract, engine},
      versions_{config, replicas.front()->shape(),
                config.faults ? config.faults->reload : Duration::zero()} {
  for (Replica* const replica : replicas) {
    Slot slot;
    slot.replica = replica;
    slots_.push_back(slot);
  }
}

void FixedPool::share(GpuScheduler& gpus) {
  gpus_ = &gpus;
  member_ = gpus.add(slots_.front().replica->shape().pool, slots_.size(), *this);
}

void FixedPool::open() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (i >= static_cast<std::size_t>(pool_.replicas)) {
      slot.replica->turn_off();
      continue;
    }
    slot.goal = {0, SlotUse::serving};
    if (gpus_ != nullptr) {
      slot.replica->turn_off();
      slot.cause = DownCause::loading;
      slot.opens = true;
      claim(i);
      continue;
    }
    account_.rented(i);
    if (pool_.start == PoolStart::cold) {
      begin_load(i);
    } else {
      set_state(slot, State::standby);
      slot.replica->become_ready();
      reconcile(i);
    }
  }
}

void FixedPool::set_goal(std::size_t slot, SlotGoal goal) {
  slots_[slot].goal = goal;
  reconcile(slot);
}

bool FixedPool::settled(std::size_t slot) const {
  const Slot& s = slots_[slot];
  switch (s.state) {
    case State::off:
      return s.goal.use == SlotUse::off || s.broken_off;
    case State::waiting:
      return false;
    case State::standby:
      return s.goal == SlotGoal{s.version, SlotUse::standby};
    case State::serving:
      return s.goal == SlotGoal{s.version, SlotUse::serving};
    case State::broken:
      return true;
    case State::loading:
    case State::draining:
      return false;
  }
  return false;
}

void FixedPool::reconcile(std::size_t i) {
  Slot& slot = slots_[i];
  switch (slot.state) {
    case State::off:
      if (slot.has_gpus && (slot.goal.use == SlotUse::off || slot.revoked)) {
        give_back(i);
      }
      if (slot.goal.use == SlotUse::off || slot.broken_off) {
        break;
      }
      if (gpus_ != nullptr && !slot.has_gpus) {
        claim(i);
      } else {
        slot.replica->begin_loading(slot.cause);
        account_.rented(i);
        begin_load(i);
      }
      break;
    case State::waiting:
      if (slot.goal.use == SlotUse::off) {
        withdraw(i);
      }
      break;
    case State::loading:
      if (slot.goal.use == SlotUse::off || slot.goal.version != slot.version) {
        turn_off(i);
        reconcile(i);
      }
      break;
    case State::standby:
      if (slot.goal.use == SlotUse::off || slot.goal.version != slot.version) {
        slot.replica->begin_draining();
        turn_off(i);
        reconcile(i);
      } else if (slot.goal.use == SlotUse::serving) {
        serve(i);
      }
      break;
    case State::serving:
      if (slot.goal != SlotGoal{slot.version, SlotUse::serving}) {
        begin_drain(slot);
      }
      break;
    case State::draining:
      if (slot.goal == SlotGoal{slot.version, SlotUse::serving} && !slot.revoked) {
        slot.replica->end_draining();
        serve(i);
      }
      break;
    case State::broken:
      break;
  }
}

void FixedPool::serve(std::size_t i) {
  set_state(slots_[i], State::serving);
  directory_.replica_ready(slots_[i].replica->index());
  account_.serves(i, serving_, weights_);
  if (std::exchange(slots_[i].comes_back, false)) {
    tell("serves", i);
  }
}

void FixedPool::set_state(Slot& slot, State state) {
  serving_ += (state == State::serving ? 1 : 0) - (slot.state == State::serving ? 1 : 0);
  slot.state = state;
}

void FixedPool::turn_off(std::size_t i) {
  Slot& slot = slots_[i];
  lacks_.end_start(slot.lack, engine_.now());
  account_.give_up(i);
  account_.repaired(i);
  account_.returned(i);
  ++slot.generation;
  slot.comes_back = false;
  set_state(slot, State::off);
  slot.replica->turn_off();
  cold_starts_.give_up(i);
}

void FixedPool::begin_load(std::size_t i) {
  Slot& slot = slots_[i];
  set_state(slot, State::loading);
  slot.version = slot.goal.version;
  slot.load_began = engine_.now();
  const std::uint64_t generation = ++slot.generation;
  const LoadedVersion& version = versions_.of(slot.version);
  const auto done = [this, i, generation] { finish_load(i, generation); };
  account_.begin(i, version.load ? StartPhase::load : StartPhase::provision);
  if (version.load) {
    engine_.at(engine_.now() + *version.load, EventPriority::fleet, done);
  } else {
    cold_starts_.begin(
        i, slot.version, [this, i](StartPhase phase) { account_.enter(i, phase); }, done);
  }
}

std::vector<ReadSpan> FixedPool::reads_of(std::size_t i) const {
  const Slot& slot = slots_[i];
  return versions_.of(slot.version).load ? std::vector<ReadSpan>{{slot.load_began, engine_.now()}}
                                         : weights_->reads_of(i);
}

void FixedPool::finish_load(std::size_t i, std::uint64_t generation) {
  Slot& slot = slots_[i];
  if (slot.generation != generation) {
    return;
  }
  lacks_.end_start(slot.lack, engine_.now());
  account_.started(i);
  const bool corrupt = versions_.note_load(slot.version, reads_of(i));
  set_state(slot, State::standby);
  slot.cause = DownCause::deployment;
  slot.replica->take_shape(versions_.shape_of(slot.version));
  stream_rest(weights_, i, *slot.replica);
  slot.replica->become_ready();
  incidents_.set_corrupt(slot.replica->index(), corrupt);
  reconcile(i);
  if (listener_) {
    listener_();
  }
}

void FixedPool::begin_drain(Slot& slot) {
  set_state(slot, State::draining);
  ++slot.generation;
  slot.replica->begin_draining();
  directory_.replica_leaving(slot.replica->index(), *this, pool_.drain_timeout);
}

void FixedPool::on_drained(ReplicaIndex replica) {
  // Its last step is still ending: it goes once that is over.
  const std::size_t i = replica - slots_.front().replica->index();
  engine_.at(engine_.now(), EventPriority::dispatch,
             [this, i, generation = slots_[i].generation] { finish_drain(i, generation); });
}

void FixedPool::finish_drain(std::size_t i, std::uint64_t generation) {
  Slot& slot = slots_[i];
  if (slot.state != State::draining || slot.generation != generation) {
    return;
  }
  if (slot.revoked) {
    turn_off(i);
    miss_gpus(slot);
  } else {
    set_state(slot, State::standby);
    slot.replica->end_draining();
  }
  reconcile(i);
  if (listener_) {
    listener_();
  }
}

ElasticitySummary FixedPool::elasticity() const {
  PoolGauges time;
  for (const Slot& slot : slots_) {
    slot.replica->add_gauges(time, engine_.now());
  }
  return account_.summary(weights_, serving_, time.down_ns,
                          time.busy_ns + time.idle_ns + time.down_ns + time.draining_ns);
}

bool FixedPool::machine_failed(std::size_t i, DownCause cause) {
  Slot& slot = slots_[i];
  if (slot.state == State::off) {
    slot.broken_off = true;
    return false;
  }
  ++slot.generation;
  lacks_.end_start(slot.lack, engine_.now());
  set_state(slot, State::broken);
  slot.cause = gpus_ != nullptr ? cause : slot.cause;
  slot.replica->fail(cause);
  account_.failed(i);
  cold_starts_.give_up(i);
  if (listener_) {
    listener_();
  }
  return true;
}

void FixedPool::machine_failure_noticed(std::size_t i) {
  if (gpus_ == nullptr) {
    return;
  }
  Slot& slot = slots_[i];
  turn_off(i);
  give_back(i);
  if (slot.goal.use == SlotUse::off) {
    slot.cause = DownCause::deployment;
  } else {
    lacks_.lack(slot.lack, slot.cause, engine_.now());
  }
  reconcile(i);
  if (listener_) {
    listener_();
  }
}

void FixedPool::machine_repaired(std::size_t i) {
  PLIMSOLL_CHECK(gpus_ == nullptr, "no replica waits for the repair of shared GPUs");
  Slot& slot = slots_[i];
  slot.broken_off = false;
  if (slot.state == State::off) {
    reconcile(i);
  } else if (slot.goal.use == SlotUse::off) {
    turn_off(i);
  } else {
    account_.repaired(i);
    slot.comes_back = true;
    begin_load(i);  // until it serves, the time counts for the fault
  }
  if (listener_) {
    listener_();
  }
}

// ---- shared GPUs ----

std::optional<SimTime> FixedPool::waits_since(std::size_t slot) const {
  return slots_[slot].state == State::waiting ? std::optional{slots_[slot].claimed} : std::nullopt;
}

void FixedPool::claim(std::size_t i) {
  set_state(slots_[i], State::waiting);
  slots_[i].claimed = engine_.now();
  gpus_->claim(member_, i);
}

void FixedPool::withdraw(std::size_t i) {
  Slot& slot = slots_[i];
  lacks_.end_lack(slot.lack, engine_.now());
  set_state(slot, State::off);
  slot.cause = DownCause::deployment;
  gpus_->withdraw(member_, i);
}

/// Others have its GPUs now.
void FixedPool::miss_gpus(Slot& slot) {
  lacks_.note_taken_away();
  slot.cause = DownCause::loading;
  if (slot.goal.use != SlotUse::off) {
    lacks_.lack(slot.lack, DownCause::preemption, engine_.now());
  }
}

void FixedPool::granted(std::size_t i, const std::vector<int>& nodes) {
  Slot& slot = slots_[i];
  if (slot.lack.lacks == DownCause::preemption) {
    lacks_.begin_start(slot.lack, engine_.now());
  }
  slot.comes_back = slot.lack.lacks.has_value();
  lacks_.end_lack(slot.lack, engine_.now());
  slot.has_gpus = true;
  weights_->settle_on(i, nodes);
  slot.replica->begin_loading(slot.cause);
  const bool opens = std::exchange(slot.opens, false);
  if (opens && engine_.now() == sim_start && pool_.start == PoolStart::ready) {
    weights_->adopt(i);
    set_state(slot, State::standby);
    slot.cause = DownCause::deployment;
    slot.replica->become_ready();
    reconcile(i);
  } else {
    begin_load(i);
  }
}

/// The slot is off: its GPUs are free for others.
void FixedPool::give_back(std::size_t i) {
  Slot& slot = slots_[i];
  slot.has_gpus = false;
  slot.revoked = false;
  if (slot.reclaim) {
    engine_.cancel(*slot.reclaim);
    slot.reclaim.reset();
  }
  weights_->released(i);
  gpus_->returned(member_, i);
}

void FixedPool::preempted(std::size_t i, Duration grace) {
  Slot& slot = slots_[i];
  slot.revoked = true;
  if (slot.state != State::broken) {
    tell("preempted", i, fmt::format("at most {:g} s to end", to_seconds(grace)));
  }
  const bool drains = slot.state == State::draining || slot.state == State::serving;
  if (!drains || (slot.state == State::serving && grace == Duration::zero())) {
    take_back(i);
    return;
  }
  slot.reclaim = engine_.at(engine_.now() + grace, EventPriority::fleet, [this, i] {
    slots_[i].reclaim.reset();
    take_back(i);
  });
  if (slot.state == State::serving) {
    begin_drain(slot);
  }
}

/// What still is there goes. Of a replica that died meanwhile the GPUs come back once that is
/// noticed.
void FixedPool::take_back(std::size_t i) {
  Slot& slot = slots_[i];
  const ReplicaIndex replica = slot.replica->index();
  if (slot.state == State::broken) {
    return;
  }
  if (slot.state == State::standby) {
    slot.replica->begin_draining();
  } else if (slot.state != State::loading) {
    preempted_busy_ += directory_.outstanding(replica) > 0 ? 1 : 0;
    slot.replica->fail(DownCause::loading);
    incidents_.replica_lost(replica);
  }
  turn_off(i);
  miss_gpus(slot);
  reconcile(i);
  if (listener_) {
    listener_();
  }
}

int FixedPool::warmth(int node) const {
  return weights_ == nullptr ? 0 : weights_->warmth(node);
}

}  // namespace plimsoll
