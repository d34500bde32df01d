// Placement policies decide from which of several offers a pool has its next node, and which it
// gives back first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "plimsoll/policies/registry.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// An offer at a moment, as the pool sees it. Counts are in replicas.
struct OfferView {
  std::string_view provider;
  bool spot = false;            // its nodes may be taken back
  double dollars_per_hour = 0;  // of one GPU, at the price in force; 0: paid for anyway
  Duration lead_time{};         // mean
  std::int64_t held = 0;        // that the pool has, or has ordered
  std::int64_t available = 0;   // that can be had at this moment, beside those
  std::int64_t releasable = 0;  // of those held that may be given back now
};

/// Contract: a function of the views, which come in order of the offers' names; ties are broken by
/// that order. No clock, no randomness, no memory.
class PlacementPolicy {
 public:
  virtual ~PlacementPolicy() = default;
  /// The position of an offer with something available, from which the next replica is ordered.
  /// None: nothing that is available will do, and the order waits until more is.
  virtual std::optional<std::size_t> order(const std::vector<OfferView>& offers) const = 0;
  /// The position of an offer with something releasable (one has), which gives a replica back.
  virtual std::size_t release(const std::vector<OfferView>& offers) const = 0;
};

void register_builtin_placements(Registry<PlacementPolicy>& placements);

}  // namespace plimsoll
