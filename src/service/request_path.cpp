// The life of a request on the path: attempts, waits, answers, turns.
#include "service/request_path.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

bool is_answer(Outcome outcome) {
  return outcome == Outcome::completed || outcome == Outcome::cached ||
         outcome == Outcome::degraded;
}

}  // namespace

std::uint32_t RequestPath::take_place() {
  if (!free_.empty()) {
    const std::uint32_t place = free_.back();
    free_.pop_back();
    flights_[place] = Flight{};
    return place;
  }
  const auto place = static_cast<std::uint32_t>(flights_.size());
  flights_.emplace_back();
  timed_flights_ = {reinterpret_cast<const std::byte*>(flights_.data()), sizeof(Flight)};
  timers_.push_back(engine_.make_timer(EventPriority::arrival, &RequestPath::on_timer, this, place,
                                       &timed_flights_));
  if (impatient_) {
    patience_timers_.push_back(engine_.make_timer(
        EventPriority::deadline, &RequestPath::on_patience, this, place, &timed_flights_));
  }
  return place;
}

/// What a request is, whatever its attempts: the four words of one block of draws, and its key, if
/// the workload does not know it.
void RequestPath::draw_traits(Flight& flight, std::uint32_t key) const {
  if (edge_ || popularity_) {
    Draws draws = trait_stream_.of(flight.record.id);
    const std::uint32_t region = draws();
    const std::uint32_t cacheable = draws();
    const std::uint32_t group = draws();
    const std::uint32_t rank = draws();
    flight.at.region = edge_ ? edge_->region_of(region) : std::uint16_t{0};
    if (popularity_ &&
        (static_cast<double>(cacheable) + 0.5) * 0x1.0p-32 < path_.popularity->cacheable) {
      flight.object.group = popularity_->group_of(group);
      flight.object.rank =
          static_cast<std::uint32_t>(popularity_->rank_of(flight.object.group, rank));
    }
  }
  if (limits_ || auth_) {
    flight.limited.tier = flight.record.tier;
    flight.limited.key = key == no_key ? keys_.draw(flight.record.id, flight.record.request_class)
                                       : keys_.of_class(flight.record.request_class, key);
    flight.limited.tokens = static_cast<double>(flight.record.prompt_tokens) +
                            expected_output_[flight.record.request_class];
  }
}

void RequestPath::arrive(RequestId id, const Arrival& arrival, Phase phase) {
  const std::uint32_t place = take(id, arrival);
  begin_attempt(place, phase, first_);
}

void RequestPath::arrive_at_service(RequestId id, const Arrival& arrival, Phase phase) {
  const std::uint32_t place = take(id, arrival);
  begin_attempt(place, phase, Stage::serving);
}

double RequestPath::share_to_service() const {
  double missed = 1;
  if (cdn_) {
    missed *= 1 - cdn_->expected_hits();
  }
  if (response_cache_) {
    missed *= 1 - response_cache_->expected_hits();
  }
  double share = popularity_ ? 1 - path_.popularity->cacheable * (1 - missed) : 1.0;
  share *= path_.auth ? 1 - path_.auth->unauthorized : 1.0;
  share *= path_.safety_before ? 1 - path_.safety_before->blocked : 1.0;
  return share;
}

std::uint32_t RequestPath::take(RequestId id, const Arrival& arrival) {
  const std::uint32_t place = take_place();
  ++live_;
  Flight& flight = flights_[place];
  const RequestClassConfig& asked = config_.workload.classes[arrival.request_class];
  flight.record.id = id;
  flight.record.request_class = arrival.request_class;
  flight.record.tier = asked.tier;
  flight.record.model = asked.model;
  flight.record.prompt_tokens = arrival.prompt_tokens;
  flight.record.output_tokens = arrival.output_tokens;
  flight.record.arrived = engine_.now();
  flight.model = asked.model;
  flight.attack = attacking_;
  flight.patience = attacking_ > 0 ? never : clients_.patience_ends(id, engine_.now());
  draw_traits(flight, arrival.key);
  if (UserSink* const users = users_of(flight)) {
    users->on_user(flight.at, engine_.now());
  }
  if (keeps_prefixes_) {
    remember_prefix(place, arrival.prefix);
  }
  if (follows_sessions_) {
    remember_session(place, arrival);
  }
  if (experiments_) {
    take_part(place, arrival);
  }
  return place;
}

