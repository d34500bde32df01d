// The least loaded of many replicas, kept under updates: a tournament over (load, tie key).
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "plimsoll/policies/router.hpp"

namespace plimsoll {

/// update and best cost O(log n) and O(1). Equal loads are ordered by the tie keys that the caller
/// draws, so that no replica is preferred for its index.
class WinnerTree {
 public:
  void reset(std::uint32_t leaves) {
    width_ = std::bit_ceil(leaves == 0 ? 1U : leaves);
    leaves_.assign(width_, Leaf{});
    winners_.assign(width_, 0);
    for (std::uint32_t node = width_ - 1; node >= 1; --node) {
      winners_[node] = better(child(2 * node), child(2 * node + 1));
    }
  }

  /// Load of a leaf; infinite = not eligible.
  void update(std::uint32_t leaf, double load, std::uint32_t tie) {
    leaves_[leaf] = Leaf{load, tie};
    for (std::uint32_t node = (width_ + leaf) / 2; node >= 1; node /= 2) {
      winners_[node] = better(child(2 * node), child(2 * node + 1));
    }
  }

  /// The eligible leaf of the least load; RouteDecision::none when there is none.
  std::uint32_t best() const {
    const std::uint32_t leaf = width_ == 1 ? 0 : winners_[1];
    return leaves_[leaf].load < std::numeric_limits<double>::infinity() ? leaf
                                                                        : RouteDecision::none;
  }

 private:
  struct Leaf {
    double load = std::numeric_limits<double>::infinity();
    std::uint32_t tie = 0;
  };

  std::uint32_t child(std::uint32_t node) const {
    return node >= width_ ? node - width_ : winners_[node];
  }
  std::uint32_t better(std::uint32_t a, std::uint32_t b) const {
    const Leaf& left = leaves_[a];
    const Leaf& right = leaves_[b];
    if (left.load != right.load) {
      return left.load < right.load ? a : b;
    }
    return left.tie <= right.tie ? a : b;
  }

  std::uint32_t width_ = 1;
  std::vector<Leaf> leaves_;
  std::vector<std::uint32_t> winners_;  // by inner node, 1 = root
};

}  // namespace plimsoll
