// The servers that weights are pulled from, for all pools of a run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "operations/use_meter.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/elasticity_metrics.hpp"

namespace plimsoll {

/// A pull from its beginning on; never reused.
using PullId = std::uint64_t;

/// What a pull found: the rate that the tightest of the resources of its store left to each pull,
/// when they were most.
struct PullEnd {
  BytesPerSecond share;
  std::string bound;  // that resource, e.g. "uplink of store models"
  SimTime began{};
};

/// Whether what a store sends to pools of `region` passes its wan.
bool crosses_wan(const StoreConfig& store, const std::string& region);

/// A pool, or the offer of a node, names the store that it pulls from; while that is down its pulls
/// go, and go on, at the first of its fallbacks that is up. When all are down they wait at the
/// first.
class ModelStores {
 public:
  /// What the engine calls a server of a store, for nodes of a region.
  using HostName =
      std::function<std::string(const StoreConfig& store, int server, const std::string& region)>;

  /// All outlive it.
  ModelStores(const Config& config, Engine& engine, HostName host_name);

  /// Moves bytes to a node of a pool, which stands at `site`: from the server that has the fewest
  /// pulls under way, the first of equal ones; in so many shards at once as the pool says, each as
  /// a pull of its own. `done` runs as an event.
  PullId pull(PoolIndex pool, const WeightSite& site, const std::string& node, Bytes bytes,
              std::function<void(const PullEnd&)> done);
  /// Ends a pull whose `done` has not run, and never will; `carried` is told the bytes that had
  /// arrived, perhaps in several parts, before any event after the current one.
  void cancel(PullId pull, std::function<void(Bytes)> carried);
  /// What a pull whose `done` had not run has brought, asked after the run, as Engine::carried().
  Bytes carried(PullId pull) const;
  /// Of a pull whose `done` has not run: what it has found so far.
  PullEnd so_far(PullId pull) const;
  /// From now on all servers of a store are up, or none. Pulls at one that is down move, with what
  /// they lack, when another has come up or is up; those of StoreChoice::nearest move back in the
  /// same way when a nearer one has come up.
  void set_up(std::size_t store, bool up);

  /// Uplinks and wans of the stores that a pool may pull from, the nearest first: the sum over all
  /// servers of each, for all pools. Asked after the run: with what is under way at its end.
  std::vector<ResourceUse> uses(PoolIndex pool) const;
  /// What came from each of them, likewise; empty when there is only one, unless `even_of_one`.
  std::vector<StoreBytes> pulled_from(PoolIndex pool, bool even_of_one = false) const;

 private:
  struct Store {
    std::vector<UseMeter> servers;
    std::map<std::string, UseMeter> wans;  // by region
    std::vector<std::size_t> replicas;     // itself and its fallbacks, the nearest first
    bool up = true;
  };
  struct Pull {
    PoolIndex pool = 0;
    WeightSite site;  // of the node
    std::string node;
    SimTime began{};
    Bytes left;     // when it began at its store
    Bytes carried;  // from stores before
    std::function<void(const PullEnd&)> done;
    std::size_t store = 0;
    std::size_t server = 0;
    FlowId flow = 0;
    bool moving = false;  // it has left its store, at this moment
  };

  /// Pulls of one share at once.
  struct Shards {
    std::vector<PullId> pulls;
    std::size_t left = 0;  // that have not arrived
    Bytes arrived;
    PullEnd end;  // all rates together, and what the slowest was bound by
    double slowest = 0;
    std::function<void(const PullEnd&)> done;

    void add(const PullEnd& shard);
  };

  PullId pull_whole(PoolIndex pool, const WeightSite& site, const std::string& node, Bytes bytes,
                    std::function<void(const PullEnd&)> done);
  void shard_ended(PullId shards, Bytes bytes, const PullEnd& end);
  std::size_t choose(std::size_t nearest) const;
  std::vector<std::size_t> stores_of(PoolIndex pool) const;
  double load_of(std::size_t store) const;
  void begin(PullId id);
  PullEnd bound_of(const Pull& pull) const;
  void finish(PullId id);
  void leave(const Pull& pull, std::function<void(Bytes)> carried);
  bool better_elsewhere(const Pull& pull) const;
  void move_pulls();
  UseMeter* wan_of(const Pull& pull);
  void count(const Pull& pull, Bytes bytes);

  const Config& config_;
  Engine& engine_;
  HostName host_name_;
  std::vector<Store> stores_;
  std::map<PullId, Pull> pulls_;     // under way
  std::map<PullId, Shards> shards_;  // likewise
  PullId next_pull_ = 0;
  std::map<std::pair<PoolIndex, std::size_t>, std::int64_t> bytes_;  // by pool and store
};

/// As ResourceUse has it: bytes over what could have been carried in the busy time.
ResourceUse resource_use(std::string resource, std::int64_t bytes, std::int64_t busy_ns,
                         BytesPerSecond rate);

}  // namespace plimsoll
