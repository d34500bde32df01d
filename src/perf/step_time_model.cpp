// Chooses the form of step times that a pool's engine profile asks for.
#include "perf/step_time_model.hpp"

#include "perf/linear_model.hpp"
#include "perf/roofline_bound.hpp"
#include "perf/roofline_model.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

std::unique_ptr<StepTimeModel> make_step_time_model(const Config& config, const PoolConfig& pool) {
  require_runnable(config, pool);
  switch (config.profiles.at(pool.profile).form) {
    case StepForm::roofline:
      return make_roofline_model(config, pool);
    case StepForm::linear:
      return make_linear_model(config, pool);
  }
  throw InternalError("a form of step times without a model");
}

}  // namespace plimsoll
