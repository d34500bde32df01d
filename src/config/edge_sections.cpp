// Config: regions of users, datacenters, and which pools stand where.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/kinds.hpp"
#include "config/path_parts.hpp"
#include "config/sections.hpp"

namespace plimsoll {
namespace {

SectionDecl route_section(std::string rtt_help) {
  return Section<RouteConfig>{}
      .field("datacenter", &RouteConfig::datacenter,
             reference_kind<std::size_t>(NameList::datacenters), "", "the datacenter")
      .section("rtt", &RouteConfig::rtt, latency_section(), std::move(rtt_help))
      .build();
}

SectionDecl region_section() {
  return Section<RegionConfig>{}
      .field("share", &RegionConfig::share, number_kind(), "1",
             "weight of its users; they need not add up to 1")
      .section("access", &RegionConfig::access, latency_section(),
               "round trip between a user and the nearest edge location")
      .list("routes", &RegionConfig::routes,
            route_section("round trip from the edge locations to it and back"),
            "datacenters in order of preference; the first that is up is taken")
      .optional("capacity", &RegionConfig::capacity, frequency_kind(),
                "requests per second that its edge locations take in, all together; the rest waits")
      .field("queue", &RegionConfig::queue, big_count_kind(0, 1'000'000'000), "1000",
             "requests that may wait for that; the next are shed")
      .only_when("capacity", [](const RegionConfig& one) { return one.capacity.has_value(); })
      .list("outages", &RegionConfig::outages, outage_section(share_of_requests),
            "its edge locations do not answer: requests fail")
      .optional("locations", &RegionConfig::locations, count_kind(1, 1'000'000),
                "edge locations, each with a cache of its own as edge.cdn says and an equal share "
                "of the region's users; without it all users share one cache")
      .optional("cdn_capacity", &RegionConfig::cdn_capacity, bytes_kind(),
                "of the cache of each of its locations, instead of edge.cdn.capacity")
      .list("cdn_outages", &RegionConfig::cdn_outages, outage_section(share_of_requests),
            "look-ups at its locations miss")
      .build();
}

void finish_edge(Reader& reader, const RawNode& map, const std::string& path, EdgeConfig& edge,
                 bool clean) {
  if (edge.regions.empty()) {
    reader.report(map.place, join_path(path, "regions"), "expected at least one region",
                  "e.g. {europe: {share: 1, access: {mean: 10ms}}}");
  }
  double shares = 0;
  for (const RegionConfig& region : edge.regions) {
    shares += region.share;
    if (clean && region.routes.empty() && !edge.datacenters.empty()) {
      reader.report(place_of_key(map, "regions"), join_path(path, "regions." + region.name),
                    "no route to any datacenter", "list routes: [{datacenter: NAME, rtt: {...}}]");
    }
  }
  if (clean && !edge.regions.empty() && !(shares > 0)) {
    reader.report(place_of_key(map, "regions"), join_path(path, "regions"),
                  "the shares of all regions add up to 0", "give one of them a share above 0");
  }
}

}  // namespace

SectionDecl edge_section(SectionDecl cache) {
  SectionDecl datacenter =
      Section<DatacenterConfig>{}
          .list("outages", &DatacenterConfig::outages, outage_section(share_of_requests),
                "regions go to their next datacenter. With share: 1 nothing in it answers: pools "
                "that name it stop as by a fault of a zone (`faults` says who notices and what "
                "becomes of their requests, by its defaults without one), while answers that are "
                "computed are read on. With a smaller share only its entrance refuses so many "
                "requests, and what is in it works on; so does a pool that names no datacenter")
          .optional("capacity", &DatacenterConfig::capacity, frequency_kind(),
                    "requests per second that it takes in; the rest waits")
          .field("queue", &DatacenterConfig::queue, big_count_kind(0, 1'000'000'000), "1000",
                 "requests that may wait for that; regions go to their next datacenter with the "
                 "others, which are shed where there is none")
          .only_when("capacity",
                     [](const DatacenterConfig& one) { return one.capacity.has_value(); })
          .list("failover", &DatacenterConfig::failover,
                route_section("round trip from this datacenter to it and back"),
                "where requests that wait for its replicas, or lost theirs, go when none of them "
                "serves: the first that is up, has room at its entrance and replicas that serve")
          .build();
  return Section<EdgeConfig>{}
      .named("datacenters", &EdgeConfig::datacenters, std::move(datacenter), NameList::datacenters,
             "where requests are answered")
      .named("regions", &EdgeConfig::regions, region_section(), NameList::none,
             "users of a part of the world, all of its edge locations folded into one law")
      .optional_section("cdn", &EdgeConfig::cdn, std::move(cache),
                        "answers at the edge locations; needs path.popularity")
      .field("failover_delay", &EdgeConfig::failover_delay, duration_kind(), "0",
             "requests still go to a datacenter for so long after it went down, and fail")
      .finish(finish_edge)
      .build();
}

namespace {

/// Names of pools' datacenters are those of path.edge.
bool check_names(Reader& reader, const RawNode& pools, const Config& config) {
  std::vector<std::string> names;
  if (config.path && config.path->edge) {
    for (const DatacenterConfig& datacenter : config.path->edge->datacenters) {
      names.push_back(datacenter.name);
    }
  }
  bool good = true;
  for (const PoolConfig& pool : config.pools) {
    if (pool.datacenter.empty() || datacenter_of(config, pool)) {
      continue;
    }
    const RawNode* const map = pools.find(pool.name);
    const RawNode& at = map != nullptr ? *map : pools;
    reader.report(at.is_map() ? place_of_key(at, "datacenter") : at.place,
                  join_path("pools." + pool.name, "datacenter"),
                  fmt::format("no datacenter named \"{}\" in path.edge", pool.datacenter),
                  name_hint(pool.datacenter, names, "datacenters"));
    good = false;
  }
  return good;
}

/// The datacenters with pools of a model; none: its pools stand in all of them.
std::set<std::size_t> datacenters_with(const Config& config, ModelIndex model) {
  std::set<std::size_t> found;
  for (const PoolConfig& pool : config.pools) {
    if (pool.model == model && datacenter_of(config, pool)) {
      found.insert(*datacenter_of(config, pool));
    }
  }
  return found;
}

/// Pools of a model stand in datacenters or they do not.
void check_mixture(Reader& reader, const RawNode& pools, const Config& config) {
  for (const PoolConfig& pool : config.pools) {
    if (!datacenter_of(config, pool) && !datacenters_with(config, pool.model).empty()) {
      reader.report(pools.place, "pools." + pool.name,
                    fmt::format("other pools of {} stand in datacenters, and this one in none",
                                config.models[pool.model].name),
                    "give all pools of a model a datacenter, or none");
    }
    const auto same_place = [&](const PoolConfig& other) {
      return other.model == pool.model && other.datacenter == pool.datacenter &&
             other.role != pool.role;
    };
    if (pool.role != PoolRole::both && !pool.datacenter.empty() &&
        std::none_of(config.pools.begin(), config.pools.end(), same_place)) {
      reader.report(pools.place, "pools." + pool.name,
                    fmt::format("datacenter {} has no pool of {} with the other role",
                                pool.datacenter, config.models[pool.model].name),
                    "prompts are handed over within a datacenter");
    }
  }
}

/// Who is sent to a model finds it where he is.
void check_reach(Reader& reader, const RawNode& root, const Config& config) {
  const RawNode& path = *root.find("path");
  for (const RegionConfig& region : config.path->edge->regions) {
    for (const RequestClassConfig& asked : config.workload.classes) {
      const std::set<std::size_t> with = datacenters_with(config, asked.model);
      const bool reached = with.empty() || std::any_of(region.routes.begin(), region.routes.end(),
                                                       [&](const RouteConfig& route) {
                                                         return with.count(route.datacenter) > 0;
                                                       });
      if (!reached) {
        reader.report(place_of_key(path, "edge"), "path.edge.regions." + region.name,
                      fmt::format("no route leads to a datacenter with a pool of {}",
                                  config.models[asked.model].name),
                      "add a route, or a pool in a datacenter of its routes");
      }
    }
  }
  if (!config.path->model_router) {
    return;
  }
  std::vector<ModelIndex> targets;
  for (const SplitConfig& split : config.path->model_router->splits) {
    targets.push_back(split.to);
  }
  for (const SpilloverConfig& spillover : config.path->model_router->spillovers) {
    targets.push_back(spillover.to);
  }
  for (const ModelIndex target : targets) {
    const std::set<std::size_t> with = datacenters_with(config, target);
    const bool everywhere = with.size() == config.path->edge->datacenters.size();
    for (const PoolConfig& pool : config.pools) {
      const std::optional<std::size_t> datacenter = datacenter_of(config, pool);
      if (!with.empty() && !everywhere && (!datacenter || with.count(*datacenter) == 0)) {
        reader.report(place_of_key(path, "model_router"), "path.model_router",
                      fmt::format("a request for pool {} may be sent to {}, which has no pool in "
                                  "its datacenter",
                                  pool.name, config.models[target].name),
                      "the datacenter is chosen before the model: give each one a pool of both");
        return;
      }
    }
  }
}

/// Requests go on to another datacenter, and only where they belong to one.
void check_failovers(Reader& reader, const RawNode& root, const Config& config) {
  if (!config.path || !config.path->edge) {
    return;
  }
  const std::vector<DatacenterConfig>& datacenters = config.path->edge->datacenters;
  for (std::size_t d = 0; d < datacenters.size(); ++d) {
    std::set<std::size_t> seen{d};
    const auto refuse = [&](const std::string& what, const std::string& remedy) {
      reader.report(place_of_key(*root.find("path"), "edge"),
                    fmt::format("path.edge.datacenters.{}.failover", datacenters[d].name), what,
                    remedy);
    };
    if (!datacenters[d].failover.empty() && !datacenters_own_pools(config)) {
      refuse("no pool stands in a datacenter, so that none loses its replicas alone",
             "give pools a datacenter, or leave failover out");
      continue;
    }
    for (const RouteConfig& next : datacenters[d].failover) {
      if (!seen.insert(next.datacenter).second) {
        refuse(fmt::format("{} is {}", datacenters[next.datacenter].name,
                           next.datacenter == d ? "the datacenter itself" : "named twice"),
               "name other datacenters, each once");
      }
    }
  }
}

bool goes_down_whole(const DatacenterConfig& datacenter) {
  return std::any_of(datacenter.outages.begin(), datacenter.outages.end(),
                     [](const OutageConfig& outage) { return outage.share >= 1.0; });
}

/// What stops with a datacenter stands in it alone. Its outages are faults: without `faults` they
/// are noticed and survived by the defaults of that section.
void settle_outages(Reader& reader, const RawNode& pools, Config& config) {
  bool some = false;
  for (const PoolConfig& pool : config.pools) {
    const std::optional<std::size_t> there = datacenter_of(config, pool);
    if (!there || !goes_down_whole(config.path->edge->datacenters[*there])) {
      continue;
    }
    some = true;
    const auto shares_elsewhere = [&](const PoolConfig& other) {
      return other.allocation && pool.allocation &&
             other.allocation->from == pool.allocation->from && other.datacenter != pool.datacenter;
    };
    if (std::any_of(config.pools.begin(), config.pools.end(), shares_elsewhere)) {
      reader.report(pools.place, "pools." + pool.name,
                    fmt::format("{} goes down whole, and shared_gpus.{} serve pools elsewhere, too",
                                pool.datacenter, config.shared_gpus[pool.allocation->from].name),
                    "give the pools of each datacenter shared GPUs of their own");
    }
  }
  if (some && !config.faults) {
    RawNode defaults;
    defaults.kind = RawNode::Kind::map;
    read_section(reader, faults_section(), defaults, "faults", &config.faults.emplace());
  }
}

}  // namespace

void check_datacenters(Reader& reader, const RawNode& root, Config& config) {
  const RawNode& pools = *root.find("pools");
  check_failovers(reader, root, config);
  if (!check_names(reader, pools, config) || !datacenters_own_pools(config)) {
    return;
  }
  check_mixture(reader, pools, config);
  check_reach(reader, root, config);
  settle_outages(reader, pools, config);
}

}  // namespace plimsoll
