// A pool of replicas: how each begins, comes, serves, goes, breaks and comes again.
#include "operations/scalable_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace plimsoll {

ScalablePool::ScalablePool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
                           ReplicaDirectory& directory, ReplicaIncidents& incidents, Engine& engine,
                           WeightSource* weights)
    : config_{config},
      pool_{config.pools[pool]},
      directory_{directory},
      incidents_{incidents},
      engine_{engine},
      weights_{weights},
      procurement_{config, pool},
      versions_{config, replicas.front()->shape(), Duration::zero()} {
  PLIMSOLL_CHECK(weights_ != nullptr || !adds_cold(pool_), "who starts cold has weights to pull");
  slots_.resize(replicas.size());
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    slots_[i].replica = replicas[i];
  }
  seen_.base_replicas = pool_.replicas;
  if (may_be_reclaimed(pool_)) {
    seen_.reclaim_losses.emplace();
  }
}

void ScalablePool::share(GpuScheduler& gpus) {
  gpus_ = &gpus;
  member_ = gpus.add(slots_.front().replica->shape().pool, slots_.size(), *this);
}

void ScalablePool::buy(std::unique_ptr<PlacementPolicy> rule) {
  const PoolIndex pool = slots_.front().replica->shape().pool;
  market_ = std::make_unique<OfferMarket>(config_, pool, slots_.size(), std::move(rule), engine_);
  market_->set_listener([this](std::size_t slot) { placed(slot); });
  procurement_.buy_from(*market_);
}

/// An order has its offer; those of t = 0 are there at once.
void ScalablePool::placed(std::size_t index) {
  const OfferConfig& offer = market_->config_of(*market_->offer_of(index));
  if (weights_ != nullptr) {
    weights_->settle_at(index, site_of(pool_, offer));
  }
  if (opening_) {
    open_one(index);
  } else {
    wait_for_delivery(slots_[index]);
  }
}

void ScalablePool::open() {
  opening_ = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].replica->turn_off();
    if (i >= static_cast<std::size_t>(pool_.replicas)) {
      continue;
    }
    begin(slots_[i], 0);
    if (gpus_ != nullptr) {
      slots_[i].opens = true;
      gpus_->claim(member_, i);
      note_stock_out(slots_[i]);
    } else if (market_ != nullptr) {
      market_->order(i);
      note_stock_out(slots_[i]);
    } else {
      open_one(i);
    }
  }
  opening_ = false;
  if (pool_.procurement) {
    for (const OrderConfig& order : pool_.procurement->orders) {
      engine_.at(sim_start + order.at, EventPriority::fleet,
                 [this, replicas = order.replicas] { place_order(replicas); });
    }
  }
}

/// The machines of t = 0 are there.
void ScalablePool::open_one(std::size_t index) {
  Slot& slot = slots_[index];
  deliver(slot);
  if (pool_.start == PoolStart::ready) {
    engine_.cancel(*slot.next);
    slot.next.reset();
    if (weights_ != nullptr) {
      weights_->adopt(index);
    }
    begin_to_serve(slot);  // without a start
  }
}

// ---- a start, phase by phase ----

void ScalablePool::after(Slot& slot, Duration delay, void (ScalablePool::*then)(Slot&)) {
  slot.next = engine_.at(engine_.now() + delay, EventPriority::fleet, [this, &slot, then] {
    slot.next.reset();
    (this->*then)(slot);
  });
}

void ScalablePool::enter(Slot& slot, State state, StartPhase phase) {
  slot.state = state;
  slot.clock.enter(phase, engine_.now());
}

void ScalablePool::begin(Slot& slot, WeightsVersion version) {
  slot.number = ++orders_;
  slot.ordered = engine_.now();
  slot.called_off = false;
  slot.version = version;
  slot.wanted = version;
  slot.state = State::ordered;
  slot.clock.begin(StartPhase::stock_out, engine_.now());
}

void ScalablePool::order(std::size_t index, WeightsVersion version) {
  Slot& slot = slots_[index];
  PLIMSOLL_CHECK(slot.state == State::off, "only a slot that is off is ordered");
  if (is_extra(index) && !slot.wanted_extra) {
    return;
  }
  if (slot.machine_broken) {
    slot.order_when_repaired = true;
    return;
  }
  begin(slot, version);
  if (gpus_ != nullptr) {
    gpus_->claim(member_, index);
    note_stock_out(slot);
    return;
  }
  if (market_ != nullptr) {
    market_->order(index);
    note_stock_out(slot);
    return;
  }
  const Duration wait = procurement_.stock_out(engine_.now());
  if (wait > Duration::zero()) {
    after(slot, wait, &ScalablePool::wait_for_delivery);
    note_stock_out(slot);
  } else {
    wait_for_delivery(slot);
  }
}

