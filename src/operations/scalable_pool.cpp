// A pool of replicas that grows and shrinks.
#include "operations/scalable_pool.hpp"

#include <utility>

namespace plimsoll {

ScalablePool::ScalablePool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
                           ReplicaDirectory& directory, Engine& engine, ColdStart cold_start)
    : config_{config},
      pool_{config.pools[pool]},
      scale_{*pool_.autoscale},
      directory_{directory},
      engine_{engine},
      cold_start_{std::move(cold_start)} {
  for (Replica* const replica : replicas) {
    Slot slot;
    slot.replica = replica;
    slots_.push_back(slot);
  }
}

void ScalablePool::open() {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    slots_[slot].replica->turn_off();
    if (slot >= static_cast<std::size_t>(pool_.replicas)) {
      continue;
    }
    if (pool_.start == PoolStart::cold) {
      start(slot);
    } else {
      slots_[slot].replica->begin_loading();
      slots_[slot].state = State::loading;
      finish_start(slot, slots_[slot].started);
    }
  }
}

void ScalablePool::start(std::size_t index) {
  slots_[index].replica->begin_loading();
  load(index);
}

void ScalablePool::load(std::size_t index) {
  Slot& slot = slots_[index];
  slot.state = State::loading;
  const std::uint64_t start = ++starts_;
  slot.started = start;
  if (pool_.start == PoolStart::cold) {
    cold_start_(index, [this, index, start] { finish_start(index, start); });
    return;
  }
  PLIMSOLL_CHECK(scale_.provisioning_delay.has_value(), "validated: how long a start takes");
  slot.start_event = engine_.at(engine_.now() + *scale_.provisioning_delay, EventPriority::fleet,
                                [this, index, start] { finish_start(index, start); });
}

void ScalablePool::finish_start(std::size_t index, std::uint64_t start) {
  Slot& slot = slots_[index];
  if (slot.started != start || (slot.state != State::loading && slot.state != State::cancelled)) {
    return;  // its machine broke meanwhile
  }
  if (slot.state == State::cancelled) {
    slot.state = State::off;
    slot.replica->turn_off();
    return;
  }
  slot.state = State::ready;
  slot.replica->become_ready();
  directory_.replica_ready(slot.replica->index());
}

std::int64_t ScalablePool::count(State state) const {
  std::int64_t number = 0;
  for (const Slot& slot : slots_) {
    number += slot.state == state ? 1 : 0;
  }
  return number;
}

InstanceCounts ScalablePool::instances() const {
  return {count(State::ready), count(State::loading) + count(State::broken),
          count(State::draining) + count(State::cancelled) + count(State::scrapped)};
}

double ScalablePool::dollars_per_hour() const {
  if (!pool_.price) {
    return 0;
  }
  return price_of(config_.prices[*pool_.price], pool_.contract).count() * pool_.tp * pool_.pp;
}

PoolGauges ScalablePool::gauges() const {
  PoolGauges gauges;
  for (const Slot& slot : slots_) {
    slot.replica->add_gauges(gauges, engine_.now());
  }
  return gauges;
}

std::optional<double> ScalablePool::scrape(ScalingSignal signal, Duration interval) {
  const PoolGauges now = gauges();
  const std::int64_t busy = now.busy_ns - std::exchange(busy_before_, now.busy_ns);
  const std::int64_t idle = now.idle_ns - std::exchange(idle_before_, now.idle_ns);
  const std::int64_t arrived = directory_.arrived();
  const std::int64_t new_arrivals = arrived - std::exchange(arrived_before_, arrived);
  const auto ratio = [](std::int64_t part, std::int64_t whole) {
    return whole > 0 ? std::optional{static_cast<double>(part) / static_cast<double>(whole)}
                     : std::nullopt;
  };
  switch (signal) {
    case ScalingSignal::none:
      return std::nullopt;
    case ScalingSignal::queue_depth:
      return static_cast<double>(directory_.queued() + now.waiting);
    case ScalingSignal::utilization:
      return ratio(busy, busy + idle);
    case ScalingSignal::memory_utilization:
      return ratio(now.kv_blocks_used, now.kv_blocks_total);
    case ScalingSignal::outstanding:
      return ratio(now.running + now.waiting, now.replicas_ready);
    case ScalingSignal::arrival_rate:
      return static_cast<double>(new_arrivals) / to_seconds(interval);
  }
  return std::nullopt;
}

