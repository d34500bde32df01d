// Splits of the requests over models.
#include "service/model_router.hpp"

#include <algorithm>

namespace plimsoll {

ModelRouter::ModelRouter(const Config& config, std::uint64_t seed)
    : passage_{seed,
               "model_router",
               config.path->model_router->latency,
               config.path->model_router->capacity,
               config.path->model_router->outages,
               Duration::zero(),
               std::nullopt,
               config.path->model_router->queue},
      split_stream_{seed, "model_split"},
      classes_{config.workload.classes},
      splits_{config.path->model_router->splits},
      spillovers_{config.path->model_router->spillovers} {
}

bool ModelRouter::splits_in_parts() const {
  return std::any_of(splits_.begin(), splits_.end(),
                     [](const SplitConfig& split) { return split.share < 1.0; });
}

}  // namespace plimsoll
