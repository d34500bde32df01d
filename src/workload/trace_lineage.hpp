// Workload: whose prompt a row of a trace goes on from, as far as lengths can tell.
#pragma once

#include <cstdint>
#include <map>

#include "plimsoll/config.hpp"
#include "plimsoll/workload.hpp"

namespace plimsoll {

/// A trace with reusable_prefix_tokens says how much of each prompt an infinite cache would have
/// found, and not in which earlier prompt. A row with r such tokens is taken to go on from the
/// latest row before it whose prompt has as many whole multiples of the granularity as r, as the
/// next turn of its conversation does; up to `common_tokens` of them are common to all rows. That
/// is the shortest reuse distance possible, so what finite memory finds is an upper bound. Branches
/// of a conversation count as one.
/// Memory: O(different lengths in multiples of the granularity).
class TraceLineage {
 public:
  explicit TraceLineage(const TracePrefixConfig& config) : config_{config} {}

  /// Sets `row.prefix` from its lengths; rows come in order, `id` is the row's.
  void fill(RequestId id, Arrival& row);

 private:
  struct Conversation {
    PrefixId session = no_prefix;
    std::int32_t common_tokens = 0;
  };

  TracePrefixConfig config_;
  std::map<std::int32_t, Conversation> latest_;  // by multiples of the granularity in its prompt
};

}  // namespace plimsoll
