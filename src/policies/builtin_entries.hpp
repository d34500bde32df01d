// One function per policy, each defined beside its policy; register_builtin.cpp calls them all.
#pragma once

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {

PolicyEntry<AdmissionPolicy> always_entry();
PolicyEntry<QueuePolicy> edf_entry();
PolicyEntry<QueuePolicy> fcfs_entry();
PolicyEntry<QueuePolicy> priority_entry();
PolicyEntry<QueuePolicy> weighted_fair_entry();
PolicyEntry<Router> least_kv_entry();
PolicyEntry<Router> least_requests_entry();
PolicyEntry<Router> power_of_two_entry();
PolicyEntry<Router> random_entry();
PolicyEntry<Router> round_robin_entry();

}  // namespace plimsoll
