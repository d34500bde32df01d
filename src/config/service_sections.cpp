// Config: the service and its policies, and the autoscaler of a pool.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

/// One of the blocks of a service; `service_in` finds the service within the section's struct.
FieldDecl service_policy(std::string key, PolicyConfig ServiceConfig::*member,
                         std::string default_policy, SectionDecl own_keys, std::string help,
                         ServiceConfig* (*service_in)(void*)) {
  PolicyBlock block;
  block.kind = key;
  block.key = std::move(key);
  block.default_policy = std::move(default_policy);
  block.own_keys = std::move(own_keys);
  block.help = std::move(help);
  block.make_holder = [service_in](void* object) -> void* { return service_in(object); };
  // Only read from here on: the cast undoes what the shared accessor asks for.
  block.holder = [service_in](const void* object) -> const void* {
    return service_in(const_cast<void*>(object));
  };
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

Section<TierAutoscaleConfig> instance_bounds() {
  Section<TierAutoscaleConfig> keys;
  keys.field("min_instances", &TierAutoscaleConfig::min_instances, count_kind(1, 1'000'000), "1",
             "instances at least");
  return keys;
}

template <typename Owner>
FieldDecl tier_autoscale_field(Section<TierAutoscaleConfig> keys, std::string help) {
  add_loop_keys(keys);
  keys.field("provisioning_delay", &TierAutoscaleConfig::provisioning_delay, duration_kind(), "0",
             "until an added instance serves");
  return policy_field(autoscale_block(&Owner::autoscale, keys.build(), std::move(help)));
}

}  // namespace

FieldDecl autoscale_field() {
  Section<AutoscaleConfig> keys;
  keys.field("min_replicas", &AutoscaleConfig::min_replicas, count_kind(0, 1'000'000), "1",
             "replicas at least; also min_clusters, a replica being a cluster")
      .field("max_replicas", &AutoscaleConfig::max_replicas, count_kind(1, 1'000'000), "",
             "replicas at most; also max_clusters");
  add_loop_keys(keys);
  keys.optional("provisioning_delay", &AutoscaleConfig::provisioning_delay, duration_kind(),
                "until an added replica serves; pools of start: cold go through their cold start "
                "instead");
  return policy_field(autoscale_block(&PoolConfig::autoscale, keys.build(),
                                      "how the pool grows and shrinks; without it, it does not"));
}

FieldDecl api_tier_autoscale_field() {
  Section<TierAutoscaleConfig> keys = instance_bounds();
  keys.field("max_instances", &TierAutoscaleConfig::max_instances, count_kind(1, 1'000'000), "",
             "instances at most");
  return tier_autoscale_field<ApiTierConfig>(
      std::move(keys), "how the tier grows and shrinks; without it, it does not");
}

FieldDecl cache_autoscale_field() {
  Section<TierAutoscaleConfig> keys = instance_bounds();
  keys.field("max_instances", &TierAutoscaleConfig::max_instances, count_kind(1, 1'000'000), "",
             "nodes at most")
      .derived("ten times those of t = 0");
  return tier_autoscale_field<CacheConfig>(
      std::move(keys),
      "how the cache grows and shrinks by nodes of `node` each; without it, it does not");
}

