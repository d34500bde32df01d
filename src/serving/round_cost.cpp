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

/// a + count x b, as far as both are affine.
AffineCost sum(const AffineCost& a, const AffineCost& b, int count = 1) {
  return {a.value + count * b.value, a.slope + count * b.slope, std::min(a.steps, b.steps)};
}

/// One micro-batch: its way through all stages, and its stay in the slowest of them.
struct Passage {
  AffineCost latency{0, 0, unlimited_steps};
  AffineCost bottleneck{0, 0, unlimited_steps};
};

Passage passage(const StepCostTable& table, const StepWork& work, std::int64_t growth) {
  Passage passage;
  for (const StageCosts& kind : table.kinds) {
    const AffineCost stage = affine_cost(kind.column, work, growth);
    passage.latency = sum(passage.latency, stage, kind.count);
    passage.bottleneck = upper(passage.bottleneck, stage);
  }
  const Femtoseconds serial = table.serial_cost(work);
  passage.latency.value += serial + table.hops[static_cast<std::size_t>(work.tokens)];
  passage.bottleneck.value += serial;
  return passage;
}

AffineCost pipelined_round(const StepCostTable& table, const StepWork* work,
                           const std::int64_t* growth, int count) {
  AffineCost longest{0, 0, unlimited_steps};
  AffineCost all{0, 0, unlimited_steps};
  for (int i = 0; i < count; ++i) {
    if (work[i].tokens == 0) {
      continue;  // an empty micro-batch does not run
    }
    const Passage one = passage(table, work[i], growth[i]);
    longest = upper(longest, one.latency);
    all = sum(all, one.bottleneck);
  }
  return upper(longest, all);
}

}  // namespace

AffineCost round_cost(const StepCostTable& table, const StepWork* work, const std::int64_t* growth,
                      int count) {
  AffineCost cost;
  if (table.hops.empty()) {
    cost = affine_cost(table.kinds.front().column, work[0], growth[0]);
    cost.value += table.serial_cost(work[0]);
  } else {
    cost = pipelined_round(table, work, growth, count);
  }
  if (cost.value < least_step) {
    cost = {least_step, 0, 1};
  }
  return cost;
}

}  // namespace plimsoll
