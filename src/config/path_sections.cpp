// Config: the request path. A stage that a scenario does not name is not there.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/path_parts.hpp"
#include "config/sections.hpp"

namespace plimsoll {
namespace {

void finish_latency(Reader& reader, const RawNode& map, const std::string& path, LatencyLaw& law,
                    bool clean) {
  if (clean && law.kind == LatencyLaw::Kind::lognormal && law.p99 < law.p50) {
    reader.report(place_of_key(map, "p99"), join_path(path, "p99"), "p99 is below p50",
                  "half of all draws are below p50, 99 of 100 below p99");
  }
}

bool is_lognormal(const LatencyLaw& law) {
  return law.kind == LatencyLaw::Kind::lognormal;
}

}  // namespace

SectionDecl latency_section() {
  return Section<LatencyLaw>{}
      .field("kind", &LatencyLaw::kind,
             word_kind<LatencyLaw::Kind>({{"fixed", LatencyLaw::Kind::fixed},
                                          {"exponential", LatencyLaw::Kind::exponential},
                                          {"lognormal", LatencyLaw::Kind::lognormal}}),
             "fixed", "the law")
      .field("mean", &LatencyLaw::mean, duration_kind(), "0", "mean; the value itself when fixed")
      .only_when("kind: fixed or exponential",
                 [](const LatencyLaw& law) { return !is_lognormal(law); })
      .field("p50", &LatencyLaw::p50, duration_kind(true), "", "median")
      .only_when("kind: lognormal", is_lognormal)
      .field("p99", &LatencyLaw::p99, duration_kind(true), "", "99 of 100 draws are below it")
      .only_when("kind: lognormal", is_lognormal)
      .finish(finish_latency)
      .build();
}

SectionDecl outage_section(std::string share_help) {
  return Section<OutageConfig>{}
      .field("at", &OutageConfig::at, duration_kind(), "", "when it begins")
      .field("lasting", &OutageConfig::lasting, duration_kind(true), "", "how long it lasts")
      .field("share", &OutageConfig::share, ratio_kind({0, 1, true}), "1", std::move(share_help))
      .build();
}

namespace {

constexpr const char* token_turns =
    "tokens per second: a turn lasts so much longer, beside 1 / capacity where that is given";

constexpr const char* room_to_wait =
    "requests that may wait for a turn; the next end as shed; without it all wait";

SectionDecl popularity_section() {
  constexpr std::int64_t most = 1'000'000'000'000;
  return Section<PopularityConfig>{}
      .field("objects", &PopularityConfig::objects, big_count_kind(1, most), "",
             "different things that are asked for")
      .field("exponent", &PopularityConfig::exponent, number_kind({0, 5, false}), "1",
             "of Zipf's law: the i-th is asked for in proportion to 1 / i^exponent; 0: all alike")
      .field("cacheable", &PopularityConfig::cacheable, ratio_kind(), "1",
             "share of the requests that ask for one of them; no cache holds the rest")
      .build();
}

/// The most nodes of a cache for which none is given: ten times those of t = 0.
void finish_cache(Reader&, const RawNode& map, const std::string&, CacheConfig& cache, bool) {
  const RawNode* const scale = map.find("autoscale");
  if (!cache.autoscale || !cache.node || cache.node->count() <= 0 || scale == nullptr ||
      scale->find("max_instances") != nullptr) {
    return;
  }
  constexpr std::int64_t growth = 10;
  constexpr std::int64_t most = 1'000'000;
  const std::int64_t nodes = cache.capacity.count() / cache.node->count();
  cache.autoscale->max_instances = static_cast<int>(std::clamp(growth * nodes, growth, most));
}

SectionDecl cache_section() {
  return Section<CacheConfig>{}
      .field("capacity", &CacheConfig::capacity, bytes_kind(), "", "bytes that it holds")
      .optional("object_size", &CacheConfig::object_size, bytes_kind(),
                "mean size of an object; to be said unless objects are contexts of sessions")
      .field("object_size_cv", &CacheConfig::object_size_cv, number_kind({0, 100, false}), "0",
             "standard deviation of the sizes over their mean; lognormal")
      .field("method", &CacheConfig::method,
             word_kind<CacheMethod>({{"che", CacheMethod::che}, {"lru", CacheMethod::lru}}), "che",
             "che: hits of an LRU cache in its steady state by Che's approximation; lru: its "
             "order is played, from empty on, for at most 50 million objects")
      .optional("filled", &CacheConfig::filled, ratio_kind(),
                "share of what it can hold that is there at t = 0: the most popular objects; by "
                "default 100% for che, of a service that has been running, and 0% for lru")
      .section("latency", &CacheConfig::latency, latency_section(), "of a look-up")
      .list("outages", &CacheConfig::outages, outage_section(share_of_requests), "look-ups miss")
      .optional("lookups", &CacheConfig::lookups, frequency_kind(),
                "look-ups per second; the rest waits")
      .optional("node", &CacheConfig::node, bytes_kind(),
                "memory of one node, by which autoscale grows and shrinks the cache")
      .custom(cache_autoscale_field())
      .finish(finish_cache)
      .build();
}

SectionDecl conversation_cache_section() {
  return Section<ConversationCacheConfig>{}
      .section("cache", &ConversationCacheConfig::cache, cache_section(), "the cache")
      .required()
      .optional_section("conversations", &ConversationCacheConfig::conversations,
                        popularity_section(), "how often each is continued")
      .optional(
          "bytes_per_token", &ConversationCacheConfig::bytes_per_token, bytes_kind(),
          "instead of conversations: every further turn of clients.sessions looks for its own "
          "context, of so many bytes a token, in an LRU order that is played, from empty on")
      .section("fetch", &ConversationCacheConfig::fetch, latency_section(),
               "of a context that is not in the cache")
      .build();
}

SectionDecl load_balancer_section() {
  return Section<LoadBalancerConfig>{}
      .field("capacity", &LoadBalancerConfig::capacity, frequency_kind(), "", "requests per second")
      .field("queue", &LoadBalancerConfig::queue, big_count_kind(0, 1'000'000'000), "1000",
             "requests that may wait for their turn; the next end as shed")
      .section("latency", &LoadBalancerConfig::latency, latency_section(), "beside the wait")
      .list("outages", &LoadBalancerConfig::outages, outage_section(share_of_requests),
            "requests fail")
      .optional_section("per_source", &LoadBalancerConfig::per_source, source_limit_section(),
                        "what it lets each sender's address have; it drops the rest (shed) before "
                        "its queue")
      .build();
}

SectionDecl rate_limit_section() {
  constexpr double most = 1e15;
  return Section<RateLimitConfig>{}
      .optional("requests", &RateLimitConfig::requests, frequency_kind(), "requests per second")
      .field("request_burst", &RateLimitConfig::request_burst, number_kind({1, most, false}), "1",
             "requests that may come at once")
      .optional("tokens", &RateLimitConfig::tokens, frequency_kind(),
                "tokens per second: the prompt, and the answer that is expected of the class")
      .field("token_burst", &RateLimitConfig::token_burst, number_kind({1, most, false}), "1",
             "tokens that may come at once; a larger request is always refused")
      .field("concurrency", &RateLimitConfig::concurrency, count_kind(0, 1'000'000'000), "0",
             "requests in flight; 0: no limit")
      .build();
}

Section<KeysConfig> keys_fields() {
  constexpr std::int64_t most = 20'000'000;
  Section<KeysConfig> section;
  section.field("count", &KeysConfig::count, big_count_kind(1, most), "1", "API keys")
      .field("exponent", &KeysConfig::exponent, number_kind({0, 5, false}), "1",
             "of Zipf's law: how unlike their use is; 0: all alike")
      .field("per_tenant", &KeysConfig::per_tenant, big_count_kind(1, most), "1",
             "keys of one tenant");
  return section;
}

SectionDecl metering_section() {
  return Section<MeteringConfig>{}
      .field("interval", &MeteringConfig::interval, millisecond_kind(), "1min",
             "tokens of a key are summed over it")
      .field("weight", &MeteringConfig::weight, ratio_kind({0, 1, true}), "0.2",
             "of the newest interval in the moving mean and variance")
      .field("z", &MeteringConfig::z, number_kind({0, 1000, true}), "6",
             "an interval is anomalous so many standard deviations above the mean")
      .optional(
          "least_tokens", &MeteringConfig::least_tokens, number_kind(),
          "an interval with fewer tokens is never anomalous; by default z standard deviations "
          "above the mean of all keys' intervals in use so far, by which keys without a "
          "history of their own are judged")
      .field("learning", &MeteringConfig::learning, count_kind(1, 1'000'000), "10",
             "intervals before the first alarm")
      .field("in_a_row", &MeteringConfig::in_a_row, count_kind(1, 1'000'000), "1",
             "anomalous intervals of a key before the alarm")
      .field("action", &MeteringConfig::action,
             word_kind<AlarmAction>({{"bind_limits", AlarmAction::bind_limits},
                                     {"suspend_key", AlarmAction::suspend_key}}),
             "bind_limits",
             "bind_limits: an alarm of a key that used a bypass closes that bypass; suspend_key: "
             "requests of the alarm's key end as unauthorized, whether it used a bypass or not")
      .field("response_time", &MeteringConfig::response_time, duration_kind(), "0",
             "from the alarm until that is done")
      .optional("suspension", &MeteringConfig::suspension, duration_kind(true),
                "how long a key stays suspended; by default for good")
      .only_when("action: suspend_key",
                 [](const MeteringConfig& metering) {
                   return metering.action == AlarmAction::suspend_key;
                 })
      .build();
}

SectionDecl limits_section() {
  SectionDecl class_keys =
      Section<ClassKeysConfig>{}
          .field("class", &ClassKeysConfig::request_class,
                 reference_kind<ClassIndex>(NameList::classes), "", "the class")
          .section("keys", &ClassKeysConfig::keys, keys_fields().build(), "its own keys")
          .build();
  SectionDecl tier_limit =
      Section<TierLimitConfig>{}
          .field("tier", &TierLimitConfig::tier, reference_kind<TierIndex>(NameList::tiers), "",
                 "the tier")
          .section("limit", &TierLimitConfig::limit, rate_limit_section(), "of all its requests")
          .build();
  SectionDecl bypass = Section<BypassConfig>{}
                           .field("at", &BypassConfig::at, duration_kind(), "", "when it begins")
                           .optional("lasting", &BypassConfig::lasting, duration_kind(true),
                                     "it ends by itself after so long")
                           .build();
  return Section<LimitsConfig>{}
      .section("latency", &LimitsConfig::latency, latency_section(), "of a decision")
      .optional("capacity", &LimitsConfig::capacity, frequency_kind(),
                "decisions per second; the rest waits")
      .optional("queue", &LimitsConfig::queue, big_count_kind(0, 1'000'000'000), room_to_wait)
      .only_when("capacity", [](const LimitsConfig& one) { return one.capacity.has_value(); })
      .field("fails_open", &LimitsConfig::fails_open, flag_kind(), "true",
             "during an outage everything passes and counts nowhere; otherwise requests fail")
      .list("outages", &LimitsConfig::outages, outage_section(share_of_requests), "no decisions")
      .field("charge", &LimitsConfig::charge,
             word_kind<TokenCharge>(
                 {{"expected", TokenCharge::expected}, {"used", TokenCharge::used}}),
             "used",
             "what token buckets charge. used: the prompt and the answer that is expected of the "
             "class while a request is in flight, and what replicas computed once it has ended; "
             "expected: the first of these for good")
      .section("keys", &LimitsConfig::keys, keys_fields().build(),
               "API keys of all classes that have none of their own")
      .list("class_keys", &LimitsConfig::class_keys, std::move(class_keys),
            "classes with API keys of their own")
      .list("tiers", &LimitsConfig::tiers, std::move(tier_limit), "limits of whole tiers")
      .optional_section("tenant", &LimitsConfig::tenant, rate_limit_section(), "of each tenant")
      .optional_section("key", &LimitsConfig::key, rate_limit_section(), "of each key")
      .list("bypasses", &LimitsConfig::bypasses, std::move(bypass),
            "defects: limits are computed but do not bind")
      .optional_section("metering", &LimitsConfig::metering, metering_section(),
                        "usage by key, and alarms on anomalies")
      .build();
}

SectionDecl auth_section() {
  SectionDecl quota =
      Section<QuotaConfig>{}
          .field("tier", &QuotaConfig::tier, reference_kind<TierIndex>(NameList::tiers), "",
                 "the tier")
          .field("requests", &QuotaConfig::requests, big_count_kind(0, 1'000'000'000), "",
                 "of each key in a period; the next end as rate_limited")
          .field("period", &QuotaConfig::period, millisecond_kind(), "", "from t = 0 on")
          .build();
  return Section<AuthConfig>{}
      .section("latency", &AuthConfig::latency, latency_section(), "of a check")
      .field("unauthorized", &AuthConfig::unauthorized, ratio_kind(), "0",
             "share of the requests that are refused")
      .list("quotas", &AuthConfig::quotas, std::move(quota), "what a subscription includes")
      .optional("capacity", &AuthConfig::capacity, frequency_kind(),
                "requests per second; the rest waits")
      .optional("queue", &AuthConfig::queue, big_count_kind(0, 1'000'000'000), room_to_wait)
      .only_when("capacity", [](const AuthConfig& one) { return one.capacity.has_value(); })
      .list("outages", &AuthConfig::outages, outage_section(share_of_requests), "requests fail")
      .build();
}

SectionDecl api_tier_section() {
  return Section<ApiTierConfig>{}
      .field("instances", &ApiTierConfig::instances, count_kind(1, 1'000'000), "", "instances")
      .field("workers", &ApiTierConfig::workers, count_kind(1, 1000), "1",
             "requests that an instance works on at once")
      .section("cpu", &ApiTierConfig::cpu, latency_section(), "time of a worker for one request")
      .required()
      .field("per_token", &ApiTierConfig::per_token, duration_kind(), "0",
             "time of a worker for each token of the prompt, beside `cpu`")
      .field("queue", &ApiTierConfig::queue, big_count_kind(0, 1'000'000'000), "10000",
             "requests that may wait for a worker; the next end as queue_full")
      .field("drops_leavers", &ApiTierConfig::drops_leavers, flag_kind(), "false",
             "requests whose client left while they waited are not worked on")
      .list("outages", &ApiTierConfig::outages, outage_section("of the instances that is lost"),
            "instances are lost; what they had begun is finished; of outages that overlap each "
            "takes its "
            "share of what the others have left")
      .custom(api_tier_autoscale_field())
      .build();
}

SectionDecl model_router_section() {
  SectionDecl split =
      Section<SplitConfig>{}
          .optional("class", &SplitConfig::request_class,
                    reference_kind<ClassIndex>(NameList::classes), "only this class")
          .optional("tier", &SplitConfig::tier, reference_kind<TierIndex>(NameList::tiers),
                    "only this tier")
          .field("to", &SplitConfig::to, reference_kind<ModelIndex>(NameList::models), "",
                 "the model that answers")
          .field("share", &SplitConfig::share, ratio_kind(), "1",
                 "of the requests that no split before it took")
          .build();
  SectionDecl spillover =
      Section<SpilloverConfig>{}
          .field("from", &SpilloverConfig::from, reference_kind<ModelIndex>(NameList::models), "",
                 "the model that was to answer")
          .field("to", &SpilloverConfig::to, reference_kind<ModelIndex>(NameList::models), "",
                 "the model that answers; its answers end as degraded")
          .field("waiting", &SpilloverConfig::waiting, big_count_kind(1, 1'000'000'000'000), "",
                 "while so many or more are in line for `from` (centrally, and at replicas beyond "
                 "what these run at once), and fewer for `to` by what its replicas sustain")
          .build();
  return Section<ModelRouterConfig>{}
      .section("latency", &ModelRouterConfig::latency, latency_section(), "of a decision")
      .optional("capacity", &ModelRouterConfig::capacity, frequency_kind(),
                "requests per second; the rest waits")
      .optional("queue", &ModelRouterConfig::queue, big_count_kind(0, 1'000'000'000), room_to_wait)
      .only_when("capacity", [](const ModelRouterConfig& one) { return one.capacity.has_value(); })
      .list("outages", &ModelRouterConfig::outages, outage_section(share_of_requests),
            "requests fail")
      .list("splits", &ModelRouterConfig::splits, std::move(split),
            "shares that another model answers: A/B tests, canaries, a tier's better model; a "
            "session stays on its side")
      .list("spillovers", &ModelRouterConfig::spillovers, std::move(spillover),
            "fallback models for full queues")
      .build();
}

Section<SafetyConfig> safety_fields() {
  Section<SafetyConfig> section;
  section.section("latency", &SafetyConfig::latency, latency_section(), "of a check")
      .field("per_token", &SafetyConfig::per_token, duration_kind(), "0",
             "beside it, for each token that is checked: of the prompt, or of the answer")
      .optional("capacity", &SafetyConfig::capacity, frequency_kind(),
                "requests per second; the rest waits")
      .optional("tokens", &SafetyConfig::tokens, frequency_kind(), token_turns)
      .optional("queue", &SafetyConfig::queue, big_count_kind(0, 1'000'000'000), room_to_wait)
      .only_when("capacity: alone, without tokens",
                 [](const SafetyConfig& one) { return one.capacity && !one.tokens; })
      .field("blocked", &SafetyConfig::blocked, ratio_kind(), "0",
             "share of the requests that end as blocked")
      .field("fails_open", &SafetyConfig::fails_open, flag_kind(), "true",
             "lets everything pass during an outage; otherwise requests fail")
      .list("outages", &SafetyConfig::outages, outage_section(share_of_requests), "no checks");
  return section;
}

SectionDecl answer_safety_section() {
  return safety_fields()
      .field("hold", &SafetyConfig::holds,
             word_kind<HeldBack>(
                 {{"none", HeldBack::none}, {"tokens", HeldBack::tokens}, {"all", HeldBack::all}}),
             "none",
             "what clients do not see before it is moderated: nothing (tokens are shown as they "
             "come), each chunk of tokens, or the whole answer")
      .field("chunk", &SafetyConfig::chunk, count_kind(1, 1'000'000), "64",
             "tokens that are moderated together")
      .only_when("hold: tokens",
                 [](const SafetyConfig& safety) { return safety.holds == HeldBack::tokens; })
      .build();
}

SectionDecl tokenizer_section() {
  return Section<TokenizerConfig>{}
      .section("latency", &TokenizerConfig::latency, latency_section(), "of a prompt")
      .field("per_token", &TokenizerConfig::per_token, duration_kind(), "0",
             "beside it, for each token of the prompt")
      .optional("capacity", &TokenizerConfig::capacity, frequency_kind(),
                "requests per second; the rest waits")
      .optional("tokens", &TokenizerConfig::tokens, frequency_kind(), token_turns)
      .optional("queue", &TokenizerConfig::queue, big_count_kind(0, 1'000'000'000), room_to_wait)
      .only_when("capacity: alone, without tokens",
                 [](const TokenizerConfig& one) { return one.capacity && !one.tokens; })
      .list("outages", &TokenizerConfig::outages, outage_section(share_of_requests),
            "requests fail")
      .build();
}

SectionDecl connection_pool_section() {
  return Section<ConnectionPoolConfig>{}
      .field("size", &ConnectionPoolConfig::size, big_count_kind(0, 1'000'000'000), "",
             "idle connections, which count among `connections`; one more closes the one that has "
             "idled longest")
      .field("keep_alive", &ConnectionPoolConfig::keep_alive, duration_kind(true), "1min",
             "an idle one is closed after so long")
      .build();
}

SectionDecl streaming_section() {
  return Section<StreamingConfig>{}
      .field("read_rate", &StreamingConfig::read_rate, frequency_kind(), "1000000/s",
             "tokens per second that a client takes; replicas compute at full speed")
      .field("read_rate_cv", &StreamingConfig::read_rate_cv, number_kind({0, 100, false}), "0",
             "standard deviation over clients, over the mean; lognormal")
      .field("connections", &StreamingConfig::connections, big_count_kind(0, 1'000'000'000), "0",
             "open at once; the next requests end as shed; 0: no limit")
      .section("setup", &StreamingConfig::setup, latency_section(), "of a new connection")
      .field("reuse", &StreamingConfig::reuse, ratio_kind(), "0",
             "share of the requests that find an open connection, where `pool` does not say")
      .optional_section("pool", &StreamingConfig::pool, connection_pool_section(),
                        "connections stay open for their clients: further turns and attempts use "
                        "them again")
      .field("back_pressure", &StreamingConfig::back_pressure,
             word_kind<BackPressure>(
                 {{"buffer", BackPressure::buffer}, {"hold_kv", BackPressure::hold_kv}}),
             "buffer",
             "buffer: tokens that are not read yet lie elsewhere; hold_kv: all but `buffer` of an "
             "answer stay with the replica, which computes them at full speed and then keeps their "
             "KV and their place among max_num_seqs")
      .field("buffer", &StreamingConfig::buffer, big_count_kind(0, 1'000'000'000), "64",
             "tokens of an answer that wait for its client outside of the replica")
      .only_when("back_pressure: hold_kv",
                 [](const StreamingConfig& streaming) {
                   return streaming.back_pressure == BackPressure::hold_kv;
                 })
      .list("outages", &StreamingConfig::outages, outage_section(share_of_requests),
            "no new connections: requests fail")
      .build();
}

SectionDecl client_section() {
  SectionDecl retries =
      Section<RetryConfig>{}
          .field("attempts", &RetryConfig::attempts, count_kind(1, 1000), "3",
                 "in all; after refusals for capacity, time-outs and failures")
          .field("base", &RetryConfig::base, duration_kind(), "1s", "wait before the second")
          .field("factor", &RetryConfig::factor, number_kind({1, 100, false}), "2",
                 "each wait is so many times the one before")
          .field("maximum", &RetryConfig::maximum, duration_kind(), "1min", "longest wait")
          .field("jitter", &RetryConfig::jitter,
                 word_kind<Jitter>({{"none", Jitter::none}, {"full", Jitter::full}}), "full",
                 "full: uniform between 0 and the wait")
          .build();
  SectionDecl sessions =
      Section<SessionConfig>{}
          .field("go_on", &SessionConfig::go_on, ratio_kind({0, 0.999, false}), "",
                 "probability of another turn after an answer")
          .section("think", &SessionConfig::think, latency_section(), "before the next turn")
          .field("keeps_context", &SessionConfig::keeps_context, flag_kind(), "true",
                 "the next prompt begins with the conversation so far")
          .build();
  return Section<ClientConfig>{}
      .optional_section("patience", &ClientConfig::patience, latency_section(),
                        "for the first token, over all attempts; then a request ends as abandoned")
      .optional("timeout", &ClientConfig::timeout, duration_kind(true),
                "for the first token of one attempt")
      .optional_section("retries", &ClientConfig::retries, std::move(retries),
                        "exponential back-off")
      .optional_section("sessions", &ClientConfig::sessions, std::move(sessions),
                        "users who go on; their turns come beside the arrivals of the workload")
      .optional("leaves_beyond_position", &ClientConfig::leaves_beyond_position,
                big_count_kind(0, 1'000'000'000'000),
                "who is shown a larger position by a waiting room leaves at once (abandoned)")
      .optional("leaves_beyond_wait", &ClientConfig::leaves_beyond_wait, duration_kind(),
                "who is shown a longer wait by a waiting room leaves at once (abandoned)")
      .build();
}

void need_popularity(Reader& reader, const RawNode& map, const std::string& path,
                     const PathConfig& config) {
  const bool cdn = config.edge && config.edge->cdn;
  if ((cdn || config.response_cache) && !config.popularity) {
    reader.report(map.place, join_path(path, "popularity"),
                  fmt::format("missing key: {} needs to know what is asked for how often",
                              cdn ? "edge.cdn" : "response_cache"),
                  "e.g. {objects: 1000000, exponent: 0.9, cacheable: 80%}");
  }
}

/// A played LRU order is an array over all objects.
void check_played_orders(Reader& reader, const RawNode& map, const std::string& path,
                         const PathConfig& config) {
  constexpr std::int64_t most = 50'000'000;
  const auto check = [&](const CacheConfig& cache, std::int64_t objects, const char* key) {
    if (cache.method == CacheMethod::lru && objects > most) {
      reader.report(map.place, join_path(path, key),
                    fmt::format("method lru plays at most {} objects, found {}", most, objects),
                    "use method: che");
    }
  };
  if (config.popularity && config.response_cache) {
    check(*config.response_cache, config.popularity->objects, "response_cache.method");
  }
  if (config.popularity && config.edge && config.edge->cdn) {
    check(*config.edge->cdn, config.popularity->objects, "edge.cdn.method");
  }
  if (config.conversation_cache && config.conversation_cache->conversations) {
    check(config.conversation_cache->cache, config.conversation_cache->conversations->objects,
          "conversation_cache.cache.method");
  }
}

/// What is there at t = 0 lies within the bounds.
void check_bounds(Reader& reader, const RawNode& map, const std::string& path, std::int64_t now,
                  const TierAutoscaleConfig& scale) {
  if (now < scale.min_instances || now > scale.max_instances) {
    reader.report(map.place, path,
                  fmt::format("{} instances at t = 0 are not within {} .. {}", now,
                              scale.min_instances, scale.max_instances),
                  "change min_instances, max_instances or what there is at t = 0");
  }
}

void check_cache_scaling(Reader& reader, const RawNode& map, const std::string& path,
                         const CacheConfig& cache) {
  if (!cache.autoscale) {
    return;
  }
  const std::int64_t node = cache.node ? cache.node->count() : 0;
  if (node <= 0 || cache.capacity.count() % node != 0) {
    reader.report(map.place, join_path(path, "node"),
                  "a cache that scales is made of whole nodes, and capacity is no multiple of node",
                  "give node, e.g. a hundredth of capacity");
    return;
  }
  check_bounds(reader, map, join_path(path, "autoscale"), cache.capacity.count() / node,
               *cache.autoscale);
}

void check_tier_scaling(Reader& reader, const RawNode& map, const std::string& path,
                        const PathConfig& config) {
  if (config.api_tier && config.api_tier->autoscale) {
    check_bounds(reader, map, join_path(path, "api_tier.autoscale"), config.api_tier->instances,
                 *config.api_tier->autoscale);
  }
  if (config.response_cache) {
    check_cache_scaling(reader, map, join_path(path, "response_cache"), *config.response_cache);
  }
  if (config.conversation_cache) {
    check_cache_scaling(reader, map, join_path(path, "conversation_cache.cache"),
                        config.conversation_cache->cache);
  }
  if (config.edge && config.edge->cdn && config.edge->cdn->autoscale) {
    reader.report(map.place, join_path(path, "edge.cdn.autoscale"),
                  "caches at the edge are bought by contract and do not scale",
                  "use response_cache, or change edge.cdn.capacity");
  }
}

void check_models(Reader& reader, const RawNode& map, const std::string& path,
                  const PathConfig& config) {
  if (!config.model_router) {
    return;
  }
  const auto check = [&](ModelIndex model, const char* list, std::size_t item, const char* key) {
    const std::vector<PoolConfig>& pools = reader.config().pools;
    if (std::none_of(pools.begin(), pools.end(),
                     [model](const PoolConfig& pool) { return pool.model == model; })) {
      reader.report(place_of_key(map, "model_router"),
                    join_path(path, fmt::format("model_router.{}.{}.{}", list, item, key)),
                    fmt::format("no pool serves {}", reader.config().models[model].name),
                    "add a pool or name another model");
    }
  };
  const std::vector<SplitConfig>& splits = config.model_router->splits;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    check(splits[i].to, "splits", i, "to");
  }
  const std::vector<SpilloverConfig>& spillovers = config.model_router->spillovers;
  for (std::size_t i = 0; i < spillovers.size(); ++i) {
    check(spillovers[i].from, "spillovers", i, "from");
    check(spillovers[i].to, "spillovers", i, "to");
  }
}

/// Turns at the edge are those of its regions.
void check_edge_lookups(Reader& reader, const RawNode& map, const std::string& path,
                        const PathConfig& config) {
  if (config.edge && config.edge->cdn && config.edge->cdn->lookups) {
    reader.report(place_of_key(map, "edge"), join_path(path, "edge.cdn.lookups"),
                  "look-ups at the edge come by many locations, each with turns of its own",
                  "limit edge.regions.NAME.capacity instead");
  }
}

/// Whoever is shown nothing reads nothing.
void check_held_answers(Reader& reader, const RawNode& map, const std::string& path,
                        const PathConfig& config) {
  if (config.safety_after && config.safety_after->holds != HeldBack::none && config.streaming &&
      config.streaming->back_pressure == BackPressure::hold_kv) {
    reader.report(place_of_key(map, "safety_after"), join_path(path, "safety_after.hold"),
                  "replicas would keep answers until clients read what they are not shown",
                  "use streaming.back_pressure: buffer, or hold: none");
  }
}

/// A static batch gives its memory back as a whole.
void check_back_pressure(Reader& reader, const RawNode& map, const std::string& path,
                         const PathConfig& config) {
  if (!config.streaming || config.streaming->back_pressure != BackPressure::hold_kv) {
    return;
  }
  for (const PoolConfig& pool : reader.config().pools) {
    if (pool.batching == Batching::static_batch) {
      reader.report(place_of_key(map, "streaming"), join_path(path, "streaming.back_pressure"),
                    fmt::format("pool {} has static batches, which end as a whole", pool.name),
                    "use back_pressure: buffer, or batching: continuous");
    }
  }
}

void finish_path(Reader& reader, const RawNode& map, const std::string& path, PathConfig& config,
                 bool clean) {
  if (!clean) {
    return;
  }
  need_popularity(reader, map, path, config);
  check_played_orders(reader, map, path, config);
  check_objects_of_caches(reader, map, path, config);
  check_connections(reader, map, path, config);
  check_tier_scaling(reader, map, path, config);
  check_models(reader, map, path, config);
  check_back_pressure(reader, map, path, config);
  check_edge_lookups(reader, map, path, config);
  check_held_answers(reader, map, path, config);
  if (config.clients && config.clients->sessions && !reader.config().workload.trace.empty()) {
    reader.report(place_of_key(map, "clients"), join_path(path, "clients.sessions"),
                  "a trace has no law of lengths for further turns",
                  "leave sessions out: a trace holds all of its requests");
  }
}

}  // namespace

SectionDecl path_section() {
  return Section<PathConfig>{}
      .optional_section("popularity", &PathConfig::popularity, popularity_section(),
                        "what is asked for how often, for edge.cdn and response_cache")
      .optional_section("edge", &PathConfig::edge, edge_section(cache_section()),
                        "regions, round trips, geographic routing, a cache at the edge")
      .optional_section("load_balancer", &PathConfig::load_balancer, load_balancer_section(),
                        "capacity in requests/s")
      .optional_section("limits", &PathConfig::limits, limits_section(),
                        "token buckets and concurrency of tiers, tenants and keys")
      .optional_section("auth", &PathConfig::auth, auth_section(),
                        "authentication, subscription, quota")
      .optional_section("api_tier", &PathConfig::api_tier, api_tier_section(),
                        "instances that spend CPU time on every request, first come first served")
      .optional_section("conversation_cache", &PathConfig::conversation_cache,
                        conversation_cache_section(), "contexts of conversations")
      .optional_section("response_cache", &PathConfig::response_cache, cache_section(),
                        "answers given before; needs path.popularity")
      .optional_section("model_router", &PathConfig::model_router, model_router_section(),
                        "which model answers")
      .optional_section("aggregation", &PathConfig::aggregation, aggregation_section(),
                        "gathers requests into messages, which the broker hands on as one")
      .optional_section("broker", &PathConfig::broker, broker_section(),
                        "hands requests to the queues before the GPUs")
      .optional_section("safety_before", &PathConfig::safety_before, safety_fields().build(),
                        "moderation of prompts")
      .optional_section("tokenizer", &PathConfig::tokenizer, tokenizer_section(),
                        "from text to tokens")
      .optional_section("streaming", &PathConfig::streaming, streaming_section(),
                        "connections, and tokens paced to the client")
      .optional_section("safety_after", &PathConfig::safety_after, answer_safety_section(),
                        "moderation of answers")
      .optional_section("clients", &PathConfig::clients, client_section(),
                        "patience, retries and sessions")
      .list("attacks", &PathConfig::attacks, attack_section(),
            "requests of attackers, beside those of the workload")
      .finish(finish_path)
      .build();
}

}  // namespace plimsoll
