// What weights a node keeps in its main memory or on its SSDs.
#include "operations/weight_cache.hpp"

#include <algorithm>

namespace plimsoll {

std::vector<WeightCache::Entry>::iterator WeightCache::find(WeightsVersion version) {
  return std::find_if(entries_.begin(), entries_.end(),
                      [version](const Entry& entry) { return entry.version == version; });
}

bool WeightCache::holds(WeightsVersion version) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [version](const Entry& entry) { return entry.version == version; });
}

Bytes WeightCache::held(WeightsVersion version) const {
  for (const Entry& entry : entries_) {
    if (entry.version == version) {
      return entry.size;
    }
  }
  return Bytes{};
}

void WeightCache::touch(WeightsVersion version) {
  const auto entry = find(version);
  if (entry != entries_.end()) {
    std::rotate(entry, entry + 1, entries_.end());
  }
}

void WeightCache::insert(WeightsVersion version, Bytes size) {
  const auto old = find(version);
  if (old != entries_.end()) {
    used_ = used_ - old->size;
    entries_.erase(old);
  }
  if (size > capacity_) {
    return;
  }
  while (used_ + size > capacity_) {
    used_ = used_ - entries_.front().size;
    entries_.erase(entries_.begin());
  }
  entries_.push_back(Entry{version, size});
  used_ = used_ + size;
}

void WeightCache::clear() {
  entries_.clear();
  used_ = Bytes{};
}

}  // namespace plimsoll