void RequestPath::remember_session(std::uint32_t place, const Arrival& arrival) {
  if (sessions_.size() <= place) {
    sessions_.resize(place + std::size_t{1});
  }
  sessions_[place] =
      arrival.session_began == no_request ? flights_[place].record.id : arrival.session_began;
}

/// Its arm, and the model that answers there.
void RequestPath::take_part(std::uint32_t place, const Arrival& arrival) {
  Flight& flight = flights_[place];
  Sender sender;
  sender.request = flight.record.id;
  sender.request_class = flight.record.request_class;
  sender.session_began = arrival.session_began;
  sender.session = arrival.prefix.session;
  sender.key = flight.limited.key;
  flight.record.arm = experiments_->assign(sender);
  if (flight.record.arm != no_arm) {
    flight.record.model = experiments_->model_of(flight.record.arm).value_or(flight.record.model);
    flight.record.key_group = experiments_->key_group(sender);
    sink_.on_assigned(flight.record, engine_.now());
  }
}

/// The conversation that a request is of, which it may be alone in.
PrefixId RequestPath::session_of(const Flight& flight) const {
  const PrefixId session = keeps_prefixes_ ? prefixes_[place_of(flight)].session : no_prefix;
  return session == no_prefix ? Clients::session_of(flight.record.id) : session;
}

/// Whoever may go on begins a session.
void RequestPath::remember_prefix(std::uint32_t place, const SharedPrefix& prefix) {
  if (prefixes_.size() <= place) {
    prefixes_.resize(place + std::size_t{1});
  }
  prefixes_[place] = prefix;
  if (clients_.has_sessions() && prefix.session == no_prefix) {
    prefixes_[place].session = Clients::session_of(flights_[place].record.id);
  }
}

void RequestPath::begin_attempt(std::uint32_t place, Phase phase, Stage from) {
  Flight& flight = flights_[place];
  ++flight.attempt;
  ++counts_.attempts;
  counts_.retries += flight.attempt > 1 ? 1 : 0;
  flight.attempt_ends = flight.attack > 0 ? never : clients_.attempt_ends(engine_.now());
  flight.used_tokens = 0;
  flight.back = {};
  flight.model = flight.record.model;
  flight.wanted = flight.record.model;
  flight.spilled = false;
  flight.next = from;
  if (from == first_) {
    sink_.on_attempt(flight.record.arrived, flight.attempt > 1);
  }
  walk(place, phase);
}

void RequestPath::walk(std::uint32_t place, Phase phase) {
  Flight& flight = flights_[place];
  Duration ahead{};
  while (true) {
    const Stage stage = flight.next;
    const SimTime t = engine_.now() + ahead;
    if (ahead > Duration::zero() && in_order_[static_cast<std::size_t>(stage)]) {
      schedule(place, t, FlightState::moving);
      return;
    }
    if (stage == Stage::api_tier) {
      enter_api_tier(place);
      return;
    }
    if (stage == Stage::aggregation) {
      enter_aggregation(place, phase);
      return;
    }
    if (stage == Stage::serving) {
      enter_service(place, phase);
      return;
    }
    if (stage == Stage::broker && held_messages_ && is_held(place)) {
      return;
    }
    const StageResult result = visit(stage, flight, t);
    if (stage != Stage::streaming || !result.passes()) {
      tell(flight, stage, result);  // a connection's visit ends when it is closed
    }
    ahead += result.ahead;
    if (!result.passes()) {
      end_attempt(place, result.outcome, engine_.now() + ahead + flight.back);
      return;
    }
    flight.next = next_[static_cast<std::size_t>(stage)];
  }
}

void RequestPath::tell(const Flight& flight, Stage stage, const StageResult& result) {
  StageVisit visit;
  visit.stage = stage;
  visit.result = result.outcome;
  visit.hit = result.hit;
  visit.refused = result.refused;
  visit.wait = result.wait;
  visit.latency = result.wait + result.latency;
  visit.arrived = flight.record.arrived;
  sink_.on_stage(visit);
}

