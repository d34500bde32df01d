// Config: what the caches and the connections of the request path are to hold.
#include <fmt/format.h>

#include <algorithm>

#include "config/path_parts.hpp"

namespace plimsoll {
namespace {

/// `key` is the cache's place in `path`.
void need_object_size(Reader& reader, const RawNode& map, const std::string& path,
                      const std::string& key, const CacheConfig& cache) {
  if (!cache.object_size) {
    reader.report(map.place, join_path(path, key + ".object_size"),
                  "missing key: how large the objects are says how many it holds",
                  "e.g. object_size: 6 kB");
  }
}

/// Contexts have the size of their tokens, and come from sessions.
void check_contexts(Reader& reader, const RawNode& map, const std::string& path,
                    const PathConfig& config) {
  const ConversationCacheConfig& contexts = *config.conversation_cache;
  const Place place = place_of_key(map, "conversation_cache");
  const auto report = [&](const char* key, const char* what, const char* remedy) {
    reader.report(place, join_path(path, std::string{"conversation_cache"} + key), what, remedy);
  };
  if (contexts.conversations && contexts.by_session()) {
    report(".conversations", "bytes_per_token says that turns look for their own contexts",
           "leave out conversations or bytes_per_token");
  }
  if (!contexts.conversations && !contexts.by_session()) {
    report("", "missing key: conversations, or bytes_per_token",
           "conversations: {objects: 1000000} says how often each is continued; bytes_per_token: "
           "40 B lets further turns of clients.sessions look for their own");
  }
  if (!contexts.by_session()) {
    need_object_size(reader, map, path, "conversation_cache.cache", contexts.cache);
    return;
  }
  if (contexts.cache.object_size || contexts.cache.filled) {
    report(".cache", "contexts are as large as their tokens, and there are none at t = 0",
           "leave out object_size and filled");
  }
  const bool traced = !reader.config().workload.trace.empty();  // which may name its sessions
  const bool turns =
      config.clients && config.clients->sessions && config.clients->sessions->keeps_context;
  if (!traced && !turns) {
    report(".bytes_per_token", "no turn of any session has a context to look for",
           "add path.clients.sessions with keeps_context: true, or use conversations");
  }
}

void check_locations(Reader& reader, const RawNode& map, const std::string& path,
                     const PathConfig& config) {
  const EdgeConfig& edge = *config.edge;
  const auto named =
      std::count_if(edge.regions.begin(), edge.regions.end(),
                    [](const RegionConfig& region) { return region.locations.has_value(); });
  constexpr std::int64_t most = 50'000'000;
  std::int64_t played = 0;
  for (const RegionConfig& region : edge.regions) {
    const std::string key = join_path(path, "edge.regions." + region.name);
    const auto report = [&](const char* what, const char* remedy) {
      reader.report(place_of_key(map, "edge"), key, what, remedy);
    };
    if (named > 0 && !region.locations) {
      report("other regions say how many locations they have, and this one does not",
             "give every region locations, or none");
    }
    if ((region.cdn_capacity || !region.cdn_outages.empty()) && !region.locations) {
      report("a cache of its own needs locations where it stands", "add locations: 1");
    }
    if (region.locations && !edge.cdn) {
      report("locations hold caches, and there is no edge.cdn", "add edge.cdn or drop locations");
    }
    played += region.locations.value_or(0);
  }
  if (edge.cdn && edge.cdn->method == CacheMethod::lru && config.popularity &&
      played > most / config.popularity->objects) {
    reader.report(place_of_key(map, "edge"), join_path(path, "edge.cdn.method"),
                  fmt::format("method lru plays at most {} objects, all locations together", most),
                  "use method: che");
  }
}

}  // namespace

void check_objects_of_caches(Reader& reader, const RawNode& map, const std::string& path,
                             const PathConfig& config) {
  if (config.response_cache) {
    need_object_size(reader, map, path, "response_cache", *config.response_cache);
  }
  if (config.edge && config.edge->cdn) {
    need_object_size(reader, map, path, "edge.cdn", *config.edge->cdn);
  }
  if (config.edge) {
    check_locations(reader, map, path, config);
  }
  if (config.conversation_cache) {
    check_contexts(reader, map, path, config);
  }
}

void check_connections(Reader& reader, const RawNode& map, const std::string& path,
                       const PathConfig& config) {
  if (config.streaming && config.streaming->pool && config.streaming->reuse > 0) {
    reader.report(place_of_key(map, "streaming"), join_path(path, "streaming.reuse"),
                  "the pool says which requests find an open connection",
                  "leave out reuse or pool");
  }
}

}  // namespace plimsoll
