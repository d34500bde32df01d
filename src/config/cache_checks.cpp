// Config: what the caches and the connections of the request path are to hold.
#include "config/path_parts.hpp"

namespace plimsoll {

void check_connections(Reader& reader, const RawNode& map, const std::string& path,
                       const PathConfig& config) {
  if (config.streaming && config.streaming->pool && config.streaming->reuse > 0) {
    reader.report(place_of_key(map, "streaming"), join_path(path, "streaming.reuse"),
                  "the pool says which requests find an open connection",
                  "leave out reuse or pool");
  }
}

}  // namespace plimsoll
