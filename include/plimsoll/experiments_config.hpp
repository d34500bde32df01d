// What a validated scenario says of experiments: who takes part, the arms that share the traffic,
// and how they are compared. Part of config.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Whose requests stay in one arm.
enum class AssignBy : std::uint8_t {
  session,  // all turns of a session; a request without one by itself
  key,      // all requests of an API key
  request,  // each by itself
};

struct ArmConfig {
  std::string name;
  double share = 0;                 // of the requests that the experiment concerns
  std::optional<ModelIndex> model;  // that answers them; none: the one that they ask for
};

/// A controlled experiment. What the shares leave over is no part of it.
struct ExperimentConfig {
  std::string name;
  std::optional<ClassIndex> request_class;  // only these requests
  std::optional<TierIndex> tier;
  AssignBy by = AssignBy::session;
  std::string control;          // an arm's name
  std::vector<ArmConfig> arms;  // at least two, sorted by name
  Duration window{};            // requests that arrive in one are compared with each other
  double confidence = 0.95;     // of the intervals
  int least_windows = 10;       // with fewer independent ones nothing is decided
};

/// Whether requests of a class and tier belong to an experiment's traffic.
inline bool concerns(const ExperimentConfig& experiment, ClassIndex request_class, TierIndex tier) {
  return (!experiment.request_class || *experiment.request_class == request_class) &&
         (!experiment.tier || *experiment.tier == tier);
}

}  // namespace plimsoll
