// Test support: offers as a placement rule sees them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::test {

inline OfferView offer(std::string_view provider, double dollars, std::int64_t held,
                       std::int64_t available) {
  OfferView view;
  view.provider = provider;
  view.dollars_per_hour = dollars;
  view.held = held;
  view.available = available;
  view.releasable = held;
  return view;
}

inline OfferView spot(std::string_view provider, double dollars, std::int64_t held,
                      std::int64_t available) {
  OfferView view = offer(provider, dollars, held, available);
  view.spot = true;
  return view;
}

inline OfferView after(Duration lead_time, OfferView view) {
  view.lead_time = lead_time;
  return view;
}

/// The rule of this name; a number for each of its parameters, in their order.
inline std::unique_ptr<PlacementPolicy> rule(const std::string& name,
                                             const std::vector<double>& numbers = {}) {
  const PolicyRegistries policies = builtin_policies();
  PolicyConfig config;
  config.policy = name;
  for (const PolicyDoc& doc : policies.placements.docs()) {
    for (std::size_t i = 0; doc.name == name && i < doc.params.size(); ++i) {
      config.params.set_number(doc.params[i].key, numbers.at(i));
    }
  }
  return policies.placements.make(config);
}

/// Orders `replicas` one by one; by offer, how many it has then.
inline std::vector<std::int64_t> ordered(const PlacementPolicy& rule, std::vector<OfferView> offers,
                                         int replicas) {
  for (int i = 0; i < replicas; ++i) {
    if (const auto offer = rule.order(offers)) {
      ++offers[*offer].held;
      --offers[*offer].available;
    }
  }
  std::vector<std::int64_t> held;
  for (const OfferView& offer : offers) {
    held.push_back(offer.held);
  }
  return held;
}

}  // namespace plimsoll::test