/// A visit that ends now.
void RequestPath::tell(const Flight& flight, Stage stage, Outcome outcome, Duration wait,
                       SimTime came) {
  StageResult result;
  result.outcome = outcome;
  result.wait = wait;
  result.latency = engine_.now() - came - wait;
  tell(flight, stage, result);
}

/// It has not come to `stage`, or has not left it.
void RequestPath::tell(const Flight& flight, Stage stage, VisitEnd end) {
  StageVisit visit;
  visit.stage = stage;
  visit.end = end;
  visit.arrived = flight.record.arrived;
  sink_.on_stage(visit);
}

void RequestPath::tell_under_way() {
  for (const Flight& flight : flights_) {
    switch (flight.state) {
      case FlightState::moving:
      case FlightState::turns_back:
      case FlightState::at_api_tier:
      case FlightState::gathering:
      case FlightState::held:
      case FlightState::serving:
        tell(flight, flight.next, VisitEnd::under_way);
        break;
      case FlightState::free:
      case FlightState::ending:
      case FlightState::backing_off:
      case FlightState::gives_up:
        break;
    }
    if (flight.connected) {
      tell(flight, Stage::streaming, VisitEnd::open);
    }
  }
}

/// Its timer is armed for `at`, or for when the client leaves before that.
void RequestPath::schedule(std::uint32_t place, SimTime at, FlightState state) {
  Flight& flight = flights_[place];
  const SimTime deadline = std::min(flight.patience, flight.attempt_ends);
  flight.state = state;
  if (at > deadline) {
    flight.state = state == FlightState::moving ? FlightState::turns_back : FlightState::gives_up;
  }
  wheel_.wake(std::max(engine_.now(), std::min(at, deadline)), timers_[place]);
}

void RequestPath::on_timer(void* path, std::uint64_t place) {
  RequestPath& self = *static_cast<RequestPath*>(path);
  const auto number = static_cast<std::uint32_t>(place);
  switch (self.flights_[number].state) {
    case FlightState::moving:
      self.walk(number, Phase::before_steps);
      return;
    case FlightState::backing_off:
      self.begin_attempt(number, Phase::before_steps, self.first_);
      return;
    case FlightState::ending:
      self.finish(number);
      return;
    case FlightState::turns_back:
      if (!self.flights_[number].failing_over) {  // who fails over is in `serving` already
        self.tell(self.flights_[number], self.flights_[number].next, VisitEnd::left_on_the_way);
      }
      self.leave(number);
      return;
    case FlightState::gives_up:
      self.leave(number);
      return;
    case FlightState::free:
    case FlightState::at_api_tier:
    case FlightState::gathering:
    case FlightState::held:
    case FlightState::serving:
      break;
  }
  throw InternalError{"a request on the path has a timer only while it moves"};
}

void RequestPath::on_patience(void* path, std::uint64_t place) {
  static_cast<RequestPath*>(path)->leave(static_cast<std::uint32_t>(place));
}

void RequestPath::enter_api_tier(std::uint32_t place) {
  Flight& flight = flights_[place];
  const ApiTier::Entry entry =
      api_tier_->enter(place, attempt_id(flight), flight.record.prompt_tokens);
  if (entry == ApiTier::Entry::full) {
    tell(flight, Stage::api_tier, ends_as(Outcome::queue_full));
    end_attempt(place, Outcome::queue_full, engine_.now() + flight.back);
    return;
  }
  flight.state = FlightState::at_api_tier;
  flight.stage_began = engine_.now();
  begin_waiting(place);
}

bool RequestPath::still_there(std::uint32_t place, std::uint64_t id) const {
  const Flight& flight = flights_[place];
  return flight.state == FlightState::at_api_tier && attempt_id(flight) == id;
}

void RequestPath::on_api_done(std::uint32_t place, std::uint64_t id, Duration wait, Duration) {
  if (!still_there(place, id)) {
    return;
  }
  Flight& flight = flights_[place];
  end_waiting(place);
  tell(flight, Stage::api_tier, Outcome::completed, wait, flight.stage_began);
  flight.next = next_[static_cast<std::size_t>(Stage::api_tier)];
  walk(place, Phase::before_steps);
}

