// What weights a node keeps in its main memory or on its SSDs.
#include "operations/weight_cache.hpp"

#include <algorithm>

namespace plimsoll {

std::vector<WeightCache::Entry>::iterator WeightCache::find(const WeightsId& id) {
  return std::find_if(entries_.begin(), entries_.end(),
                      [&id](const Entry& entry) { return entry.id == id; });
}

bool WeightCache::holds(const WeightsId& id) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&id](const Entry& entry) { return entry.id == id; });
}

Bytes WeightCache::held(const WeightsId& id) const {
  for (const Entry& entry : entries_) {
    if (entry.id == id) {
      return entry.size;
    }
  }
  return Bytes{};
}

void WeightCache::touch(const WeightsId& id) {
  const auto entry = find(id);
  if (entry != entries_.end()) {
    std::rotate(entry, entry + 1, entries_.end());
  }
}

void WeightCache::insert(const WeightsId& id, Bytes size) {
  const auto old = find(id);
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
  entries_.push_back(Entry{id, size});
  used_ = used_ + size;
}

void WeightCache::clear() {
  entries_.clear();
  used_ = Bytes{};
}

}  // namespace plimsoll
