// A pool of given size: each slot is brought to its goal.
#include "operations/fixed_pool.hpp"

#include <utility>

namespace plimsoll {
namespace {

/// The weights that replicas begin with and come back with after a repair.
LoadedVersion first_version(const Config& config, const PoolConfig& pool) {
  LoadedVersion version;
  if (pool.start != PoolStart::cold) {
    version.load = config.faults ? config.faults->reload : Duration::zero();
    for (const RolloutConfig& rollout : config.rollouts) {
      if (&config.pools[rollout.pool] == &pool && rollout.load) {
        // Who has to load the old version again needs as long as for the new one.
        version.load = *rollout.load / rollout.loaders;
      }
    }
  }
  return version;
}

}  // namespace

FixedPool::FixedPool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
                     ReplicaDirectory& directory, ReplicaIncidents& incidents, Engine& engine,
                     WeightSource* weights)
    : pool_{config.pools[pool]},
      directory_{directory},
      incidents_{incidents},
      engine_{engine},
      cold_starts_{pool_, engine, weights, replicas.size()},
      weights_{weights} {
  for (Replica* const replica : replicas) {
    Slot slot;
    slot.replica = replica;
    slots_.push_back(slot);
  }
  add_version(first_version(config, pool_));
}

int FixedPool::add_version(const LoadedVersion& version) {
  versions_.push_back(version);
  counts_.emplace_back();
  return static_cast<int>(versions_.size()) - 1;
}

void FixedPool::open() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (i >= static_cast<std::size_t>(pool_.replicas)) {
      slot.replica->turn_off();
      continue;
    }
    slot.goal = {0, SlotUse::serving};
    if (pool_.start == PoolStart::cold) {
      begin_load(i);
    } else {
      slot.state = State::standby;
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
      if (slot.goal.use != SlotUse::off && !slot.broken_off) {
        slot.replica->begin_loading(DownCause::deployment);
        begin_load(i);
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
        slot.state = State::serving;
        directory_.replica_ready(slot.replica->index());
      }
      break;
    case State::serving:
      if (slot.goal != SlotGoal{slot.version, SlotUse::serving}) {
        begin_drain(slot);
      }
      break;
    case State::draining:
      if (slot.goal == SlotGoal{slot.version, SlotUse::serving}) {
        slot.replica->end_draining();
        slot.state = State::serving;
        directory_.replica_ready(slot.replica->index());
      }
      break;
    case State::broken:
      break;
  }
}

void FixedPool::turn_off(std::size_t i) {
  Slot& slot = slots_[i];
  ++slot.generation;
  slot.state = State::off;
  slot.replica->turn_off();
  cold_starts_.give_up(i);
}

void FixedPool::begin_load(std::size_t i) {
  Slot& slot = slots_[i];
  slot.state = State::loading;
  slot.version = slot.goal.version;
  slot.load_began = engine_.now();
  const std::uint64_t generation = ++slot.generation;
  const LoadedVersion& version = versions_[index(slot.version)];
  const auto done = [this, i, generation] { finish_load(i, generation); };
  if (version.load) {
    engine_.at(engine_.now() + *version.load, EventPriority::fleet, done);
  } else {
    cold_starts_.begin(i, slot.version, done);
  }
}

/// One shard that was read before it was written makes the copy corrupt.
bool FixedPool::is_corrupt(std::size_t i) const {
  const Slot& slot = slots_[i];
  const LoadedVersion& version = versions_[index(slot.version)];
  if (!version.checkpoint) {
    return version.corrupt;
  }
  const std::vector<ReadSpan> reads = version.load
                                          ? std::vector<ReadSpan>{{slot.load_began, engine_.now()}}
                                          : weights_->reads_of(i);
  return version.corrupt || version.checkpoint->read_too_early(reads, version.loaders) > 0;
}

void FixedPool::finish_load(std::size_t i, std::uint64_t generation) {
  Slot& slot = slots_[i];
  if (slot.generation != generation) {
    return;
  }
  const bool corrupt = is_corrupt(i);
  ++counts_[index(slot.version)].loads;
  counts_[index(slot.version)].corrupt += corrupt ? 1 : 0;
  slot.state = State::standby;
  slot.replica->become_ready();
  incidents_.set_corrupt(slot.replica->index(), corrupt);
  reconcile(i);
  if (listener_) {
    listener_();
  }
}

void FixedPool::begin_drain(Slot& slot) {
  slot.state = State::draining;
  ++slot.generation;
  slot.replica->begin_draining();
  directory_.replica_leaving(slot.replica->index(), *this);
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
  slot.state = State::standby;
  slot.replica->end_draining();
  reconcile(i);
  if (listener_) {
    listener_();
  }
}

bool FixedPool::machine_failed(std::size_t i, DownCause cause) {
  Slot& slot = slots_[i];
  if (slot.state == State::off) {
    slot.broken_off = true;
    return false;
  }
  ++slot.generation;
  slot.state = State::broken;
  slot.replica->fail(cause);
  cold_starts_.give_up(i);
  if (listener_) {
    listener_();
  }
  return true;
}

void FixedPool::machine_repaired(std::size_t i) {
  Slot& slot = slots_[i];
  slot.broken_off = false;
  if (slot.state == State::off) {
    reconcile(i);
  } else if (slot.goal.use == SlotUse::off) {
    turn_off(i);
  } else {
    begin_load(i);  // until it serves, the time counts for the fault
  }
  if (listener_) {
    listener_();
  }
}

}  // namespace plimsoll