/// What was asked for is not to be had: until it is, a slot that lacks nothing for another cause
/// lacks its machines for that one.
void ScalablePool::note_stock_out(Slot& slot) {
  const bool waits = slot.state == State::ordered && slot.clock.in(StartPhase::stock_out);
  if (waits && !slot.lack.lacks) {
    lacks_.lack(slot.lack, DownCause::stock_out, engine_.now());
  }
}

/// In place of one that was lost for this cause: until it is delivered the pool lacks it, and until
/// it serves its start counts for that.
void ScalablePool::order_in_place(std::size_t index, WeightsVersion version, DownCause cause) {
  lacks_.lack(slots_[index].lack, cause, engine_.now());
  slots_[index].comes_back = true;
  order(index, version);
}

void ScalablePool::wait_for_delivery(Slot& slot) {
  const Duration lead = procurement_.lead_time(index_of(slot), slot.number);
  if (slot.lack.lacks == DownCause::stock_out) {
    lacks_.end_lack(slot.lack, engine_.now());
  }
  enter(slot, State::ordered, StartPhase::lead);
  if (lead > Duration::zero()) {
    after(slot, lead, &ScalablePool::deliver);
  } else {
    deliver(slot);
  }
}

void ScalablePool::deliver(Slot& slot) {
  if (slot.lack.lacks >= DownCause::reclaim && slot.lack.lacks != DownCause::stock_out) {
    lacks_.begin_start(slot.lack, engine_.now());
  }
  lacks_.end_lack(slot.lack, engine_.now());
  slot.replica->begin_loading(slot.cause);
  slot.since = engine_.now();
  if (market_ != nullptr) {
    market_->delivered(index_of(slot));
  }
  arm_reclaim(slot);
  prepare(slot);
}

/// What a machine does first, whether it is new or was repaired.
void ScalablePool::prepare(Slot& slot) {
  enter(slot, State::provisioned, StartPhase::provision);
  if (adds_cold(pool_)) {
    after(slot, pool_.provision, &ScalablePool::pull);
  } else {
    const bool scaled = pool_.autoscale && pool_.autoscale->provisioning_delay;
    const Duration delay = scaled ? *pool_.autoscale->provisioning_delay : Duration::zero();
    // Loading is a part of it.
    after(slot, std::max(delay, *versions_.of(slot.version).load), &ScalablePool::serve);
  }
}

void ScalablePool::pull(Slot& slot) {
  if (const auto load = versions_.of(slot.version).load) {
    load_timed(slot, *load);
    return;
  }
  enter(slot, State::pulling, StartPhase::pull);
  weights_->bring(
      index_of(slot), slot.version, [this, &slot] { load(slot); },
      [this, &slot] { warm_up(slot); });
}

void ScalablePool::load(Slot& slot) {
  enter(slot, State::loading, StartPhase::load);
}

/// A copy whose time a rollout gives.
void ScalablePool::load_timed(Slot& slot, Duration load) {
  if (weights_ != nullptr) {
    weights_->give_up(index_of(slot));  // GPUs keep nothing of other versions
  }
  enter(slot, State::loading, StartPhase::load);
  after(slot, load, &ScalablePool::warm_up);
}

void ScalablePool::warm_up(Slot& slot) {
  enter(slot, State::warming, StartPhase::warm_up);
  after(slot, pool_.warm_up, &ScalablePool::serve);
}

/// Empty: a load of given length, which has no resource.
std::string ScalablePool::bound_of(const Slot& slot, StartPhase phase) const {
  const bool timed = versions_.of(slot.version).load.has_value();
  return timed ? std::string{} : weights_->bound_of(index_of(slot), phase);
}

void ScalablePool::serve(Slot& slot) {
  ++seen_.starts;
  seen_.longest_start_ns = std::max(seen_.longest_start_ns, (engine_.now() - slot.ordered).count());
  begin_to_serve(slot);
}

void ScalablePool::begin_to_serve(Slot& slot) {
  slot.state = State::ready;
  slot.cause = DownCause::loading;
  ++serving_;
  note_serving(seen_, serving_, slot.clock.times(engine_.now()), engine_.now(),
               [&](StartPhase phase) { return bound_of(slot, phase); });
  end_start(slot);
  slot.replica->take_shape(versions_.shape_of(slot.version));
  stream_rest(weights_, index_of(slot), *slot.replica);
  slot.replica->become_ready();
  note_version(slot);
  if (market_ != nullptr) {
    const double hourly = market_->price_now(market_->offer_of(index_of(slot)).value());
    directory_.replica_costs(slot.replica->index(), hourly * pool_.tp * pool_.pp);
  }
  directory_.replica_ready(slot.replica->index());
  if (std::exchange(slot.comes_back, false)) {
    tell("serves", index_of(slot));
  }
  come_further();
}

