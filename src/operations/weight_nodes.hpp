// What nodes have of weights, and how busy is what carries weights to them and on them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "operations/use_meter.hpp"
#include "operations/weight_cache.hpp"

namespace plimsoll {

struct WeightNode {
  WeightNode(Bytes ssd_cache, Bytes memory_cache) : ssd{ssd_cache}, memory{memory_cache} {}
  WeightCache ssd;
  WeightCache memory;
  UseMeter nic, ssd_reads, memory_reads;
  int users = 0;                                                  // slots that are rented
  std::map<WeightsId, std::vector<std::function<void()>>> pulls;  // under way: who waits
};

/// Of one pool, or of all pools that share GPUs.
struct WeightNodes {
  std::string owner;  // "pool chat", "shared GPUs cluster"
  bool stay = false;  // nodes that nobody uses keep what they have
  std::vector<WeightNode> nodes;
};

}  // namespace plimsoll
