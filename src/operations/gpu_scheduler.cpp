// Who gets GPUs that several pools share: claims by priority, nodes by fit, preemption.
#include "operations/gpu_scheduler.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "fleet/placement.hpp"

namespace plimsoll {
namespace {

void note_wait(ClaimSummary& claims, std::int64_t wait) {
  claims.wait_ns += wait;
  claims.longest_wait_ns = std::max(claims.longest_wait_ns, wait);
}

}  // namespace

GpuScheduler::GpuScheduler(const Config& config, std::size_t shared, Engine& engine)
    : shared_{config.shared_gpus[shared]},
      config_{config},
      engine_{engine},
      nodes_{most_nodes(shared_), config.gpus[shared_.gpu].gpus_per_node, shared_.nodes},
      deliveries_{config, shared, engine, [this](int node) { add_node(node); }} {
}

std::size_t GpuScheduler::add(PoolIndex pool, std::size_t slots, GpuClaimant& claimant) {
  const PoolConfig& config = config_.pools[pool];
  Member& member = members_.emplace_back();
  member.pool = pool;
  member.claimant = &claimant;
  member.layout = gpus_by_node(config_.gpus[shared_.gpu], config);
  member.gpus = config.tp * config.pp;
  member.priority = config.allocation->priority;
  member.guaranteed = config.allocation->guaranteed;
  member.slots.resize(slots);
  return members_.size() - 1;
}

void GpuScheduler::start() {
  started_ = true;
  deliveries_.start();
  pass();
}

void GpuScheduler::add_node(int node) {
  settle();
  nodes_.arrive(node);
  if (arrival_listener_) {
    arrival_listener_(node);
  }
  pass_soon();
}

// ---- what pools say ----

void GpuScheduler::claim(std::size_t index, std::size_t slot_index) {
  settle();
  Member& member = members_[index];
  Slot& slot = member.slots[slot_index];
  PLIMSOLL_CHECK(slot.hold == Hold::none, "only a slot without GPUs claims some");
  slot.hold = Hold::waiting;
  slot.number = ++claims_;
  slot.claimed = engine_.now();
  slot.preempts = false;
  slot.reserves = false;
  member.claims.push_back(slot_index);
  ++member.seen.claims;
  ++waiting_;
  if (passing_) {
    pass_soon();
  } else if (started_) {
    pass();
  }
}

void GpuScheduler::withdraw(std::size_t index, std::size_t slot_index) {
  settle();
  Member& member = members_[index];
  Slot& slot = member.slots[slot_index];
  PLIMSOLL_CHECK(slot.hold == Hold::waiting, "only a claim that waits is withdrawn");
  member.claims.erase(std::find(member.claims.begin(), member.claims.end(), slot_index));
  slot.hold = Hold::none;
  note_wait(member.seen, (engine_.now() - slot.claimed).count());
  ++member.seen.withdrawn;
  --waiting_;
  pass_soon();  // what was kept for it may go to others
}

void GpuScheduler::leaving(std::size_t index, std::size_t slot_index) {
  Member& member = members_[index];
  Slot& slot = member.slots[slot_index];
  if (slot.hold == Hold::held) {
    slot.hold = Hold::leaving;
    --member.held;
  }
}

void GpuScheduler::returned(std::size_t index, std::size_t slot_index) {
  settle();
  Member& member = members_[index];
  Slot& slot = member.slots[slot_index];
  PLIMSOLL_CHECK(slot.hold >= Hold::held, "only a slot that has GPUs returns them");
  leaving(index, slot_index);
  for (std::size_t part = 0; part < slot.nodes.size(); ++part) {
    nodes_.give_back(slot.nodes[part], {index, slot_index, member.layout[part]});
  }
  slot.hold = Hold::none;
  slot.nodes.clear();
  member.allocated -= member.gpus;
  pass_soon();
}

// ---- faults ----

std::vector<StruckReplica> GpuScheduler::strike(const GpuRange& range) {
  settle();
  std::vector<StruckReplica> struck;
  for (const GpuHolder& holder : nodes_.strike(range.node, range.first, range.count)) {
    Slot& slot = members_[holder.member].slots[holder.slot];
    if (slot.hold != Hold::lost) {
      leaving(holder.member, holder.slot);
      slot.hold = Hold::lost;
      struck.push_back({members_[holder.member].pool, holder.slot});
    }
  }
  pass_soon();  // claims that waited for these GPUs look for others
  return struck;
}

std::vector<StruckReplica> GpuScheduler::repair(const GpuRange& range) {
  settle();
  std::vector<StruckReplica> found;
  for (const GpuHolder& holder : nodes_.repair(range.node, range.first, range.count)) {
    found.push_back({members_[holder.member].pool, holder.slot});
  }
  pass_soon();
  return found;
}

// ---- a pass over all claims ----

void GpuScheduler::pass_soon() {
  if (pass_is_due_ || !started_) {
    return;
  }
  pass_is_due_ = true;
  engine_.at(engine_.now(), EventPriority::fleet, [this] {
    pass_is_due_ = false;
    pass();
  });
}

void GpuScheduler::pass() {
  if (waiting_ == 0) {
    return;
  }
  settle();
  passing_ = true;
  look_at_nodes();
  std::vector<std::size_t> served(members_.size(), 0);  // claims that wait for what is coming
  std::vector<bool> passed_over(members_.size(), false);
  while (const std::optional<Turn> turn = next_turn(served, passed_over)) {
    if (!serve(*turn)) {
      passed_over[turn->member] = true;  // its next ones rank no higher and need as much
    } else if (members_[turn->member].slots[turn->slot].hold == Hold::waiting) {
      ++served[turn->member];
    }
  }
  // Pools answer with claims and returns: these are for the next pass.
  for (const Action& action : std::exchange(actions_, {})) {
    Member& member = members_[action.member];
    if (action.grant) {
      member.claimant->granted(action.slot, member.slots[action.slot].nodes);
    } else {
      member.claimant->preempted(action.slot, shared_.grace);
    }
  }
  passing_ = false;
}

/// What is free and what is coming, before the first claim's turn.
void GpuScheduler::look_at_nodes() {
  left_.assign(static_cast<std::size_t>(nodes_.count()), Left{});
  reserver_.reset();
  for (int n = 0; n < nodes_.count(); ++n) {
    Left& left = left_[static_cast<std::size_t>(n)];
    left.free = nodes_.free(n);
    for (const GpuHolder& holder : nodes_.holders(n)) {
      const Hold hold = members_[holder.member].slots[holder.slot].hold;
      left.coming += hold == Hold::held   ? 0
                     : hold == Hold::lost ? nodes_.working_of(n, holder)
                                          : holder.gpus;
    }
  }
}

std::optional<GpuScheduler::Turn> GpuScheduler::next_turn(
    const std::vector<std::size_t>& served, const std::vector<bool>& passed_over) const {
  std::optional<Turn> best;
  std::tuple<bool, int, std::uint64_t> best_rank;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const Member& member = members_[m];
    if (passed_over[m] || served[m] == member.claims.size()) {
      continue;
    }
    const std::size_t slot = member.claims[served[m]];
    const bool guaranteed = member.held + static_cast<int>(served[m]) < member.guaranteed;
    const std::tuple rank{!guaranteed, -member.priority, member.slots[slot].number};
    if (!best || rank < best_rank) {
      best = Turn{m, slot, guaranteed};
      best_rank = rank;
    }
  }
  return best;
}

