// Every policy that Plimsoll ships with.
#pragma once

#include "plimsoll/policies/admission.hpp"
#include "plimsoll/policies/autoscaler.hpp"
#include "plimsoll/policies/placement.hpp"
#include "plimsoll/policies/queue.hpp"
#include "plimsoll/policies/router.hpp"

namespace plimsoll {

struct PolicyRegistries {
  Registry<Router> routers;
  Registry<QueuePolicy> queues;
  Registry<AdmissionPolicy> admissions;
  Registry<Autoscaler> autoscalers;
  Registry<PlacementPolicy> placements;
};

/// All registries filled.
PolicyRegistries builtin_policies();

/// Their descriptions by kind: "admission", "autoscaler", "placement", "queue", "router".
PolicyCatalog policy_catalog(const PolicyRegistries& registries);

}  // namespace plimsoll