void RequestPath::enter_aggregation(std::uint32_t place, Phase phase) {
  Flight& flight = flights_[place];
  flight.state = FlightState::gathering;
  flight.stage_began = engine_.now();
  begin_waiting(place);
  const bool by_model = path_.aggregation->by == AggregateBy::model;
  aggregator_->enter({place, attempt_id(flight)},
                     by_model ? flight.model : flight.record.request_class, phase);
}

void RequestPath::begin_message() {
  in_message_ = true;
  message_at_broker_.reset();
  message_held_until_.reset();
}

/// Requests of one message are held together, or not at all.
bool RequestPath::is_held(std::uint32_t place) {
  Flight& flight = flights_[place];
  const bool joins = in_message_ && message_held_until_;
  const SimTime until =
      joins ? *message_held_until_ : broker_->held_until(attempt_id(flight), engine_.now());
  if (in_message_) {
    message_held_until_ = until;
  }
  if (until == engine_.now()) {
    return false;
  }
  if (flight.state != FlightState::held) {
    flight.stage_began = engine_.now();
  }
  flight.state = FlightState::held;
  begin_waiting(place);
  held_messages_->hold({place, attempt_id(flight)}, until, joins);
  return true;
}

void RequestPath::on_released(const std::vector<Gathered>& requests) {
  begin_message();
  for (const Gathered& gathered : requests) {
    const Flight& flight = flights_[gathered.place];
    if (flight.state == FlightState::held && attempt_id(flight) == gathered.id) {
      end_waiting(gathered.place);
      walk(gathered.place, Phase::before_steps);
    }
  }
  in_message_ = false;
}

/// Whose client left has left the message.
void RequestPath::on_message(const std::vector<Gathered>& requests, Duration latency, Phase phase) {
  begin_message();
  for (const Gathered& gathered : requests) {
    Flight& flight = flights_[gathered.place];
    if (flight.state != FlightState::gathering || attempt_id(flight) != gathered.id) {
      continue;
    }
    end_waiting(gathered.place);
    tell(flight, Stage::aggregation, Outcome::completed,
         engine_.now() - flight.stage_began - latency, flight.stage_began);
    flight.next = next_[static_cast<std::size_t>(Stage::aggregation)];
    walk(gathered.place, phase);
  }
  in_message_ = false;
}

void RequestPath::on_message_failed(const std::vector<Gathered>& requests) {
  for (const Gathered& gathered : requests) {
    Flight& flight = flights_[gathered.place];
    if (flight.state == FlightState::gathering && attempt_id(flight) == gathered.id) {
      end_waiting(gathered.place);
      tell(flight, Stage::aggregation, Outcome::failed, engine_.now() - flight.stage_began,
           flight.stage_began);
      end_attempt(gathered.place, Outcome::failed, engine_.now() + flight.back);
    }
  }
}

void RequestPath::enter_service(std::uint32_t place, Phase phase) {
  Flight& flight = flights_[place];
  flight.state = FlightState::serving;
  std::optional<CarriedOver> carried;
  if (flight.failing_over) {
    carried = carried_.extract(place).mapped();
    flight.failing_over = false;
  } else {
    flight.stage_began = engine_.now();
  }
  flight.leaving = Outcome::completed;
  Arrival arrival;
  arrival.at = flight.record.arrived;
  arrival.prompt_tokens = flight.record.prompt_tokens;
  arrival.output_tokens = flight.record.output_tokens;
  arrival.request_class = flight.record.request_class;
  if (keeps_prefixes_) {
    arrival.prefix = prefixes_[place];
    if (flight.context_lost) {
      arrival.prefix.history_tokens = 0;
    }
  }
  if (keeps_tenants_) {
    arrival.tenant = keys_.tenant_of(flight.limited.key);
  }
  const std::uint64_t id = attempt_id(flight);
  begin_waiting(place);
  entering_ = place;
  ++in_service_;
  const RequestSlot slot =
      service_of(flight).arrive(id, arrival, phase, carried ? &*carried : nullptr);
  entering_ = nowhere;
  if (slot == no_slot) {
    return;  // it ended at once, and on_end has seen to it
  }
  if (place_of_slot_.size() <= slot) {
    place_of_slot_.resize(slot + std::size_t{1}, nowhere);
  }
  place_of_slot_[slot] = place;
  flights_[place].record.slot = slot;
}

