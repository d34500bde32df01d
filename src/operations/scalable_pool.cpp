// A pool of replicas: how each begins, comes, serves, goes, breaks and comes again.
#include "operations/scalable_pool.hpp"

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
      procurement_{config, pool} {
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
    serve(slot);
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
  slot.state = State::ordered;
  slot.clock.begin(StartPhase::stock_out, engine_.now());
}

void ScalablePool::order(std::size_t index, WeightsVersion version) {
  Slot& slot = slots_[index];
  PLIMSOLL_CHECK(slot.state == State::off, "only a slot that is off is ordered");
  if (slot.machine_broken) {
    slot.order_when_repaired = version;
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
  if (waits && !slot.lacks) {
    lack(slot, DownCause::stock_out);
  }
}

/// In place of one that was lost for this cause: until it is delivered the pool lacks it, and until
/// it serves its start counts for that.
void ScalablePool::order_in_place(std::size_t index, WeightsVersion version, DownCause cause) {
  lack(slots_[index], cause);
  order(index, version);
}

void ScalablePool::lack(Slot& slot, DownCause cause) {
  slot.lacks = cause;
  lacks_.begin_absence(cause, engine_.now());
}

void ScalablePool::end_wait(Slot& slot) {
  if (slot.lacks) {
    lacks_.end_absence(*slot.lacks, engine_.now());
    slot.lacks.reset();
  }
}

void ScalablePool::wait_for_delivery(Slot& slot) {
  const Duration lead = procurement_.lead_time(index_of(slot), slot.number);
  if (slot.lacks == DownCause::stock_out) {
    end_wait(slot);
  }
  enter(slot, State::ordered, StartPhase::lead);
  if (lead > Duration::zero()) {
    after(slot, lead, &ScalablePool::deliver);
  } else {
    deliver(slot);
  }
}

void ScalablePool::deliver(Slot& slot) {
  if (slot.lacks >= DownCause::reclaim && slot.lacks != DownCause::stock_out) {
    slot.replaces = slot.lacks;
    lacks_.begin_start(*slot.replaces, engine_.now());
  }
  end_wait(slot);
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
    after(slot, scaled ? *pool_.autoscale->provisioning_delay : Duration::zero(),
          &ScalablePool::serve);
  }
}

void ScalablePool::pull(Slot& slot) {
  enter(slot, State::pulling, StartPhase::pull);
  weights_->bring(
      index_of(slot), slot.version, [this, &slot] { load(slot); },
      [this, &slot] { warm_up(slot); });
}

void ScalablePool::load(Slot& slot) {
  enter(slot, State::loading, StartPhase::load);
}

void ScalablePool::warm_up(Slot& slot) {
  enter(slot, State::warming, StartPhase::warm_up);
  after(slot, pool_.warm_up, &ScalablePool::serve);
}

void ScalablePool::serve(Slot& slot) {
  slot.state = State::ready;
  slot.cause = DownCause::loading;
  ++seen_.starts;
  seen_.longest_start_ns = std::max(seen_.longest_start_ns, (engine_.now() - slot.ordered).count());
  ++serving_;
  note_serving(seen_, serving_, slot.clock.times(engine_.now()), engine_.now(),
               [&](StartPhase phase) { return weights_->bound_of(index_of(slot), phase); });
  end_start(slot);
  slot.replica->become_ready();
  directory_.replica_ready(slot.replica->index());
}

void ScalablePool::end_start(Slot& slot) {
  if (slot.replaces) {
    lacks_.end_start(*slot.replaces, engine_.now());
    slot.replaces.reset();
  }
  slot.clock.end(engine_.now());
  add_to(seen_.times, slot.clock.times(engine_.now()));
}

