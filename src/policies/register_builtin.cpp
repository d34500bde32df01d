// The list of policies: one line each.
#include "policies/builtin_entries.hpp"

namespace plimsoll {

void register_builtin_admissions(Registry<AdmissionPolicy>& admissions) {
  admissions.add(always_entry());
}

void register_builtin_queues(Registry<QueuePolicy>& queues) {
  queues.add(edf_entry());
  queues.add(fcfs_entry());
  queues.add(priority_entry());
  queues.add(weighted_fair_entry());
}

void register_builtin_routers(Registry<Router>& routers) {
  routers.add(least_kv_entry());
  routers.add(least_requests_entry());
  routers.add(power_of_two_entry());
  routers.add(random_entry());
  routers.add(round_robin_entry());
}

PolicyRegistries builtin_policies() {
  PolicyRegistries registries;
  register_builtin_admissions(registries.admissions);
  register_builtin_queues(registries.queues);
  register_builtin_routers(registries.routers);
  return registries;
}

PolicyCatalog policy_catalog(const PolicyRegistries& registries) {
  return PolicyCatalog{{"admission", registries.admissions.docs()},
                       {"queue", registries.queues.docs()},
                       {"router", registries.routers.docs()}};
}

}  // namespace plimsoll
