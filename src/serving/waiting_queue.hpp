// Requests that wait, in order of (rank, id). Removal from the middle is lazy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "serving/request_table.hpp"

namespace plimsoll {

/// A binary heap: arrivals in order cost O(1), a pop O(log n). An entry whose request is no longer
/// in `state` under the same id is dead and is dropped when it comes to the top.
class WaitingQueue {
 public:
  WaitingQueue(const RequestTable& requests, RequestState state)
      : requests_{&requests}, state_{state} {}

  /// The request's state is already the queue's.
  void push(RequestSlot slot) {
    const Request& request = (*requests_)[slot];
    entries_.push_back({request.rank, request.id, slot});
    std::push_heap(entries_.begin(), entries_.end(), later);
    ++size_;
  }

  /// Live entries.
  std::int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// The first in line; the queue is not empty.
  RequestSlot top() {
    drop_dead();
    return entries_.front().slot;
  }

  /// Takes the first in line out, before its state changes.
  void pop() {
    drop_dead();
    pop_entry();
    --size_;
  }

  /// Takes `slot` out in the middle, at O(entries), before its state changes. Unlike an entry that
  /// is only forgotten, this one cannot come to life when the request waits again elsewhere.
  void erase(RequestSlot slot) {
    const RequestId id = (*requests_)[slot].id;
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.slot == slot && entry.id == id;
    });
    PLIMSOLL_CHECK(found != entries_.end(), "who is taken out of the line stands in it");
    *found = entries_.back();
    entries_.pop_back();
    std::make_heap(entries_.begin(), entries_.end(), later);
    --size_;
  }

  /// Who stands in line, in order.
  std::vector<RequestSlot> slots() const {
    std::vector<Entry> live;
    for (const Entry& entry : entries_) {
      if (is_live(entry)) {
        live.push_back(entry);
      }
    }
    std::sort(live.begin(), live.end(), [](const Entry& a, const Entry& b) { return later(b, a); });
    std::vector<RequestSlot> in_order;
    for (const Entry& entry : live) {
      in_order.push_back(entry.slot);
    }
    return in_order;
  }

  /// `slot` left the line in the middle, for good: called once its state has changed.
  void forget_one() { --size_; }

 private:
  struct Entry {
    QueueRank rank;
    RequestId id;
    RequestSlot slot;
  };

  static bool later(const Entry& a, const Entry& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.id > b.id;
  }

  bool is_live(const Entry& entry) const {
    const Request& request = (*requests_)[entry.slot];
    return request.id == entry.id && request.state == state_;
  }

  void drop_dead() {
    while (!entries_.empty()) {
      if (is_live(entries_.front())) {
        return;
      }
      pop_entry();
    }
  }

  void pop_entry() {
    std::pop_heap(entries_.begin(), entries_.end(), later);
    entries_.pop_back();
  }

  const RequestTable* requests_;
  RequestState state_;
  std::int64_t size_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace plimsoll