/// What its copy is like, once there are versions to tell apart.
void ScalablePool::note_version(Slot& slot) {
  if (!versions_.several()) {
    return;
  }
  std::vector<ReadSpan> reads;
  if (const auto load = versions_.of(slot.version).load) {
    const SimTime loaded = engine_.now() - pool_.warm_up;
    reads.push_back({std::max(slot.ordered, loaded - *load), loaded});
  } else {
    reads = weights_->reads_of(index_of(slot));
  }
  incidents_.set_corrupt(slot.replica->index(), versions_.note_load(slot.version, reads));
}

void ScalablePool::end_start(Slot& slot) {
  lacks_.end_start(slot.lack, engine_.now());
  slot.clock.end(engine_.now());
  add_to(seen_.times, slot.clock.times(engine_.now()));
}

/// A start that is under way comes to nothing, at once.
void ScalablePool::give_up_start(Slot& slot) {
  if (slot.next) {
    engine_.cancel(*slot.next);
    slot.next.reset();
  } else if (slot.state == State::ordered) {
    lacks_.end_lack(slot.lack, engine_.now());
    if (gpus_ != nullptr) {
      gpus_->withdraw(member_, index_of(slot));
    }
  } else {
    weights_->give_up(index_of(slot));
  }
  end_start(slot);
  ++seen_.called_off;
}

/// From rented and without work to off.
void ScalablePool::release(Slot& slot) {
  slot.state = State::off;
  slot.called_off = false;
  slot.comes_back = false;
  slot.redeploys = false;
  slot.noticed = false;
  slot.cause = DownCause::loading;
  settle_version(slot);
  end_failure(slot);
  slot.replica->turn_off();
  const auto contract = static_cast<std::size_t>(procurement_.contract_of(index_of(slot)));
  seen_.rented_ns[contract] += (engine_.now() - slot.since).count();
  if (slot.reclaim) {
    engine_.cancel(*slot.reclaim);
    slot.reclaim.reset();
  }
  if (weights_ != nullptr) {
    weights_->released(index_of(slot));
  }
  if (gpus_ != nullptr) {
    gpus_->returned(member_, index_of(slot));
  }
  if (market_ != nullptr) {
    market_->leave(index_of(slot));
  }
  come_further();
  replace_later();
}

// ---- orders and decisions ----

void ScalablePool::place_order(int replicas) {
  for (std::size_t i = 0; i < slots_.size() && replicas > 0; ++i) {
    const Slot& slot = slots_[i];
    if (!is_extra(i) && slot.state == State::off && !slot.order_when_repaired && may_hold_more(i)) {
      order(i, slot.version);
      --replicas;
    }
  }
  PLIMSOLL_CHECK(replicas == 0 || notice_slots(pool_) > 0,
                 "an order's slots exist from the beginning");
  for (; replicas > 0; --replicas) {
    owe();  // who drains has the slots
  }
}

bool ScalablePool::starts(const Slot& slot) const {
  return slot.state >= State::ordered && slot.state <= State::warming;
}

InstanceCounts ScalablePool::instances() const {
  InstanceCounts counts;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (is_extra(i)) {
      continue;
    }
    const Slot& slot = slots_[i];
    const bool comes_back = (slot.state == State::failed && !slot.called_off) || slot.redeploys;
    counts.ready += slot.state == State::ready ? 1 : 0;
    counts.loading += starts(slot) || comes_back ? 1 : 0;
    counts.draining += slot.called_off || (slot.state == State::draining && !comes_back) ? 1 : 0;
  }
  return counts;
}

std::int64_t ScalablePool::minimum() const {
  return pool_.autoscale ? pool_.autoscale->min_replicas : 0;
}

std::int64_t ScalablePool::maximum() const {
  return static_cast<std::int64_t>(own_slots());
}

double ScalablePool::dollars_per_hour() const {
  if (market_ != nullptr) {
    return market_->dollars_per_hour() * pool_.tp * pool_.pp;
  }
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
  for (std::size_t slot = 0; slot < own_slots() && current < instances; ++slot) {
    if (slots_[slot].state == State::off && !slots_[slot].machine_broken) {
      order(slot, slots_[slot].version);
      ++current;
    }
  }
  for (; current > instances; --current) {
    const bool removed = (on_trial_ && remove_one(false)) || remove_one(true);
    PLIMSOLL_CHECK(removed, "who is asked to remove an instance has one");
  }
}

