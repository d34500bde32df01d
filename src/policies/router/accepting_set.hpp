// Which replicas accept requests, for routers that sample them.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/policies/router.hpp"

namespace plimsoll {

/// A set over 0 .. n-1 with O(1) insert, erase and access by position.
class AcceptingSet {
 public:
  void reset(std::uint32_t replicas) {
    members_.clear();
    place_.assign(replicas, absent);
  }

  void set(std::uint32_t replica, bool accepting) {
    const std::uint32_t place = place_[replica];
    if (accepting == (place != absent)) {
      return;
    }
    if (accepting) {
      place_[replica] = static_cast<std::uint32_t>(members_.size());
      members_.push_back(replica);
    } else {
      place_[members_.back()] = place;
      members_[place] = members_.back();
      members_.pop_back();
      place_[replica] = absent;
    }
  }

  bool contains(std::uint32_t replica) const { return place_[replica] != absent; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(members_.size()); }
  std::uint32_t operator[](std::uint32_t position) const { return members_[position]; }

 private:
  static constexpr std::uint32_t absent = 0xffffffffU;
  std::vector<std::uint32_t> members_;
  std::vector<std::uint32_t> place_;  // of each replica in members_
};

}  // namespace plimsoll
