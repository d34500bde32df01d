// Whose requests a run is judged by.
#pragma once

#include <cstddef>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// Whether requests of the class are those of users: in the verdict, in every slice but that of the
/// class itself, in revenue and in figures per request. All are but those of a class with share 0
/// that attacks send: nobody else has such requests.
inline bool counts(const Config& config, ClassIndex request_class) {
  if (!config.path || config.workload.classes[request_class].share > 0) {
    return true;
  }
  for (const AttackConfig& attack : config.path->attacks) {
    if (attack.request_class == request_class) {
      return false;
    }
  }
  return true;
}

/// Whether requests of all classes are.
inline bool all_count(const Config& config) {
  for (std::size_t c = 0; c < config.workload.classes.size(); ++c) {
    if (!counts(config, static_cast<ClassIndex>(c))) {
      return false;
    }
  }
  return true;
}

}  // namespace plimsoll
