// A small catalog of policies for tests of the configuration, which knows none by itself.
#pragma once

#include "plimsoll/policies/params.hpp"

namespace plimsoll {

/// Routers least_requests, power_of_two (choices), round_robin; queues fcfs, aging (every kind of
/// parameter), weighted_fair (weight, per tier); admission always;
/// autoscalers scheduled (a text with a form), target_utilization (dotted keys), threshold.
PolicyCatalog test_policies();

}  // namespace plimsoll
