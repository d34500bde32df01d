// Router `round_robin`: each accepting replica in turn.
#include <bit>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// A bit set with a summary level, so that the next set bit is found in O(n / 4096).
class TurnOrder {
 public:
  void reset(std::uint32_t size) {
    size_ = size;
    words_.assign((size + 63) / 64, 0);
    summary_.assign((words_.size() + 63) / 64, 0);
  }

  void set(std::uint32_t i, bool on) {
    std::uint64_t& word = words_[i / 64];
    word = on ? word | (1ULL << (i % 64)) : word & ~(1ULL << (i % 64));
    std::uint64_t& above = summary_[i / 4096];
    const std::uint64_t bit = 1ULL << (i / 64 % 64);
    above = word != 0 ? above | bit : above & ~bit;
  }

  /// The first member at or after `from`, else RouteDecision::none.
  std::uint32_t next(std::uint32_t from) const {
    if (from >= size_) {
      return RouteDecision::none;
    }
    const std::uint32_t word = from / 64;
    if (const std::uint64_t rest = words_[word] >> (from % 64); rest != 0) {
      return from + static_cast<std::uint32_t>(std::countr_zero(rest));
    }
    for (std::uint32_t s = (word + 1) / 64; s < summary_.size(); ++s) {
      const std::uint64_t mask = s == (word + 1) / 64 ? ~0ULL << ((word + 1) % 64) : ~0ULL;
      if (const std::uint64_t rest = summary_[s] & mask; rest != 0) {
        const std::uint32_t w = 64 * s + static_cast<std::uint32_t>(std::countr_zero(rest));
        return 64 * w + static_cast<std::uint32_t>(std::countr_zero(words_[w]));
      }
    }
    return RouteDecision::none;
  }

 private:
  std::uint32_t size_ = 0;
  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> summary_;
};

class RoundRobin final : public Router {
 public:
  void reset(std::uint32_t replicas) override { order_.reset(replicas); }
  void update(std::uint32_t replica, const ReplicaLoad& load, Draws&) override {
    order_.set(replica, load.accepting);
  }
  RouteDecision pick(const RequestView&, Draws&) override {
    std::uint32_t replica = order_.next(turn_);
    if (replica == RouteDecision::none) {
      replica = order_.next(0);
    }
    if (replica != RouteDecision::none) {
      turn_ = replica + 1;
    }
    return {replica, "its turn"};
  }

 private:
  TurnOrder order_;
  std::uint32_t turn_ = 0;
};

}  // namespace

PolicyEntry<Router> round_robin_entry() {
  return {{"round_robin", "Each accepting replica in turn, blind to load and capacity.", {}},
          [](const PolicyParams&) { return std::make_unique<RoundRobin>(); }};
}

}  // namespace plimsoll
