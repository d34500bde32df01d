// Engine, its border to SimGrid: the platform. A star of full-duplex links: every node and store
// hangs on the core by its own link, so flows contend at NICs and uplinks.
#include "engine/simgrid_platform.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <array>
#include <csignal>

#include "plimsoll/errors.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLIMSOLL_THREAD_CONTEXTS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PLIMSOLL_THREAD_CONTEXTS 1
#endif

namespace plimsoll {

namespace {

// SimGrid computes no flops for us; a host must have some speed.
constexpr double host_flops = 1e9;

/// SimGrid installs handlers of its own, which end the process with exit code 1: whoever uses the
/// library decides what a signal does, so its handlers are put back.
class SignalHandlersKept {
 public:
  SignalHandlersKept() {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      sigaction(signals[i], nullptr, &actions_[i]);
    }
  }
  ~SignalHandlersKept() {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      sigaction(signals[i], &actions_[i], nullptr);
    }
  }
  SignalHandlersKept(const SignalHandlersKept&) = delete;
  SignalHandlersKept& operator=(const SignalHandlersKept&) = delete;

 private:
  static constexpr std::array<int, 2> signals = {SIGINT, SIGSEGV};
  std::array<struct sigaction, signals.size()> actions_{};
};

/// SimGrid with the private command line it wants. Its defaults model TCP over a wide area (a
/// 350 GB pull at 100 Gb/s and 35 ms takes 6,022 s with them); these give plain max-min sharing
/// with equal weights (docs/adr/0002). CM02 weighs a flow by the latency of its route, and with
/// weight-S by the bandwidths of its links; only flows without latency weigh 1 each. So no link
/// here has any: whoever starts a flow lets latency() pass before.
std::unique_ptr<simgrid::s4u::Engine> make_engine() {
  static std::array<std::string, 10> arguments = {
      "plimsoll",
      "--log=root.thres:critical",
      "--cfg=network/model:CM02",
      "--cfg=network/crosstraffic:0",
      "--cfg=network/TCP-gamma:0",
      "--cfg=network/latency-factor:1",
      "--cfg=network/bandwidth-factor:1",
      "--cfg=network/weight-S:0",
      "--cfg=maxmin/precision:1e-12",
#ifdef PLIMSOLL_THREAD_CONTEXTS
      "--cfg=contexts/factory:thread",  // the sanitizer does not follow SimGrid's own stacks
#else
      "--cfg=contexts/stack-size:1024",  // KiB
#endif
  };
  static std::array<char*, arguments.size() + 1> argv{};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    argv[i] = arguments[i].data();
  }
  int argc = static_cast<int>(arguments.size());
  const SignalHandlersKept handlers;
  return std::make_unique<simgrid::s4u::Engine>(&argc, argv.data());
}

}  // namespace

SimGridPlatform::SimGridPlatform(const PlatformSpec& spec)
    : engine_{make_engine()}, zone_{simgrid::s4u::create_star_zone("core")} {
  control_host_ = zone_->create_host("control", host_flops);
  for (const PlatformSpec::NodeGroup& group : spec.groups) {
    for (int i = 0; i < group.count; ++i) {
      simgrid::s4u::Host* const host =
          add_host(fmt::format("{}-{}", group.name, i), group.nic, group.nic_latency);
      if (group.disk_read > BytesPerSecond{}) {
        host->create_disk("disk", group.disk_read.count(), group.disk_read.count());
      }
    }
  }
  for (const PlatformSpec::Store& store : spec.stores) {
    add_host(store.name, store.uplink, store.latency);
  }
  add_remote_names(spec);
  zone_->seal();
}

void SimGridPlatform::add_remote_names(const PlatformSpec& spec) {
  std::map<std::string, simgrid::s4u::Link*, std::less<>> shared;
  for (const PlatformSpec::SharedLink& link : spec.shared_links) {
    PLIMSOLL_CHECK(link.bandwidth > BytesPerSecond{}, link.name + " needs a bandwidth above 0");
    simgrid::s4u::Link*& built = shared[link.name];
    PLIMSOLL_CHECK(built == nullptr, fmt::format("two links are called {}", link.name));
    built = zone_->create_link("shared link " + link.name, link.bandwidth.count())->seal();
  }
  for (const PlatformSpec::RemoteName& remote : spec.remote_names) {
    PLIMSOLL_CHECK(!hosts_.contains(remote.name),
                   fmt::format("two hosts are called {}", remote.name));
    PLIMSOLL_CHECK(shared.contains(remote.link), fmt::format("no link is called {}", remote.link));
    const auto own = links_.find(remote.store);
    PLIMSOLL_CHECK(own != links_.end(), fmt::format("no store is called {}", remote.store));
    simgrid::s4u::Host* const host = zone_->create_host("host " + remote.name, host_flops);
    const simgrid::s4u::LinkInRoute up{own->second.link, simgrid::s4u::LinkInRoute::Direction::UP};
    zone_->add_route(host->get_netpoint(), nullptr, nullptr, nullptr,
                     {up, simgrid::s4u::LinkInRoute{shared.at(remote.link)}}, true);
    hosts_.emplace(remote.name, host);
    latencies_.emplace(host, latencies_.at(hosts_.at(remote.store)));
  }
}

simgrid::s4u::Host* SimGridPlatform::add_host(const std::string& name, BytesPerSecond bandwidth,
                                              Duration latency) {
  PLIMSOLL_CHECK(!hosts_.contains(name), fmt::format("two hosts are called {}", name));
  PLIMSOLL_CHECK(bandwidth > BytesPerSecond{}, fmt::format("{} needs a bandwidth above 0", name));
  PLIMSOLL_CHECK(latency >= Duration{}, fmt::format("{} needs a latency of 0 or more", name));
  simgrid::s4u::Host* const host = zone_->create_host("host " + name, host_flops);
  auto* const link = zone_->create_split_duplex_link("link " + name, bandwidth.count());
  link->seal();
  const simgrid::s4u::LinkInRoute up{link, simgrid::s4u::LinkInRoute::Direction::UP};
  zone_->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, {up}, true);
  hosts_.emplace(name, host);
  latencies_.emplace(host, latency);
  links_.emplace(name, OwnLink{link, bandwidth.count()});
  return host;
}

simgrid::s4u::Host* SimGridPlatform::host(const std::string& name) const {
  const auto found = hosts_.find(name);
  PLIMSOLL_CHECK(found != hosts_.end(), fmt::format("no node or store is called {}", name));
  return found->second;
}

Duration SimGridPlatform::latency(const simgrid::s4u::Host* from,
                                  const simgrid::s4u::Host* to) const {
  return latencies_.at(from) + latencies_.at(to);
}

void SimGridPlatform::set_bandwidth_share(const std::string& name, double share) {
  const auto found = links_.find(name);
  PLIMSOLL_CHECK(found != links_.end(), fmt::format("no node or store is called {}", name));
  // Still more than the solver's precision (make_engine).
  constexpr double least = 10;  // bytes/s
  const double rate = std::max(found->second.bandwidth * share, least);
  found->second.link->get_link_up()->set_bandwidth(rate);
  found->second.link->get_link_down()->set_bandwidth(rate);
}

simgrid::s4u::Disk* SimGridPlatform::disk(const std::string& name) const {
  const auto disks = host(name)->get_disks();
  PLIMSOLL_CHECK(!disks.empty(), fmt::format("{} has no disk", name));
  return disks.front();
}

}  // namespace plimsoll
