// A model's requests at replicas that die: who notices when, and what becomes of them.
#include <vector>

#include "service/service.hpp"

namespace plimsoll {

void Service::set_corrupt(ReplicaIndex replica, bool corrupt) {
  members_[member_of_[replica]].corrupt = corrupt;
}

void Service::replica_died(ReplicaIndex replica) {
  const std::uint32_t index = member_of_[replica];
  Member& member = members_[index];
  member.dead = true;
  ++member.deaths;
  take_back_from(replica);
  // Each sender notices by itself that no answer comes.
  const std::vector<RequestSlot> slots = member.replica->take_waiting();
  for (const RequestSlot slot : slots) {
    member.replica->enqueue(slot, Phase::before_steps);
    await_timeout(index, slot);
  }
}

void Service::replica_lost(ReplicaIndex replica) {
  const std::uint32_t index = member_of_[replica];
  if (members_[index].ready) {
    set_ready(index, false);
    Draws draws = load_stream_.of(~std::uint64_t{replica});
    change_load(index, {}, draws);
  }
  take_back_from(replica);
  redirect_from(replica);
  // One that drained may have been turned off before anybody noticed that it was dead.
  if (loads_[index].outstanding > 0) {
    lose_all(index);
  }
  members_[index].dead = false;
  note_stranded();
}

/// Its time to drain is up: it ends nothing more, and then it has drained.
void Service::cut_drain(std::uint32_t member) {
  Replica& replica = *members_[member].replica;
  replica.cut_drain();
  take_back_from(replica.index());
  redirect_from(replica.index());
  lose_all(member);
  replica.end_cut();
}

/// The request at `slot` has just been sent to a dead replica, or was there when it died.
void Service::await_timeout(std::uint32_t member, RequestSlot slot) {
  const RequestId id = requests_[slot].id;
  const std::uint8_t attempt = requests_[slot].retries;
  const std::uint32_t death = members_[member].deaths;
  engine_.at(engine_.now() + config_.faults->request_timeout, EventPriority::deadline,
             [this, member, slot, id, attempt, death] {
               const Request& request = requests_[slot];
               const bool still_there = request.id == id && request.retries == attempt &&
                                        request.state == RequestState::waiting;
               if (still_there && members_[member].dead && members_[member].deaths == death) {
                 members_[member].replica->take_waiting(slot);
                 lose(slot);
               }
             });
}

void Service::lose_all(std::uint32_t member) {
  const std::vector<RequestSlot> slots = members_[member].replica->take_waiting();
  for (const RequestSlot slot : slots) {
    lose(slot);
  }
}

/// The request at `slot` has left the line of a replica that died.
void Service::lose(RequestSlot slot) {
  const Request& request = requests_[slot];
  ++losses_.lost;
  static const FaultsConfig defaults;  // spot machines are taken back without faults, too
  const FaultsConfig& faults = config_.faults ? *config_.faults : defaults;
  if (faults.lost_requests == LostRequests::retry && request.retries < faults.max_retries) {
    ++losses_.retried;
    begin_anew(slot);
    return;
  }
  ++losses_.failed;
  if (request.scheduled == never) {
    give_up(slot, Outcome::failed);
  } else {  // the queue policy has seen it served
    end(slot, Outcome::failed);
  }
}

/// Requests may wait where no replica serves: they go elsewhere, if they can.
void Service::note_stranded() {
  if (failover_ != nullptr && !serves() && !queue_.empty()) {
    engine_.arm(dispatch_timer_, engine_.now());
  }
}

/// In order of the line; who cannot go yet holds up those behind him.
void Service::send_away() {
  constexpr Duration look_again = std::chrono::seconds{1};
  while (!serves() && !queue_.empty()) {
    const RequestSlot slot = queue_.top();
    Request& request = requests_[slot];
    if (!failover_->take_over(slot, {request.arrived, request.scheduled, request.first_token,
                                     request.preemptions, request.retries})) {
      engine_.arm(dispatch_timer_, engine_.now() + look_again);
      return;
    }
    request.state = RequestState::free;
    leave_line(slot, false);
    if (request.scheduled == never) {  // else the queue policy has seen it served
      queue_policy_->left(view_of(slot));
    }
    requests_.release(slot);
  }
}

/// It keeps its place in line, which it has by its rank; a full queue does not refuse it again.
void Service::begin_anew(RequestSlot slot) {
  Request& request = requests_[slot];
  const ReplicaIndex replica = request.replica;
  const std::int64_t prompt = request.prompt_tokens;
  const bool pending = !request.prefilled || !router_follows_prefill_;
  request.retries = static_cast<std::uint8_t>(request.retries + 1);
  request.prefilled = false;
  request.emitted_tokens = 0;
  request.micro_batch = 0;
  request.replica = not_a_member;
  Draws draws = load_stream_.of(request.id);
  change_load(member_of_[replica], {-1, -prompt, pending ? -prompt : 0}, draws);
  tell_if_drained(replica);
  if (!queue_.empty() || !route(slot, Phase::before_steps)) {
    stand_in_line(slot);
    engine_.arm(dispatch_timer_, engine_.now());
  }
}

}  // namespace plimsoll
