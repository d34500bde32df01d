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

/// The largest value of `cost` over the stages: exact for the slowest stage when one stage is the
/// slowest in every term, an upper bound otherwise.
template <class Cost>
double slowest(const StepTimeModel& model, Cost cost) {
  double most = 0;
  for (int stage = 0; stage < model.stages(); ++stage) {
    most = std::max(most, cost(stage));
  }
  return most;
}

CostColumn bottleneck_column(const StepTimeModel& model, std::int64_t max_tokens) {
  CostColumn column;
  column.device.reserve(static_cast<std::size_t>(max_tokens) + 1);
  column.device.push_back(0);  // no tokens, no step
  for (std::int64_t tokens = 1; tokens <= max_tokens; ++tokens) {
    column.device.push_back(
        round_up(slowest(model, [&](int stage) { return model.device_seconds(stage, tokens); })));
  }
  column.kv_token =
      round_up(slowest(model, [&](int stage) { return model.kv_token_seconds(stage); }));
  column.pair = round_up(slowest(model, [&](int stage) { return model.pair_seconds(stage); }));
  column.sample_device =
      round_up(slowest(model, [&](int stage) { return model.sample_device_seconds(stage); }));
  column.host = round_up(slowest(model, [&](int stage) { return model.host_seconds(stage); }));
  column.serial = round_up(model.serial_seconds());
  column.serial_sample = round_up(model.serial_sample_seconds());
  return column;
}

/// All stages as slow as the slowest, one after the other, with the hops between them: max() of
/// host and device then stays exact per stage. A hop's fixed part is serial; the part that grows
/// with tokens stands with the device terms.
CostColumn latency_column(const StepTimeModel& model, const CostColumn& stage) {
  const int stages = model.stages();
  CostColumn column = stage;
  const double hop = model.hop_seconds(0);
  for (std::size_t tokens = 1; tokens < column.device.size(); ++tokens) {
    const double growth = model.hop_seconds(static_cast<std::int64_t>(tokens)) - hop;
    column.device[tokens] = stage.device[tokens] * stages + round_up(growth * (stages - 1));
  }
  column.kv_token *= stages;
  column.pair *= stages;
  column.sample_device *= stages;
  column.host *= stages;
  column.serial += round_up(hop * (stages - 1));
  return column;
}

}  // namespace

double longest_step_seconds(const StepTimeModel& model, const StepWork& work) {
  const auto times = [](std::int64_t count, double seconds) {
    return static_cast<double>(count) * seconds;
  };
  const double stage = slowest(model, [&](int s) {
    return model.device_seconds(s, work.tokens) + model.host_seconds(s) +
           times(work.kv_tokens, model.kv_token_seconds(s)) +
           times(work.attention_pairs, model.pair_seconds(s)) +
           times(work.samples, model.sample_device_seconds(s));
  });
  return stage * model.stages() + times(model.stages() - 1, model.hop_seconds(work.tokens)) +
         model.serial_seconds() + times(work.samples, model.serial_sample_seconds());
}

StepCostTable tabulate(const StepTimeModel& model, std::int64_t max_tokens) {
  PLIMSOLL_CHECK(max_tokens >= 1, "a step has room for a token");
  StepCostTable table;
  table.stages = model.stages();
  CostColumn stage = bottleneck_column(model, max_tokens);
  if (table.stages == 1) {
    table.latency = std::move(stage);
    return table;
  }
  table.latency = latency_column(model, stage);
  table.bottleneck = std::move(stage);
  return table;
}

}  // namespace plimsoll
