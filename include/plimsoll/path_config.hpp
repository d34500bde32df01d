// What a validated scenario says of the request path: every stage is optional, and what is absent
// is neither played nor paid for. Part of config.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/autoscale_config.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A law of short times; every draw is rounded to the nearest nanosecond.
struct LatencyLaw {
  enum class Kind : std::uint8_t { fixed, exponential, lognormal };
  Kind kind = Kind::fixed;
  Duration mean{};  // fixed (the value itself), exponential
  Duration p50{};   // lognormal
  Duration p99{};   // lognormal; >= p50
};

/// A span in which a stage does not work, or only in part.
struct OutageConfig {
  Duration at{};
  Duration lasting{};
  double share = 1.0;  // of the requests that fail, or of the instances that are lost
};

/// How often each of many objects is asked for: Zipf's law, p_i ~ 1 / i^exponent.
struct PopularityConfig {
  std::int64_t objects = 1;
  double exponent = 1.0;   // 0: all alike
  double cacheable = 1.0;  // share of the requests that ask for an object at all
};

/// How a cache's hits come about.
enum class CacheMethod : std::uint8_t {
  che,  // Che's approximation of an LRU cache in its steady state
  lru,  // every object's place in the LRU order is played, from an empty cache on
};

struct CacheConfig {
  Bytes capacity;
  std::optional<Bytes> object_size;  // mean; none: contexts, whose lengths are known
  double object_size_cv = 0;         // lognormal; 0: all alike
  CacheMethod method = CacheMethod::che;
  std::optional<double> filled;       // at t = 0, of what it can hold; none: che 1, lru 0
  LatencyLaw latency;                 // of a look-up
  std::vector<OutageConfig> outages;  // look-ups miss
  std::optional<Frequency> lookups;   // per second; none: no limit
  std::optional<Bytes> node;          // memory of one node; none: the cache is one piece
  std::optional<TierAutoscaleConfig> autoscale;  // of its nodes; needs `node`
};

/// Contexts of conversations: a miss fetches the context from storage. Either `conversations` says
/// how often each is continued, or every further turn of clients' sessions looks for its own.
struct ConversationCacheConfig {
  CacheConfig cache;
  std::optional<PopularityConfig> conversations;
  std::optional<Bytes> bytes_per_token;  // of a context; sessions
  LatencyLaw fetch;                      // of a context that is not in the cache

  bool by_session() const { return bytes_per_token.has_value(); }
};

/// The way from the edge locations of a region, or from another datacenter, to a datacenter.
struct RouteConfig {
  std::size_t datacenter = 0;  // into EdgeConfig::datacenters
  LatencyLaw rtt;
};

struct DatacenterConfig {
  std::string name;
  std::vector<OutageConfig> outages;  // nothing in it answers
  std::optional<Frequency> capacity;  // requests/s that it takes in
  std::int64_t queue = 1000;  // requests that may wait for that; the next go to the next datacenter
  std::vector<RouteConfig> failover;  // where its requests go when none of its replicas serves
};

/// Users of a part of the world, with all of its edge locations folded into one law.
struct RegionConfig {
  std::string name;
  double share = 1.0;  // weight; shares are normalized
  LatencyLaw access;   // round trip between a user and the nearest edge location
  std::vector<RouteConfig> routes;
  std::optional<Frequency> capacity;  // requests/s that its edge locations take in, all together
  std::int64_t queue = 1000;          // requests that may wait for that; the next are shed
  std::vector<OutageConfig> outages;  // of its edge locations: requests fail
  std::optional<int> locations;  // each with a cache of its own; none: EdgeConfig::cdn is one cache
  std::optional<Bytes> cdn_capacity;      // of each of its locations, instead of that of `cdn`
  std::vector<OutageConfig> cdn_outages;  // its look-ups miss, beside those of `cdn`
};

struct EdgeConfig {
  std::vector<DatacenterConfig> datacenters;
  std::vector<RegionConfig> regions;
  std::optional<CacheConfig> cdn;
  Duration failover_delay{};  // requests still go to a datacenter for so long after it went down
};

/// What a balancer lets each sender's address have; it drops the rest before its own queue, at no
/// cost.
struct SourceLimitConfig {
  std::int64_t sources = 1;  // addresses of users
  double exponent = 0;       // Zipf's law of how often each sends; 0: all alike
  Frequency requests;
  double request_burst = 1;  // requests that may come at once
};

/// Requests of attackers, beside those of the workload: a Poisson process. Attackers neither leave
/// nor try again.
struct AttackConfig {
  Duration at{};
  Duration lasting{};
  Frequency rate;
  ClassIndex request_class = 0;
  std::int64_t sources = 1;  // addresses of its own, all alike
};

struct LoadBalancerConfig {
  Frequency capacity;
  std::int64_t queue = 0;  // requests that may wait for their turn; the next are shed
  LatencyLaw latency;
  std::vector<OutageConfig> outages;
  std::optional<SourceLimitConfig> per_source;
};