/// Of the slots in question those that may go: all, or with offers those whose orders wait, else
/// those of the offer that the rule gives back first.
template <class InQuestion>
std::vector<ScalablePool::Slot*> ScalablePool::may_go(InQuestion in_question) {
  std::vector<Slot*> slots;
  std::vector<std::int64_t> of_offer(market_ == nullptr ? 0 : market_->offers());
  bool waits = false;
  for (Slot& slot : slots_) {
    if (in_question(slot)) {
      slots.push_back(&slot);
      if (market_ != nullptr) {
        const auto offer = market_->offer_of(index_of(slot));
        waits = waits || !offer;
        of_offer[offer.value_or(0)] += offer ? 1 : 0;
      }
    }
  }
  if (market_ != nullptr && !slots.empty()) {
    const auto goes = waits ? std::nullopt : std::optional{market_->release_from(of_offer)};
    std::erase_if(slots, [&](Slot* slot) { return market_->offer_of(index_of(*slot)) != goes; });
  }
  return slots;
}

/// Whether whoever scales the pool may take it away; `on_trial`: also what is.
bool ScalablePool::may_be_removed(const Slot& slot, bool on_trial) const {
  return !is_extra(index_of(slot)) && (on_trial || slot.wanted != on_trial_);
}

/// The youngest that is loading goes first, since it serves nobody, then one that is broken or
/// about to load; else the one that drains soonest: with the fewest outstanding requests, the last
/// slot of equal ones. False when there is none.
bool ScalablePool::remove_one(bool on_trial) {
  const auto among = [&](auto in_question) {
    return may_go(
        [&](const Slot& slot) { return may_be_removed(slot, on_trial) && in_question(slot); });
  };
  Slot* youngest = nullptr;
  for (Slot* const slot : among([this](const Slot& slot) { return starts(slot); })) {
    youngest = youngest == nullptr || slot->number > youngest->number ? slot : youngest;
  }
  if (youngest != nullptr) {
    call_off(*youngest);
    return true;
  }
  if (scrap_one(on_trial)) {
    return true;
  }
  for (Slot* const slot : among([](const Slot& slot) { return slot.redeploys; })) {
    leave_after_all(*slot);
    return true;
  }
  Slot* lightest = nullptr;
  std::int64_t least = 0;
  for (Slot* const slot : among([](const Slot& slot) { return slot.state == State::ready; })) {
    const std::int64_t outstanding = directory_.outstanding(slot->replica->index());
    if (lightest == nullptr || outstanding <= least) {
      lightest = slot;
      least = outstanding;
    }
  }
  if (lightest != nullptr) {
    begin_draining(*lightest);
  }
  return lightest != nullptr;
}

/// A broken one serves nobody; it is off once it is repaired.
bool ScalablePool::scrap_one(bool on_trial) {
  for (Slot& slot : slots_) {
    if (slot.state == State::failed && !slot.called_off && may_be_removed(slot, on_trial)) {
      slot.called_off = true;
      return true;
    }
  }
  return false;
}

/// An order is withdrawn; machines that are there already go back at once, shared GPUs too.
void ScalablePool::call_off(Slot& slot) {
  lacks_.end_lack(slot.lack, engine_.now());
  give_up_start(slot);
  if (slot.state != State::ordered) {
    release(slot);
    return;
  }
  slot.state = State::off;
  slot.cause = DownCause::loading;
  settle_version(slot);
  if (market_ != nullptr) {
    market_->leave(index_of(slot));
  }
  come_further();
}

// ---- the end of a replica ----

void ScalablePool::begin_draining(Slot& slot, bool redeploys) {
  PLIMSOLL_CHECK(slot.state == State::ready, "only a replica that serves can drain");
  slot.state = State::draining;
  slot.redeploys = redeploys;
  ++slot.drains;
  --serving_;
  slot.replica->begin_draining();
  if (gpus_ != nullptr && !redeploys) {
    gpus_->leaving(member_, index_of(slot));
  }
  directory_.replica_leaving(slot.replica->index(), *this, pool_.drain_timeout);
}

/// One that drains to load another version is given back instead.
void ScalablePool::leave_after_all(Slot& slot) {
  slot.redeploys = false;
  if (gpus_ != nullptr) {
    gpus_->leaving(member_, index_of(slot));
  }
}

void ScalablePool::drain(std::size_t index, std::function<void()> drained) {
  slots_[index].drained = std::move(drained);
  begin_draining(slots_[index]);
}

void ScalablePool::on_drained(ReplicaIndex replica) {
  Slot& slot = slots_[replica - slots_.front().replica->index()];
  // Its last step is still ending: it goes once that is over.
  engine_.at(engine_.now(), EventPriority::dispatch, [this, &slot, drains = slot.drains] {
    if (slot.state != State::draining || slot.drains != drains) {
      return;  // it failed meanwhile
    }
    if (slot.redeploys) {
      reload(slot);
      return;
    }
    release(slot);
    const std::function<void()> drained = std::exchange(slot.drained, nullptr);
    if (drained) {
      drained();
    }
  });
}

