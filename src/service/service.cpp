// A model's requests on their way to a replica, and back.
#include "service/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string>

namespace plimsoll {
namespace {

/// The smallest limit of the pools that serve `model`, so that any of them can take any request.
int context_limit(const Config& config, ModelIndex model, std::optional<std::size_t> datacenter) {
  int limit = 0;
  for (const PoolConfig& pool : config.pools) {
    if (pool.model == model && datacenter_of(config, pool) == datacenter) {
      limit = limit == 0 ? pool.max_context : std::min(limit, pool.max_context);
    }
  }
  return limit;
}

/// Where each tier stands between the lowest priority (0) and the highest (1), in equal steps.
std::vector<double> tier_standings(const Config& config) {
  std::set<int> priorities;
  for (const TierConfig& tier : config.tiers) {
    priorities.insert(tier.priority);
  }
  std::vector<double> standings;
  for (const TierConfig& tier : config.tiers) {
    const auto below = std::distance(priorities.begin(), priorities.find(tier.priority));
    const auto steps = std::max<std::size_t>(1, priorities.size() - 1);
    standings.push_back(static_cast<double>(below) / static_cast<double>(steps));
  }
  return standings;
}

/// What does not change of the load of a replica of `shape`, whose pool is known to `config`.
ReplicaLoad unloaded(const Config& config, const ReplicaShape& shape, double capacity,
                     const MeanLengths& lengths) {
  ReplicaLoad load;
  load.accepting = false;
  load.kv_capacity_tokens = std::max<std::int64_t>(1, shape.kv_blocks * shape.block_size);
  load.pool = shape.pool;
  load.slots = static_cast<std::int64_t>(batch_estimate(shape, lengths));
  load.prefill_rate = prefill_rate(shape);
  load.request_rate = capacity;
  const PoolConfig& pool = config.pools[shape.pool];
  if (pool.price) {
    load.dollars_per_hour =
        price_of(config.prices[*pool.price], pool.contract).count() * pool.tp * pool.pp;
  }
  return load;
}

}  // namespace

Service::Service(const Config& config, ModelIndex model, const PolicyRegistries& policies,
                 Engine& engine, RequestTable& requests, EventSink& sink, EndListener& ends,
                 std::optional<std::size_t> datacenter)
    : config_{config},
      rules_{service_of(config, model)},
      model_{model},
      datacenter_{datacenter},
      engine_{engine},
      requests_{requests},
      sink_{sink},
      ends_{ends},
      router_{policies.routers.make(rules_.router)},
      queue_policy_{policies.queues.make(rules_.queue)},
      admission_{policies.admissions.make(rules_.admission)},
      route_stream_{config.seed, "router:" + name()},
      load_stream_{config.seed, "router_load:" + name()},
      first_token_stream_{config.seed, "router_first_token:" + name()},
      retry_stream_{config.seed, "router_retry:" + name()},
      queue_{requests, RequestState::waiting_centrally},
      dispatch_timer_{engine.make_timer(EventPriority::dispatch, &Service::on_dispatch, this, 0)},
      deadline_timer_{engine.make_timer(EventPriority::deadline, &Service::on_deadline, this, 0)},
      max_context_{context_limit(config, model, datacenter)},
      seen_loads_{*router_, loads_, rules_.scrape_interval, rules_.own_count,
                  RandomStream{config.seed, "router_scrape:" + name()}},
      tier_standing_{tier_standings(config)},
      router_follows_prefill_{router_->follows_prefill()},
      admission_follows_{admission_->follows_replicas()} {
  if (router_->follows_sessions()) {
    requests.keep_prefixes();
  }
  if (config.path && (router_->follows_clients() || queue_policy_->follows_clients())) {
    requests.keep_sent();
  }
  if (queue_policy_->follows_tenants()) {
    requests.keep_tenants();
    if (config.horizon.windows.empty()) {
      tenant_shares_.emplace(sim_start + config.warm_up);
    }
  }
  if (rules_.waiting_room) {
    const bool clients = config.path && config.path->clients;
    waiting_room_ = std::make_unique<WaitingRoom>(
        *rules_.waiting_room, clients ? &*config.path->clients : nullptr, model);
  }
  for (std::size_t i = 0; i < config.workload.classes.size(); ++i) {
    predicted_output_.push_back(expected_output(config, static_cast<ClassIndex>(i)));
  }
}

std::string Service::name() const {
  const std::string& model = config_.models[model_].name;
  return datacenter_ ? model + "@" + config_.path->edge->datacenters[*datacenter_].name : model;
}

void Service::add_replica(Replica& replica, double capacity) {
  if (member_of_.size() <= replica.index()) {
    member_of_.resize(replica.index() + 1, not_a_member);
  }
  member_of_[replica.index()] = static_cast<std::uint32_t>(members_.size());
  Member member;
  member.replica = &replica;
  member.capacity = capacity;
  members_.push_back(member);
}

void Service::open() {
  double total = 0;
  for (const Member& member : members_) {
    total += member.capacity;
  }
  const double mean = total / static_cast<double>(members_.size());
  router_->reset(static_cast<std::uint32_t>(members_.size()));
  if (decode_) {
    decode_->router->reset(static_cast<std::uint32_t>(members_.size()));
  }
  const MeanLengths lengths = expected_lengths(config_, model_);
  if (admission_follows_) {
    admission_->reset(static_cast<std::uint32_t>(members_.size()));
  }
  for (const Member& member : members_) {
    loads_.push_back(unloaded(config_, member.replica->shape(), member.capacity, lengths));
    loads_.back().weight = member.capacity / mean;
  }
}

void Service::replica_ready(ReplicaIndex replica) {
  const std::uint32_t member = member_of_[replica];
  set_ready(member, true);
  members_[member].leaving = nullptr;  // it stays after all
  Draws draws = load_stream_.of(~std::uint64_t{replica});
  change_load(member, {}, draws);
  if (somebody_waits()) {
    engine_.arm(dispatch_timer_, engine_.now());
  }
}

void Service::set_ready(std::uint32_t member, bool ready) {
  members_[member].ready = ready;
  const int sign = ready ? 1 : -1;
  load_.replicas += sign;
  ready_rate_ += sign * std::llround(members_[member].capacity * rate_resolution);
}

void Service::replica_leaving(ReplicaIndex replica, DrainListener& listener,
                              std::optional<Duration> drain_timeout) {
  const std::uint32_t member = member_of_[replica];
  set_ready(member, false);
  Draws draws = load_stream_.of(~std::uint64_t{replica});
  change_load(member, {}, draws);
  if (loads_[member].outstanding == 0) {
    listener.on_drained(replica);
  } else {
    members_[member].leaving = &listener;
    const std::uint32_t drain = ++members_[member].drains;
    if (drain_timeout) {
      engine_.at(engine_.now() + *drain_timeout, EventPriority::fleet, [this, member, drain] {
        const Member& late = members_[member];
        if (late.leaving != nullptr && late.drains == drain && !late.dead) {
          cut_drain(member);
        }
      });
    }
  }
  note_stranded();
}

void Service::change_load(std::uint32_t member, const LoadChange& change, Draws& draws) {
  ScrapedLoads& seen = decodes(member) ? decode_->seen_loads : seen_loads_;
  seen.refresh(engine_.now());
  ReplicaLoad& load = loads_[member];
  const std::int64_t beyond_before = std::max<std::int64_t>(0, load.outstanding - load.slots);
  load.outstanding += change.requests;
  beyond_slots_ += std::max<std::int64_t>(0, load.outstanding - load.slots) - beyond_before;
  load.committed_kv_tokens += change.committed_tokens;
  load.pending_prompt_tokens += change.pending_tokens;
  load_.outstanding += change.requests;
  const int limit = rules_.max_outstanding;
  load.accepting = members_[member].ready && (limit == 0 || load.outstanding < limit);
  tell_load(member, change, draws);
}

void Service::tell_load(std::uint32_t member, const LoadChange& change, Draws& draws) {
  ScrapedLoads& seen = decodes(member) ? decode_->seen_loads : seen_loads_;
  seen.changed(member, change.requests > 0, change.committed_tokens, draws);
  if (admission_follows_) {
    admission_->update(member, loads_[member]);
  }
}

RequestView Service::view_of(RequestSlot slot) const {
  const Request& request = requests_[slot];
  RequestView view;
  view.id = request.id;
  view.request_class = request.request_class;
  view.tier = config_.workload.classes[request.request_class].tier;
  view.model = model_;
  view.priority = config_.tiers[view.tier].priority;
  view.prompt_tokens = request.prompt_tokens;
  view.predicted_output.tokens = predicted_output_[request.request_class];
  view.arrived = request.arrived;
  if (requests_.keeps_sent()) {
    view.on_the_way = request.arrived - requests_.sent(slot);
  }
  if (requests_.keeps_prefixes()) {
    view.session = owner_of(requests_.prefix_use(slot).prefix.session);
  }
  if (requests_.keeps_tenants()) {
    view.tenant = requests_.tenant(slot);
  }
  const TierConfig& tier = config_.tiers[view.tier];
  view.tier_standing = tier_standing_[view.tier];
  view.ttft_objective = tier.slo.ttft.value_or(Duration::max());
  view.longest_wait = longest_wait(view.tier).value_or(Duration::max());
  return view;
}

RequestRecord Service::record_of(RequestSlot slot) const {
  const Request& request = requests_[slot];
  RequestRecord record;
  record.id = request.id;
  record.request_class = request.request_class;
  record.tier = config_.workload.classes[request.request_class].tier;
  record.model = model_;
  record.slot = slot;
  record.replica_assigned = request.replica != not_a_member;
  if (record.replica_assigned) {
    record.replica = request.replica;
    record.pool = members_[member_of_[request.replica]].replica->shape().pool;
  }
  record.prompt_tokens = request.prompt_tokens;
  record.output_tokens = request.output_tokens;
  record.emitted_tokens = request.emitted_tokens;
  record.preemptions = request.preemptions;
  record.arrived = request.arrived;
  record.scheduled = request.scheduled;
  record.first_token = request.first_token;
  return record;
}

double Service::serving_capacity(const std::vector<double>& of_one) const {
  double sum = 0;
  for (const Member& member : members_) {
    sum += member.ready ? of_one[member.replica->shape().pool] : 0.0;
  }
  return sum;
}

RequestSlot Service::arrive(RequestId id, const Arrival& arrival, Phase phase,
                            const CarriedOver* carried) {
  ++arrived_;
  const RequestSlot slot = requests_.admit(id, arrival, engine_.now());
  Request& request = requests_[slot];
  request.replica = not_a_member;
  if (carried != nullptr) {
    request.arrived = carried->arrived;
    request.scheduled = carried->scheduled;
    request.first_token = carried->first_token;
    request.preemptions = carried->preemptions;
    request.retries = carried->retries;
  }
  if (refuse(slot, carried != nullptr)) {
    return no_slot;
  }
  request.rank = queue_policy_->rank(view_of(slot));
  if (!queue_.empty() || !route(slot, phase)) {
    return wait_centrally(slot) ? slot : no_slot;
  }
  if (carried != nullptr && carried->retries > 0) {
    set_deadline(slot);  // which the first service had set
  }
  return slot;
}

/// A context is checked at the door, as engines do, against the prompt and the most tokens that the
/// client lets the answer have: its length stands for that. Nothing else here knows it.
bool Service::refuse(RequestSlot slot, bool carried) {
  const Request& request = requests_[slot];
  const std::int64_t tokens = std::int64_t{request.prompt_tokens} + request.output_tokens;
  if (tokens > max_context_) {
    end(slot, Outcome::over_context);
    return true;
  }
  if (tenant_shares_ && !carried) {
    tenant_shares_->ask(requests_.tenant(slot), tokens, engine_.now());
  }
  load_.waiting = queue_.size();
  const AdmitResult result = admission_->admit(view_of(slot), load_, engine_.now());
  if (result == AdmitResult::admitted) {
    return false;
  }
  end(slot, result == AdmitResult::shed ? Outcome::shed : Outcome::rate_limited);
  return true;
}

/// Gives the request to a replica; false when none accepts.
bool Service::route(RequestSlot slot, Phase phase) {
  const RequestView view = view_of(slot);
  const std::uint64_t retries = requests_[slot].retries;
  Draws draws =
      retries == 0 ? route_stream_.of(view.id) : retry_stream_.of(view.id * 256 + retries);
  seen_loads_.refresh(engine_.now());
  const RouteDecision decision = router_->pick(view, draws);
  if (decision.replica == RouteDecision::none) {
    return false;
  }
  const bool queued_before = requests_[slot].state == RequestState::waiting_centrally;
  Replica& replica = *members_[decision.replica].replica;
  requests_[slot].replica = replica.index();
  change_load(decision.replica, {1, view.prompt_tokens, view.prompt_tokens}, draws);
  replica.enqueue(slot, phase);
  if (!queued_before && retries == 0 && requests_[slot].state == RequestState::waiting) {
    set_deadline(slot);
  }
  if (members_[decision.replica].dead) {
    await_timeout(decision.replica, slot);
  }
  return true;
}

/// False when there is no room: then it has ended.
bool Service::wait_centrally(RequestSlot slot) {
  if (waiting_room_ != nullptr) {
    if (!enter_waiting_room(slot)) {
      return false;
    }
  } else if (rules_.queue_capacity > 0 && queue_.size() >= rules_.queue_capacity) {
    give_up(slot, Outcome::queue_full);
    return false;
  } else {
    stand_in_line(slot);
  }
  set_deadline(slot);
  note_stranded();
  return true;
}

/// Queue and waiting room are one line, of which everybody is shown his place.
bool Service::enter_waiting_room(RequestSlot slot) {
  const Request& request = requests_[slot];
  WaitingRoomVisit visit =
      waiting_room_->show(request.rank, request.id, engine_.now(), ready_rate());
  const bool full = queue_.size() >= rules_.queue_capacity + rules_.waiting_room->capacity;
  if (full || waiting_room_->is_too_much(visit)) {
    visit.end = full ? WaitingRoomEnd::no_room : WaitingRoomEnd::left_when_shown;
    sink_.on_waiting_room(visit);
    give_up(slot, full ? Outcome::queue_full : Outcome::abandoned);
    return false;
  }
  waiting_room_->join(visit, request.rank, request.id, slot);
  requests_[slot].state = RequestState::waiting_centrally;
  queue_.push(slot);
  return true;
}

/// At its rank, whatever room there is.
void Service::stand_in_line(RequestSlot slot) {
  if (waiting_room_ != nullptr) {
    const Request& request = requests_[slot];
    waiting_room_->join(waiting_room_->show(request.rank, request.id, engine_.now(), ready_rate()),
                        request.rank, request.id, slot);
  }
  requests_[slot].state = RequestState::waiting_centrally;
  queue_.push(slot);
}

/// The request, whose state has changed, does not stand in line any more.
void Service::leave_line(RequestSlot slot, bool served) {
  queue_.forget_one();
  if (waiting_room_ != nullptr) {
    const Request& request = requests_[slot];
    sink_.on_waiting_room(
        waiting_room_->leave(request.rank, request.id, slot, served, engine_.now()));
  }
}

std::optional<Duration> Service::longest_wait(TierIndex tier) const {
  const auto& of_tier = config_.tiers[tier].deadline;
  return of_tier ? of_tier : rules_.queue_deadline;
}

void Service::set_deadline(RequestSlot slot) {
  const Request& request = requests_[slot];
  const auto wait = longest_wait(config_.workload.classes[request.request_class].tier);
  if (!wait) {
    return;
  }
  deadlines_.push({request.arrived + *wait, request.id, slot});
  engine_.arm(deadline_timer_, std::max(engine_.now(), deadlines_.first().at));
}

void Service::on_dispatch(void* service, std::uint64_t) {
  static_cast<Service*>(service)->dispatch();
}

void Service::dispatch() {
  dispatch_prefilled();
  while (!queue_.empty()) {
    const RequestSlot slot = queue_.top();
    // The entry leaves the line when its state changes; it is still on top, so it goes at once.
    if (!route(slot, Phase::after_steps)) {
      break;
    }
    leave_line(slot, true);
  }
  if (failover_ != nullptr) {
    send_away();
  }
}

void Service::on_deadline(void* service, std::uint64_t) {
  static_cast<Service*>(service)->expire();
}

void Service::expire() {
  const SimTime now = engine_.now();
  while (!deadlines_.empty() && deadlines_.first().at <= now) {
    const Deadlines::Entry entry = deadlines_.first();
    deadlines_.pop();
    Request& request = requests_[entry.slot];
    if (request.id != entry.id || request.scheduled != never) {
      continue;
    }
    if (request.state == RequestState::waiting_centrally) {
      request.state = RequestState::free;
      leave_line(entry.slot, false);
      give_up(entry.slot, Outcome::timed_out);
    } else if (request.state == RequestState::waiting) {
      members_[member_of_[request.replica]].replica->cancel_waiting(entry.slot,
                                                                    Phase::before_steps);
      give_up(entry.slot, Outcome::timed_out);
    }
  }
  if (!deadlines_.empty()) {
    engine_.arm(deadline_timer_, deadlines_.first().at);
  }
}

/// The request at `slot`, which has a rank, was never in a batch.
void Service::give_up(RequestSlot slot, Outcome outcome) {
  queue_policy_->left(view_of(slot));
  end(slot, outcome);
}

void Service::on_scheduled(RequestSlot slot) {
  queue_policy_->served(requests_[slot].rank);
}

void Service::on_first_token(RequestSlot slot, SimTime) {
  const RequestRecord record = record_of(slot);
  if (router_follows_prefill_) {
    Draws draws = first_token_stream_.of(record.id);
    change_load(member_of_[record.replica], {0, 0, -std::int64_t{record.prompt_tokens}}, draws);
  }
  if (record.first_token == engine_.now()) {  // else it had it in an attempt before
    sink_.on_first_token(record);
  }
}

void Service::abandon(RequestSlot slot, Outcome outcome, Phase phase) {
  Request& request = requests_[slot];
  if (request.state == RequestState::waiting_centrally) {
    request.state = RequestState::free;
    leave_line(slot, false);
    give_up(slot, outcome);
    return;
  }
  if (request.state == RequestState::prefilled || request.state == RequestState::handing_over) {
    abandon_hand_over(slot, outcome);
    return;
  }
  Replica& replica = *members_[member_of_[request.replica]].replica;
  if (request.state != RequestState::waiting) {
    replica.cancel_running(slot, phase);
    return;
  }
  replica.cancel_waiting(slot, phase);
  if (request.scheduled == never) {
    give_up(slot, outcome);
  } else {  // preempted: the queue policy has seen it served
    end(slot, outcome);
  }
}

SimTime Service::leaves_at(RequestSlot slot, SimTime now) {
  const Request& request = requests_[slot];
  return readers_ == nullptr
             ? now
             : readers_->leaves_at(slot, request.output_tokens, request.first_token, now);
}

void Service::on_cancelled(RequestSlot slot, SimTime) {
  end(slot, Outcome::abandoned);
}

void Service::on_completed(RequestSlot slot, SimTime) {
  const bool corrupt = members_[member_of_[requests_[slot].replica]].corrupt;
  end(slot, corrupt ? Outcome::degraded : Outcome::completed);
}

void Service::tell_if_drained(ReplicaIndex replica) {
  Member& member = members_[member_of_[replica]];
  if (member.leaving != nullptr && outstanding(replica) == 0) {
    DrainListener& listener = *member.leaving;
    member.leaving = nullptr;
    listener.on_drained(replica);
  }
}

void Service::end(RequestSlot slot, Outcome outcome) {
  const SimTime now = engine_.now();
  RequestRecord record = record_of(slot);
  record.outcome = outcome;
  record.finished = now;
  if (requests_.keeps_prefixes()) {
    record.prefix_hit_tokens = requests_.prefix_use(slot).hit_tokens;
  }
  const bool pending = !requests_[slot].prefilled || !router_follows_prefill_;
  if (tenant_shares_ && outcome == Outcome::completed) {
    tenant_shares_->end(requests_.tenant(slot),
                        std::int64_t{record.prompt_tokens} + record.output_tokens, record.arrived,
                        now);
  }
  requests_.release(slot);
  if (record.replica_assigned) {
    ++ended_;
    Draws draws = load_stream_.of(record.id);
    const std::int64_t prompt = record.prompt_tokens;
    change_load(member_of_[record.replica], {-1, -prompt, pending ? -prompt : 0}, draws);
    tell_if_drained(record.replica);
    if (answers_ != nullptr) {
      answers_->on_answer(record);
    }
    if (somebody_waits()) {
      engine_.arm(dispatch_timer_, now);
    }
  }
  sink_.on_end(record);
  ends_.on_request_ended(now);
}

void Service::end_arrivals(SimTime until) {
  if (tenant_shares_) {
    tenant_shares_->close(until);
  }
}

std::optional<FairnessSummary> Service::fairness() const {
  if (!tenant_shares_) {
    return std::nullopt;
  }
  FairnessSummary summary = tenant_shares_->summarize();
  summary.model = config_.models[model_].name;
  if (datacenter_) {
    summary.datacenter = config_.path->edge->datacenters[*datacenter_].name;
  }
  return summary;
}

}  // namespace plimsoll
