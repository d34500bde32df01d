// Contexts of clients' sessions: every turn looks for its own.
#pragma once

#include <cstdint>

#include "service/cache.hpp"
#include "service/recency_order.hpp"

namespace plimsoll {

/// The contexts of the sessions that were answered last, as many as there is room for: the least
/// recently used goes first. A context is as large as its tokens; it is put in when its turn has
/// been answered, unless a cache at the edge did that, and again when it had to be fetched. A
/// context that is larger than the whole cache is not held. Nobody asks for a session that has
/// ended, but its context keeps its place and its bytes until they go: such contexts are one lump
/// between two that may be asked for, and a lump goes byte by byte. Memory and time of a look-up:
/// O(sessions held that go on) and O(1).
class SessionCache final : public CacheMemory {
 public:
  /// `config.bytes_per_token` is set. Empty at first.
  SessionCache(std::uint64_t seed, const ConversationCacheConfig& config);

  /// The attempt `id` goes on `session`, whose context has `tokens`: found or not, and the latency,
  /// that of a fetch included. During an outage everything is fetched and nothing put in.
  StageResult look_up(std::uint64_t id, PrefixId session, std::int64_t tokens, SimTime t);
  /// The attempt `id` of `session` was answered, and its context has `tokens`.
  void store(std::uint64_t id, PrefixId session, std::int64_t tokens, SimTime t);

  /// `session` does not go on.
  void end(PrefixId session);

  void set_capacity(Bytes capacity) override;
  double utilization() const override {
    return static_cast<double>(bytes_) / static_cast<double>(capacity_);
  }
  const Turnstile& turnstile() const { return passage_.turnstile(); }
  /// Those held that may go on.
  std::int64_t sessions() const { return order_.size(); }

 private:
  struct Context {
    std::int64_t bytes = 0;
    std::int64_t ended_after = 0;  // bytes of ended sessions, older than the next newer context
  };

  void put(PrefixId session, std::int64_t tokens);
  void drop(PrefixId session);
  void take_out(PrefixId session, std::int64_t left_behind);
  void evict_to(std::int64_t bytes);

  Passage passage_;
  RandomStream fetch_stream_;
  LatencySampler fetch_;
  std::int64_t bytes_per_token_;
  std::int64_t capacity_;
  std::int64_t bytes_ = 0;
  RecencyOrder<Context> order_;
  std::int64_t ended_first_ = 0;  // bytes of ended sessions that are older than all others
};

}  // namespace plimsoll
