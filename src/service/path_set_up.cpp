// From a configuration to the stages of a path.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/counted_classes.hpp"
#include "service/capacity_weight.hpp"
#include "service/request_path.hpp"

namespace plimsoll {
namespace {

/// The rate at which each object of each group is asked for, over that of the first.
std::vector<double> flow_of(const Popularity& popularity) {
  std::vector<double> flow;
  for (const Popularity::Group& group : popularity.groups()) {
    flow.push_back(group.share);
  }
  return flow;
}

/// Whether a pool of `datacenter` serves `model`.
bool serves_in(const Config& config, const std::string& datacenter, std::size_t model) {
  return std::any_of(config.pools.begin(), config.pools.end(), [&](const PoolConfig& pool) {
    return pool.datacenter == datacenter && pool.model == model;
  });
}

/// Whether users who are routed to datacenter `d` have a route to another that serves what it does.
bool served_elsewhere(const Config& config, std::size_t d) {
  const EdgeConfig& edge = *config.path->edge;
  for (const PoolConfig& pool : config.pools) {
    if (pool.datacenter != edge.datacenters[d].name) {
      continue;
    }
    for (const RegionConfig& region : edge.regions) {
      const auto leads = [&](bool there) {
        return std::any_of(
            region.routes.begin(), region.routes.end(), [&](const RouteConfig& route) {
              return there == (route.datacenter == d) &&
                     serves_in(config, edge.datacenters[route.datacenter].name, pool.model);
            });
      };
      if (leads(true) && leads(false)) {
        return true;
      }
    }
  }
  return false;
}

/// Of datacenters that go down: second routes are for requests that come, not for those that are
/// there.
void note_requests_that_stay(const Config& config, std::vector<std::string>& notes) {
  const std::vector<DatacenterConfig>& datacenters = config.path->edge->datacenters;
  for (std::size_t d = 0; d < datacenters.size(); ++d) {
    const DatacenterConfig& one = datacenters[d];
    if (!one.outages.empty() && one.failover.empty() && served_elsewhere(config, d)) {
      notes.push_back(fmt::format(
          "Datacenter {} goes down and has no failover: requests that lose their replica or wait "
          "there stay until it is back, though others serve their model; "
          "path.edge.datacenters.{}.failover says where they go on",
          one.name, one.name));
    }
  }
}

}  // namespace

RequestPath::RequestPath(const Config& config, Engine& engine, EventSink& sink, EndListener& ends,
                         FollowUpListener& follow_ups)
    : config_{config},
      path_{*config.path},
      engine_{engine},
      sink_{sink},
      ends_{ends},
      follow_ups_{follow_ups},
      keys_{config, config.seed},
      clients_{config, config.seed},
      wheel_{engine, *this},
      trait_stream_{config.seed, "path"},
      conversation_stream_{config.seed, "conversation"},
      fetch_stream_{config.seed, "fetch"},
      chunk_stream_{config.seed, "blocked_chunk"},
      bypassed_tokens_(2 * config.tiers.size(), 0) {
  counts_.present = true;
  impatient_ = path_.clients && (path_.clients->patience || path_.clients->timeout);
  for (std::size_t i = 0; i < config.workload.classes.size(); ++i) {
    expected_output_.push_back(expected_output(config, static_cast<ClassIndex>(i)));
    class_counts_.push_back(plimsoll::counts(config, static_cast<ClassIndex>(i)));
  }
  if (!config.experiments.empty()) {
    experiments_.emplace(config, config.seed);
  }
  set_up_stages();
  set_up_caches();
  set_up_limits();
  note_present();
  note_capacities();
  const bool sessions = clients_.has_sessions() || !config.workload.trace.empty();
  follows_sessions_ =
      experiments_ || (model_router_ && model_router_->splits_in_parts() && sessions);
  counts_.attacked =
      !path_.attacks.empty() || (path_.load_balancer && path_.load_balancer->per_source);
  if (!path_.attacks.empty()) {
    attacks_.emplace(config, engine, *this);
  }
}

void RequestPath::set_up_stages() {
  const std::uint64_t seed = config_.seed;
  if (path_.edge) {
    edge_.emplace(seed, *path_.edge);
    for (std::size_t d = 0; d < path_.edge->datacenters.size(); ++d) {
      for (const RouteConfig& next : path_.edge->datacenters[d].failover) {
        failovers_[{static_cast<std::uint16_t>(d), static_cast<std::uint16_t>(next.datacenter)}];
      }
    }
  }
  if (path_.load_balancer) {
    const LoadBalancerConfig& balancer = *path_.load_balancer;
    load_balancer_.emplace(seed, "load_balancer", balancer.latency, balancer.capacity,
                           balancer.outages, Duration::zero(), std::nullopt, balancer.queue);
    if (balancer.per_source) {
      source_limits_.emplace(seed, *balancer.per_source, path_.attacks);
    }
  }
  if (path_.auth) {
    auth_.emplace(config_, keys_, seed);
  }
  if (path_.api_tier) {
    api_tier_.emplace(seed, *path_.api_tier, engine_, *this);
  }
  if (path_.model_router) {
    model_router_.emplace(config_, seed);
  }
  if (path_.aggregation) {
    const bool by_model = path_.aggregation->by == AggregateBy::model;
    aggregator_.emplace(seed, *path_.aggregation,
                        by_model ? config_.models.size() : config_.workload.classes.size(), engine_,
                        *this);
  }
  if (path_.broker) {
    broker_.emplace(seed, *path_.broker);
    if (broker_->holds()) {
      held_messages_.emplace(engine_, *this);
    }
  }
  if (path_.safety_before) {
    safety_before_.emplace(seed, "safety_before", *path_.safety_before);
  }
  if (path_.tokenizer) {
    const TokenizerConfig& tokenizer = *path_.tokenizer;
    tokenizer_.emplace(seed, "tokenizer", tokenizer.latency, tokenizer.capacity, tokenizer.outages,
                       tokenizer.per_token, tokenizer.tokens, tokenizer.queue);
  }
  if (path_.streaming) {
    streaming_.emplace(seed, *path_.streaming);
    keeps_prefixes_ = keeps_prefixes_ || streaming_->pools();
  }
  if (path_.safety_after) {
    safety_after_.emplace(seed, "safety_after", *path_.safety_after);
  }
}

/// The response cache sees what the cache at the edge misses.
void RequestPath::set_up_caches() {
  std::vector<double> flow;
  std::vector<FrontCache> fronts;
  if (path_.popularity) {
    popularity_.emplace(path_.popularity->objects, path_.popularity->exponent);
    flow = flow_of(*popularity_);
  }
  if (path_.edge && path_.edge->cdn) {
    cdn_.emplace(config_.seed, *path_.edge, *popularity_, flow);
    flow = cdn_->miss_flow();
    fronts = cdn_->fronts();
  }
  if (path_.response_cache) {
    response_cache_.emplace(config_.seed, "response_cache", *path_.response_cache, *popularity_,
                            flow, 1, fronts);
  }
  if (path_.conversation_cache && path_.conversation_cache->by_session()) {
    session_cache_.emplace(config_.seed, *path_.conversation_cache);
    keeps_prefixes_ = true;
  } else if (path_.conversation_cache) {
    const ConversationCacheConfig& cache = *path_.conversation_cache;
    conversations_.emplace(cache.conversations->objects, cache.conversations->exponent);
    conversation_cache_.emplace(config_.seed, "conversation_cache", cache.cache, *conversations_,
                                flow_of(*conversations_));
    fetch_ = LatencySampler{cache.fetch};
  }
}

void RequestPath::set_up_limits() {
  if (!path_.limits) {
    return;
  }
  limits_.emplace(config_, keys_);
  limits_box_.emplace(config_.seed, "limits", path_.limits->latency, path_.limits->capacity,
                      path_.limits->outages, Duration::zero(), std::nullopt, path_.limits->queue);
  enforcement_.emplace(*path_.limits, keys_, *limits_);
  if (path_.limits->metering) {
    metering_.emplace(
        *path_.limits->metering, keys_.count(), engine_,
        [this](const Metering::Alarm& alarm) { enforcement_->on_alarm(alarm, engine_.now()); });
  }
}

std::vector<std::string> RequestPath::notes() const {
  std::vector<std::string> notes;
  if (path_.edge) {
    note_requests_that_stay(config_, notes);
  }
  for (const AttackConfig& attack : path_.attacks) {
    if (class_counts_[attack.request_class]) {
      notes.push_back(fmt::format(
          "Users send class {}, too: requests of the attack count as theirs in the verdict, in "
          "availability and per request; a class of its own with share: 0 keeps them apart",
          config_.workload.classes[attack.request_class].name));
    }
  }
  if (!path_.limits || !config_.workload.trace.empty()) {
    return notes;
  }
  const std::vector<RequestClassConfig>& classes = config_.workload.classes;
  const auto check = [&](const RateLimitConfig& limit, std::size_t c, const std::string& rule) {
    const auto index = static_cast<ClassIndex>(c);
    const double needs = expected_prompt(config_, index) + expected_output(config_, index);
    if (limit.tokens && needs > limit.token_burst) {
      notes.push_back(fmt::format(
          "A mean request of class {} counts as {:.6g} tokens, and path.limits.{} lets {:.6g} come "
          "at once: all that are larger are refused, whatever the rate",
          classes[c].name, needs, rule, limit.token_burst));
    }
  };
  for (std::size_t c = 0; c < classes.size(); ++c) {
    for (const TierLimitConfig& tier : path_.limits->tiers) {
      if (tier.tier == classes[c].tier) {
        check(tier.limit, c, "tiers, " + config_.tiers[tier.tier].name + ",");
      }
    }
    if (path_.limits->tenant) {
      check(*path_.limits->tenant, c, "tenant");
    }
    if (path_.limits->key) {
      check(*path_.limits->key, c, "key");
    }
  }
  return notes;
}

void RequestPath::note_present() {
  const auto note = [this](Stage stage, bool present, bool in_order) {
    present_[static_cast<std::size_t>(stage)] = present;
    in_order_[static_cast<std::size_t>(stage)] = present && in_order;
  };
  note(Stage::edge, edge_.has_value(), false);
  note(Stage::wan, edge_ && edge_->has_datacenters(),
       edge_ && (edge_->limited() || datacenters_own_pools(config_)));
  note(Stage::load_balancer, load_balancer_.has_value(), true);
  note(Stage::limits, limits_.has_value(), true);
  note(Stage::auth, auth_.has_value(), auth_ && auth_->in_order());
  note(Stage::api_tier, api_tier_.has_value(), true);
  note(Stage::conversation_cache, path_.conversation_cache.has_value(),
       session_cache_ || (conversation_cache_ && conversation_cache_->in_order()));
  note(Stage::response_cache, response_cache_.has_value(),
       response_cache_ && response_cache_->in_order());
  note(Stage::model_router, model_router_.has_value(),
       model_router_ && (model_router_->spills() || model_router_->turnstile().limited()));
  note(Stage::aggregation, aggregator_.has_value(), true);
  note(Stage::broker, broker_.has_value(), broker_ && broker_->limited());
  note(Stage::safety_before, safety_before_.has_value(),
       safety_before_ && safety_before_->turnstile().limited());
  note(Stage::tokenizer, tokenizer_.has_value(), tokenizer_ && tokenizer_->turnstile().limited());
  note(Stage::streaming, streaming_.has_value(),
       streaming_ && (streaming_->limited() || streaming_->pools()));
  note(Stage::serving, true, true);
  note(Stage::safety_after, safety_after_.has_value(), false);
  Stage next = Stage::serving;
  for (int s = static_cast<int>(Stage::serving); s >= 0; --s) {
    const auto stage = static_cast<std::size_t>(s);
    next_[stage] = next;
    next = present_[stage] ? static_cast<Stage>(s) : next;
  }
  first_ = next;
}

}  // namespace plimsoll
