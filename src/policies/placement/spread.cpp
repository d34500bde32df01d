// Placement `spread`: some of each provider, so that none takes all with it.
#include <cmath>

#include "policies/builtin_entries.hpp"
#include "policies/placement/offers.hpp"

namespace plimsoll {
namespace {

class Spread final : public PlacementPolicy {
 public:
  explicit Spread(const PolicyParams& params) : most_{params.ratio("max_provider_share")} {}

  std::optional<std::size_t> order(const std::vector<OfferView>& offers) const override {
    const std::int64_t limit = limit_of(held_in_all(offers) + 1);
    return best_offer(
        offers,
        [&](const OfferView& offer) { return is_available(offer) && of(offers, offer) < limit; },
        [&](const OfferView& a, const OfferView& b) {
          const std::int64_t of_a = of(offers, a);
          const std::int64_t of_b = of(offers, b);
          return of_a != of_b ? of_a < of_b : a.held != b.held ? a.held < b.held : is_cheaper(a, b);
        });
  }

  std::size_t release(const std::vector<OfferView>& offers) const override {
    return best_offer(offers, is_releasable,
                      [&](const OfferView& a, const OfferView& b) {
                        const std::int64_t of_a = of(offers, a);
                        const std::int64_t of_b = of(offers, b);
                        return of_a != of_b       ? of_a > of_b
                               : a.held != b.held ? a.held > b.held
                                                  : is_dearer(a, b);
                      })
        .value();
  }

 private:
  /// Replicas of one provider, when there are `held` in all: rounded up, so that the first has a
  /// place.
  std::int64_t limit_of(std::int64_t held) const {
    constexpr double rounding = 1e-9;  // of products such as 0.29 x 100
    return static_cast<std::int64_t>(std::ceil(most_ * static_cast<double>(held) - rounding));
  }

  static std::int64_t of(const std::vector<OfferView>& offers, const OfferView& one) {
    std::int64_t held = 0;
    for (const OfferView& offer : offers) {
      held += offer.provider == one.provider ? offer.held : 0;
    }
    return held;
  }

  double most_;
};

}  // namespace

PolicyEntry<PlacementPolicy> spread_entry() {
  return {{"spread",
           "In turn: of the provider with the fewest replicas, the offer with the fewest, then the "
           "cheapest. What there is most of goes first.",
           {{"max_provider_share", ParamKind::ratio, "1",
             "Of all replicas, rounded up, that one provider may have at most; what it does not "
             "leave to others waits.",
             0.01, 1}}},
          [](const PolicyParams& params) { return std::make_unique<Spread>(params); }};
}

}  // namespace plimsoll
