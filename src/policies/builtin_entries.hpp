// One function per policy, each defined beside its policy; register_builtin.cpp calls them all.
#pragma once

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {

PolicyEntry<AdmissionPolicy> always_entry();
PolicyEntry<AdmissionPolicy> kv_watermark_entry();
PolicyEntry<AdmissionPolicy> tier_shed_entry();
PolicyEntry<AdmissionPolicy> token_bucket_entry();
PolicyEntry<Autoscaler> cost_aware_autoscaler_entry();
PolicyEntry<Autoscaler> predictive_entry();
PolicyEntry<Autoscaler> queue_depth_entry();
PolicyEntry<Autoscaler> scheduled_entry();
PolicyEntry<Autoscaler> target_utilization_entry();
PolicyEntry<Autoscaler> threshold_entry();
PolicyEntry<PlacementPolicy> capped_spot_entry();
PolicyEntry<PlacementPolicy> cheapest_entry();
PolicyEntry<PlacementPolicy> fastest_entry();
PolicyEntry<PlacementPolicy> spread_entry();
PolicyEntry<QueuePolicy> edf_entry();
PolicyEntry<QueuePolicy> fcfs_entry();
PolicyEntry<QueuePolicy> priority_entry();
PolicyEntry<QueuePolicy> weighted_fair_entry();
PolicyEntry<Router> cost_aware_router_entry();
PolicyEntry<Router> least_kv_entry();
PolicyEntry<Router> least_requests_entry();
PolicyEntry<Router> power_of_two_entry();
PolicyEntry<Router> random_entry();
PolicyEntry<Router> round_robin_entry();
PolicyEntry<Router> session_affinity_entry();
PolicyEntry<Router> slo_aware_entry();

}  // namespace plimsoll
