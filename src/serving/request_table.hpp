// Requests in flight: one small record each, in slots that are used again, so that memory is
// O(requests in flight) whatever the horizon.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/errors.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/policies/queue.hpp"
#include "plimsoll/units.hpp"
#include "plimsoll/workload.hpp"

namespace plimsoll {

using RequestSlot = std::uint32_t;
inline constexpr RequestSlot no_slot = 0xffffffffU;

/// Where a request is.
enum class RequestState : std::uint8_t {
  free,
  waiting_centrally,
  waiting,
  running,
  prefilled,     // its KV waits at a prefill replica until a decode replica accepts
  handing_over,  // its KV is on the way
  unread,        // has all its tokens and holds its KV and its place until its client has read
};

/// Request::micro_batch of a request that waits at a decode replica which got its KV.
inline constexpr std::uint8_t kv_received = 0xff;

/// One request in flight. `output_tokens` is the truth that only the replica's arithmetic uses.
struct Request {
  RequestId id = 0;
  SimTime arrived{};
  SimTime scheduled = never;  // first time in a batch
  SimTime first_token = never;
  QueueRank rank = 0;
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;
  std::int32_t emitted_tokens = 0;  // kept up to date when it leaves the batch, not at each step
  ReplicaIndex replica = 0;
  ClassIndex request_class = 0;
  std::uint16_t preemptions = 0;
  RequestState state = RequestState::free;
  std::uint8_t micro_batch = 0;  // that it runs in; while it waits: see kv_received
  std::uint8_t retries = 0;      // after its replica died
  bool prefilled = false;        // its prompt is computed, in this attempt
};
static_assert(sizeof(Request) <= 64, "a request in flight fits a cache line");

/// What a request has in common with others, and the named KV blocks that it references.
struct PrefixUse {
  SharedPrefix prefix;
  std::int32_t common_blocks = 0;  // of prefix.common
  std::int32_t own_blocks = 0;     // of its session, or of itself when it was preempted
  std::int32_t hit_tokens = 0;     // of the prompt, found when it was first scheduled
};

class RequestTable {
 public:
  /// Called before the first request: keeps a PrefixUse for each. Runs without a prefix cache or a
  /// router that asks for sessions do without.
  void keep_prefixes() { keeps_prefixes_ = true; }
  bool keeps_prefixes() const { return keeps_prefixes_; }
  /// The same for tenants, which some queue policy asks for.
  void keep_tenants() { keeps_tenants_ = true; }
  bool keeps_tenants() const { return keeps_tenants_; }
  std::uint32_t tenant(RequestSlot slot) const { return tenants_[slot]; }
  /// The same for Arrival::at, which differs from the time of admit() behind a request path.
  void keep_sent() { keeps_sent_ = true; }
  bool keeps_sent() const { return keeps_sent_; }
  SimTime sent(RequestSlot slot) const { return sent_[slot]; }
  PrefixUse& prefix_use(RequestSlot slot) { return prefixes_[slot]; }
  const PrefixUse& prefix_use(RequestSlot slot) const { return prefixes_[slot]; }

  RequestSlot allocate() {
    if (free_.empty()) {
      PLIMSOLL_CHECK(requests_.size() < no_slot, "requests in flight fit 32 bits");
      requests_.emplace_back();
      if (keeps_prefixes_) {
        prefixes_.emplace_back();
      }
      if (keeps_tenants_) {
        tenants_.emplace_back();
      }
      if (keeps_sent_) {
        sent_.emplace_back();
      }
      return static_cast<RequestSlot>(requests_.size() - 1);
    }
    const RequestSlot slot = free_.back();
    free_.pop_back();
    requests_[slot] = Request{};
    if (keeps_prefixes_) {
      prefixes_[slot] = PrefixUse{};
    }
    return slot;
  }

  /// Where a request that arrives at `now` is kept.
  RequestSlot admit(RequestId id, const Arrival& arrival, SimTime now) {
    const RequestSlot slot = allocate();
    Request& request = requests_[slot];
    request.id = id;
    request.arrived = now;
    request.prompt_tokens = arrival.prompt_tokens;
    request.output_tokens = arrival.output_tokens;
    request.request_class = arrival.request_class;
    if (keeps_prefixes_) {
      prefixes_[slot].prefix = arrival.prefix;
    }
    if (keeps_tenants_) {
      tenants_[slot] = arrival.tenant;
    }
    if (keeps_sent_) {
      sent_[slot] = arrival.at;
    }
    return slot;
  }

  void release(RequestSlot slot) {
    requests_[slot].state = RequestState::free;
    free_.push_back(slot);
  }

  Request& operator[](RequestSlot slot) { return requests_[slot]; }
  const Request& operator[](RequestSlot slot) const { return requests_[slot]; }
  std::size_t in_flight() const { return requests_.size() - free_.size(); }

 private:
  bool keeps_prefixes_ = false;
  bool keeps_tenants_ = false;
  bool keeps_sent_ = false;
  std::vector<Request> requests_;
  std::vector<PrefixUse> prefixes_;     // by slot
  std::vector<std::uint32_t> tenants_;  // by slot
  std::vector<SimTime> sent_;           // by slot
  std::vector<RequestSlot> free_;
};

}  // namespace plimsoll