namespace {

SectionDecl waiting_room_section() {
  return Section<WaitingRoomConfig>{}
      .field("capacity", &WaitingRoomConfig::capacity, big_count_kind(0, 1'000'000'000'000), "",
             "requests that may wait beyond the capacity of the queue; the next end as queue_full")
      .field("shows", &WaitingRoomConfig::shows,
             word_kind<ShownInLine>(
                 {{"position", ShownInLine::position}, {"wait", ShownInLine::wait}}),
             "position",
             "what whoever joins the line is shown: how many go first, or also the wait that this "
             "will take at the line's pace")
      .field("averaging", &WaitingRoomConfig::averaging, millisecond_kind(), "1min",
             "time constant of the mean pace of the line")
      .build();
}

SectionDecl queue_keys() {
  return Section<ServiceConfig>{}
      .field("capacity", &ServiceConfig::queue_capacity, big_count_kind(0, 1'000'000'000'000), "0",
             "requests that may wait; the next end as queue_full; 0: no limit")
      .optional("deadline", &ServiceConfig::queue_deadline, millisecond_kind(),
                "longest wait before being scheduled; then a request ends as timed_out")
      .field("max_outstanding", &ServiceConfig::max_outstanding, count_kind(0, 1'000'000'000), "0",
             "requests at a replica before the rest waits centrally; 0: no limit")
      .optional_section("waiting_room", &ServiceConfig::waiting_room, waiting_room_section(),
                        "places beyond the queue, and a line in which everybody is shown where he "
                        "stands; needs capacity and max_outstanding")
      .build();
}

SectionDecl router_keys() {
  return Section<ServiceConfig>{}
      .field("scrape_interval", &ServiceConfig::scrape_interval, duration_kind(), "0",
             "routers see the loads of replicas as they were at the last multiple of it; 0: as "
             "they are")
      .field("own_count", &ServiceConfig::own_count, flag_kind(), "true",
             "routers add to scraped loads what they have sent since")
      .build();
}

ServiceConfig* itself(void* service) {
  return static_cast<ServiceConfig*>(service);
}

ServiceConfig* of_model(void* own) {
  return &static_cast<ModelServiceConfig*>(own)->service;
}

/// Blocks that are left out are those of the common service.
void finish_model_service(Reader& reader, const RawNode& map, const std::string&,
                          ModelServiceConfig& own, bool) {
  const ServiceConfig& common = reader.config().service;
  if (map.find("router") == nullptr) {
    own.service.router = common.router;
    own.service.scrape_interval = common.scrape_interval;
    own.service.own_count = common.own_count;
  }
  if (map.find("queue") == nullptr) {
    own.service.queue = common.queue;
    own.service.queue_capacity = common.queue_capacity;
    own.service.queue_deadline = common.queue_deadline;
    own.service.max_outstanding = common.max_outstanding;
    own.service.waiting_room = common.waiting_room;
  }
  if (map.find("admission") == nullptr) {
    own.service.admission = common.admission;
  }
}

}  // namespace

SectionDecl service_section() {
  Section<ServiceConfig> section;
  section
      .custom(service_policy("router", &ServiceConfig::router, "least_requests", router_keys(),
                             "which replica gets a request", itself))
      .custom(service_policy("queue", &ServiceConfig::queue, "fcfs", queue_keys(),
                             "who is served first, and how many may wait how long", itself))
      .custom(service_policy("admission", &ServiceConfig::admission, "always", {},
                             "which requests may wait at all", itself));
  return section.build();
}

SectionDecl model_service_section() {
  const auto block = [](FieldDecl field) {
    field.may_be_absent = true;
    field.default_text.clear();
    field.default_doc = "that of service";
    return field;
  };
  Section<ModelServiceConfig> section;
  section
      .field("model", &ModelServiceConfig::model, reference_kind<ModelIndex>(NameList::models), "",
             "whose requests they are")
      .custom(block(service_policy("router", &ServiceConfig::router, "least_requests",
                                   router_keys(), "which replica gets a request", of_model)))
      .custom(
          block(service_policy("queue", &ServiceConfig::queue, "fcfs", queue_keys(),
                               "who is served first, and how many may wait how long", of_model)))
      .custom(block(service_policy("admission", &ServiceConfig::admission, "always", {},
                                   "which requests may wait at all", of_model)))
      .finish(finish_model_service);
  return section.build();
}

namespace {

/// Without a limit of the queue nobody comes to the room, without one of the replicas nobody waits.
void check_waiting_room(Reader& reader, const RawNode& map, const std::string& path,
                        const ServiceConfig& service) {
  if (!service.waiting_room) {
    return;
  }
  if (service.queue_capacity == 0) {
    reader.report(map.place, join_path(path, "queue.waiting_room"),
                  "the queue has no capacity: nobody would come to the waiting room",
                  "give queue.capacity, e.g. 100");
  }
  if (service.max_outstanding == 0) {
    reader.report(map.place, join_path(path, "queue.waiting_room"),
                  "replicas take every request at once: nobody stands in a line",
                  "give queue.max_outstanding, e.g. 64");
  }
}

const RawNode& place_in(const RawNode& root, const char* key) {
  const RawNode* const node = root.find(key);
  return node != nullptr ? *node : root;
}

/// Clients leave for what some waiting room shows.
void check_shown(Reader& reader, const RawNode& root, const Config& config) {
  if (!config.path || !config.path->clients) {
    return;
  }
  bool position = config.service.waiting_room.has_value();
  bool wait = position && config.service.waiting_room->shows == ShownInLine::wait;
  for (const ModelServiceConfig& own : config.model_services) {
    const std::optional<WaitingRoomConfig>& room = own.service.waiting_room;
    position = position || room;
    wait = wait || (room && room->shows == ShownInLine::wait);
  }
  const ClientConfig& clients = *config.path->clients;
  const RawNode& at = place_in(place_in(root, "path"), "clients");
  if (clients.leaves_beyond_position && !position) {
    reader.report(at.place, "path.clients.leaves_beyond_position",
                  "nobody is shown a position without a waiting room",
                  "give service.queue.waiting_room, e.g. {capacity: 1000}");
  }
  if (clients.leaves_beyond_wait && !wait) {
    reader.report(at.place, "path.clients.leaves_beyond_wait",
                  "no waiting room shows how long the wait will be",
                  "give service.queue.waiting_room: {capacity: 1000, shows: wait}");
  }
}

}  // namespace

void check_waiting_rooms(Reader& reader, const RawNode& root, const Config& config) {
  check_waiting_room(reader, place_in(root, "service"), "service", config.service);
  for (std::size_t i = 0; i < config.model_services.size(); ++i) {
    check_waiting_room(reader, place_in(root, "model_services"),
                       fmt::format("model_services.{}", i), config.model_services[i].service);
  }
  check_shown(reader, root, config);
}

void check_model_services(Reader& reader, const RawNode& root, const Config& config) {
  for (std::size_t i = 0; i < config.model_services.size(); ++i) {
    const ModelIndex model = config.model_services[i].model;
    const auto is_model = [model](const auto& one) { return one.model == model; };
    const auto before = config.model_services.begin() + static_cast<std::ptrdiff_t>(i);
    const bool served = std::any_of(config.pools.begin(), config.pools.end(), is_model);
    const bool twice = std::any_of(config.model_services.begin(), before, is_model);
    if (!served || twice) {
      reader.report(
          place_of_key(root, "model_services"), fmt::format("model_services.{}", i),
          (served ? "a second service of " : "no pool serves ") + config.models[model].name,
          served ? "say all of it in one entry" : "add a pool or name another model");
    }
  }
}

}  // namespace plimsoll
