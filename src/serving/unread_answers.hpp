// Answers whose tokens are all computed and that hold their KV and their place until their clients
// have read: back-pressure that reaches the replica.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "serving/request_table.hpp"

namespace plimsoll {

struct UnreadAnswer {
  SimTime until{};  // its last token leaves then
  RequestId id = 0;
  RequestSlot slot = no_slot;
  std::int64_t tokens = 0;  // in KV
  std::int64_t blocks = 0;  // held
};

/// The unread answers of one replica, by (until, id). `timer` is armed for the first of them.
class UnreadAnswers {
 public:
  UnreadAnswers(Engine& engine, TimerId timer) : engine_{engine}, timer_{timer} {}

  std::int64_t size() const { return static_cast<std::int64_t>(heap_.size()); }
  bool empty() const { return heap_.empty(); }
  const std::vector<UnreadAnswer>& all() const { return heap_; }

  void keep(const UnreadAnswer& answer) {
    heap_.push_back(answer);
    std::push_heap(heap_.begin(), heap_.end(), leaves_later);
    engine_.arm(timer_, heap_.front().until);
  }
  /// Takes the next one that leaves by now(); false, and the timer is armed anew: none does.
  bool take(UnreadAnswer& answer) {
    if (heap_.empty()) {
      return false;
    }
    if (heap_.front().until > engine_.now()) {
      engine_.arm(timer_, heap_.front().until);
      return false;
    }
    answer = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), leaves_later);
    heap_.pop_back();
    return true;
  }
  /// The machine stopped.
  void clear() {
    heap_.clear();
    engine_.disarm(timer_);
  }

 private:
  static bool leaves_later(const UnreadAnswer& a, const UnreadAnswer& b) {
    return a.until != b.until ? a.until > b.until : a.id > b.id;
  }

  Engine& engine_;
  TimerId timer_;
  std::vector<UnreadAnswer> heap_;
};

}  // namespace plimsoll
