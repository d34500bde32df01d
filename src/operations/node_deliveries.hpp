// Orders of nodes of shared GPUs: when they come.
#pragma once

#include <functional>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/allocation_summary.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// An order waits for the end of a stock-out, then for its lead time; then all its nodes are there.
class NodeDeliveries {
 public:
  /// `delivered` runs as an event for each node that comes, in the order of orders: the first of
  /// them has the number SharedGpusConfig::nodes. References outlive this.
  NodeDeliveries(const Config& config, std::size_t shared, Engine& engine,
                 std::function<void(int node)> delivered);

  /// At t = 0.
  void start();
  std::vector<NodeDelivery> summary() const { return orders_; }

 private:
  void place(std::size_t order);
  void deliver(std::size_t order);

  const SharedGpusConfig& shared_;
  Engine& engine_;
  std::function<void(int)> delivered_;
  RandomStream lead_stream_;
  std::vector<int> first_;  // node, by order
  std::vector<NodeDelivery> orders_;
};

}  // namespace plimsoll