/// False when there is nothing that the claim could get or wait for.
bool GpuScheduler::serve(const Turn& turn) {
  const std::optional<std::vector<Offer>> offers = offers_for(turn);
  if (!offers) {
    reserve_for(turn);
    return false;
  }
  const bool waits = std::any_of(offers->begin(), offers->end(), [](const Offer& offer) {
    return offer.coming > 0 || !offer.victims.empty();
  });
  if (!waits) {
    grant(turn, *offers);
    return true;
  }
  Member& member = members_[turn.member];
  for (const Offer& offer : *offers) {
    for (const GpuHolder& victim : offer.victims) {
      Slot& claim = member.slots[turn.slot];
      member.seen.preempting += claim.preempts ? 0 : 1;
      claim.preempts = true;
      ++members_[victim.member].seen.preempted;
      leaving(victim.member, victim.slot);
      revoke(victim);
    }
  }
  for (std::size_t part = 0; part < offers->size(); ++part) {
    if ((*offers)[part].coming > 0) {
      hurry_leavers(turn, (*offers)[part].node);
    }
    keep_for((*offers)[part], member.layout[part]);
  }
  return true;
}

/// One offer for each node of a replica; none when some part has no node.
std::optional<std::vector<GpuScheduler::Offer>> GpuScheduler::offers_for(const Turn& turn) const {
  std::vector<Offer> offers;
  for (const int gpus : members_[turn.member].layout) {
    std::optional<Offer> best;
    for (int n = 0; n < nodes_.count(); ++n) {
      std::optional<Offer> offer = offer_of(n, gpus, turn, offers);
      if (offer && (!best || better(*offer, *best))) {
        best = std::move(offer);
      }
    }
    if (!best) {
      return std::nullopt;
    }
    offers.push_back(*best);
  }
  return offers;
}

