// How often each of many objects is asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/path_config.hpp"

namespace plimsoll {

/// Zipf's law over ranks 0 .. objects-1. Low ranks stand alone; higher ones are gathered in groups
/// 1/256 as wide as their rank, within which all are alike: a few thousand groups for any number
/// of objects, probabilities off by at most 0.2 % times the exponent.
class Popularity {
 public:
  struct Group {
    std::int64_t first = 0;  // rank
    std::int64_t count = 1;
    double share = 0;  // of the requests that each object of the group gets
  };

  Popularity(std::int64_t objects, double exponent);

  const std::vector<Group>& groups() const { return groups_; }
  /// The group that a uniform draw of 32 bits falls into. O(1).
  std::uint32_t group_of(std::uint32_t mark) const {
    const double at = (static_cast<double>(mark) + 0.5) * 0x1.0p-32;
    std::uint32_t group = guide_[mark >> guide_shift];
    while (cumulative_[group] < at) {
      ++group;
    }
    return group;
  }
  /// A rank in `group` by another one.
  std::int64_t rank_of(std::uint32_t group, std::uint32_t mark) const {
    const Group& chosen = groups_[group];
    return chosen.first + static_cast<std::int64_t>((static_cast<double>(mark) * 0x1.0p-32) *
                                                    static_cast<double>(chosen.count));
  }

 private:
  static constexpr int guide_shift = 20;

  std::vector<Group> groups_;
  std::vector<double> cumulative_;    // by group; the last is above 1
  std::vector<std::uint32_t> guide_;  // the first group of each 1/4096
};

}  // namespace plimsoll
