// The GPUs that several pools share, node by node: which are there, which work, and whose they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// What a replica has on one node.
struct GpuHolder {
  std::size_t member = 0;  // a pool, as its scheduler calls it
  std::size_t slot = 0;
  int gpus = 0;

  bool same_replica(const GpuHolder& other) const {
    return member == other.member && slot == other.slot;
  }
};

/// GPU-nanoseconds since t = 0. What pools had + free + down = total.
struct GpuTimes {
  std::int64_t total = 0;   // of GPUs that are there
  std::int64_t free = 0;    // work, and nobody's
  std::int64_t down = 0;    // broken, and nobody's
  std::int64_t broken = 0;  // broken, whoever had them
};

/// A GPU is there or to come, works or is broken, and is a replica's or nobody's: these are
/// independent, so that a replica may have broken GPUs and broken ones may come. Faults on one GPU
/// may overlap: it works again when all are over.
class GpuNodes {
 public:
  /// `nodes` of `per_node` GPUs, of which the first `there` are there.
  GpuNodes(int nodes, int per_node, int there);

  int count() const { return static_cast<int>(nodes_.size()); }
  int per_node() const { return per_node_; }
  /// GPUs of the node that work and are nobody's.
  int free(int node) const { return at(node).free; }
  /// GPUs of the node that are there and work.
  int working(int node) const { return at(node).there ? per_node_ - at(node).broken : 0; }
  /// Of the GPUs that a replica has on the node, those that work.
  int working_of(int node, const GpuHolder& holder) const;
  /// In the order in which they came.
  const std::vector<GpuHolder>& holders(int node) const { return at(node).holders; }

  /// The first free GPUs of the node become the holder's; there are enough.
  void take(int node, const GpuHolder& holder);
  /// Those of a holder become nobody's.
  void give_back(int node, const GpuHolder& holder);
  /// The node comes.
  void arrive(int node);
  /// GPUs first .. first + count - 1 of the node break. The holders that have some which worked
  /// until now.
  std::vector<GpuHolder> strike(int node, int first, int count);
  /// One fault of each is over. The holders that have some which work again.
  std::vector<GpuHolder> repair(int node, int first, int count);

  // Of all nodes.
  int there() const { return there_; }
  int free() const { return free_; }
  int down() const { return down_; }
  int broken() const { return broken_; }
  int taken() const { return there_ - free_ - down_; }
  /// Adds up the times until `now`, before anything changes at that moment.
  void settle(SimTime now);
  GpuTimes times(SimTime now) const;

 private:
  static constexpr std::size_t nobodys = std::numeric_limits<std::size_t>::max();
  struct Gpu {
    std::size_t member = nobodys;
    std::size_t slot = 0;
    int faults = 0;  // that last
  };
  struct Node {
    bool there = false;
    int free = 0;
    int broken = 0;
    std::vector<Gpu> gpus;
    std::vector<GpuHolder> holders;
  };
  const Node& at(int node) const { return nodes_[static_cast<std::size_t>(node)]; }
  void change(Node& node, int free, int down, int broken);
  static void note_holder(std::vector<GpuHolder>& found, const Node& node, const Gpu& gpu);

  int per_node_;
  std::vector<Node> nodes_;
  int there_ = 0;
  int free_ = 0;
  int down_ = 0;
  int broken_ = 0;
  SimTime since_{};
  GpuTimes times_;
};

}  // namespace plimsoll
