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

}  // namespace

FieldDecl autoscale_field() {
  PolicyBlock block;
  block.key = "autoscale";
  block.kind = "autoscaler";
  block.own_keys =
      Section<AutoscaleConfig>{}
          .field("min_replicas", &AutoscaleConfig::min_replicas, count_kind(0, 1'000'000), "1",
                 "replicas at least")
          .field("max_replicas", &AutoscaleConfig::max_replicas, count_kind(1, 1'000'000), "",
                 "replicas at most")
          .field("interval", &AutoscaleConfig::interval, millisecond_kind(), "15s",
                 "between evaluations, each of which scrapes the signal")
          .field("signal_delay", &AutoscaleConfig::signal_delay, duration_kind(), "0",
                 "age of the signals that the policy is shown")
          .optional("provisioning_delay", &AutoscaleConfig::provisioning_delay, duration_kind(),
                    "until an added replica serves; pools of start: cold go through their cold "
                    "start instead")
          .build();
  block.help = "how the pool grows and shrinks; without it, it does not";
  block.make_holder = [](void* pool) -> void* {
    return &static_cast<PoolConfig*>(pool)->autoscale.emplace();
  };
  block.holder = [](const void* pool) -> const void* {
    const auto& autoscale = static_cast<const PoolConfig*>(pool)->autoscale;
    return autoscale ? &*autoscale : nullptr;
  };
  block.policy = [](void* autoscale) -> PolicyConfig& {
    return static_cast<AutoscaleConfig*>(autoscale)->policy;
  };
  return policy_field(std::move(block));
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
