// Config: the service and its policies, and the autoscaler of a pool.
#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

FieldDecl service_policy(std::string key, PolicyConfig ServiceConfig::*member,
                         std::string default_policy, SectionDecl own_keys, std::string help) {
  PolicyBlock block;
  block.kind = key;
  block.key = std::move(key);
  block.default_policy = std::move(default_policy);
  block.own_keys = std::move(own_keys);
  block.help = std::move(help);
  block.make_holder = [](void* service) { return service; };
  block.holder = [](const void* service) { return service; };
  block.policy = [member](void* service) -> PolicyConfig& {
    return static_cast<ServiceConfig*>(service)->*member;
  };
  return policy_field(std::move(block));
}

/// The block `autoscale` of an Owner; `scale` is where it is kept.
template <typename Owner, typename Scale>
PolicyBlock autoscale_block(std::optional<Scale> Owner::*scale, SectionDecl own_keys,
                            std::string help) {
  PolicyBlock block;
  block.key = "autoscale";
  block.kind = "autoscaler";
  block.own_keys = std::move(own_keys);
  block.help = std::move(help);
  block.make_holder = [scale](void* owner) -> void* {
    return &(static_cast<Owner*>(owner)->*scale).emplace();
  };
  block.holder = [scale](const void* owner) -> const void* {
    const auto& held = static_cast<const Owner*>(owner)->*scale;
    return held ? &*held : nullptr;
  };
  block.policy = [](void* held) -> PolicyConfig& { return static_cast<Scale*>(held)->policy; };
  return block;
}

template <typename Scale>
void add_loop_keys(Section<Scale>& section) {
  section
      .field("interval", &Scale::interval, millisecond_kind(), "15s",
             "between evaluations, each of which scrapes the signal")
      .field("signal_delay", &Scale::signal_delay, duration_kind(), "0",
             "age of the signals that the policy is shown");
}

template <typename Owner>
FieldDecl tier_autoscale_field(std::string help) {
  Section<TierAutoscaleConfig> keys;
  keys.field("min_instances", &TierAutoscaleConfig::min_instances, count_kind(1, 1'000'000), "1",
             "instances at least")
      .field("max_instances", &TierAutoscaleConfig::max_instances, count_kind(1, 1'000'000), "",
             "instances at most");
  add_loop_keys(keys);
  keys.field("provisioning_delay", &TierAutoscaleConfig::provisioning_delay, duration_kind(), "0",
             "until an added instance serves");
  return policy_field(autoscale_block(&Owner::autoscale, keys.build(), std::move(help)));
}

}  // namespace

FieldDecl autoscale_field() {
  Section<AutoscaleConfig> keys;
  keys.field("min_replicas", &AutoscaleConfig::min_replicas, count_kind(0, 1'000'000), "1",
             "replicas at least")
      .field("max_replicas", &AutoscaleConfig::max_replicas, count_kind(1, 1'000'000), "",
             "replicas at most");
  add_loop_keys(keys);
  keys.optional("provisioning_delay", &AutoscaleConfig::provisioning_delay, duration_kind(),
                "until an added replica serves; pools of start: cold go through their cold start "
                "instead");
  return policy_field(autoscale_block(&PoolConfig::autoscale, keys.build(),
                                      "how the pool grows and shrinks; without it, it does not"));
}

FieldDecl api_tier_autoscale_field() {
  return tier_autoscale_field<ApiTierConfig>(
      "how the tier grows and shrinks; without it, it does not");
}

FieldDecl cache_autoscale_field() {
  return tier_autoscale_field<CacheConfig>(
      "how the cache grows and shrinks by nodes of `node` each; without it, it does not");
}

SectionDecl service_section() {
  SectionDecl queue_keys =
      Section<ServiceConfig>{}
          .field("capacity", &ServiceConfig::queue_capacity, big_count_kind(0, 1'000'000'000'000),
                 "0", "requests that may wait; the next end as queue_full; 0: no limit")
          .optional("deadline", &ServiceConfig::queue_deadline, millisecond_kind(),
                    "longest wait before being scheduled; then a request ends as timed_out")
          .field("max_outstanding", &ServiceConfig::max_outstanding, count_kind(0, 1'000'000'000),
                 "0", "requests at a replica before the rest waits centrally; 0: no limit")
          .build();
  SectionDecl router_keys =
      Section<ServiceConfig>{}
          .field("scrape_interval", &ServiceConfig::scrape_interval, duration_kind(), "0",
                 "routers see the loads of replicas as they were at the last multiple of it; 0: as "
                 "they are")
          .field("own_count", &ServiceConfig::own_count, flag_kind(), "true",
                 "routers add to scraped loads what they have sent since")
          .build();
  Section<ServiceConfig> section;
  section
      .custom(service_policy("router", &ServiceConfig::router, "least_requests",
                             std::move(router_keys), "which replica gets a request"))
      .custom(service_policy("queue", &ServiceConfig::queue, "fcfs", std::move(queue_keys),
                             "who is served first, and how many may wait how long"))
      .custom(service_policy("admission", &ServiceConfig::admission, "always", {},
                             "which requests may wait at all"));
  return section.build();
}

}  // namespace plimsoll
