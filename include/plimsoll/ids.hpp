// Names for the things that a run counts, as small integers: positions in the lists of Config.
#pragma once

#include <cstdint>
#include <string_view>

namespace plimsoll {

using RequestId = std::uint64_t;  // 0, 1, 2, ... in order of arrival
inline constexpr RequestId no_request = ~RequestId{0};
using TierIndex = std::uint16_t;   // into Config::tiers
using ClassIndex = std::uint16_t;  // into WorkloadConfig::classes
using ModelIndex = std::uint16_t;  // into Config::models
using PoolIndex = std::uint16_t;   // into Config::pools
using ArmIndex = std::uint16_t;    // over the arms of all experiments, in their order
inline constexpr ArmIndex no_arm = 0xffff;
using ReplicaIndex = std::uint32_t;  // within the run, over all pools in their order

/// Names a sequence of tokens that prompts begin with. Workloads give ids below 2^63.
using PrefixId = std::uint64_t;
inline constexpr PrefixId no_prefix = 0;

/// What becomes of a request: exactly one of these, or it is still in flight at the end.
enum class Outcome : std::uint8_t {
  completed,     // every output token was produced
  cached,        // answered by a cache, without a GPU
  degraded,      // a corrupt or fallback answer
  blocked,       // refused by moderation
  over_context,  // prompt + output exceed the context limit
  rate_limited,  // refused by a limit of its tier, tenant or key
  shed,          // refused by admission under overload
  queue_full,    // the queue had no room
  timed_out,     // its deadline passed before it was scheduled
  abandoned,     // the client left
  failed,        // lost with a replica and not retried
  unauthorized,  // refused by auth
};
inline constexpr int outcome_count = 12;

/// The name of an outcome as it stands in result.json.
constexpr std::string_view outcome_name(Outcome outcome) {
  constexpr std::string_view names[outcome_count] = {
      "completed", "cached",     "degraded",  "blocked",   "over_context", "rate_limited",
      "shed",      "queue_full", "timed_out", "abandoned", "failed",       "unauthorized"};
  return names[static_cast<int>(outcome)];
}

}  // namespace plimsoll