void ScalablePool::scale_to(std::int64_t instances) {
  std::int64_t current = this->instances().current();
  for (std::size_t slot = 0; slot < slots_.size() && current < instances; ++slot) {
    if (slots_[slot].state == State::off && !slots_[slot].machine_broken) {
      start(slot);
      ++current;
    }
  }
  for (; current > instances; --current) {
    remove_one();
  }
}

/// The youngest that is loading goes first, since it serves nobody; else the one that drains
/// soonest: with the fewest outstanding requests, the last slot of equal ones.
void ScalablePool::remove_one() {
  Slot* youngest = nullptr;
  Slot* lightest = nullptr;
  std::int64_t least = 0;
  for (Slot& slot : slots_) {
    if (slot.state == State::loading && (youngest == nullptr || slot.started > youngest->started)) {
      youngest = &slot;
    }
    if (slot.state == State::ready) {
      const std::int64_t outstanding = directory_.outstanding(slot.replica->index());
      if (lightest == nullptr || outstanding <= least) {
        lightest = &slot;
        least = outstanding;
      }
    }
  }
  if (youngest != nullptr) {
    cancel_start(*youngest);
    return;
  }
  if (scrap_one()) {
    return;
  }
  PLIMSOLL_CHECK(lightest != nullptr, "who is asked to remove an instance has one");
  lightest->state = State::draining;
  lightest->replica->begin_draining();
  directory_.replica_leaving(lightest->replica->index(), *this);
}

/// A broken one serves nobody; it is off once it is repaired.
bool ScalablePool::scrap_one() {
  for (Slot& slot : slots_) {
    if (slot.state == State::broken) {
      slot.state = State::scrapped;
      return true;
    }
  }
  return false;
}

bool ScalablePool::machine_failed(std::size_t index, DownCause cause) {
  Slot& slot = slots_[index];
  slot.machine_broken = true;
  switch (slot.state) {
    case State::off:
      return false;
    case State::loading:
      if (pool_.start != PoolStart::cold) {
        engine_.cancel(slot.start_event);
      }
      slot.state = State::broken;
      break;
    case State::ready:
      slot.state = State::broken;
      break;
    case State::cancelled:
      slot.state = State::scrapped;
      break;
    case State::draining:  // off when what it had has been taken away
    case State::broken:
    case State::scrapped:
      break;
  }
  slot.replica->fail(cause);
  return true;
}

void ScalablePool::machine_repaired(std::size_t index) {
  Slot& slot = slots_[index];
  slot.machine_broken = false;
  if (slot.state == State::broken) {
    load(index);
  } else if (slot.state == State::scrapped) {
    slot.state = State::off;
    slot.replica->turn_off();
  }
}

/// A cold start that is under way is rented until it would have served.
void ScalablePool::cancel_start(Slot& slot) {
  if (pool_.start == PoolStart::cold) {
    slot.state = State::cancelled;
    return;
  }
  engine_.cancel(slot.start_event);
  slot.state = State::off;
  slot.replica->turn_off();
}

void ScalablePool::on_drained(ReplicaIndex replica) {
  // Its last step is still ending: it goes once that is over.
  engine_.at(engine_.now(), EventPriority::dispatch, [this, replica] {
    Slot& slot = slots_[replica - slots_.front().replica->index()];
    slot.state = State::off;
    slot.replica->turn_off();
  });
}

}  // namespace plimsoll