bool RequestPath::take_over(RequestSlot slot, const CarriedOver& carried) {
  const std::uint32_t place = place_of_slot_[slot];
  Flight& flight = flights_[place];
  const std::uint16_t from = flight.at.datacenter;
  const std::optional<Edge::Crossing> crossing =
      edge_->fail_over(attempt_id(flight), from, engine_.now(), sites_, flight.model);
  if (!crossing) {
    return false;
  }
  const StageResult& result = crossing->result;
  FailoverCounts& counts = failovers_[{from, crossing->datacenter}];
  ++(carried.retries > 0 ? counts.retried : counts.waiting);
  --in_service_;
  end_waiting(place);
  flight.back += result.latency - (result.ahead - result.wait);
  note_datacenter(flight, crossing->datacenter);
  flight.record.scheduled = carried.scheduled;
  flight.record.preemptions = carried.preemptions;
  carried_[place] = carried;
  flight.failing_over = true;
  flight.failovers = static_cast<std::uint8_t>((flight.failovers + 1) % 64);
  flight.next = Stage::serving;
  schedule(place, engine_.now() + result.ahead, FlightState::moving);
  return true;
}

void RequestPath::on_first_token(const RequestRecord& record) {
  Flight& flight = flights_[place_of_slot_[record.slot]];
  if (flight.leaving != Outcome::completed) {
    return;
  }
  if (holds_answers()) {
    if (path_.safety_after->holds == HeldBack::tokens) {  // a chunk of them will be seen soon
      end_waiting(place_of_slot_[record.slot]);
      flight.patience = never;
      flight.attempt_ends = never;
    }
    return;
  }
  end_waiting(place_of_slot_[record.slot]);
  flight.record.pool = record.pool;
  flight.record.replica = record.replica;
  flight.record.replica_assigned = record.replica_assigned;
  tell_first_token(place_of_slot_[record.slot], record.first_token + flight.back);
}

/// The client gets, or got, its first token at `first`.
void RequestPath::tell_first_token(std::uint32_t place, SimTime first) {
  Flight& flight = flights_[place];
  flight.patience = never;
  flight.attempt_ends = never;
  flight.record.first_token = first;
  sink_.on_first_token(flight.record);
  if (UserSink* const users = users_of(flight)) {
    users->on_user_first_token(flight.at, flight.record);
  }
}

void RequestPath::on_end(const RequestRecord& record) {
  const std::uint32_t place = entering_ != nowhere && record.id == attempt_id(flights_[entering_])
                                  ? entering_
                                  : place_of_slot_[record.slot];
  Flight& flight = flights_[place];
  --in_service_;
  end_waiting(place);
  flight.record.pool = record.pool;
  flight.record.replica = record.replica;
  flight.record.replica_assigned = record.replica_assigned;
  flight.record.emitted_tokens = record.emitted_tokens;
  flight.record.preemptions = record.preemptions;
  flight.record.scheduled = record.scheduled;
  flight.record.prefix_hit_tokens = record.prefix_hit_tokens;
  if (record.scheduled != never) {
    flight.used_tokens = record.prompt_tokens + record.emitted_tokens;
  }
  const Outcome outcome = flight.leaving != Outcome::completed ? flight.leaving : record.outcome;
  const SimTime served = record.scheduled == never ? engine_.now() : record.scheduled;
  if (place == entering_ && record.scheduled == never && served == flight.stage_began) {
    tell(flight, Stage::serving, ends_as(outcome));
  } else {
    tell(flight, Stage::serving, outcome, served - flight.stage_began, flight.stage_began);
  }
  if (outcome == Outcome::completed || (holds_answers() && outcome == Outcome::degraded)) {
    answer(place, record);
  } else if (flight.leaving != Outcome::completed) {
    end_attempt(place, outcome, engine_.now());  // nobody is there to be told
  } else {
    end_attempt(place, outcome, engine_.now() + flight.back);
  }
}

SimTime RequestPath::leaves_at(RequestSlot slot, std::int64_t tokens, SimTime first,
                               SimTime last) const {
  const Flight& flight = flights_[place_of_slot_[slot]];
  return streaming_->leaves(flight.record.id, tokens, first, last);
}