// ---- rollouts ----

void ScalablePool::come_further() {
  if (listener_) {
    engine_.at(engine_.now(), EventPriority::fleet, listener_);
  }
}

void ScalablePool::add_with(WeightsVersion version, std::optional<WeightsVersion> on_trial) {
  added_with_ = version;
  on_trial_ = on_trial;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!is_extra(i) && goal(i).use == SlotUse::off) {
      settle_version(slots_[i]);
    }
  }
}

/// What a slot that is off, or goes, will begin with: what is on trial stays so.
void ScalablePool::settle_version(Slot& slot) {
  if (!versions_.several()) {
    return;
  }
  slot.wanted = slot.wanted == on_trial_ ? slot.wanted : added_with_;
  slot.version = slot.state == State::off ? slot.wanted : slot.version;
}

SlotGoal ScalablePool::goal(std::size_t index) const {
  const Slot& slot = slots_[index];
  const bool leaves = slot.state == State::draining && !slot.redeploys;
  const bool used = slot.state != State::off && !leaves && !slot.called_off;
  return {slot.wanted, used ? SlotUse::serving : SlotUse::off};
}

void ScalablePool::set_goal(std::size_t index, SlotGoal goal) {
  Slot& slot = slots_[index];
  if (is_extra(index)) {
    slot.wanted_extra = goal.use == SlotUse::serving;
    if (!slot.wanted_extra) {
      give_up_extra(slot);
      return;
    }
  }
  slot.wanted = goal.version;
  if (slot.state != State::off) {
    redeploy(slot);
    return;
  }
  slot.version = goal.version;
  if (is_extra(index)) {
    order(index, goal.version);
  }
}

/// It comes to the version that is wanted, unless it is leaving.
void ScalablePool::redeploy(Slot& slot) {
  const bool same = slot.version == slot.wanted;
  switch (slot.state) {
    case State::off:
    case State::failed:  // it will begin with what is wanted
      break;
    case State::ordered:
      slot.version = slot.wanted;
      break;
    case State::provisioned:
    case State::pulling:
    case State::loading:
    case State::warming:
      if (!same) {
        give_up_start(slot);
        reload(slot);
      }
      break;
    case State::ready:
      if (!same) {
        begin_draining(slot, true);
      }
      break;
    case State::draining:
      if (same && slot.redeploys) {
        slot.redeploys = false;
        slot.state = State::ready;
        ++serving_;
        slot.replica->end_draining();
        directory_.replica_ready(slot.replica->index());
        come_further();
      }
      break;
  }
}

/// On its machines, which have nothing to do, from the beginning.
void ScalablePool::reload(Slot& slot) {
  slot.redeploys = false;
  slot.version = slot.wanted;
  slot.ordered = engine_.now();
  slot.replica->turn_off();
  slot.replica->begin_loading(DownCause::deployment);
  slot.clock.begin(StartPhase::provision, engine_.now());
  if (weights_ != nullptr) {
    weights_->give_up(index_of(slot));
  }
  if (const auto load = versions_.of(slot.version).load) {
    load_timed(slot, *load);
  } else {
    prepare(slot);
  }
}

/// A slot that a rollout added goes, whatever it does.
void ScalablePool::give_up_extra(Slot& slot) {
  slot.order_when_repaired = false;
  if (starts(slot)) {
    call_off(slot);
  } else if (slot.state == State::failed) {
    slot.called_off = true;
  } else if (slot.redeploys) {
    leave_after_all(slot);
  } else if (slot.state == State::ready) {
    begin_draining(slot);
  }
}

bool ScalablePool::settled(std::size_t index) const {
  const Slot& slot = slots_[index];
  if (is_extra(index) && !slot.wanted_extra) {
    return slot.state == State::off || slot.state == State::failed;
  }
  switch (slot.state) {
    case State::off:
    case State::failed:
      return true;
    case State::ordered:
      return !is_extra(index);
    case State::ready:
      return slot.version == slot.wanted;
    case State::draining:
      return !slot.redeploys;
    case State::provisioned:
    case State::pulling:
    case State::loading:
    case State::warming:
      return false;
  }
  return false;
}

std::optional<SimTime> ScalablePool::waits_since(std::size_t index) const {
  const Slot& slot = slots_[index];
  return is_extra(index) && slot.state == State::ordered ? std::optional{slot.ordered}
                                                         : std::nullopt;
}

// ---- failures ----