/// `taken` are the claim's other nodes.
std::optional<GpuScheduler::Offer> GpuScheduler::offer_of(int node, int gpus, const Turn& turn,
                                                          const std::vector<Offer>& taken) const {
  Left left = left_[static_cast<std::size_t>(node)];
  const auto is_node = [node](const Offer& other) { return other.node == node; };
  if (std::any_of(taken.begin(), taken.end(), is_node) ||
      (left.reserved && !may_use_reserved(turn))) {
    return std::nullopt;
  }
  Offer offer;
  offer.node = node;
  offer.coming = std::max(0, gpus - left.free);
  const int missing = offer.coming - left.coming;
  if (missing > 0 && !add_victims(offer, missing, turn, taken)) {
    return std::nullopt;
  }
  offer.left_over = left.free - gpus;
  offer.warmth = members_[turn.member].claimant->warmth(node);
  return offer;
}

/// The replicas on the node that go first, as many as it takes.
bool GpuScheduler::add_victims(Offer& offer, int missing, const Turn& turn,
                               const std::vector<Offer>& taken) const {
  if (!shared_.preemption) {
    return false;
  }
  std::vector<int> spare = spare_replicas();
  const auto is_taken = [&](const GpuHolder& holder) {
    return std::any_of(taken.begin(), taken.end(), [&](const Offer& other) {
      return std::any_of(other.victims.begin(), other.victims.end(), [&](const GpuHolder& victim) {
        return victim.member == holder.member && victim.slot == holder.slot;
      });
    });
  };
  for (const Offer& other : taken) {
    for (const GpuHolder& victim : other.victims) {
      --spare[victim.member];
    }
  }
  std::vector<GpuHolder> candidates;
  for (const GpuHolder& holder : nodes_.holders(offer.node)) {
    const Member& member = members_[holder.member];
    if (is_taken(holder)) {
      missing -= holder.gpus;
    } else if (member.slots[holder.slot].hold == Hold::held && outranks(turn, member)) {
      candidates.push_back(holder);
    }
  }
  const auto rank = [&](const GpuHolder& holder) {
    const Member& member = members_[holder.member];
    return std::tuple{member.priority, ~member.slots[holder.slot].number};
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](const GpuHolder& a, const GpuHolder& b) { return rank(a) < rank(b); });
  for (const GpuHolder& holder : candidates) {
    if (missing > 0 && spare[holder.member] > 0) {
      --spare[holder.member];
      missing -= holder.gpus;
      offer.victims.push_back(holder);
    }
  }
  // A large one at the end may have made others superfluous: those that rank highest stay.
  for (std::size_t v = offer.victims.size(); v-- > 0;) {
    if (missing + offer.victims[v].gpus <= 0) {
      missing += offer.victims[v].gpus;
      offer.victims.erase(offer.victims.begin() + static_cast<std::ptrdiff_t>(v));
    }
  }
  for (const GpuHolder& victim : offer.victims) {
    const int priority = members_[victim.member].priority;
    const bool first = offer.victim_gpus == 0;
    offer.highest_priority = first ? priority : std::max(offer.highest_priority, priority);
    offer.victim_gpus += members_[victim.member].gpus;
  }
  return missing <= 0;
}