/// The engine has all tokens, as `engine` says: they are moderated and read.
void RequestPath::answer(std::uint32_t place, const RequestRecord& engine) {
  const Flight& flight = flights_[place];
  Outcome outcome = flight.spilled ? Outcome::degraded : engine.outcome;
  Duration ahead{};
  if (safety_after_) {
    const StageResult result =
        safety_after_->check(attempt_id(flight), flight.record.emitted_tokens, engine_.now());
    tell(flight, Stage::safety_after, result);
    ahead = result.ahead;
    outcome = result.passes() ? outcome : result.outcome;
  }
  if (holds_answers()) {
    give_held_answer(place, outcome, ahead, engine);
  } else {
    give_answer(place, outcome, ahead);
  }
}

/// The client could have its last token `ahead` from now, on its way back.
void RequestPath::give_answer(std::uint32_t place, Outcome outcome, Duration ahead) {
  Flight& flight = flights_[place];
  SimTime at = engine_.now() + ahead + flight.back;
  if (streaming_ && is_answer(outcome)) {
    const SimTime last = at;
    at = streaming_->delivered(flight.record.id, flight.record.emitted_tokens,
                               flight.record.first_token, last);
    flight.reading = at - last;
  }
  end_attempt(place, outcome, at);
}

/// Nothing was shown before it was moderated. Tokens are taken to have come evenly between the
/// engine's first and last, and each chunk's check to take as long; what is blocked is anywhere in
/// the answer, and chunks before it were shown.
void RequestPath::give_held_answer(std::uint32_t place, Outcome outcome, Duration ahead,
                                   const RequestRecord& engine) {
  Flight& flight = flights_[place];
  const SimTime last = engine_.now();
  SimTime first = last;
  bool shown = is_answer(outcome);
  if (path_.safety_after->holds == HeldBack::tokens) {
    const std::int64_t tokens = std::max<std::int64_t>(1, engine.emitted_tokens);
    const std::int64_t chunk = std::min<std::int64_t>(path_.safety_after->chunk, tokens);
    const Duration streamed = last - engine.first_token;
    first = tokens == 1
                ? last
                : engine.first_token +
                      Duration{static_cast<std::int64_t>(
                          static_cast<double>(streamed.count()) *
                          (static_cast<double>(chunk - 1) / static_cast<double>(tokens - 1)))};
    if (outcome == Outcome::blocked) {
      Draws draws = chunk_stream_.of(attempt_id(flight));
      shown = draws.uniform() * static_cast<double>(tokens) >= static_cast<double>(chunk);
    }
  }
  first += ahead + flight.back;
  if (std::min(flight.patience, flight.attempt_ends) < first) {
    schedule(place, first, FlightState::ending);  // its client leaves before that
    return;
  }
  if (shown) {
    tell_first_token(place, first);
  }
  give_answer(place, outcome, ahead);
}

/// It is where nobody knows for how long: its client may leave before that.
void RequestPath::begin_waiting(std::uint32_t place) {
  Flight& flight = flights_[place];
  const SimTime deadline = std::min(flight.patience, flight.attempt_ends);
  if (deadline != never) {
    last_stamp_ += last_stamp_ + 1 == 0 ? 2 : 1;  // 0 means none
    flight.patience_stamp = last_stamp_;
    wheel_.wake(deadline, patience_timers_[place], place, last_stamp_);
  }
}

void RequestPath::end_waiting(std::uint32_t place) {
  Flight& flight = flights_[place];
  if (flight.patience_stamp != 0) {
    flight.patience_stamp = 0;
    engine_.disarm(patience_timers_[place]);
  }
}

/// The client does not wait any longer for this attempt.
void RequestPath::leave(std::uint32_t place) {
  Flight& flight = flights_[place];
  flight.patience_stamp = 0;
  const Outcome outcome =
      engine_.now() >= flight.patience ? Outcome::abandoned : Outcome::timed_out;
  if (flight.state == FlightState::serving) {
    flight.leaving = outcome;
    service_of(flight).abandon(flight.record.slot, outcome, Phase::before_steps);
    return;
  }
  if (flight.state == FlightState::at_api_tier || flight.state == FlightState::gathering ||
      flight.state == FlightState::held) {
    tell(flight, flight.next, outcome, engine_.now() - flight.stage_began, flight.stage_began);
  }
  if (flight.failing_over) {
    flight.failing_over = false;
    carried_.erase(place);
    tell(flight, Stage::serving, outcome, engine_.now() - flight.stage_began, flight.stage_began);
  }
  end_attempt(place, outcome, engine_.now());
}

