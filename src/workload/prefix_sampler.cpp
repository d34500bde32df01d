// Workload: common beginnings of prompts by popularity.
#include "workload/prefix_sampler.hpp"

#include <algorithm>
#include <cmath>

namespace plimsoll {

PrefixSampler::PrefixSampler(const PrefixLaw& law) : law_{law} {
  double sum = 0;
  for (int k = 1; k <= law.groups; ++k) {
    sum += std::pow(static_cast<double>(k), -law.zipf);
    cumulative_.push_back(sum);
  }
}

std::uint32_t PrefixSampler::draw(Draws& draws) const {
  if (cumulative_.size() == 1) {
    return 0;
  }
  const double mark = draws.uniform() * cumulative_.back();
  // The product may round up to the sum itself, which is still in the last group.
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, mark);
  return static_cast<std::uint32_t>(found - cumulative_.begin());
}

}  // namespace plimsoll
