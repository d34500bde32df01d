// The stages of the request path, in the order in which a request passes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A box of the request path: each has a row in the results.
enum class Stage : std::uint8_t {
  edge,                // user to the nearest edge location, and its response cache
  wan,                 // edge location to a datacenter and back
  load_balancer,       // capacity in requests/s; sheds what exceeds it
  limits,              // token buckets and concurrency limits
  auth,                // who may ask, and how much in a period
  api_tier,            // instances that spend CPU time on every request
  conversation_cache,  // contexts of conversations
  response_cache,      // answers given before
  model_router,        // which model answers
  aggregation,         // gathers requests into messages
  broker,              // hands requests to the queues before the GPUs
  safety_before,       // moderation of prompts
  tokenizer,
  streaming,     // connections, and tokens paced to the client
  serving,       // central queue, router and replicas of a model
  safety_after,  // moderation of answers
};
inline constexpr int stage_count = 16;

/// The name of a stage as it stands in result.json.
constexpr std::string_view stage_name(Stage stage) {
  constexpr std::string_view names[stage_count] = {"edge",
                                                   "wan",
                                                   "load_balancer",
                                                   "limits",
                                                   "auth",
                                                   "api_tier",
                                                   "conversation_cache",
                                                   "response_cache",
                                                   "model_router",
                                                   "aggregation",
                                                   "broker",
                                                   "safety_before",
                                                   "tokenizer",
                                                   "streaming",
                                                   "serving",
                                                   "safety_after"};
  return names[static_cast<int>(stage)];
}

/// How a request's time in a line with a waiting room ended.
enum class WaitingRoomEnd : std::uint8_t {
  served,           // a replica took it
  gave_up,          // its deadline passed, or its client left
  left_when_shown,  // what its client was shown was too much
  no_room,          // queue and waiting room were full
};

/// A key whose usage was anomalous.
struct AnomalySummary {
  std::string request_class;  // whose keys it is of; empty: the common ones
  std::int64_t key = 0;       // its number among them
  SimTime at{};               // of the alarm: the end of its interval
  double tokens = 0;          // of the key in that interval
  double expected = 0;        // the moving mean before it
  bool used_bypass = false;   // some of its requests passed only thanks to a bypass
};

/// Requests of one class that a bypass let pass and a replica of one pool completed.
struct BypassedCell {
  ClassIndex request_class = 0;
  PoolIndex pool = 0;
  std::int64_t completed = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
};

/// A span in which limits did not bind.
struct BypassSummary {
  SimTime began{};
  std::int64_t requests =
      0;                     // that passed thanks to it; thanks to the first where several are open
  SimTime detected = never;  // first alarm of a key that had used it
  SimTime enforced = never;  // closed for that
};

/// Keys that alarms suspended, and requests that were refused for that.
struct SuspensionSummary {
  std::int64_t keys = 0;
  std::int64_t refused = 0;
  std::int64_t innocent_keys = 0;  // had used no bypass
  std::int64_t innocent_refused = 0;
};

/// What the path counted beside the visits of its stages.
/// Requests that went from a datacenter none of whose replicas served to another one.
struct FailoverSummary {
  std::string from, to;
  std::int64_t waiting = 0;  // that had no replica before
  std::int64_t retried = 0;  // that lost theirs
};

struct PathSummary {
  bool present = false;       // the scenario has a path
  std::int64_t attempts = 0;  // of all requests; those beyond the first of each are retries
  std::int64_t retries = 0;
  std::int64_t follow_ups = 0;  // requests that are further turns of sessions
  // Attacks, and a balancer that sheds by source:
  bool attacked = false;  // the scenario has one of the two
  std::int64_t attack_requests = 0;
  std::int64_t attack_answered = 0;
  std::int64_t users_attacked = 0;  // requests of users that came during an attack and ended
  std::int64_t users_answered = 0;  // of these
  std::int64_t attack_dropped = 0;  // attempts that the balancer dropped by their source
  std::int64_t users_dropped = 0;
  // Requests that limits would have refused but for a bypass; of those that were answered:
  std::int64_t bypassed = 0;
  std::int64_t bypassed_answered = 0;
  std::int64_t bypassed_prompt_tokens = 0;
  std::int64_t bypassed_output_tokens = 0;
  double bypassed_dollars = 0;                   // at their tiers' prices
  std::vector<BypassedCell> bypassed_cells;      // of those that completed on a GPU
  SimTime detected = never;                      // first alarm of a key that used an open bypass
  SimTime enforced = never;                      // limits bind again for the first time
  std::vector<BypassSummary> bypasses;           // as the scenario lists them
  std::int64_t anomalies = 0;                    // alarms
  std::optional<std::int64_t> false_alarms;      // of keys that had used no bypass; with metering
  std::optional<SuspensionSummary> suspensions;  // with action: suspend_key
  std::vector<AnomalySummary> first_anomalies;   // a few
  std::vector<FailoverSummary> failovers;        // by configured way; none without
};

/// What one tenant asked of the models and got, in tokens of prompts and answers.
struct TenantSummary {
  std::int64_t tenant = 0;  // as in the trace, or by the keys' order
  std::int64_t requests = 0;
  std::int64_t answered = 0;
  std::int64_t asked = 0;
  std::int64_t served = 0;
  double fair = 0;  // of all that was served, its max-min fair part
};

/// How tenants shared what a service completed whose queue shares by tenant.
struct FairnessSummary {
  std::string model;
  std::string datacenter;    // empty: its pools stand in none
  std::int64_t tenants = 0;  // that asked
  std::int64_t asked = 0;
  std::int64_t served = 0;
  double jain = 1;                       // index of served / fair over tenants
  std::vector<TenantSummary> largest{};  // who asked for most, ten at most
};

}  // namespace plimsoll
