// The servers that weights are pulled from, for all pools of a run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "operations/use_meter.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/elasticity_metrics.hpp"

namespace plimsoll {

class ModelStores {
 public:
  /// What the engine calls a server of a store.
  using HostName = std::function<std::string(const StoreConfig& store, int server)>;

  /// Both outlive it.
  ModelStores(const Config& config, Engine& engine, const HostName& host_name);

  /// Moves bytes from the server of the store that has the fewest pulls under way, the first of
  /// equal ones, to a node; `done` runs as an event and is told the rate that the server's uplink
  /// left to each of its pulls, when they were most.
  void pull(std::size_t store, const std::string& node, Bytes bytes,
            std::function<void(BytesPerSecond uplink_share)> done);

  /// All servers of a store together.
  ResourceUse use(std::size_t store) const;

 private:
  struct Server {
    std::string host;
    UseMeter meter;
  };

  const Config& config_;
  Engine& engine_;
  std::vector<std::vector<Server>> servers_;  // by store
};

/// As ResourceUse has it: bytes over what could have been carried in the busy time.
ResourceUse resource_use(std::string resource, std::int64_t bytes, std::int64_t busy_ns,
                         BytesPerSecond rate);

}  // namespace plimsoll
