// Connections that stay open for their clients while nobody uses them.
#pragma once

#include <cstdint>

#include "plimsoll/ids.hpp"
#include "plimsoll/path_config.hpp"
#include "service/recency_order.hpp"

namespace plimsoll {

/// At most `size` of them, each for `keep_alive`; in order of time. O(1) a call.
class IdleConnections {
 public:
  explicit IdleConnections(const ConnectionPoolConfig& config) : config_{config} {}

  /// The connection that closes by itself next; `never` when none idles.
  SimTime next_end() const { return order_.empty() ? never : order_.oldest().value; }
  /// That one, or whichever has idled longest, is closed.
  void close_oldest();
  /// `owner` uses its own again; false when it has none.
  bool take(PrefixId owner);
  /// The connection of `owner` idles from `t` on; there may then be one more than `size`. False: it
  /// is closed instead, since `owner` has one or the pool has no place.
  bool put(PrefixId owner, SimTime t);
  bool overfull() const { return count() > config_.size; }
  /// Time from the ends of those that end by `t` to `t`, added up, ns.
  std::int64_t ns_after_their_ends(SimTime t) const;
  std::int64_t count() const { return order_.size(); }

 private:
  ConnectionPoolConfig config_;
  RecencyOrder<SimTime> order_;  // when each ends, by when they began to idle and hence by that
};

}  // namespace plimsoll
