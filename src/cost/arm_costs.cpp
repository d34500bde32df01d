// Cost room: the rent of pools over the arms of experiments.
#include "cost/arm_costs.hpp"

#include "cost/amounts.hpp"
#include "cost/unit_costs.hpp"

namespace plimsoll {
namespace {

/// Work of all completed requests of a pool.
Int128 work_in(const RunResult& result, std::size_t pool) {
  Int128 sum = 0;
  for (const TokenCell& cell : result.token_cells) {
    if (cell.pool == pool) {
      const TokenWork work = work_of(result.pools[pool], cell.prompt_tokens, cell.output_tokens);
      sum += work.prompt + work.output;
    }
  }
  return sum;
}

void add_cost(ArmSummary& arm, const RunResult& result, const Config& config) {
  std::int64_t completed = 0;
  for (std::size_t p = 0; p < arm.by_pool.size(); ++p) {
    const ArmTokens& tokens = arm.by_pool[p];
    completed += tokens.completed;
    if (tokens.completed == 0 || !is_priced(config.pools[p])) {
      continue;
    }
    const TokenWork work = work_of(result.pools[p], tokens.prompt_tokens, tokens.output_tokens);
    const Int128 own = work.prompt + work.output;
    const MicroUsd rent = gpu_cost(result.cost.money, result.pools[p].name);
    arm.gpu_cost = arm.gpu_cost + split(rent, {own, work_in(result, p) - own}).front();
    arm.priced = true;
  }
  if (completed > 0) {
    arm.dollars_per_request = to_dollars(arm.gpu_cost) / static_cast<double>(completed);
  }
}

}  // namespace

void add_arm_costs(RunResult& result, const Config& config) {
  for (ExperimentSummary& experiment : result.experiments) {
    const ArmSummary* control = nullptr;
    for (ArmSummary& arm : experiment.arms) {
      add_cost(arm, result, config);
      control = arm.name == experiment.control ? &arm : control;
    }
    for (const ArmSummary& arm : experiment.arms) {
      if (&arm == control || !arm.priced || !control->priced) {
        continue;
      }
      DifferenceSummary row;
      row.arm = arm.name;
      row.metric = "dollars_per_request";
      row.control = control->dollars_per_request;
      row.treatment = arm.dollars_per_request;
      row.difference = row.treatment - row.control;
      row.reason = "a run has one bill: no interval";
      experiment.differences.push_back(row);
    }
  }
}

}  // namespace plimsoll
