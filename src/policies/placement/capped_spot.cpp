// Placement `capped_spot`: as cheap as a share that cannot be taken back allows.
#include <cmath>

#include "policies/builtin_entries.hpp"
#include "policies/placement/offers.hpp"

namespace plimsoll {
namespace {

std::int64_t spot_held(const std::vector<OfferView>& offers) {
  std::int64_t held = 0;
  for (const OfferView& offer : offers) {
    held += offer.spot ? offer.held : 0;
  }
  return held;
}

class CappedSpot final : public PlacementPolicy {
 public:
  explicit CappedSpot(const PolicyParams& params) : most_{params.ratio("max_spot_share")} {}

  std::optional<std::size_t> order(const std::vector<OfferView>& offers) const override {
    const bool room = spot_held(offers) < limit_of(held_in_all(offers) + 1);
    return best_offer(
        offers,
        [room](const OfferView& offer) { return is_available(offer) && (room || !offer.spot); },
        is_cheaper);
  }

  /// The dearest; but where one less in all leaves too much spot, spot goes.
  std::size_t release(const std::vector<OfferView>& offers) const override {
    const bool too_much = spot_held(offers) > limit_of(held_in_all(offers) - 1);
    const auto spot = best_offer(
        offers, [](const OfferView& offer) { return is_releasable(offer) && offer.spot; },
        is_dearer);
    return too_much && spot ? *spot : dearest_releasable(offers);
  }

 private:
  std::int64_t limit_of(std::int64_t held) const {
    constexpr double rounding = 1e-9;  // of products such as 0.29 x 100
    return static_cast<std::int64_t>(std::floor(most_ * static_cast<double>(held) + rounding));
  }

  double most_;
};

}  // namespace

PolicyEntry<PlacementPolicy> capped_spot_entry() {
  return {
      {"capped_spot",
       "The lowest price in force, with at most a share of the replicas on spot. The dearest "
       "goes first, as long as the share is kept.",
       {{"max_spot_share", ParamKind::ratio, "50%",
         "Of all replicas, rounded down; an order beyond it waits for an offer that is no spot.", 0,
         1}}},
      [](const PolicyParams& params) { return std::make_unique<CappedSpot>(params); }};
}

}  // namespace plimsoll
