// What weights a node keeps in its main memory or on its SSDs.
#pragma once

#include <vector>

#include "operations/weight_source.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Versions of weights up to a capacity; the least recently used go first. What is larger than the
/// whole is not kept. A node has a few versions at most: all calls are linear in their number.
class WeightCache {
 public:
  explicit WeightCache(Bytes capacity) : capacity_{capacity} {}

  bool holds(WeightsVersion version) const;
  /// Bytes of it that are here; 0 when it is not held.
  Bytes held(WeightsVersion version) const;
  /// It is used now; no news when it is not held.
  void touch(WeightsVersion version);
  /// Keeps it as the most recently used and drops others until it fits.
  void insert(WeightsVersion version, Bytes size);
  void clear();

  Bytes used() const { return used_; }

 private:
  struct Entry {
    WeightsVersion version = 0;
    Bytes size;
  };
  std::vector<Entry>::iterator find(WeightsVersion version);

  Bytes capacity_;
  Bytes used_;
  std::vector<Entry> entries_;  // the least recently used first
};

}  // namespace plimsoll
