// Where the weights of a pool go.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// Where the weights of a pool go, and what the engine calls the ends of their way.
struct WeightRoutes {
  std::size_t weights = 0;                      // WeightsId::of
  std::vector<std::vector<int>> nodes_of_slot;  // into `nodes`; of shared ones until settle_on()
  std::vector<std::string> nodes;               // at the end of their NIC
  // Only of pools with a `weights` block:
  std::vector<std::string> memories;              // of nodes
  std::vector<std::string> ssds;                  // of nodes
  std::vector<std::vector<std::string>> readers;  // what reads from SSD, by slot and node of it
  std::vector<std::vector<std::string>> gpus;     // by slot and node of it
  BytesPerSecond read;                            // of one `reader`
  BytesPerSecond to_gpu;                          // of one of `gpus`
  Bytes share;                                    // that each node of a replica gets
};

}  // namespace plimsoll
