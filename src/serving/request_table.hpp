// Requests in flight: one small record each, in slots that are used again, so that memory is
// O(requests in flight) whatever the horizon.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/errors.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/policies/queue.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

using RequestSlot = std::uint32_t;
inline constexpr RequestSlot no_slot = 0xffffffffU;

/// Where a request is.
enum class RequestState : std::uint8_t { free, waiting_centrally, waiting, running };

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
  std::uint8_t micro_batch = 0;
};
static_assert(sizeof(Request) <= 64, "a request in flight fits a cache line");

class RequestTable {
 public:
  RequestSlot allocate() {
    if (free_.empty()) {
      PLIMSOLL_CHECK(requests_.size() < no_slot, "requests in flight fit 32 bits");
      requests_.emplace_back();
      return static_cast<RequestSlot>(requests_.size() - 1);
    }
    const RequestSlot slot = free_.back();
    free_.pop_back();
    requests_[slot] = Request{};
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
  std::vector<Request> requests_;
  std::vector<RequestSlot> free_;
};

}  // namespace plimsoll
