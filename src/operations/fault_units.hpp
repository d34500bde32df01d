// The units that a fault process breaks, and the faults that are given for them.
#pragma once

#include <vector>

#include "fleet/failure_domains.hpp"
#include "plimsoll/faults_config.hpp"

namespace plimsoll {

/// The units of a process, ascending; of stores and offers the one that the process names is unit
/// 0.
std::vector<int> units_of(const FaultProcess& process, const FailureDomains& domains);

/// The faults of a process whose law is no law of chance. A unit below 0 is drawn when it begins.
std::vector<FaultEvent> given_faults(const FaultProcess& process);

/// Throws ConfigError with every fault given for a unit that is not there.
void require_fault_units(const FaultsConfig& faults, const FailureDomains& domains);

}  // namespace plimsoll
