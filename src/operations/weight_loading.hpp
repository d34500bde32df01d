// How the weights of a pool's replicas get from where they lie into GPUs.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "operations/model_stores.hpp"
#include "operations/weight_nodes.hpp"
#include "operations/weight_peers.hpp"
#include "operations/weight_routes.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// The weights of one pool. Each node of a replica gets its share: out of main memory when it lies
/// there, else from SSD, else from the pool's store; two replicas on a node pull once. From main
/// memory they are copied into the GPUs by the loader. Whatever is shared is a flow: uplinks, NICs,
/// SSDs, main memories, all max-min fair. Without a `weights` block they are in the GPUs once they
/// are pulled, and nothing is kept. Through a loader that maps files, read and copy go on at once,
/// the later one ends the load, and replicas of a node that read the same version share one read.
/// With `peers` nodes of the pool hand on to each other what they have in main memory.
class WeightLoading final : public WeightSource {
 public:
  /// All outlive it. `nodes` are empty and become those of this pool, or are shared with others:
  /// their caches then begin with what the tiers of all pools say, as far as it fits.
  WeightLoading(const Config& config, PoolIndex pool, WeightRoutes routes, WeightNodes& nodes,
                ModelStores& stores, Engine& engine);

  /// At t = 0, after the first replicas have begun: starts prefetching.
  void prefetch();

  void settle_on(std::size_t slot, const std::vector<int>& nodes) override;
  void settle_at(std::size_t slot, const WeightSite& site) override { slots_[slot].site = site; }
  int warmth(int node) const override;
  void adopt(std::size_t slot) override;
  void bring(std::size_t slot, WeightsVersion version, std::function<void()> pulled,
             std::function<void()> loaded) override;
  bool streams(std::size_t slot, std::function<void()> there) override;
  void give_up(std::size_t slot) override;
  void released(std::size_t slot) override;
  void node_lost(int node) override;
  void node_back(int node) override;
  const std::vector<ReadSpan>& reads_of(std::size_t slot) const override {
    return slots_[slot].reads;
  }
  std::string bound_of(std::size_t slot, StartPhase phase) const override;
  std::vector<ResourceUse> uses() const override;
  std::vector<StoreBytes> pulled_from() const override;

 private:
  /// A read or copy for one slot.
  struct Carry {
    std::uint64_t number = 0;
    UseMeter* meter = nullptr;
    FlowId flow = 0;
  };
  /// The tightest resource of a start's pulls, and what it left to one of them, in bytes/s.
  struct PullBound {
    double rate = std::numeric_limits<double>::infinity();
    std::string name;
  };
  struct Slot {
    std::uint64_t start = 0;  // number of its latest bring(): what came before is stale
    WeightSite site;          // of its nodes
    bool rented = false;
    WeightsVersion version = -1;  // in its GPUs; -1: none
    WeightsVersion wanted = 0;
    std::size_t pulls_left = 0;
    std::size_t loads_left = 0;
    std::size_t rests_left = 0;   // of lazy loads: shares that stream in under the first pass
    std::vector<Carry> carries;   // under way
    std::vector<ReadSpan> reads;  // by node of it
    std::function<void()> pulled;
    std::function<void()> loaded;
    std::function<void()> there;  // of lazy loads: after the last rest
    SimTime began{};
    PullBound pull;        // of the latest
    double load_rate = 0;  // of the tightest resource of the latest load, bytes/s
    std::string load_bound;
  };

  bool keeps() const;
  WeightsId id(WeightsVersion version) const { return {routes_.weights, version}; }
  void rent(std::size_t slot);
  void keep_in_memory(int node, const WeightsId& id, Bytes bytes);
  PullKey key_of(WeightsVersion version, std::size_t slot) const;
  void pull_to_node(int node, WeightsVersion version, WeightWaiter waiter);
  void pulled_to_node(int node, const PullKey& key, const PullEnd& end);
  void end_pull(int node, const PullKey& key);
  void carry(std::size_t slot, UseMeter& meter, const std::string& from, const std::string& to,
             Bytes bytes, std::function<void()> done);
  Bytes first_piece() const;
  void load_piece(std::size_t slot, std::size_t part, std::uint64_t start, Piece piece);
  void read_mapped(std::size_t slot, std::size_t part, const PieceKey& key,
                   std::function<void()> done);
  void mapped_read_ended(int node, const PieceKey& key);
  void piece_loaded(std::size_t slot, std::size_t part, std::uint64_t start, Piece piece);
  void drop_reads(std::size_t slot, int node);
  void drop_work(std::size_t slot);
  void bind_pull(PullBound& bound, const PullEnd& end, int node) const;
  std::string pull_bound_of(std::size_t slot) const;
  void share_pulled(std::size_t slot, std::size_t part, std::uint64_t start);
  void read_share(std::size_t slot, std::size_t part, std::uint64_t start);
  void copy_share(std::size_t slot, std::size_t part, std::uint64_t start);
  void copied(std::size_t slot, std::uint64_t start);
  void count_pulled(Slot& slot);
  std::int64_t on_their_way(const WeightNode& node) const;
  void bind_load(Slot& slot, double rate, const char* what);

  const Config& config_;
  PoolIndex index_;
  const PoolConfig& pool_;
  WeightRoutes routes_;
  WeightNodes& shared_;
  std::vector<WeightNode>& nodes_;
  ModelStores& stores_;
  Engine& engine_;
  bool overlaps_;
  bool mapped_;
  std::vector<Slot> slots_;
  std::uint64_t next_carry_ = 0;
  PullEnd latest_;  // pull that ended
  std::optional<WeightPeers> peers_;
};

}  // namespace plimsoll