/// Its machine stops, in whatever state it is. What it had stands in its line until the service
/// takes it back.
void ScalablePool::break_down(Slot& slot, DownCause cause) {
  slot.replica->fail(cause);
  if (weights_ != nullptr) {
    weights_->give_up(index_of(slot));
  }
  if (slot.failed) {
    return;  // it is broken already
  }
  slot.failed = engine_.now();
  ++seen_.failures;
  const bool redeploys = std::exchange(slot.redeploys, false);
  if (slot.state == State::draining && !redeploys) {
    return;  // off when what it had has been taken away
  }
  if (slot.state == State::ready) {
    --serving_;
  } else if (!redeploys) {
    give_up_start(slot);
  }
  slot.state = State::failed;
  come_further();
}

void ScalablePool::end_failure(Slot& slot) {
  if (slot.failed) {
    seen_.failed_ns += (engine_.now() - *slot.failed).count();
    slot.failed.reset();
  }
}

void ScalablePool::fail(std::size_t index) {
  Slot& slot = slots_[index];
  PLIMSOLL_CHECK(slot.state > State::ordered && !slot.failed,
                 "only a replica whose machines run can fail");
  slot.drained = nullptr;
  slot.redeploys = false;
  if (slot.state == State::draining) {
    slot.state = State::ready;  // breaks as one that serves
    ++serving_;
  }
  break_down(slot, DownCause::node);
  slot.called_off = false;
  incidents_.replica_lost(slot.replica->index());
}

void ScalablePool::restart(std::size_t index, WeightsVersion version) {
  Slot& slot = slots_[index];
  PLIMSOLL_CHECK(slot.state == State::failed, "only what failed is started again");
  end_failure(slot);
  slot.ordered = engine_.now();
  slot.version = version;
  slot.wanted = version;
  slot.comes_back = true;
  slot.clock.begin(StartPhase::provision, engine_.now());
  prepare(slot);
}

void ScalablePool::dismiss(std::size_t index) {
  PLIMSOLL_CHECK(slots_[index].state == State::failed, "only what failed is dismissed");
  release(slots_[index]);
}

bool ScalablePool::machine_failed(std::size_t index, DownCause cause) {
  Slot& slot = slots_[index];
  slot.machine_broken = true;
  if (slot.state <= State::ordered) {
    return false;
  }
  slot.broken_by = cause;
  break_down(slot, cause);
  return true;
}

void ScalablePool::machine_failure_noticed(std::size_t index) {
  if (gpus_ != nullptr) {
    end_repair(index);
  }
}

void ScalablePool::machine_repaired(std::size_t index) {
  PLIMSOLL_CHECK(gpus_ == nullptr, "no replica waits for the repair of shared GPUs");
  end_repair(index);
}

/// The slot can be used again: on its machine that was repaired, or on other shared GPUs.
void ScalablePool::end_repair(std::size_t index) {
  Slot& slot = slots_[index];
  slot.machine_broken = false;
  replace_later();
  if (slot.state == State::off && std::exchange(slot.order_when_repaired, false)) {
    order(index, slot.version);
    return;
  }
  if (slot.state != State::failed) {
    return;
  }
  if (!slot.called_off && gpus_ != nullptr) {
    start_elsewhere(index);
    return;
  }
  if (!slot.called_off) {
    restart(index, slot.wanted);
    return;
  }
  const std::function<void()> dismissed = std::exchange(slot.drained, nullptr);
  dismiss(index);
  if (dismissed) {
    dismissed();
  }
}

/// Until it serves, the time counts for the fault.
void ScalablePool::start_elsewhere(std::size_t index) {
  Slot& slot = slots_[index];
  dismiss(index);
  slot.drained = nullptr;
  slot.cause = *slot.broken_by;
  order_in_place(index, slot.version, slot.cause);
}

// ---- spot machines ----

void ScalablePool::arm_reclaim(Slot& slot) {
  const auto after = procurement_.reclaimed_after(index_of(slot), slot.number);
  if (!after) {
    return;
  }
  const Duration notice = std::min(procurement_.notice(index_of(slot)), *after);
  slot.reclaim = engine_.at(engine_.now() + (*after - notice), EventPriority::fleet,
                            [this, &slot, notice] { give_notice(slot, notice); });
}

/// One that starts would serve for a part of the notice at most: its start is given up, so that
/// nothing runs there when the time is up. One that drains already goes on.
void ScalablePool::give_notice(Slot& slot, Duration notice) {
  slot.reclaim =
      engine_.at(engine_.now() + notice, EventPriority::fleet, [this, &slot] { take_back(slot); });
  if (notice == Duration::zero() || (slot.state == State::draining && !slot.redeploys)) {
    return;
  }
  ++seen_.reclaims;
  lacks_.note_taken_away();
  note_reclaim(slot);
  tell("notice", index_of(slot), fmt::format("taken back in {:g} s", to_seconds(notice)));
  slot.noticed = true;
  if (slot.redeploys) {
    leave_after_all(slot);
  } else if (slot.state == State::ready) {
    begin_draining(slot);
  } else if (slot.state == State::failed) {
    slot.called_off = true;
  } else {
    call_off(slot);
  }
  if (procurement_.replaces()) {
    replace(index_of(slot));
  }
}

