// Speculative decoding: the law of the tokens that one pass emits.
#include "serving/speculation.hpp"

#include <cmath>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {

Speculation::Speculation(StepCostTable draft, int tokens, double acceptance, std::uint64_t seed)
    : draft_{std::move(draft)}, stream_{seed, "speculation"}, acceptance_{acceptance} {
  PLIMSOLL_CHECK(tokens >= 1 && acceptance >= 0 && acceptance <= 1,
                 "speculation is validated with the scenario");
  double all_accepted = 1;
  for (int m = 1; m <= tokens; ++m) {
    all_accepted *= acceptance;
    accept_below_.push_back(static_cast<std::uint64_t>(std::ceil(all_accepted * 0x1.0p32)));
    mean_emitted_ += all_accepted;
  }
}

}  // namespace plimsoll
