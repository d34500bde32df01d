// Placement policies: the choices that several of them make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "plimsoll/policies/placement.hpp"

namespace plimsoll {

/// The best of the offers for which `may` holds; the first of equal ones.
template <class May, class Better>
std::optional<std::size_t> best_offer(const std::vector<OfferView>& offers, May may,
                                      Better better) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (may(offers[i]) && (!best || better(offers[i], offers[*best]))) {
      best = i;
    }
  }
  return best;
}

inline bool is_cheaper(const OfferView& a, const OfferView& b) {
  return a.dollars_per_hour < b.dollars_per_hour ||
         (a.dollars_per_hour == b.dollars_per_hour && a.lead_time < b.lead_time);
}

inline bool is_dearer(const OfferView& a, const OfferView& b) {
  return a.dollars_per_hour > b.dollars_per_hour;
}

inline bool is_available(const OfferView& offer) {
  return offer.available > 0;
}

inline bool is_releasable(const OfferView& offer) {
  return offer.releasable > 0;
}

/// The dearest of those that may be given back.
inline std::size_t dearest_releasable(const std::vector<OfferView>& offers) {
  return best_offer(offers, is_releasable, is_dearer).value();
}

inline std::int64_t held_in_all(const std::vector<OfferView>& offers) {
  std::int64_t held = 0;
  for (const OfferView& offer : offers) {
    held += offer.held;
  }
  return held;
}

}  // namespace plimsoll
