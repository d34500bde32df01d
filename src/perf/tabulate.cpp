// From a step-time model to the integer tables of the hot path.
#include <algorithm>
#include <cmath>

#include "perf/step_time_model.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

Femtoseconds round_up(double seconds) {
  PLIMSOLL_CHECK(seconds >= 0 && seconds < 9000, "a step lasts no longer than 9,000 s");
  return static_cast<Femtoseconds>(std::ceil(seconds * 1e15));
}

/// Whether two stages cost the same: the model's stages differ in layers and in the LM head only,
/// which these terms tell apart.
bool same_cost(const StepTimeModel& model, int a, int b, std::int64_t max_tokens) {
  return model.device_seconds(a, 1) == model.device_seconds(b, 1) &&
         model.device_seconds(a, max_tokens) == model.device_seconds(b, max_tokens) &&
         model.head_seconds(a, 1) == model.head_seconds(b, 1) &&
         model.kv_token_seconds(a) == model.kv_token_seconds(b) &&
         model.host_seconds(a) == model.host_seconds(b) &&
         model.prompt_host_seconds(a) == model.prompt_host_seconds(b);
}

CostColumn stage_column(const StepTimeModel& model, int stage, std::int64_t max_tokens) {
  CostColumn column;
  const auto size = static_cast<std::size_t>(max_tokens) + 1;
  column.device.reserve(size);
  column.head.reserve(size);
  column.device.push_back(0);  // no tokens, no step
  column.head.push_back(0);
  for (std::int64_t tokens = 1; tokens <= max_tokens; ++tokens) {
    column.device.push_back(round_up(model.device_seconds(stage, tokens)));
    column.head.push_back(round_up(model.head_seconds(stage, tokens)));
  }
  column.kv_token = round_up(model.kv_token_seconds(stage));
  column.kv_read = round_up(model.kv_read_seconds(stage));
  column.pair = round_up(model.pair_seconds(stage));
  column.chunk = round_up(model.chunk_seconds(stage));
  column.host = round_up(model.host_seconds(stage));
  column.prompt_pass = model.prompt_pass_tokens();
  column.prompt_host = round_up(model.prompt_host_seconds(stage));
  return column;
}

}  // namespace

int StepCostTable::stages() const {
  int count = 0;
  for (const StageCosts& kind : kinds) {
    count += kind.count;
  }
  return count;
}

Femtoseconds StepCostTable::latency(const StepWork& w) const {
  Femtoseconds cost = serial_cost(w);
  for (const StageCosts& kind : kinds) {
    cost += kind.count * kind.column.cost(w);
  }
  return hops.empty() ? cost : cost + hops[static_cast<std::size_t>(w.tokens)];
}

Femtoseconds StepCostTable::bottleneck(const StepWork& w) const {
  Femtoseconds slowest = 0;
  for (const StageCosts& kind : kinds) {
    slowest = std::max(slowest, kind.column.cost(w));
  }
  return serial_cost(w) + slowest;
}

double longest_step_seconds(const StepTimeModel& model, const StepWork& work) {
  double slowest = 0;
  for (int stage = 0; stage < model.stages(); ++stage) {
    slowest = std::max(slowest,
                       stage_device_seconds(model, stage, work) + model.prompt_host_seconds(stage));
  }
  return slowest * model.stages() + (model.stages() - 1) * model.hop_seconds(work.tokens) +
         model.serial_seconds() + static_cast<double>(work.samples) * model.serial_sample_seconds();
}

StepCostTable tabulate(const StepTimeModel& model, std::int64_t max_tokens) {
  PLIMSOLL_CHECK(max_tokens >= 1, "a step has room for a token");
  StepCostTable table;
  std::vector<int> first_of_kind;
  for (int stage = 0; stage < model.stages(); ++stage) {
    const auto known = std::find_if(first_of_kind.begin(), first_of_kind.end(), [&](int first) {
      return same_cost(model, first, stage, max_tokens);
    });
    if (known != first_of_kind.end()) {
      ++table.kinds[static_cast<std::size_t>(known - first_of_kind.begin())].count;
      continue;
    }
    first_of_kind.push_back(stage);
    table.kinds.push_back({stage_column(model, stage, max_tokens), 1});
  }
  table.serial = round_up(model.serial_seconds());
  table.serial_sample = round_up(model.serial_sample_seconds());
  if (model.stages() > 1) {
    table.hops.reserve(static_cast<std::size_t>(max_tokens) + 1);
    for (std::int64_t tokens = 0; tokens <= max_tokens; ++tokens) {
      table.hops.push_back(round_up((model.stages() - 1) * model.hop_seconds(tokens)));
    }
  }
  return table;
}

StepCostTable scaled(StepCostTable table, double share) {
  PLIMSOLL_CHECK(share > 0, "a step takes time");
  const auto scale = [share](Femtoseconds& time) {
    time = static_cast<Femtoseconds>(std::ceil(static_cast<double>(time) * share));
  };
  for (StageCosts& kind : table.kinds) {
    CostColumn& column = kind.column;
    std::for_each(column.device.begin(), column.device.end(), scale);
    std::for_each(column.head.begin(), column.head.end(), scale);
    for (Femtoseconds* const time : {&column.kv_token, &column.kv_read, &column.pair, &column.chunk,
                                     &column.host, &column.prompt_host}) {
      scale(*time);
    }
  }
  scale(table.serial);
  scale(table.serial_sample);
  std::for_each(table.hops.begin(), table.hops.end(), scale);
  return table;
}

}  // namespace plimsoll