/// Another machine for one that goes: in its own slot when that is free, else in the first that is;
/// when none is, once one comes free.
void ScalablePool::replace(std::size_t index) {
  const std::optional<std::size_t> free = is_free(index) ? index : free_spot_slot();
  if (free) {
    order_in_place(*free, slots_[*free].version, DownCause::reclaim);
  } else {
    owe();
  }
}

void ScalablePool::owe() {
  ++owed_;
  lacks_.begin_absence(DownCause::reclaim, engine_.now());
}

std::optional<std::size_t> ScalablePool::free_spot_slot() const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (is_free(i) && (market_ != nullptr || procurement_.contract_of(i) == Contract::spot)) {
      return i;
    }
  }
  return std::nullopt;
}

bool ScalablePool::is_free(std::size_t index) const {
  const Slot& slot = slots_[index];
  return !is_extra(index) && slot.state == State::off && !slot.machine_broken &&
         !slot.order_when_repaired;
}

/// As an event: whoever freed a slot may order in it at once.
void ScalablePool::replace_later() {
  if (owed_ == 0) {
    return;
  }
  engine_.at(engine_.now(), EventPriority::fleet, [this] {
    for (auto free = free_spot_slot(); free && owed_ > 0; free = free_spot_slot()) {
      --owed_;
      lacks_.end_absence(DownCause::reclaim, engine_.now());
      order_in_place(*free, slots_[*free].version, DownCause::reclaim);
    }
  });
}

/// Of spot slots of a single market only so many are held as were asked for; the others are there
/// for replacements.
bool ScalablePool::may_hold_more(std::size_t index) const {
  if (market_ != nullptr || procurement_.contract_of(index) != Contract::spot ||
      !pool_.procurement || !pool_.procurement->spot) {
    return true;
  }
  std::int64_t held = owed_;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const bool wanted = slot.state != State::off && !slot.noticed;
    held += wanted && procurement_.contract_of(i) == Contract::spot ? 1 : 0;
  }
  return held < pool_.procurement->spot->replicas;
}

void ScalablePool::note_reclaim(const Slot& slot) {
  if (market_ != nullptr) {
    market_->reclaimed(index_of(slot));
  }
}

/// The time is up: what is there still goes with its machines.
void ScalablePool::take_back(Slot& slot) {
  slot.reclaim.reset();
  const std::size_t index = index_of(slot);
  const bool again = !slot.noticed && procurement_.replaces();
  if (!slot.noticed) {
    ++seen_.reclaims;
    lacks_.note_taken_away();
    note_reclaim(slot);
  }
  tell("reclaimed", index);
  if (directory_.outstanding(slot.replica->index()) > 0) {
    ++seen_.reclaimed_serving;
  }
  if (slot.failed) {
    // Broken machines are taken back when they are repaired, or have drained.
    slot.called_off = slot.state == State::failed;
    if (again) {
      slot.drained = [this, index] {
        order_in_place(index, slots_[index].version, DownCause::reclaim);
      };
    }
    return;
  }
  const LossSummary before = incidents_.losses();
  fail(index);
  note_losses(before);
  dismiss(index);
  if (again) {
    replace(index);
  }
}

// ---- offers that stop ----

std::int64_t ScalablePool::offers_lost(const std::string& provider, const std::string& region) {
  if (market_ == nullptr) {
    return 0;
  }
  market_->close(provider, region);
  std::int64_t lost = 0;
  for (Slot& slot : slots_) {
    const auto offer = market_->offer_of(index_of(slot));
    if (offer && market_->closed(*offer)) {
      lost += lose_nodes(slot) ? 1 : 0;
    }
  }
  return lost;
}

void ScalablePool::offers_back(const std::string& provider, const std::string& region) {
  if (market_ != nullptr) {
    market_->open(provider, region);
  }
}

/// Its nodes are gone, or will not come; true when they were rented. An autoscaler asks by itself
/// for what it misses.
bool ScalablePool::lose_nodes(Slot& slot) {
  const bool rented = slot.state != State::ordered;
  const bool missed = keeps_its_size() && !slot.noticed;
  const auto again = [this, &slot] {
    order_in_place(index_of(slot), slot.version, DownCause::outage);
  };
  if (!rented) {
    call_off(slot);
  } else if (slot.failed) {
    // Broken ones are given up when they are repaired, or have drained.
    slot.called_off = slot.state == State::failed;
    slot.drained = missed ? again : std::function<void()>{};
    return false;
  } else {
    lacks_.note_taken_away();
    market_->lost(index_of(slot));
    fail(index_of(slot));
    dismiss(index_of(slot));
  }
  if (missed) {
    again();
  }
  return rented;
}

