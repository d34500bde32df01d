// The list of policies: one line each.
#include "policies/builtin_entries.hpp"

namespace plimsoll {

void register_builtin_admissions(Registry<AdmissionPolicy>& admissions) {
  admissions.add(always_entry());
  admissions.add(kv_watermark_entry());
  admissions.add(tier_shed_entry());
  admissions.add(token_bucket_entry());
}

void register_builtin_autoscalers(Registry<Autoscaler>& autoscalers) {
  autoscalers.add(cost_aware_autoscaler_entry());
  autoscalers.add(predictive_entry());
  autoscalers.add(queue_depth_entry());
  autoscalers.add(scheduled_entry());
  autoscalers.add(target_utilization_entry());
  autoscalers.add(threshold_entry());
}

void register_builtin_placements(Registry<PlacementPolicy>& placements) {
  placements.add(capped_spot_entry());
  placements.add(cheapest_entry());
  placements.add(fastest_entry());
  placements.add(spread_entry());
}

void register_builtin_queues(Registry<QueuePolicy>& queues) {
  queues.add(edf_entry());
  queues.add(fcfs_entry());
  queues.add(priority_entry());
  queues.add(weighted_fair_entry());
}

void register_builtin_routers(Registry<Router>& routers) {
  routers.add(cost_aware_router_entry());
  routers.add(least_kv_entry());
  routers.add(least_requests_entry());
  routers.add(power_of_two_entry());
  routers.add(random_entry());
  routers.add(round_robin_entry());
  routers.add(session_affinity_entry());
  routers.add(slo_aware_entry());
}

PolicyRegistries builtin_policies() {
  PolicyRegistries registries;
  register_builtin_admissions(registries.admissions);
  register_builtin_autoscalers(registries.autoscalers);
  register_builtin_placements(registries.placements);
  register_builtin_queues(registries.queues);
  register_builtin_routers(registries.routers);
  return registries;
}

PolicyCatalog policy_catalog(const PolicyRegistries& registries) {
  return PolicyCatalog{{"admission", registries.admissions.docs()},
                       {"autoscaler", registries.autoscalers.docs()},
                       {"placement", registries.placements.docs()},
                       {"queue", registries.queues.docs()},
                       {"router", registries.routers.docs()}};
}

}  // namespace plimsoll
