// Nodes of a pool that hand weights on to each other.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "engine/engine.hpp"
#include "operations/model_stores.hpp"
#include "operations/use_meter.hpp"
#include "operations/weight_nodes.hpp"
#include "operations/weight_routes.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// A node that wants its part of the weights gets it from one that has the same part in its main
/// memory: so many transfers at a time as PeersConfig::uploads from each, the node of the lowest
/// index that is free. Who finds none free waits in line; who has got his part is asked next, so
/// that a version spreads like a broadcast tree. The store is asked while no node has the part, by
/// PeersConfig::store_pulls nodes at a time, and for the rest of it when a sender goes. Transfers
/// are flows through the NICs of both.
class WeightPeers {
 public:
  /// All but `routes` outlive it.
  WeightPeers(const Config& config, PoolIndex pool, const WeightRoutes& routes,
              std::vector<WeightNode>& nodes, ModelStores& stores, Engine& engine);

  /// Brings a node its part; `done` runs as an event. Times of its NIC are counted here.
  PullId pull(int node, const WeightSite& site, const WeightsId& id,
              std::function<void(const PullEnd&)> done);
  /// Ends a pull whose `done` has not run, and never will.
  void cancel(PullId pull);
  /// Of a pull whose `done` has not run: what it has found so far; one that waits for a node to
  /// send is bound by their NICs, of which it has nothing.
  PullEnd so_far(PullId pull) const;
  /// What its present sender has brought of a pull whose `done` had not run, asked after the run.
  Bytes carried(PullId pull) const;
  /// A node has all of its part in its main memory.
  void has(int node, const WeightsId& id);
  /// A node stopped or was given back: what it sent goes on from elsewhere.
  void gone(int node);

  /// What nodes sent, asked after the run: with what is under way at its end.
  ResourceUse use(const std::string& owner) const;

 private:
  /// Who wants a part of a version, and who has it.
  struct Line {
    std::deque<PullId> waiting;
    std::set<int> holders;  // or had it: asked before it is used
    int at_store = 0;
  };
  struct PartId {
    WeightsId id;
    std::size_t part = 0;
    auto operator<=>(const PartId&) const = default;
  };
  enum class From : std::uint8_t { unserved, store, peer };
  struct Pull {
    PartId what;
    int node = 0;
    WeightSite site;  // where the node stands
    Bytes left;
    From from = From::unserved;
    bool stopping = false;  // its sender has gone, at this moment
    int peer = 0;
    FlowId flow = 0;
    PullId at_store = 0;
    std::function<void(const PullEnd&)> done;
  };

  std::optional<int> free_peer(const PartId& what, Line& line);
  void dispatch(const PartId& what);
  void send(PullId id, int peer);
  void ask_store(PullId id);
  void ended(PullId id, const PullEnd& end);
  /// Takes a pull from its sender; `carried` is told what it got there.
  void leave_peer(const Pull& pull, std::function<void(Bytes)> carried);
  WeightNode& node(int index) { return nodes_[static_cast<std::size_t>(index)]; }

  const Config& config_;
  PoolIndex pool_;
  const PeersConfig& rules_;
  std::vector<std::string> names_;         // of nodes
  std::vector<std::size_t> part_of_node_;  // of a replica's weights
  Bytes share_;
  std::vector<WeightNode>& nodes_;
  ModelStores& stores_;
  Engine& engine_;
  std::vector<UseMeter> sent_;  // by node
  std::map<PartId, Line> lines_;
  std::map<PullId, Pull> pulls_;  // under way or waiting
  PullId next_pull_ = 0;
};

}  // namespace plimsoll
