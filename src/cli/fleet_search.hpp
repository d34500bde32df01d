// Command line: the search for the smallest fleet that still holds, whatever holding means.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace plimsoll::cli {

/// Replicas by pool.
using FleetSize = std::vector<int>;

struct SmallestFleet {
  bool found = false;
  FleetSize replicas;  // that holds; meaningful when found
};

/// Shrinks `today` pool by pool, in the order of `pools` (positions; others stay as they are), each
/// by bisection with all others at what they have come to, until no pool can do without one replica
/// more. A fleet that does not hold today is first doubled, up to `most_times` (in those pools).
///
/// More replicas are assumed not to hurt; what is returned does not rest on it: the fleet itself
/// was asked and holds, and so was, for every one of `pools`, the same fleet with one replica less
/// (a pool never has fewer than 1), which does not. `holds` is asked once for each fleet.
SmallestFleet smallest_fleet(const FleetSize& today, const std::vector<std::size_t>& pools,
                             int most_times, const std::function<bool(const FleetSize&)>& holds);

}  // namespace plimsoll::cli
