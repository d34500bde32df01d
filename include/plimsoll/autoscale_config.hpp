// What a validated scenario says of a pool that grows and shrinks.
#pragma once

#include <optional>

#include "plimsoll/policies/params.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

struct AutoscaleConfig {
  PolicyConfig policy;
  int min_replicas = 1;
  int max_replicas = 1;     // as many slots exist from the beginning
  Duration interval{};      // between evaluations, each of which scrapes
  Duration signal_delay{};  // age of what the policy is shown
  std::optional<Duration>
      provisioning_delay;  // until an added replica serves; none: it starts cold
};

/// Of a tier of the request path: instances of a service, or nodes of a cache.
struct TierAutoscaleConfig {
  PolicyConfig policy;
  int min_instances = 1;
  int max_instances = 1;
  Duration interval{};            // between evaluations, each of which scrapes
  Duration signal_delay{};        // age of what the policy is shown
  Duration provisioning_delay{};  // until an added instance serves
};

}  // namespace plimsoll
