// The servers that weights are pulled from, for all pools of a run.
#include "operations/model_stores.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll {

ResourceUse resource_use(std::string resource, std::int64_t bytes, std::int64_t busy_ns,
                         BytesPerSecond rate) {
  ResourceUse use;
  use.resource = std::move(resource);
  use.bytes = bytes;
  use.busy_ns = busy_ns;
  use.bytes_per_second = rate.count();
  if (busy_ns > 0) {
    use.utilization = static_cast<double>(bytes) / (to_seconds(Duration{busy_ns}) * rate.count());
  }
  return use;
}

ModelStores::ModelStores(const Config& config, Engine& engine, const HostName& host_name)
    : config_{config}, engine_{engine} {
  for (const StoreConfig& store : config.stores) {
    std::vector<Server>& servers = servers_.emplace_back();
    for (int i = 0; i < store.servers; ++i) {
      Server server;
      server.host = host_name(store, i);
      servers.push_back(std::move(server));
    }
  }
}

void ModelStores::pull(std::size_t store, const std::string& node, Bytes bytes,
                       std::function<void(BytesPerSecond)> done) {
  std::vector<Server>& servers = servers_[store];
  Server& server = *std::min_element(
      servers.begin(), servers.end(),
      [](const Server& a, const Server& b) { return a.meter.active() < b.meter.active(); });
  server.meter.begin(engine_.now());
  const double uplink = config_.stores[store].uplink.count();
  engine_.transfer(server.host, node, bytes,
                   [this, &server, uplink, bytes, done = std::move(done)] {
                     const int peak = server.meter.peak();
                     server.meter.end(bytes, engine_.now());
                     done(BytesPerSecond::of(uplink / peak));
                   });
}

ResourceUse ModelStores::use(std::size_t store) const {
  std::int64_t bytes = 0;
  std::int64_t busy = 0;
  for (const Server& server : servers_[store]) {
    bytes += server.meter.bytes();
    busy += server.meter.busy_ns();
  }
  const StoreConfig& config = config_.stores[store];
  return resource_use("uplink of store " + config.name, bytes, busy, config.uplink);
}

}  // namespace plimsoll
