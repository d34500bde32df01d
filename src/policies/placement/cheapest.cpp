// Placement `cheapest`: the lowest price that has something.
#include "policies/builtin_entries.hpp"
#include "policies/placement/offers.hpp"

namespace plimsoll {
namespace {

class Cheapest final : public PlacementPolicy {
 public:
  std::optional<std::size_t> order(const std::vector<OfferView>& offers) const override {
    return best_offer(offers, is_available, is_cheaper);
  }
  std::size_t release(const std::vector<OfferView>& offers) const override {
    return dearest_releasable(offers);
  }
};

}  // namespace

PolicyEntry<PlacementPolicy> cheapest_entry() {
  return {{"cheapest",
           "Of the offers that have something, the one with the lowest price in force; of equal "
           "ones the fastest. The dearest goes first.",
           {}},
          [](const PolicyParams&) { return std::make_unique<Cheapest>(); }};
}

}  // namespace plimsoll
