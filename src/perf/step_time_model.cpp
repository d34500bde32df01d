// Chooses the form of step times that a pool's engine profile asks for.
#include "perf/step_time_model.hpp"

#include "perf/linear_model.hpp"
#include "perf/operator_model.hpp"
#include "perf/roofline_bound.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

std::unique_ptr<StepTimeModel> make_step_time_model(const Config& config, const PoolConfig& pool) {
  require_runnable(config, pool);
  switch (config.profiles.at(pool.profile).form) {
    case StepForm::operators:
      return make_operator_model(config, pool);
    case StepForm::linear:
      return make_linear_model(config, pool);
  }
  throw InternalError("a form of step times without a model");
}

namespace {

double passes_seconds(const StepTimeModel& model, int stage, const StepWork& work) {
  const auto pass = [&](std::int64_t tokens) {
    return tokens > 0 ? model.device_seconds(stage, tokens) : 0.0;
  };
  const std::int64_t most = model.prompt_pass_tokens();
  const Passes passes = passes_of(work, most);
  return (passes.whole > 0 ? static_cast<double>(passes.whole) * pass(most) : 0.0) +
         pass(passes.rest) + pass(passes.last);
}

}  // namespace

double stage_device_seconds(const StepTimeModel& model, int stage, const StepWork& work) {
  return passes_seconds(model, stage, work) + model.head_seconds(stage, work.samples) +
         static_cast<double>(work.kv_tokens) * model.kv_token_seconds(stage) +
         (work.kv_tokens > 0 ? model.kv_read_seconds(stage) : 0.0) +
         static_cast<double>(work.attention_pairs) * model.pair_seconds(stage) +
         (work.attention_pairs > 0 ? model.chunk_seconds(stage) : 0.0);
}

double stage_host_seconds(const StepTimeModel& model, int stage, const StepWork& work) {
  return work.attention_pairs > 0 ? model.prompt_host_seconds(stage) : model.host_seconds(stage);
}

}  // namespace plimsoll