/// Limits of one tier, tenant or key; what is not set does not limit.
struct RateLimitConfig {
  std::optional<Frequency> requests;
  double request_burst = 1;  // requests that may come at once
  std::optional<Frequency> tokens;
  double token_burst = 1;  // tokens that may come at once
  int concurrency = 0;     // requests in flight; 0: no limit
};

struct TierLimitConfig {
  TierIndex tier = 0;
  RateLimitConfig limit;
};

/// The API keys of one class of requests; all other classes share the common ones.
struct KeysConfig {
  std::int64_t count = 1;
  double exponent = 1.0;  // Zipf's law of how often each asks
  std::int64_t per_tenant = 1;
};
struct ClassKeysConfig {
  ClassIndex request_class = 0;
  KeysConfig keys;
};

/// Limits do not bind, until the span ends or an anomaly is answered.
struct BypassConfig {
  Duration at{};
  std::optional<Duration> lasting;
};

/// What is done about an anomaly.
enum class AlarmAction : std::uint8_t {
  bind_limits,  // bypasses that the key has used are closed
  suspend_key,  // the key is refused
};

/// Usage by key and interval, judged by its deviation from a moving mean.
struct MeteringConfig {
  Duration interval{};
  double weight = 0.2;  // of the newest interval in mean and variance
  double z = 6;         // standard deviations above the mean
  // Usage of an interval below it is never an anomaly; none: so many deviations above the mean of
  // all keys that were in use.
  std::optional<double> least_tokens;
  int learning = 10;  // intervals before the first alarm
  int in_a_row = 1;   // anomalous intervals of a key before the alarm
  AlarmAction action = AlarmAction::bind_limits;
  Duration response_time{};            // from the alarm until limits bind or the key is suspended
  std::optional<Duration> suspension;  // how long a key is; none: for good
};

/// What token buckets charge a request that is let in.
enum class TokenCharge : std::uint8_t {
  expected,  // its prompt and the answer that is expected of its class
  used,      // the same at first; once it ended, what was computed of it
};

struct LimitsConfig {
  LatencyLaw latency;                 // of a decision
  std::optional<Frequency> capacity;  // decisions per second
  std::optional<std::int64_t> queue;  // requests that may wait for one; none: all
  bool fails_open = true;             // lets everything pass during an outage; else requests fail
  std::vector<OutageConfig> outages;  // no decisions
  TokenCharge charge = TokenCharge::used;
  KeysConfig keys;
  std::vector<ClassKeysConfig> class_keys;
  std::vector<TierLimitConfig> tiers;
  std::optional<RateLimitConfig> tenant;
  std::optional<RateLimitConfig> key;
  std::vector<BypassConfig> bypasses;
  std::optional<MeteringConfig> metering;
};

/// So many requests of a key in each period.
struct QuotaConfig {
  TierIndex tier = 0;
  std::int64_t requests = 0;
  Duration period{};
};

struct AuthConfig {
  LatencyLaw latency;
  double unauthorized = 0;  // share of the requests that are refused
  std::vector<QuotaConfig> quotas;
  std::optional<Frequency> capacity;
  std::optional<std::int64_t> queue;  // requests that may wait for a turn; none: all
  std::vector<OutageConfig> outages;
};

struct ApiTierConfig {
  int instances = 1;
  int workers = 1;             // requests that an instance works on at once
  LatencyLaw cpu;              // time that a worker spends on a request
  Duration per_token{};        // and on each token of its prompt
  std::int64_t queue = 0;      // requests that may wait for a worker; the next end as queue_full
  bool drops_leavers = false;  // whose client left is not worked on
  std::vector<OutageConfig> outages;  // a share of the instances is lost
  std::optional<TierAutoscaleConfig> autoscale;
};

/// A share of the requests goes to another model: an A/B test, a canary, a tier's better model.
struct SplitConfig {
  std::optional<ClassIndex> request_class;
  std::optional<TierIndex> tier;
  ModelIndex to = 0;
  double share = 0;
};

/// While many wait for a model, and fewer for what its replicas can do for another one, that one
/// answers in its place.
struct SpilloverConfig {
  ModelIndex from = 0;
  ModelIndex to = 0;
  std::int64_t waiting =
      0;  // requests in line for `from`, centrally and at replicas; then it spills
};

struct ModelRouterConfig {
  LatencyLaw latency;
  std::optional<Frequency> capacity;
  std::optional<std::int64_t> queue;  // requests that may wait for a turn; none: all
  std::vector<OutageConfig> outages;
  std::vector<SplitConfig> splits;
  std::vector<SpilloverConfig> spillovers;
};

/// Whose requests go in one message.
enum class AggregateBy : std::uint8_t { model, request_class };

/// What becomes of those who come during an outage.
enum class DuringOutage : std::uint8_t { hold, fail };

/// Requests are gathered until so many have come or so long has passed since the first.
struct AggregationConfig {
  std::int64_t size = 1;  // requests of a message, at most
  Duration window{};      // from its first request
  AggregateBy by = AggregateBy::model;
  LatencyLaw latency;                 // of a message, once it is gathered
  std::optional<Frequency> capacity;  // messages per second
  DuringOutage during_outage = DuringOutage::hold;
  std::vector<OutageConfig> outages;  // messages wait or fail
};