/// Replicas of each pool that may go.
std::vector<int> GpuScheduler::spare_replicas() const {
  std::vector<int> spare;
  for (const Member& member : members_) {
    spare.push_back(member.held - member.guaranteed);
  }
  return spare;
}

// ---- nodes that are reserved ----

/// The claim has got nothing, and may have been overtaken for long enough.
void GpuScheduler::reserve_for(const Turn& turn) {
  Member& member = members_[turn.member];
  Slot& slot = member.slots[turn.slot];
  if (reserver_ || engine_.now() - slot.claimed < shared_.reserve_after) {
    return;
  }
  std::vector<int> nodes;
  for (const int gpus : member.layout) {
    const std::optional<int> node = node_to_reserve(turn, gpus);
    if (!node) {  // broken ones would have to be repaired first
      for (const int other : nodes) {
        left_[static_cast<std::size_t>(other)].reserved = false;
      }
      return;
    }
    left_[static_cast<std::size_t>(*node)].reserved = true;
    nodes.push_back(*node);
  }
  reserver_ = turn;
  member.seen.reserving += slot.reserves ? 0 : 1;
  slot.reserves = true;
}

/// Where the claim lacks the fewest GPUs, the first of equal ones.
std::optional<int> GpuScheduler::node_to_reserve(const Turn& turn, int gpus) const {
  std::optional<int> best;
  int most = 0;
  for (int n = 0; n < nodes_.count(); ++n) {
    const Left& left = left_[static_cast<std::size_t>(n)];
    if (left.reserved || nodes_.working(n) < gpus) {
      continue;
    }
    const int found = std::min(gpus, left.free + left.coming + preemptible(n, turn));
    if (!best || found > most) {
      best = n;
      most = found;
    }
  }
  return best;
}

/// GPUs of the node that the claim could take from others.
int GpuScheduler::preemptible(int node, const Turn& turn) const {
  if (!shared_.preemption) {
    return 0;
  }
  std::vector<int> spare = spare_replicas();
  int gpus = 0;
  for (const GpuHolder& holder : nodes_.holders(node)) {
    const Member& member = members_[holder.member];
    const bool stays = member.slots[holder.slot].hold == Hold::held;
    if (stays && outranks(turn, member) && spare[holder.member]-- > 0) {
      gpus += holder.gpus;
    }
  }
  return gpus;
}

bool GpuScheduler::may_use_reserved(const Turn& turn) const {
  return shared_.preemption && !turn.guaranteed && outranks(*reserver_, members_[turn.member]);
}

bool GpuScheduler::outranks(const Turn& turn, const Member& other) const {
  const Member& member = members_[turn.member];
  return &member != &other && (turn.guaranteed || member.priority > other.priority);
}

bool GpuScheduler::better(const Offer& a, const Offer& b) {
  const auto rank = [](const Offer& offer) {
    return std::tuple{!offer.victims.empty(), offer.highest_priority, offer.victim_gpus,
                      offer.coming,           offer.left_over,        -offer.warmth};
  };
  return rank(a) < rank(b);
}

/// Claims that follow in this pass do not get what this one waits for.
void GpuScheduler::keep_for(const Offer& offer, int gpus) {
  Left& left = left_[static_cast<std::size_t>(offer.node)];
  const int free = std::min(left.free, gpus);
  left.free -= free;
  left.coming -= gpus - free;
}

