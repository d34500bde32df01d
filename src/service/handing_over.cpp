// A model's requests between their prefill and their decode replica.
#include <algorithm>

#include "service/service.hpp"

namespace plimsoll {
namespace {

/// Draws of a request differ by the attempts that deaths of replicas cost it.
std::uint64_t attempt_of(const Request& request) {
  return request.id * 256 + request.retries;
}

bool arrives_later(const KvOnTheWay& a, const KvOnTheWay& b) {
  return a.at != b.at ? a.at > b.at : a.id > b.id;
}

}  // namespace

void Service::hand_over_through(const PolicyRegistries& policies, KvNetwork& network) {
  decode_ = std::make_unique<DecodeSide>(policies.routers.make(rules_.router), loads_, config_.seed,
                                         rules_, name(), requests_, network);
  decode_->arrival_timer =
      engine_.make_timer(EventPriority::completion, &Service::on_kv_arrival, this, 0);
}

void Service::on_prefilled(RequestSlot slot, SimTime now) {
  PLIMSOLL_CHECK(decode_ != nullptr, "validated: whoever prefills has somebody who decodes");
  ++decode_->handing_over;
  if (decode_->hand_overs.size() <= slot) {
    decode_->hand_overs.resize(slot + std::size_t{1});
  }
  decode_->hand_overs[slot].prefilled = now;
  if (!decode_->line.empty() || !send_kv(slot)) {
    decode_->line.push(slot);
  }
}

/// Chooses a decode replica and sends the KV there; false when none accepts.
bool Service::send_kv(RequestSlot slot) {
  DecodeSide& side = *decode_;
  const SimTime now = engine_.now();
  Request& request = requests_[slot];
  Draws draws = side.route_stream.of(attempt_of(request));
  side.seen_loads.refresh(now);
  const RouteDecision decision = side.router->pick(view_of(slot), draws);
  if (decision.replica == RouteDecision::none) {
    return false;
  }
  const ReplicaIndex to = members_[decision.replica].replica->index();
  const std::int64_t prompt = request.prompt_tokens;
  change_load(decision.replica, {1, prompt, router_follows_prefill_ ? 0 : prompt}, draws);
  --load_.outstanding;  // at two replicas, it is one request
  request.state = RequestState::handing_over;
  side.hand_overs[slot].to = to;
  const KvNetwork::Booking booking = side.network.send(request.replica, to, prompt, now);
  side.on_the_way.push_back({booking.arrives, request.id, slot, request.retries, request.replica,
                             to, side.hand_overs[slot].prefilled, booking});
  std::push_heap(side.on_the_way.begin(), side.on_the_way.end(), arrives_later);
  engine_.arm(side.arrival_timer, side.on_the_way.front().at);
  return true;
}

void Service::on_kv_arrival(void* service, std::uint64_t) {
  static_cast<Service*>(service)->take_arrived_kv();
}

void Service::take_arrived_kv() {
  DecodeSide& side = *decode_;
  const SimTime now = engine_.now();
  while (!side.on_the_way.empty() && side.on_the_way.front().at <= now) {
    const KvOnTheWay kv = side.on_the_way.front();
    std::pop_heap(side.on_the_way.begin(), side.on_the_way.end(), arrives_later);
    side.on_the_way.pop_back();
    sink_.on_kv_transfer({side.network.pool_of(kv.from), side.network.pool_of(kv.to),
                          kv.booking.bytes, kv.booking.begin - kv.prefilled, kv.booking.wire,
                          kv.at - kv.prefilled, kv.booking.sending_nics,
                          kv.booking.receiving_nics});
    if (is_handed_over(kv)) {
      begin_decoding(kv);
    }
  }
  if (!side.on_the_way.empty()) {
    engine_.arm(side.arrival_timer, side.on_the_way.front().at);
  }
}

/// Whether its request still waits for it.
bool Service::is_handed_over(const KvOnTheWay& kv) const {
  const Request& request = requests_[kv.slot];
  return request.id == kv.id && request.retries == kv.retries &&
         request.state == RequestState::handing_over && decode_->hand_overs[kv.slot].to == kv.to;
}

/// The prefill replica is done with the request, and the decode replica has it.
void Service::begin_decoding(const KvOnTheWay& kv) {
  Request& request = requests_[kv.slot];
  --decode_->handing_over;
  members_[member_of_[kv.from]].replica->let_go(kv.slot);
  request.replica = kv.to;
  request.micro_batch = kv_received;
  Draws draws = decode_->sent_stream.of(attempt_of(request));
  const std::int64_t prompt = request.prompt_tokens;
  change_load(member_of_[kv.from], {-1, -prompt, router_follows_prefill_ ? 0 : -prompt}, draws);
  ++load_.outstanding;
  const std::uint32_t member = member_of_[kv.to];
  members_[member].replica->enqueue(kv.slot, Phase::before_steps);
  if (members_[member].dead) {
    await_timeout(member, kv.slot);
  }
  tell_if_drained(kv.from);
  if (!queue_.empty()) {
    engine_.arm(dispatch_timer_, engine_.now());
  }
}

/// It does not go to the decode replica that was chosen, if one was. What the NICs are booked for,
/// they carry. Its state is for the caller to set.
void Service::stop_handing_over(RequestSlot slot) {
  DecodeSide& side = *decode_;
  Request& request = requests_[slot];
  --side.handing_over;
  if (request.state == RequestState::prefilled) {
    side.line.erase(slot);
    request.state = RequestState::free;
    return;
  }
  request.state = RequestState::free;
  const ReplicaIndex to = side.hand_overs[slot].to;
  Draws draws = side.sent_stream.of(attempt_of(request));
  const std::int64_t prompt = request.prompt_tokens;
  change_load(member_of_[to], {-1, -prompt, router_follows_prefill_ ? 0 : -prompt}, draws);
  ++load_.outstanding;
  tell_if_drained(to);
  if (somebody_waits()) {
    engine_.arm(dispatch_timer_, engine_.now());
  }
}

/// Its client left: nobody wants its KV.
void Service::abandon_hand_over(RequestSlot slot, Outcome outcome) {
  stop_handing_over(slot);
  members_[member_of_[requests_[slot].replica]].replica->let_go(slot);
  end(slot, outcome);
}

std::vector<RequestSlot> Service::on_the_way(ReplicaIndex KvOnTheWay::*which,
                                             ReplicaIndex replica) const {
  std::vector<KvOnTheWay> found;
  for (const KvOnTheWay& kv : decode_->on_the_way) {
    if (kv.*which == replica && is_handed_over(kv)) {
      found.push_back(kv);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const KvOnTheWay& a, const KvOnTheWay& b) { return a.id < b.id; });
  std::vector<RequestSlot> slots;
  for (const KvOnTheWay& kv : found) {
    slots.push_back(kv.slot);
  }
  return slots;
}

/// The prefill replica `replica` died with the KV that it kept: whose KV it was stands in its line,
/// with nothing generated.
void Service::take_back_from(ReplicaIndex replica) {
  if (!decode_ || decodes(member_of_[replica])) {
    return;
  }
  std::vector<RequestSlot> slots = on_the_way(&KvOnTheWay::from, replica);
  for (const RequestSlot slot : decode_->line.slots()) {
    if (requests_[slot].replica == replica) {
      slots.push_back(slot);
    }
  }
  for (const RequestSlot slot : slots) {
    stop_handing_over(slot);
    requests_[slot].emitted_tokens = 0;
    if (requests_.keeps_prefixes()) {
      requests_.prefix_use(slot).common_blocks = 0;
      requests_.prefix_use(slot).own_blocks = 0;
    }
    members_[member_of_[replica]].replica->enqueue(slot, Phase::before_steps);
  }
}

/// It is known that the decode replica `replica` is gone: KV on its way there goes elsewhere.
void Service::redirect_from(ReplicaIndex replica) {
  if (!decode_ || !decodes(member_of_[replica])) {
    return;
  }
  for (const RequestSlot slot : on_the_way(&KvOnTheWay::to, replica)) {
    stop_handing_over(slot);
    ++decode_->handing_over;
    requests_[slot].state = RequestState::prefilled;
    decode_->line.push(slot);
  }
  engine_.arm(dispatch_timer_, engine_.now());
}

/// Those who were prefilled and waited go on, in order of their rank.
void Service::dispatch_prefilled() {
  while (decode_ && !decode_->line.empty()) {
    const RequestSlot slot = decode_->line.top();
    decode_->line.pop();
    if (!send_kv(slot)) {
      decode_->line.push(slot);
      return;
    }
  }
}

}  // namespace plimsoll
