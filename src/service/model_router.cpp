// Splits of the requests over models.
#include "service/model_router.hpp"

#include <algorithm>

namespace plimsoll {

ModelRouter::ModelRouter(const Config& config, std::uint64_t seed)
    : passage_{seed, "model_router", config.path->model_router->latency,
               config.path->model_router->capacity, config.path->model_router->outages},
      split_stream_{seed, "model_split"},
      classes_{config.workload.classes},
      splits_{config.path->model_router->splits},
      spillovers_{config.path->model_router->spillovers} {
}

bool ModelRouter::splits_in_parts() const {
  return std::any_of(splits_.begin(), splits_.end(),
                     [](const SplitConfig& split) { return split.share < 1.0; });
}

ModelIndex ModelRouter::split(std::uint64_t id, ClassIndex request_class) const {
  const RequestClassConfig& asked = classes_[request_class];
  Draws draws = split_stream_.of(id);
  for (const SplitConfig& split : splits_) {
    const bool concerns = (!split.request_class || *split.request_class == request_class) &&
                          (!split.tier || *split.tier == asked.tier);
    if (concerns && (split.share >= 1.0 || draws.uniform() < split.share)) {
      return split.to;
    }
  }
  return asked.model;
}

}  // namespace plimsoll
