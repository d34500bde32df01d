// Workload: which of the common beginnings a prompt has.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// A PrefixLaw made ready to draw from: Zipf's law over its groups.
class PrefixSampler {
 public:
  explicit PrefixSampler(const PrefixLaw& law);

  std::int32_t tokens() const { return law_.tokens; }
  /// A group, 0 .. groups - 1; O(log groups), one uniform draw unless there is only one.
  std::uint32_t draw(Draws& draws) const;

 private:
  PrefixLaw law_;
  std::vector<double> cumulative_;  // weights of the groups up to each one
};

}  // namespace plimsoll