void RequestPath::end_attempt(std::uint32_t place, Outcome outcome, SimTime at) {
  Flight& flight = flights_[place];
  flight.record.outcome = outcome;
  if (flight.attack == 0 && clients_.tries_again(outcome, flight.attempt)) {
    release(flight, outcome);
    flight.attempt_ends = never;
    schedule(place, at + clients_.back_off(flight.record.id, flight.attempt),
             FlightState::backing_off);
    return;
  }
  if (at > engine_.now()) {
    schedule(place, at, FlightState::ending);
  } else {
    finish(place);
  }
}

/// Gives back what the attempt held.
void RequestPath::release(Flight& flight, Outcome outcome) {
  if (flight.counted) {
    limits_->leave(flight.limited, flight.used_tokens, engine_.now());
    flight.counted = false;
  }
  if (flight.connected) {
    const bool client_left = outcome == Outcome::abandoned || outcome == Outcome::timed_out;
    streaming_->close(owner_of(session_of(flight)), !client_left, engine_.now());
    flight.connected = false;
    StageResult result;  // what became of the attempt beyond is in the rows that follow
    result.hit = flight.reconnected;
    result.wait = flight.setup;
    result.latency = flight.reading;
    tell(flight, Stage::streaming, result);
  }
}

void RequestPath::finish(std::uint32_t place) {
  Flight& flight = flights_[place];
  release(flight, flight.record.outcome);
  flight.record.finished = engine_.now();
  sink_.on_end(flight.record);
  if (UserSink* const users = users_of(flight)) {
    users->on_user_end(flight.at, flight.record);
  }
  if (metering_ && flight.record.emitted_tokens > 0) {
    metering_->add(flight.limited.key,
                   std::int64_t{flight.record.prompt_tokens} + flight.record.emitted_tokens);
  }
  if (flight.bypassed && is_answer(flight.record.outcome)) {
    count_bypass(flight);
  }
  if (counts_.attacked) {
    count_attack(flight);
  }
  if (flight.object.group != AskedObject::none) {
    store_answer(flight);
  }
  const bool came_to_contexts = flight.next > Stage::conversation_cache;  // the edge did not answer
  const bool in_session = session_cache_ && prefixes_[place].session != no_prefix;
  if (in_session && came_to_contexts && is_answer(flight.record.outcome)) {
    session_cache_->store(attempt_id(flight), session_of(flight),
                          std::int64_t{flight.record.prompt_tokens} + flight.record.output_tokens,
                          engine_.now());
  }
  const bool goes_on = clients_.has_sessions() && flight.attack == 0 &&
                       is_answer(flight.record.outcome) &&
                       think(place, keeps_prefixes_ ? prefixes_[place] : SharedPrefix{});
  if (in_session && !goes_on) {
    end_session(prefixes_[place].session);
  }
  flight.state = FlightState::free;
  free_.push_back(place);
  --live_;
  ends_.on_request_ended(engine_.now());
}

/// Those of the workload may be heard of again.
void RequestPath::end_session(PrefixId session) {
  if (session_cache_ && Clients::is_own(session)) {
    session_cache_->end(session);
  }
}

/// False: that was the session's last turn.
bool RequestPath::think(std::uint32_t place, const SharedPrefix& prefix) {
  const Flight& flight = flights_[place];
  const std::optional<Duration> pause = clients_.next_turn(flight.record.id);
  const SimTime at = engine_.now() + pause.value_or(Duration::zero());
  const bool too_late = config_.duration > Duration::zero() && at >= sim_start + config_.duration;
  if (!pause || too_late) {
    return false;
  }
  std::uint32_t number = 0;
  if (free_thinkers_.empty()) {
    number = static_cast<std::uint32_t>(thinkers_.size());
    thinkers_.emplace_back();
    thinkers_[number].timer =
        engine_.make_timer(EventPriority::arrival, &RequestPath::on_thought, this, number);
  } else {
    number = free_thinkers_.back();
    free_thinkers_.pop_back();
  }
  Thinker& thinker = thinkers_[number];
  thinker.request_class = flight.record.request_class;
  thinker.model = flight.wanted;
  thinker.session_began = follows_sessions_ ? sessions_[place] : no_request;
  thinker.conversation = {std::int64_t{flight.record.prompt_tokens} + flight.record.output_tokens,
                          prefix};
  ++thinking_;
  wheel_.wake(std::max(at, engine_.now() + Duration{1}), thinker.timer);
  return true;
}