// ---- shared GPUs ----

void ScalablePool::granted(std::size_t index, const std::vector<int>& nodes) {
  if (weights_ != nullptr) {
    weights_->settle_on(index, nodes);
  }
  const bool opens = std::exchange(slots_[index].opens, false);
  if (opens && engine_.now() == sim_start) {
    open_one(index);
  } else {
    deliver(slots_[index]);
  }
}

/// An autoscaler asks again by itself for what it misses.
void ScalablePool::preempted(std::size_t index, Duration grace) {
  Slot& slot = slots_[index];
  const bool again = keeps_its_size();
  slot.redeploys = false;  // it leaves
  if (slot.state != State::draining && !slot.failed) {
    lacks_.note_taken_away();
    tell("preempted", index, fmt::format("at most {:g} s to end", to_seconds(grace)));
  }
  if (slot.state == State::draining) {
    slot.reclaim = engine_.at(engine_.now() + grace, EventPriority::fleet,
                              [this, &slot] { take_gpus_back(slot, false); });
  } else if (slot.state == State::ready && grace > Duration::zero()) {
    slot.reclaim = engine_.at(engine_.now() + grace, EventPriority::fleet,
                              [this, &slot, again] { take_gpus_back(slot, again); });
    drain(index, [this, index, again] {
      if (again) {
        order_in_place(index, slots_[index].version, DownCause::preemption);
      }
    });
  } else {
    take_gpus_back(slot, again);
  }
}

/// What still is there goes. Of a replica that died meanwhile the GPUs come back once that is
/// noticed.
void ScalablePool::take_gpus_back(Slot& slot, bool again) {
  slot.reclaim.reset();
  if (slot.failed) {
    return;
  }
  if (slot.state == State::ready || slot.state == State::draining) {
    preempted_busy_ += directory_.outstanding(slot.replica->index()) > 0 ? 1 : 0;
    fail(index_of(slot));
    dismiss(index_of(slot));
  } else {
    give_up_start(slot);
    release(slot);
  }
  if (again) {
    order_in_place(index_of(slot), slot.version, DownCause::preemption);
  }
}

int ScalablePool::warmth(int node) const {
  return weights_ == nullptr ? 0 : weights_->warmth(node);
}

void ScalablePool::note_losses(const LossSummary& before) {
  const LossSummary& after = incidents_.losses();
  seen_.reclaim_losses->lost += after.lost - before.lost;
  seen_.reclaim_losses->retried += after.retried - before.retried;
  seen_.reclaim_losses->failed += after.failed - before.failed;
}

// ---- the account ----

ElasticitySummary ScalablePool::elasticity() const {
  ElasticitySummary summary = seen_;
  StartsUnderWay under_way;
  for (const Slot& slot : slots_) {
    if (slot.clock.running()) {
      const StartTimes times = slot.clock.times(engine_.now());
      add_to(summary.times, times);
      under_way.add(slot.ordered, index_of(slot), times);
    }
    if (slot.failed) {
      summary.failed_ns += (engine_.now() - *slot.failed).count();
    }
    if (slot.state > State::ordered) {
      const auto contract = static_cast<std::size_t>(procurement_.contract_of(index_of(slot)));
      summary.rented_ns[contract] += (engine_.now() - slot.since).count();
    }
  }
  note_next_multiple(summary, serving_, under_way,
                     [&](StartPhase phase) { return bound_of(slots_[under_way.slot], phase); });
  if (market_ != nullptr) {
    summary.offers = market_->uses();
    std::int64_t rented = 0;
    for (const OfferUse& use : summary.offers) {
      rented += use.rented_ns;
    }
    PLIMSOLL_CHECK(rented == std::accumulate(summary.rented_ns.begin(), summary.rented_ns.end(),
                                             std::int64_t{0}),
                   "what is rented is rented from one offer");
  }
  const PoolGauges time = gauges();
  const auto of = [&](StartPhase phase) { return summary.times[static_cast<std::size_t>(phase)]; };
  PLIMSOLL_CHECK(of(StartPhase::provision) + of(StartPhase::pull) + of(StartPhase::load) +
                         of(StartPhase::warm_up) + summary.failed_ns ==
                     time.down_ns,
                 "the phases of starts and failures are the time of being down");
  PLIMSOLL_CHECK(
      std::accumulate(summary.rented_ns.begin(), summary.rented_ns.end(), std::int64_t{0}) ==
          time.busy_ns + time.idle_ns + time.down_ns + time.draining_ns,
      "what is rented is rented under one contract");
  if (weights_ != nullptr) {
    summary.resources = weights_->uses();
    summary.pulled_from = weights_->pulled_from();
  }
  return summary;
}

}  // namespace plimsoll
