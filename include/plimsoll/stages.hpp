// The stages of the request path, in the order in which a request passes them.
#pragma once

#include <cstdint>
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

/// A key whose usage was anomalous.
struct AnomalySummary {
  std::string request_class;  // whose keys it is of; empty: the common ones
  std::int64_t key = 0;       // its number among them
  SimTime at{};               // of the alarm: the end of its interval
  double tokens = 0;          // of the key in that interval
  double expected = 0;        // the moving mean before it
  bool used_bypass = false;   // some of its requests passed only thanks to a bypass
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
  // Requests that limits would have refused but for a bypass; of those that were answered:
  std::int64_t bypassed = 0;
  std::int64_t bypassed_answered = 0;
  std::int64_t bypassed_prompt_tokens = 0;
  std::int64_t bypassed_output_tokens = 0;
  double bypassed_dollars = 0;                  // at their tiers' prices
  SimTime detected = never;                     // first alarm during a bypass
  SimTime enforced = never;                     // limits bind again
  std::int64_t anomalies = 0;                   // alarms
  std::vector<AnomalySummary> first_anomalies;  // a few
  std::vector<FailoverSummary> failovers;       // by configured way; none without
};

}  // namespace plimsoll