void RequestPath::on_thought(void* path, std::uint64_t thinker) {
  static_cast<RequestPath*>(path)->next_turn(static_cast<std::uint32_t>(thinker));
}

void RequestPath::next_turn(std::uint32_t number) {
  const Thinker thinker = thinkers_[number];
  free_thinkers_.push_back(number);
  --thinking_;
  const auto turn_number = static_cast<std::uint64_t>(counts_.follow_ups++);
  Arrival turn = clients_.make_turn(turn_number, thinker.request_class, thinker.conversation,
                                    sites_.somewhere(thinker.model)->max_context());
  if (turn.prefix.session != thinker.conversation.prefix.session) {
    end_session(thinker.conversation.prefix.session);
  }
  turn.at = engine_.now();
  turn.session_began = thinker.session_began;
  follow_ups_.on_follow_up(turn);
}

void RequestPath::on_attack(std::size_t number, const Arrival& arrival) {
  attacking_ = static_cast<std::uint16_t>(number + 1);
  follow_ups_.on_follow_up(arrival);
  attacking_ = 0;
}

/// A request ended.
void RequestPath::count_attack(const Flight& flight) {
  const std::int64_t answered = is_answer(flight.record.outcome) ? 1 : 0;
  if (flight.attack > 0) {
    ++counts_.attack_requests;
    counts_.attack_answered += answered;
  } else if (attacks_ && attacks_->on_at(flight.record.arrived)) {
    ++counts_.users_attacked;
    counts_.users_answered += answered;
  }
}

void RequestPath::count_bypass(const Flight& flight) {
  ++counts_.bypassed_answered;
  counts_.bypassed_prompt_tokens += flight.record.prompt_tokens;
  counts_.bypassed_output_tokens += flight.record.emitted_tokens;
  bypassed_tokens_[2 * std::size_t{flight.record.tier}] += flight.record.prompt_tokens;
  bypassed_tokens_[2 * std::size_t{flight.record.tier} + 1] += flight.record.emitted_tokens;
  const RequestRecord& record = flight.record;
  if (record.outcome != Outcome::completed || !record.replica_assigned) {
    return;  // such answers are billed to nobody
  }
  auto cell =
      std::find_if(counts_.bypassed_cells.begin(), counts_.bypassed_cells.end(),
                   [&record](const BypassedCell& one) {
                     return one.request_class == record.request_class && one.pool == record.pool;
                   });
  if (cell == counts_.bypassed_cells.end()) {
    cell = counts_.bypassed_cells.insert(cell, BypassedCell{record.request_class, record.pool});
  }
  ++cell->completed;
  cell->prompt_tokens += record.prompt_tokens;
  cell->output_tokens += record.emitted_tokens;
}

PathSummary RequestPath::summary() const {
  PathSummary summary = counts_;
  if (enforcement_) {
    enforcement_->tell(summary);
  }
  for (const auto& [way, counts] : failovers_) {
    const auto& datacenters = path_.edge->datacenters;
    summary.failovers.push_back({datacenters[way.first].name, datacenters[way.second].name,
                                 counts.waiting, counts.retried});
  }
  constexpr double million = 1e6;
  for (std::size_t tier = 0; tier < config_.tiers.size(); ++tier) {
    const TierConfig& prices = config_.tiers[tier];
    summary.bypassed_dollars += static_cast<double>(bypassed_tokens_[2 * tier]) / million *
                                    prices.price_per_million_prompt_tokens.count() +
                                static_cast<double>(bypassed_tokens_[2 * tier + 1]) / million *
                                    prices.price_per_million_output_tokens.count();
  }
  return summary;
}

CacheMemory* RequestPath::conversation_cache() {
  if (session_cache_) {
    return &*session_cache_;
  }
  return conversation_cache_ ? &*conversation_cache_ : nullptr;
}

}  // namespace plimsoll
