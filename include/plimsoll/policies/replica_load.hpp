// What routers and admission policies may know of one replica.
#pragma once

#include <cstdint>

namespace plimsoll {

/// As last told, or as scraped (ServiceConfig::scrape_interval). The first part changes when a
/// request is assigned, gets its first token or ends, or the replica comes, goes or fills up: never
/// from step to step. The second part is fixed.
struct ReplicaLoad {
  std::int64_t outstanding = 0;            // requests assigned and not ended
  std::int64_t committed_kv_tokens = 0;    // prompt tokens of those requests
  std::int64_t pending_prompt_tokens = 0;  // of those of them that have no first token yet
  bool accepting = true;                   // serving, and below the outstanding limit

  std::int64_t kv_capacity_tokens = 1;  // >= 1
  double weight = 1.0;                  // capacity relative to the fleet's mean replica, > 0
  std::uint32_t pool = 0;               // replicas of one pool are alike
  std::int64_t slots = 256;             // sequences that slots and KV memory let run at once
  double prefill_rate = 1e4;            // prompt tokens/s when it does nothing else, > 0
  double request_rate = 1.0;            // requests/s that it sustains when full, > 0
  double dollars_per_hour = 0.0;        // 0: no price
};

}  // namespace plimsoll