/// What becomes of messages that wait in the broker when it fails over.
enum class BacklogFate : std::uint8_t { keep, lose };

/// The broker's own queue: messages wait in partitions, each in order.
struct BrokerQueueConfig {
  std::int64_t depth = 0;  // messages that may wait, in all partitions together
  int partitions = 1;      // each with its share of depth and capacity
  BacklogFate at_failover = BacklogFate::keep;
};

struct BrokerConfig {
  LatencyLaw latency;
  std::optional<Frequency> capacity;
  std::optional<BrokerQueueConfig> queue;  // needs a capacity; none: whoever waits is not counted
  DuringOutage during_outage = DuringOutage::hold;
  std::vector<OutageConfig> outages;
};

/// What clients see of an answer before it is moderated.
enum class HeldBack : std::uint8_t {
  none,    // its tokens, as they come
  tokens,  // nothing of a chunk of tokens
  all,     // nothing
};

/// Moderation of prompts or of answers.
struct SafetyConfig {
  LatencyLaw latency;
  Duration per_token{};  // beside it; of the prompt, or of the answer
  std::optional<Frequency> capacity;
  std::optional<Frequency> tokens;    // per second, beside the capacity in requests
  std::optional<std::int64_t> queue;  // requests that may wait for a turn; none: all
  double blocked = 0;                 // share of the requests
  bool fails_open = true;             // lets everything pass during an outage; else requests fail
  std::vector<OutageConfig> outages;
  HeldBack holds = HeldBack::none;  // of answers
  int chunk = 64;                   // tokens that are moderated together; holds: tokens
};

struct TokenizerConfig {
  LatencyLaw latency;
  Duration per_token{};  // beside it
  std::optional<Frequency> capacity;
  std::optional<Frequency> tokens;    // per second, beside the capacity in requests
  std::optional<std::int64_t> queue;  // requests that may wait for a turn; none: all
  std::vector<OutageConfig> outages;
};

/// What becomes of tokens that a client has not read yet.
enum class BackPressure : std::uint8_t {
  buffer,   // they are kept elsewhere, however many: replicas know nothing of it
  hold_kv,  // all but `buffer` of each answer stay with the replica, with its KV and its place
};

/// Connections that stay open for their clients while nobody uses them.
struct ConnectionPoolConfig {
  std::int64_t size = 0;  // idle ones, at most; one more closes the one that has idled longest
  Duration keep_alive{};  // an idle one is closed after so long
};

struct StreamingConfig {
  Frequency read_rate;                       // tokens/s that a client reads; mean
  double read_rate_cv = 0;                   // lognormal over clients; 0: all alike
  std::int64_t connections = 0;              // open at once; 0: no limit
  LatencyLaw setup;                          // of a new connection
  double reuse = 0;                          // share of the requests that find an open one
  std::optional<ConnectionPoolConfig> pool;  // instead of `reuse`
  BackPressure back_pressure = BackPressure::buffer;
  std::int64_t buffer = 64;  // hold_kv: tokens of an answer that wait for its client elsewhere
  std::vector<OutageConfig> outages;  // no new connections: requests fail
};

enum class Jitter : std::uint8_t { none, full };

struct RetryConfig {
  int attempts = 3;  // in all
  Duration base{};   // before the second
  double factor = 2;
  Duration maximum{};
  Jitter jitter = Jitter::full;  // full: uniform between 0 and the back-off
};

/// A user goes on after an answer.
struct SessionConfig {
  double go_on = 0;  // probability of another turn after an answer
  LatencyLaw think;
  bool keeps_context = true;  // the next prompt begins with the conversation so far
};

struct ClientConfig {
  std::optional<LatencyLaw> patience;  // for the first token, over all attempts
  std::optional<Duration> timeout;     // for the first token of one attempt
  std::optional<RetryConfig> retries;
  std::optional<SessionConfig> sessions;
  // Shown more than that by a waiting room, they leave at once:
  std::optional<std::int64_t> leaves_beyond_position;
  std::optional<Duration> leaves_beyond_wait;
};

struct PathConfig {
  std::optional<PopularityConfig> popularity;  // of what is asked: for cdn and response_cache
  std::optional<EdgeConfig> edge;
  std::optional<LoadBalancerConfig> load_balancer;
  std::optional<LimitsConfig> limits;
  std::optional<AuthConfig> auth;
  std::optional<ApiTierConfig> api_tier;
  std::optional<ConversationCacheConfig> conversation_cache;
  std::optional<CacheConfig> response_cache;
  std::optional<ModelRouterConfig> model_router;
  std::optional<AggregationConfig> aggregation;
  std::optional<BrokerConfig> broker;
  std::optional<SafetyConfig> safety_before;
  std::optional<TokenizerConfig> tokenizer;
  std::optional<StreamingConfig> streaming;
  std::optional<SafetyConfig> safety_after;
  std::optional<ClientConfig> clients;
  std::vector<AttackConfig> attacks;
};

}  // namespace plimsoll
