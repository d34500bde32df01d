// The caches of answers at the edge: one for all users, or one at every location of every region.
#pragma once

#include <cstdint>
#include <vector>

#include "service/cache.hpp"

namespace plimsoll {

/// Regions ask for the same things equally often. Where regions name their locations, each of a
/// region's locations has an equal share of its users and a cache of its own: what a location holds
/// is what it was asked for, and capacity elsewhere does not help.
class EdgeCaches {
 public:
  /// `config.cdn` is set; `popularity` outlives it.
  EdgeCaches(std::uint64_t seed, const EdgeConfig& config, const Popularity& popularity,
             const std::vector<double>& flow);

  /// As Cache::look_up, by a user of `region`.
  StageResult look_up(std::uint64_t id, std::uint16_t region, const AskedObject& object,
                      SimTime t) {
    return caches_[caches_.size() == 1 ? 0 : region].look_up(id, object, t);
  }
  /// As Cache::store.
  void store(std::uint64_t id, std::uint16_t region, const AskedObject& object, SimTime t) {
    caches_[caches_.size() == 1 ? 0 : region].store(id, object, t);
  }
  /// Bytes held over the capacity, of all locations.
  double utilization() const;
  /// As those of Cache, over all regions by their shares of the users.
  double expected_hits() const;
  std::vector<double> miss_flow() const;
  /// As the cache behind them sees them.
  std::vector<FrontCache> fronts() const;

 private:
  std::vector<Cache> caches_;   // one, or by region
  std::vector<double> shares_;  // of the users; they add up to 1
  std::vector<double> bytes_;   // capacity of all locations
};

}  // namespace plimsoll
