// Command line: bisection, pool by pool.
#include "cli/fleet_search.hpp"

#include <map>

namespace plimsoll::cli {
namespace {

class Search {
 public:
  explicit Search(const std::function<bool(const FleetSize&)>& holds) : holds_{holds} {}

  bool holds(const FleetSize& fleet) {
    const auto known = answers_.find(fleet);
    if (known != answers_.end()) {
      return known->second;
    }
    const bool answer = holds_(fleet);
    answers_[fleet] = answer;
    return answer;
  }

  bool holds_with(FleetSize fleet, std::size_t pool, int replicas) {
    fleet[pool] = replicas;
    return holds(fleet);
  }

  /// The smallest count at which `fleet`, which holds, still does, by bisection.
  int shrunk(const FleetSize& fleet, std::size_t pool) {
    int fails = 0;
    int enough = fleet[pool];
    while (enough - fails > 1) {
      const int middle = fails + (enough - fails) / 2;
      (holds_with(fleet, pool, middle) ? enough : fails) = middle;
    }
    return enough;
  }

 private:
  const std::function<bool(const FleetSize&)>& holds_;
  std::map<FleetSize, bool> answers_;
};

}  // namespace

SmallestFleet smallest_fleet(const FleetSize& today, const std::vector<std::size_t>& pools,
                             int most_times, const std::function<bool(const FleetSize&)>& holds) {
  Search search{holds};
  SmallestFleet smallest{false, today};
  for (int times = 1; times <= most_times && !smallest.found; times *= 2) {
    for (const std::size_t pool : pools) {
      smallest.replicas[pool] = today[pool] * times;
    }
    smallest.found = search.holds(smallest.replicas);
  }
  if (!smallest.found) {
    return smallest;
  }
  for (const std::size_t pool : pools) {
    smallest.replicas[pool] = search.shrunk(smallest.replicas, pool);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::size_t pool : pools) {
      const int fewer = smallest.replicas[pool] - 1;
      if (fewer >= 1 && search.holds_with(smallest.replicas, pool, fewer)) {
        smallest.replicas[pool] = fewer;
        smallest.replicas[pool] = search.shrunk(smallest.replicas, pool);
        changed = true;
      }
    }
  }
  return smallest;
}

}  // namespace plimsoll::cli
