// Waiting requests give up at their deadlines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "serving/request_table.hpp"

namespace plimsoll {

/// Deadlines by time. Entries of requests that no longer wait stay until their time and are then
/// ignored by whoever takes them: a heap of at most (arrival rate x deadline) entries.
class Deadlines {
 public:
  struct Entry {
    SimTime at{};
    RequestId id = 0;
    RequestSlot slot = no_slot;
  };

  void push(const Entry& entry) {
    entries_.push_back(entry);
    std::push_heap(entries_.begin(), entries_.end(), later);
  }
  bool empty() const { return entries_.empty(); }
  const Entry& first() const { return entries_.front(); }
  void pop() {
    std::pop_heap(entries_.begin(), entries_.end(), later);
    entries_.pop_back();
  }

 private:
  static bool later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.id > b.id;
  }
  std::vector<Entry> entries_;
};

}  // namespace plimsoll
