// Config: attacks and what a balancer does against them; the path together with the rest of the
// scenario.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/path_parts.hpp"
#include "config/sections.hpp"

namespace plimsoll {

SectionDecl source_limit_section() {
  constexpr std::int64_t most_sources = 50'000'000;
  constexpr double most = 1e15;
  return Section<SourceLimitConfig>{}
      .field("sources", &SourceLimitConfig::sources, big_count_kind(1, most_sources), "",
             "addresses that users send from")
      .field("exponent", &SourceLimitConfig::exponent, number_kind({0, 5, false}), "0",
             "of Zipf's law: how unlike their use is (many users behind one address); 0: all alike")
      .field("requests", &SourceLimitConfig::requests, frequency_kind(), "",
             "requests per second of each address")
      .field("request_burst", &SourceLimitConfig::request_burst, number_kind({1, most, false}), "1",
             "requests that may come at once")
      .build();
}

SectionDecl attack_section() {
  constexpr std::int64_t most_sources = 50'000'000;
  return Section<AttackConfig>{}
      .field("at", &AttackConfig::at, duration_kind(), "", "when it begins")
      .field("lasting", &AttackConfig::lasting, duration_kind(true), "", "how long it lasts")
      .field("rate", &AttackConfig::rate, frequency_kind(), "",
             "requests per second, a Poisson process; attackers neither leave nor try again")
      .field("class", &AttackConfig::request_class, reference_kind<ClassIndex>(NameList::classes),
             "", "what it sends; a class with share: 0 has no other requests")
      .field("sources", &AttackConfig::sources, big_count_kind(1, most_sources), "1",
             "addresses that it sends from")
      .build();
}

namespace {

const RawNode& inner(const RawNode& map, const char* key) {
  const RawNode* const node = map.is_map() ? map.find(key) : nullptr;
  return node != nullptr ? *node : map;
}

void check_attacks(Reader& reader, const RawNode& path, const Config& config) {
  const std::vector<AttackConfig>& attacks = config.path->attacks;
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    const Duration end = attacks[i].at + attacks[i].lasting;
    if (config.duration > Duration::zero() && end > config.duration) {
      reader.report(inner(path, "attacks").place, fmt::format("path.attacks.{}", i),
                    "it goes on after the last arrival",
                    "end it within duration, or lengthen that");
    }
  }
  if (!attacks.empty() && config.workload.arrivals.process == ArrivalProcess::closed_loop) {
    reader.report(inner(path, "attacks").place, "path.attacks",
                  "users of a closed loop would answer for the requests of attackers",
                  "give arrivals a rate");
  }
}

/// Whether some class, split or experiment leads to `model`.
bool is_asked_for(const Config& config, ModelIndex model) {
  const auto of_model = [model](const auto& one) { return one.model == model; };
  const std::vector<SplitConfig>& splits = config.path->model_router->splits;
  return std::any_of(config.workload.classes.begin(), config.workload.classes.end(), of_model) ||
         std::any_of(splits.begin(), splits.end(),
                     [model](const SplitConfig& split) { return split.to == model; }) ||
         std::any_of(config.experiments.begin(), config.experiments.end(), [&](const auto& one) {
           return std::any_of(one.arms.begin(), one.arms.end(), of_model);
         });
}

/// The longest line that there can be before a model; 0: there is no limit.
std::int64_t longest_line(const Config& config, ModelIndex model) {
  const ServiceConfig& service = service_of(config, model);
  if (service.queue_capacity == 0 || service.max_outstanding == 0) {
    return 0;
  }
  std::int64_t line = service.queue_capacity;
  line += service.waiting_room ? service.waiting_room->capacity : 0;
  for (const PoolConfig& pool : config.pools) {
    line += pool.model == model ? std::int64_t{most_replicas(pool)} * service.max_outstanding : 0;
  }
  return line;
}

/// A fallback that can never answer is a mistake.
void check_spillovers(Reader& reader, const RawNode& path, const Config& config) {
  if (!config.path->model_router) {
    return;
  }
  const std::vector<SpilloverConfig>& spillovers = config.path->model_router->spillovers;
  for (std::size_t i = 0; i < spillovers.size(); ++i) {
    const SpilloverConfig& one = spillovers[i];
    const Place place = inner(inner(path, "model_router"), "spillovers").place;
    const std::string key = fmt::format("path.model_router.spillovers.{}", i);
    const std::int64_t longest = longest_line(config, one.from);
    if (one.from == one.to) {
      reader.report(place, key, "a model is no fallback for itself", "name another model as `to`");
    } else if (!is_asked_for(config, one.from)) {
      reader.report(place, key,
                    fmt::format("it can never spill: no class and no split asks for {}",
                                config.models[one.from].name),
                    "name the model whose requests are to spill as `from`");
    } else if (longest > 0 && one.waiting > longest) {
      reader.report(place, key + ".waiting",
                    fmt::format("it can never spill: queue.capacity and max_outstanding of all "
                                "replicas hold {} requests for {}",
                                longest, config.models[one.from].name),
                    "lower waiting, or raise queue.capacity");
    }
  }
}

/// Tokens of the smallest request of a class, with the answer that is expected of it.
double least_tokens(const Config& config, const RequestClassConfig& asked) {
  const LengthLaw& prompt = asked.prompt ? *asked.prompt : config.workload.prompt;
  const LengthLaw& output = asked.output ? *asked.output : config.workload.output;
  const auto least = [](const LengthLaw& law) {
    const double drawn = law.kind == LengthLaw::Kind::fixed       ? law.mean
                         : law.kind == LengthLaw::Kind::quantiles ? law.quantiles.front().tokens
                                                                  : 0.0;
    return std::max(drawn, static_cast<double>(law.minimum));
  };
  const double answer = output.kind == LengthLaw::Kind::quantiles ? least(output) : output.mean;
  return least(prompt) + answer;
}

/// A bucket that is never deep enough for a class refuses all of it.
void check_bursts(Reader& reader, const RawNode& path, const Config& config) {
  if (!config.path->limits || !config.workload.trace.empty()) {
    return;
  }
  const LimitsConfig& limits = *config.path->limits;
  const auto check = [&](const RateLimitConfig& limit, const RequestClassConfig& asked,
                         const std::string& key) {
    const double least = least_tokens(config, asked);
    if (limit.tokens && limit.token_burst < least) {
      reader.report(inner(path, "limits").place, "path.limits." + key + ".token_burst",
                    fmt::format("every request of class {} is refused: the smallest counts as "
                                "{:.6g} tokens, and {:.6g} may come at once",
                                asked.name, least, limit.token_burst),
                    "raise token_burst above what one request needs");
    }
  };
  for (const RequestClassConfig& asked : config.workload.classes) {
    for (std::size_t i = 0; i < limits.tiers.size(); ++i) {
      if (limits.tiers[i].tier == asked.tier) {
        check(limits.tiers[i].limit, asked, fmt::format("tiers.{}.limit", i));
      }
    }
    if (limits.tenant) {
      check(*limits.tenant, asked, "tenant");
    }
    if (limits.key) {
      check(*limits.key, asked, "key");
    }
  }
}

/// Shares of tenants need tenants.
void check_tenants(Reader& reader, const RawNode& root, const char* key, const std::string& path,
                   const Config& config, const ServiceConfig& service) {
  const auto& texts = service.queue.params.texts();
  const auto by = texts.find("by");
  const bool by_tenant = by != texts.end() && by->second == "tenant";
  if (by_tenant && !(config.path && config.path->limits)) {
    reader.report(inner(inner(root, key), "queue").place, path + ".queue.by",
                  "there are no tenants without path.limits.keys",
                  "e.g. path: {limits: {keys: {count: 1000, per_tenant: 10}}}");
  }
}

}  // namespace

void check_path(Reader& reader, const RawNode& root, const Config& config) {
  check_tenants(reader, root, "service", "service", config, config.service);
  for (std::size_t i = 0; i < config.model_services.size(); ++i) {
    check_tenants(reader, root, "model_services", fmt::format("model_services.{}", i), config,
                  config.model_services[i].service);
  }
  if (!config.path) {
    return;
  }
  const RawNode& path = inner(root, "path");
  check_attacks(reader, path, config);
  check_spillovers(reader, path, config);
  check_bursts(reader, path, config);
}

}  // namespace plimsoll
