// An LRU order of contexts that grow with their sessions.
#include "service/session_cache.hpp"

#include <algorithm>

namespace plimsoll {

SessionCache::SessionCache(std::uint64_t seed, const ConversationCacheConfig& config)
    : passage_{seed, "conversation_cache", config.cache.latency, config.cache.lookups,
               config.cache.outages},
      fetch_stream_{seed, "fetch"},
      fetch_{config.fetch},
      bytes_per_token_{config.bytes_per_token->count()},
      capacity_{config.cache.capacity.count()} {
}

StageResult SessionCache::look_up(std::uint64_t id, PrefixId session, std::int64_t tokens,
                                  SimTime t) {
  StageResult result = passage_.pass(id, t);
  const bool out = passage_.is_out(id, t);
  result.hit = !out && order_.find(session) != nullptr;
  if (!result.hit) {
    const Duration fetch = fetch_.draw(fetch_stream_, id);
    result.latency += fetch;
    result.ahead += fetch;
  }
  if (!out) {
    put(session, tokens);
  }
  return result;
}

void SessionCache::store(std::uint64_t id, PrefixId session, std::int64_t tokens, SimTime t) {
  if (!passage_.is_out(id, t)) {
    put(session, tokens);
  }
}

void SessionCache::end(PrefixId session) {
  const Context* const context = order_.find(session);
  if (context != nullptr) {
    take_out(session, context->bytes);
  }
}

void SessionCache::put(PrefixId session, std::int64_t tokens) {
  drop(session);
  const std::int64_t bytes = tokens * bytes_per_token_;
  if (bytes > capacity_) {
    return;
  }
  evict_to(capacity_ - bytes);
  order_.add(session, {bytes, 0});
  bytes_ += bytes;
}

void SessionCache::drop(PrefixId session) {
  const Context* const context = order_.find(session);
  if (context != nullptr) {
    bytes_ -= context->bytes;
    take_out(session, 0);
  }
}

/// `session`, which is there, is asked for no more: what it leaves joins the lump before it.
void SessionCache::take_out(PrefixId session, std::int64_t left_behind) {
  const RecencyOrder<Context>::Entry& entry = *order_.entry_of(session);
  RecencyOrder<Context>::Entry* const older = order_.older_than(entry);
  (older == nullptr ? ended_first_ : older->value.ended_after) +=
      left_behind + entry.value.ended_after;
  order_.remove(session);
}

void SessionCache::evict_to(std::int64_t bytes) {
  while (bytes_ > bytes) {
    if (ended_first_ == 0) {
      drop(order_.oldest().owner);
      continue;
    }
    const std::int64_t gone = std::min(ended_first_, bytes_ - bytes);
    ended_first_ -= gone;
    bytes_ -= gone;
  }
}

void SessionCache::set_capacity(Bytes capacity) {
  capacity_ = capacity.count();
  evict_to(capacity_);
}

}  // namespace plimsoll
