// What nodes have of weights, what is on its way to them, and how busy is what carries it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "operations/model_stores.hpp"
#include "operations/use_meter.hpp"
#include "operations/weight_cache.hpp"

namespace plimsoll {

class WeightLoading;

/// No slot: whose a prefetch is.
inline constexpr std::size_t nobody = static_cast<std::size_t>(-1);

/// A slot of a pool that waits for what comes to a node; `done` runs once it is there.
struct WeightWaiter {
  WeightLoading* pool = nullptr;
  std::size_t slot = nobody;
  std::function<void()> done;
};

/// What is pulled, and whose pull it is: a slot's own where nodes keep nothing, else nobody's.
struct PullKey {
  WeightsId id;
  std::size_t owner = nobody;
  auto operator<=>(const PullKey&) const = default;
};

struct PullToNode {
  PullId pull = 0;
  std::vector<WeightWaiter> waiting;
};

/// A mapped file is read in one piece, or in two when a replica serves with the first.
enum class Piece : std::uint8_t { first, rest };

struct PieceKey {
  WeightsId id;
  Piece piece = Piece::first;
  auto operator<=>(const PieceKey&) const = default;
};

/// Into the page cache of a node, for all that wait for it.
struct MappedRead {
  FlowId flow = 0;
  Bytes bytes;
  std::vector<WeightWaiter> waiting;
};

struct WeightNode {
  WeightNode(Bytes ssd_cache, Bytes memory_cache) : ssd{ssd_cache}, memory{memory_cache} {}
  /// On SSD or in main memory, whole.
  bool has(const WeightsId& id) const { return ssd.holds(id) || memory.holds(id); }

  WeightCache ssd;
  WeightCache memory;
  UseMeter nic, ssd_reads, memory_reads;
  bool there = true;                     // false: it is to come
  int users = 0;                         // slots that are rented
  std::map<PullKey, PullToNode> pulls;   // under way
  std::map<PieceKey, MappedRead> reads;  // under way
  std::map<WeightsId, ReadSpan> came;    // latest pulls that ended, of what it keeps
};

/// Of one pool, or of all pools that share GPUs.
struct WeightNodes {
  std::string owner;  // "pool chat", "shared GPUs cluster"
  bool stay = false;  // nodes that nobody uses keep what they have
  std::vector<WeightNode> nodes;
};

}  // namespace plimsoll
