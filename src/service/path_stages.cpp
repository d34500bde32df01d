// What each stage of the path does with a request that comes to it.
#include "service/request_path.hpp"

namespace plimsoll {

/// The stages that a request walks through; api_tier, aggregation and serving hold it and are
/// entered otherwise.
StageResult RequestPath::visit(Stage stage, Flight& flight, SimTime t) {
  switch (stage) {
    case Stage::edge:
      return visit_edge(flight, t);
    case Stage::wan:
      return visit_wan(flight, t);
    case Stage::load_balancer:
      return visit_load_balancer(flight, t);
    case Stage::limits:
      return visit_limits(flight, t);
    case Stage::auth:
      return auth_->check(attempt_id(flight), flight.limited.tier, flight.limited.key, t);
    case Stage::conversation_cache:
      return visit_conversation_cache(flight, t);
    case Stage::response_cache:
      return visit_response_cache(flight, t);
    case Stage::model_router:
      return visit_model_router(flight, t);
    case Stage::broker:
      return visit_broker(flight, t);
    case Stage::safety_before:
      return safety_before_->check(attempt_id(flight), flight.record.prompt_tokens, t);
    case Stage::tokenizer:
      return visit_tokenizer(flight, t);
    case Stage::streaming:
      return visit_streaming(flight, t);
    case Stage::api_tier:
    case Stage::aggregation:
    case Stage::serving:
    case Stage::safety_after:
      break;
  }
  throw InternalError{"a stage that is not walked through"};
}

StageResult RequestPath::visit_edge(Flight& flight, SimTime t) {
  StageResult result = edge_->access(attempt_id(flight), flight.at.region, t);
  flight.back += result.latency - (result.ahead - result.wait);
  if (UserSink* const users = users_of(flight)) {
    users->on_access(flight.at, result.wait + result.latency, t);
  }
  if (cdn_ && result.passes()) {
    const StageResult found =
        cdn_->look_up(attempt_id(flight), flight.at.region, flight.object, t + result.ahead);
    result.latency += found.latency;
    result.ahead += found.ahead;
    result.hit = found.hit;
    result.outcome = found.hit ? Outcome::cached : Outcome::completed;
  }
  return result;
}

StageResult RequestPath::visit_wan(Flight& flight, SimTime t) {
  const Edge::Crossing crossing =
      edge_->cross(attempt_id(flight), flight.at.region, t, sites_, flight.model);
  const StageResult& result = crossing.result;
  flight.back += result.latency - (result.ahead - result.wait);
  note_datacenter(flight, crossing.datacenter);
  if (UserSink* const users = users_of(flight);
      users != nullptr && crossing.datacenter != no_datacenter) {
    users->on_crossing(flight.at, result.wait + result.latency, !result.passes(), t);
  }
  return result;
}

/// The datacenter that works for it from now on.
void RequestPath::note_datacenter(Flight& flight, std::uint16_t datacenter) {
  const std::uint16_t before = flight.at.datacenter;
  flight.at.datacenter = datacenter;
  if (UserSink* const users = users_of(flight); users != nullptr && datacenter != before) {
    users->on_moved(flight.at, before, flight.record.arrived);
  }
}

StageResult RequestPath::visit_load_balancer(Flight& flight, SimTime t) {
  const std::uint64_t id = attempt_id(flight);
  if (load_balancer_->is_out(id, t)) {
    return ends_as(Outcome::failed);
  }
  if (source_limits_ && !source_limits_->lets_pass(flight.record.id, flight.attack, t)) {
    ++(flight.attack > 0 ? counts_.attack_dropped : counts_.users_dropped);
    return ends_as(Outcome::shed);
  }
  return load_balancer_->pass(id, t);
}

StageResult RequestPath::visit_limits(Flight& flight, SimTime t) {
  const std::uint64_t id = attempt_id(flight);
  if (limits_box_->is_out(id, t)) {
    return path_.limits->fails_open ? StageResult{} : ends_as(Outcome::failed);
  }
  if (enforcement_->refuses(flight.limited.key, t)) {
    return ends_as(Outcome::unauthorized);
  }
  StageResult result = limits_box_->pass(id, t);
  if (!result.passes()) {
    return result;
  }
  switch (limits_->decide(flight.limited, t)) {
    case Limits::Decision::refused:
      result.outcome = Outcome::rate_limited;
      break;
    case Limits::Decision::bypassed:
      counts_.bypassed += flight.bypassed ? 0 : 1;
      flight.bypassed = true;
      enforcement_->on_bypassed(flight.limited.key, t);
      break;
    case Limits::Decision::allowed:
      flight.counted = true;
      break;
  }
  return result;
}

/// A further turn looks for what its session has come to; a first one has nothing to look for.
StageResult RequestPath::visit_session_cache(Flight& flight, SimTime t) {
  const SharedPrefix& prefix = prefixes_[place_of(flight)];
  if (prefix.history_tokens == 0) {
    return {};
  }
  const StageResult result =
      session_cache_->look_up(attempt_id(flight), prefix.session, prefix.history_tokens, t);
  flight.context_lost = !result.hit;
  return result;
}

StageResult RequestPath::visit_conversation_cache(Flight& flight, SimTime t) {
  if (session_cache_) {
    return visit_session_cache(flight, t);
  }
  Draws draws = conversation_stream_.of(flight.record.id);
  const double mark = draws.uniform();
  if (mark >= path_.conversation_cache->conversations->cacheable) {
    return {};  // a new conversation has no context yet
  }
  AskedObject conversation;
  conversation.group = conversations_->group_of(draws());
  conversation.rank =
      static_cast<std::uint32_t>(conversations_->rank_of(conversation.group, draws()));
  StageResult result = conversation_cache_->look_up(attempt_id(flight), conversation, t);
  if (!result.hit) {
    conversation_cache_->store(attempt_id(flight), conversation, t);  // as soon as it is fetched
    const Duration fetch = fetch_.draw(fetch_stream_, attempt_id(flight));
    result.latency += fetch;
    result.ahead += fetch;
  }
  return result;
}

StageResult RequestPath::visit_response_cache(Flight& flight, SimTime t) {
  StageResult result = response_cache_->look_up(attempt_id(flight), flight.object, t);
  result.outcome = result.hit ? Outcome::cached : Outcome::completed;
  return result;
}

/// Caches that it has passed hold its answer, if that is what was asked for: another model's is
/// not.
void RequestPath::store_answer(const Flight& flight) {
  const bool made = flight.record.outcome == Outcome::completed;
  if (!made && flight.record.outcome != Outcome::cached) {
    return;
  }
  const std::uint64_t id = attempt_id(flight);
  if (cdn_ && (made || flight.next > Stage::edge)) {
    cdn_->store(id, flight.at.region, flight.object, engine_.now());
  }
  if (response_cache_ && made) {
    response_cache_->store(id, flight.object, engine_.now());
  }
}

/// It knows how long an answer of the class is in the mean, not how long this one will be.
StageResult RequestPath::visit_model_router(Flight& flight, SimTime t) {
  const double tokens = static_cast<double>(flight.record.prompt_tokens) +
                        expected_output_[flight.record.request_class];
  const ModelRouter::Choice choice = model_router_->choose(
      follows_sessions_ ? sessions_[place_of(flight)] : flight.record.id,
      flight.record.request_class,
      experiments_ ? experiments_->model_of(flight.record.arm) : std::nullopt,
      [&](ModelIndex model) {
        const Service& service = *sites_.of(model, flight.at.datacenter);
        return ModelRouter::Line{service.in_line(), service.ready_rate()};
      },
      [&](ModelIndex model) {
        return tokens <= static_cast<double>(sites_.of(model, flight.at.datacenter)->max_context());
      });
  flight.model = choice.model;
  flight.wanted = choice.wanted;
  flight.spilled = choice.spilled;
  return model_router_->pass(attempt_id(flight), t);
}

/// Requests of one message have one turn together.
StageResult RequestPath::visit_broker(Flight& flight, SimTime t) {
  if (!in_message_) {
    return broker_->hand_on(attempt_id(flight), t);
  }
  if (!message_at_broker_) {
    message_at_broker_ = broker_->hand_on(attempt_id(flight), t);
  }
  StageResult result = *message_at_broker_;
  if (flight.state == FlightState::held) {
    result.wait += t - flight.stage_began;
    result.refused = false;
    flight.state = FlightState::moving;
  }
  return result;
}

StageResult RequestPath::visit_tokenizer(Flight& flight, SimTime t) {
  const std::uint64_t id = attempt_id(flight);
  return tokenizer_->is_out(id, t) ? ends_as(Outcome::failed)
                                   : tokenizer_->pass(id, t, flight.record.prompt_tokens);
}

StageResult RequestPath::visit_streaming(Flight& flight, SimTime t) {
  const StageResult result = streaming_->open(attempt_id(flight), owner_of(session_of(flight)), t);
  flight.connected = result.passes();
  flight.reconnected = result.hit;
  flight.setup = result.latency;
  return result;
}

}  // namespace plimsoll