/// A start that is under way comes to nothing, at once.
void ScalablePool::give_up_start(Slot& slot) {
  if (slot.next) {
    engine_.cancel(*slot.next);
    slot.next.reset();
  } else if (slot.state == State::ordered) {
    end_wait(slot);
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
  slot.noticed = false;
  slot.cause = DownCause::loading;
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
  replace_later();
}

// ---- orders and decisions ----

void ScalablePool::place_order(int replicas) {
  for (std::size_t i = 0; i < slots_.size() && replicas > 0; ++i) {
    const Slot& slot = slots_[i];
    if (slot.state == State::off && !slot.order_when_repaired && may_hold_more(i)) {
      order(i, 0);
      --replicas;
    }
  }
  PLIMSOLL_CHECK(replicas == 0 || notice_slots(pool_) > 0,
                 "an order's slots exist from the beginning");
  for (; replicas > 0; --replicas) {
    owe(0);  // who drains has the slots
  }
}

bool ScalablePool::starts(const Slot& slot) const {
  return slot.state >= State::ordered && slot.state <= State::warming;
}

std::int64_t ScalablePool::count(State state) const {
  std::int64_t number = 0;
  for (const Slot& slot : slots_) {
    number += slot.state == state ? 1 : 0;
  }
  return number;
}

InstanceCounts ScalablePool::instances() const {
  InstanceCounts counts;
  counts.ready = count(State::ready);
  counts.draining = count(State::draining);
  for (const Slot& slot : slots_) {
    const bool comes_back = slot.state == State::failed && !slot.called_off;
    counts.loading += starts(slot) || comes_back ? 1 : 0;
    counts.draining += slot.called_off ? 1 : 0;
  }
  return counts;
}

std::int64_t ScalablePool::minimum() const {
  return pool_.autoscale ? pool_.autoscale->min_replicas : 0;
}

std::int64_t ScalablePool::maximum() const {
  return static_cast<std::int64_t>(slots_.size());
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
  for (std::size_t slot = 0; slot < slots_.size() && current < instances; ++slot) {
    if (slots_[slot].state == State::off && !slots_[slot].machine_broken) {
      order(slot, 0);
      ++current;
    }
  }
  for (; current > instances; --current) {
    remove_one();
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

/// The youngest that is loading goes first, since it serves nobody; else the one that drains
/// soonest: with the fewest outstanding requests, the last slot of equal ones.
void ScalablePool::remove_one() {
  Slot* youngest = nullptr;
  for (Slot* const slot : may_go([this](const Slot& slot) { return starts(slot); })) {
    youngest = youngest == nullptr || slot->number > youngest->number ? slot : youngest;
  }
  if (youngest != nullptr) {
    call_off(*youngest);
    return;
  }
  if (scrap_one()) {
    return;
  }
  Slot* lightest = nullptr;
  std::int64_t least = 0;
  for (Slot* const slot : may_go([](const Slot& slot) { return slot.state == State::ready; })) {
    const std::int64_t outstanding = directory_.outstanding(slot->replica->index());
    if (lightest == nullptr || outstanding <= least) {
      lightest = slot;
      least = outstanding;
    }
  }
  PLIMSOLL_CHECK(lightest != nullptr, "who is asked to remove an instance has one");
  begin_draining(*lightest);
}

/// A broken one serves nobody; it is off once it is repaired.
bool ScalablePool::scrap_one() {
  for (Slot& slot : slots_) {
    if (slot.state == State::failed && !slot.called_off) {
      slot.called_off = true;
      return true;
    }
  }
  return false;
}

/// An order is withdrawn; machines that are there already go back at once, shared GPUs too.
void ScalablePool::call_off(Slot& slot) {
  end_wait(slot);
  give_up_start(slot);
  if (slot.state != State::ordered) {
    release(slot);
    return;
  }
  slot.state = State::off;
  slot.cause = DownCause::loading;
  if (market_ != nullptr) {
    market_->leave(index_of(slot));
  }
}

// ---- the end of a replica ----

void ScalablePool::begin_draining(Slot& slot) {
  PLIMSOLL_CHECK(slot.state == State::ready, "only a replica that serves can drain");
  slot.state = State::draining;
  --serving_;
  slot.replica->begin_draining();
  if (gpus_ != nullptr) {
    gpus_->leaving(member_, index_of(slot));
  }
  directory_.replica_leaving(slot.replica->index(), *this);
}

void ScalablePool::drain(std::size_t index, std::function<void()> drained) {
  slots_[index].drained = std::move(drained);
  begin_draining(slots_[index]);
}

void ScalablePool::on_drained(ReplicaIndex replica) {
  Slot& slot = slots_[replica - slots_.front().replica->index()];
  // Its last step is still ending: it goes once that is over.
  engine_.at(engine_.now(), EventPriority::dispatch, [this, &slot, number = slot.number] {
    if (slot.state != State::draining || slot.number != number) {
      return;  // it failed meanwhile
    }
    release(slot);
    const std::function<void()> drained = std::exchange(slot.drained, nullptr);
    if (drained) {
      drained();
    }
  });
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
  if (slot.state == State::draining) {
    return;  // off when what it had has been taken away
  }
  if (slot.state == State::ready) {
    --serving_;
  } else {
    give_up_start(slot);
  }
  slot.state = State::failed;
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
  if (slot.state == State::off && slot.order_when_repaired) {
    const WeightsVersion version = *slot.order_when_repaired;
    slot.order_when_repaired.reset();
    order(index, version);
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
    restart(index, slot.version);
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
  if (notice == Duration::zero() || slot.state == State::draining) {
    return;
  }
  ++seen_.reclaims;
  lacks_.note_taken_away();
  note_reclaim(slot);
  slot.noticed = true;
  const WeightsVersion version = slot.version;
  if (slot.state == State::ready) {
    begin_draining(slot);
  } else if (slot.state == State::failed) {
    slot.called_off = true;
  } else {
    call_off(slot);
  }
  if (procurement_.replaces()) {
    replace(index_of(slot), version);
  }
}

/// Another machine for one that goes: in its own slot when that is free, else in the first that is;
/// when none is, once one comes free.
void ScalablePool::replace(std::size_t index, WeightsVersion version) {
  const std::optional<std::size_t> free = is_free(index) ? index : free_spot_slot();
  if (free) {
    order_in_place(*free, version, DownCause::reclaim);
  } else {
    owe(version);
  }
}

void ScalablePool::owe(WeightsVersion version) {
  owed_.push_back(version);
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
  return slot.state == State::off && !slot.machine_broken && !slot.order_when_repaired;
}

/// As an event: whoever freed a slot may order in it at once.
void ScalablePool::replace_later() {
  if (owed_.empty()) {
    return;
  }
  engine_.at(engine_.now(), EventPriority::fleet, [this] {
    for (auto free = free_spot_slot(); free && !owed_.empty(); free = free_spot_slot()) {
      const WeightsVersion version = owed_.front();
      owed_.pop_front();
      lacks_.end_absence(DownCause::reclaim, engine_.now());
      order_in_place(*free, version, DownCause::reclaim);
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
  auto held = static_cast<std::int64_t>(owed_.size());
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
    replace(index, slot.version);
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
  if (slot.state != State::draining && !slot.failed) {
    lacks_.note_taken_away();
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
  for (const Slot& slot : slots_) {
    if (slot.clock.running()) {
      add_to(summary.times, slot.clock.times(engine_.now()));
    }
    if (slot.failed) {
      summary.failed_ns += (engine_.now() - *slot.failed).count();
    }
    if (slot.state > State::ordered) {
      const auto contract = static_cast<std::size_t>(procurement_.contract_of(index_of(slot)));
      summary.rented_ns[contract] += (engine_.now() - slot.since).count();
    }
  }
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