void GpuScheduler::grant(const Turn& turn, const std::vector<Offer>& offers) {
  Member& member = members_[turn.member];
  Slot& slot = member.slots[turn.slot];
  member.claims.erase(std::find(member.claims.begin(), member.claims.end(), turn.slot));
  slot.hold = Hold::held;
  for (std::size_t part = 0; part < offers.size(); ++part) {
    const int node = offers[part].node;
    const int gpus = member.layout[part];
    left_[static_cast<std::size_t>(node)].free -= gpus;
    nodes_.take(node, {turn.member, turn.slot, gpus});
    slot.nodes.push_back(node);
  }
  ++member.held;
  member.allocated += member.gpus;
  --waiting_;
  most_allocated_ = std::max(most_allocated_, std::int64_t{nodes_.taken()});
  const std::int64_t wait = (engine_.now() - slot.claimed).count();
  ++member.seen.granted;
  member.seen.waited += wait > 0 ? 1 : 0;
  note_wait(member.seen, wait);
  actions_.push_back({turn.member, turn.slot, true});
}

/// The slot leaves, and is told so.
void GpuScheduler::revoke(const GpuHolder& victim) {
  Member& member = members_[victim.member];
  Slot& slot = member.slots[victim.slot];
  slot.hold = Hold::revoked;
  actions_.push_back({victim.member, victim.slot, false});
  for (std::size_t part = 0; part < slot.nodes.size(); ++part) {
    left_[static_cast<std::size_t>(slot.nodes[part])].coming += member.layout[part];
  }
}

/// Those who leave of their own do so within the grace, too, when their GPUs are wanted.
void GpuScheduler::hurry_leavers(const Turn& turn, int n) {
  if (!shared_.preemption) {
    return;
  }
  for (const GpuHolder& holder : nodes_.holders(n)) {
    Member& member = members_[holder.member];
    Slot& slot = member.slots[holder.slot];
    if (slot.hold == Hold::leaving && outranks(turn, member)) {
      slot.hold = Hold::revoked;
      ++member.seen.preempted;
      actions_.push_back({holder.member, holder.slot, false});
    }
  }
}

// ---- the account ----

void GpuScheduler::settle() {
  const std::int64_t passed = (engine_.now() - since_).count();
  since_ = engine_.now();
  nodes_.settle(since_);
  blocked_ns_ += waiting_ > 0 ? passed * nodes_.free() : 0;
  for (Member& member : members_) {
    member.gpu_ns += passed * member.allocated;
  }
}

SharedGpusSummary GpuScheduler::summary() const {
  const std::int64_t passed = (engine_.now() - since_).count();
  const GpuTimes times = nodes_.times(engine_.now());
  SharedGpusSummary summary;
  summary.name = shared_.name;
  summary.gpu = config_.gpus[shared_.gpu].name;
  summary.nodes = nodes_.there() / nodes_.per_node();
  summary.gpus = nodes_.there();
  summary.most_allocated = most_allocated_;
  summary.total_ns = times.total;
  summary.unallocated_ns = times.free;
  summary.down_ns = times.down;
  summary.broken_ns = times.broken;
  summary.deliveries = deliveries_.summary();
  summary.blocked_ns = blocked_ns_ + (waiting_ > 0 ? passed * nodes_.free() : 0);
  std::int64_t sum = summary.unallocated_ns + summary.down_ns;
  for (const Member& member : members_) {
    PoolShare share;
    share.pool = member.pool;
    share.priority = member.priority;
    share.guaranteed = member.guaranteed;
    share.claims = member.seen;
    for (const std::size_t slot : member.claims) {
      ++share.claims.waiting;
      note_wait(share.claims, (engine_.now() - member.slots[slot].claimed).count());
    }
    share.gpu_ns = member.gpu_ns + passed * member.allocated;
    sum += share.gpu_ns;
    summary.pools.push_back(share);
  }
  PLIMSOLL_CHECK(sum == summary.total_ns, "every GPU is allocated or not");
  return summary;
}

}  // namespace plimsoll
