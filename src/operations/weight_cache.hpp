// What weights a node keeps in its main memory or on its SSDs.
#pragma once

#include <vector>

#include "operations/weight_source.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Weights up to a capacity; the least recently used go first. What is larger than the
/// whole is not kept. A node has a few at most: all calls are linear in their number.
class WeightCache {
 public:
  explicit WeightCache(Bytes capacity) : capacity_{capacity} {}

  bool holds(const WeightsId& id) const;
  /// Bytes of it that are here; 0 when it is not held.
  Bytes held(const WeightsId& id) const;
  /// It is used now; no news when it is not held.
  void touch(const WeightsId& id);
  /// Keeps it as the most recently used and drops others until it fits.
  void insert(const WeightsId& id, Bytes size);
  void clear();

  Bytes used() const { return used_; }

 private:
  struct Entry {
    WeightsId id;
    Bytes size;
  };
  std::vector<Entry>::iterator find(const WeightsId& id);

  Bytes capacity_;
  Bytes used_;
  std::vector<Entry> entries_;  // the least recently used first
};

}  // namespace plimsoll
