// Engine, its border to SimGrid: the platform. Builds hosts, links and disks from a PlatformSpec
// and finds them by name.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <simgrid/s4u.hpp>
#include <string>
#include <string_view>

#include "engine/engine.hpp"

namespace plimsoll {

/// The one SimGrid engine of the process, its network model set and its platform built.
class SimGridPlatform {
 public:
  explicit SimGridPlatform(const PlatformSpec& spec);

  /// InternalError when there is no such node or store.
  simgrid::s4u::Host* host(const std::string& name) const;
  /// InternalError when there is no such node or it has no disk.
  simgrid::s4u::Disk* disk(const std::string& name) const;
  /// Of a flow between two of them, both ends' together: it is to pass before the flow starts,
  /// since links have none.
  Duration latency(const simgrid::s4u::Host* from, const simgrid::s4u::Host* to) const;
  /// Sets the bandwidth of its link, each way, to a share of what was built.
  void set_bandwidth_share(const std::string& name, double share);
  /// Where actors live; no part of the network.
  simgrid::s4u::Host* control_host() const { return control_host_; }
  simgrid::s4u::Engine& engine() { return *engine_; }

 private:
  simgrid::s4u::Host* add_host(const std::string& name, BytesPerSecond bandwidth, Duration latency);

  void add_remote_names(const PlatformSpec& spec);

  std::unique_ptr<simgrid::s4u::Engine> engine_;
  simgrid::s4u::NetZone* zone_ = nullptr;
  simgrid::s4u::Host* control_host_ = nullptr;
  struct OwnLink {
    simgrid::s4u::SplitDuplexLink* link = nullptr;
    double bandwidth = 0;  // bytes/s each way
  };
  std::map<std::string, simgrid::s4u::Host*, std::less<>> hosts_;
  std::map<std::string, OwnLink, std::less<>> links_;
  std::map<const simgrid::s4u::Host*, Duration> latencies_;  // looked up, never gone through
};

}  // namespace plimsoll
