// Placement `fastest`: the shortest lead time that has something.
#include "policies/builtin_entries.hpp"
#include "policies/placement/offers.hpp"

namespace plimsoll {
namespace {

class Fastest final : public PlacementPolicy {
 public:
  std::optional<std::size_t> order(const std::vector<OfferView>& offers) const override {
    return best_offer(offers, is_available, [](const OfferView& a, const OfferView& b) {
      return a.lead_time < b.lead_time || (a.lead_time == b.lead_time && is_cheaper(a, b));
    });
  }
  std::size_t release(const std::vector<OfferView>& offers) const override {
    return dearest_releasable(offers);
  }
};

}  // namespace

PolicyEntry<PlacementPolicy> fastest_entry() {
  return {{"fastest",
           "Of the offers that have something, the one with the shortest mean lead time; of equal "
           "ones the cheapest. The dearest goes first.",
           {}},
          [](const PolicyParams&) { return std::make_unique<Fastest>(); }};
}

}  // namespace plimsoll
