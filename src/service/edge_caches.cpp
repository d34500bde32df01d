// Hits at the edge, region by region.
#include "service/edge_caches.hpp"

#include <algorithm>

namespace plimsoll {

EdgeCaches::EdgeCaches(std::uint64_t seed, const EdgeConfig& config, const Popularity& popularity,
                       const std::vector<double>& flow) {
  const bool by_region =
      std::any_of(config.regions.begin(), config.regions.end(),
                  [](const RegionConfig& region) { return region.locations.has_value(); });
  if (!by_region) {
    caches_.emplace_back(seed, "cdn", *config.cdn, popularity, flow);
    shares_ = {1.0};
    bytes_ = {static_cast<double>(config.cdn->capacity.count())};
    return;
  }
  double all = 0;
  for (const RegionConfig& region : config.regions) {
    all += region.share;
  }
  for (const RegionConfig& region : config.regions) {
    CacheConfig cache = *config.cdn;
    cache.capacity = region.cdn_capacity.value_or(cache.capacity);
    cache.outages.insert(cache.outages.end(), region.cdn_outages.begin(), region.cdn_outages.end());
    const int locations = region.locations.value_or(1);
    caches_.emplace_back(seed, "cdn", cache, popularity, flow, locations);
    shares_.push_back(region.share / all);
    bytes_.push_back(static_cast<double>(cache.capacity.count()) * locations);
  }
}

double EdgeCaches::utilization() const {
  double held = 0;
  double room = 0;
  for (std::size_t i = 0; i < caches_.size(); ++i) {
    held += caches_[i].utilization() * bytes_[i];
    room += bytes_[i];
  }
  return caches_.size() == 1 ? caches_.front().utilization() : held / room;
}

double EdgeCaches::expected_hits() const {
  double hits = 0;
  for (std::size_t i = 0; i < caches_.size(); ++i) {
    hits += shares_[i] * caches_[i].expected_hits();
  }
  return hits;
}

std::vector<FrontCache> EdgeCaches::fronts() const {
  std::vector<FrontCache> fronts;
  for (std::size_t i = 0; i < caches_.size(); ++i) {
    fronts.push_back(caches_[i].as_front(shares_[i]));
  }
  return fronts;
}

std::vector<double> EdgeCaches::miss_flow() const {
  std::vector<double> flow = caches_.front().miss_flow();
  if (caches_.size() == 1) {
    return flow;
  }
  std::fill(flow.begin(), flow.end(), 0.0);
  for (std::size_t i = 0; i < caches_.size(); ++i) {
    const std::vector<double> missed = caches_[i].miss_flow();
    for (std::size_t g = 0; g < flow.size(); ++g) {
      flow[g] += shares_[i] * missed[g];
    }
  }
  return flow;
}

}  // namespace plimsoll
