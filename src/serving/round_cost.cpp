// The cost of one round: the upper envelope of affine pieces.
#include "serving/round_cost.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

/// max(a, b), as far as it is affine.
AffineCost upper(const AffineCost& a, const AffineCost& b) {
  const bool a_leads = a.value != b.value ? a.value > b.value : a.slope >= b.slope;
  const AffineCost& lead = a_leads ? a : b;
  const AffineCost& other = a_leads ? b : a;
  std::int64_t steps = std::min(a.steps, b.steps);
  if (other.slope > lead.slope) {
    steps = std::min(steps, (lead.value - other.value) / (other.slope - lead.slope) + 1);
  }
  return {lead.value, lead.slope, steps};
}

}  // namespace

AffineCost round_cost(const StepCostTable& table, const StepWork* work, const std::int64_t* growth,
                      int count) {
  AffineCost cost;
  if (table.stages == 1) {
    cost = affine_cost(table.latency, work[0], growth[0]);
  } else {
    AffineCost longest{0, 0, unlimited_steps};
    AffineCost all{0, 0, unlimited_steps};
    for (int i = 0; i < count; ++i) {
      if (work[i].tokens == 0) {
        continue;  // an empty micro-batch does not run
      }
      longest = upper(longest, affine_cost(table.latency, work[i], growth[i]));
      const AffineCost stay = affine_cost(table.bottleneck, work[i], growth[i]);
      all = {all.value + stay.value, all.slope + stay.slope, std::min(all.steps, stay.steps)};
    }
    cost = upper(longest, all);
  }
  if (cost.value < least_step) {
    cost = {least_step, 0, 1};
  }
  return cost;
}

}  // namespace plimsoll
