// When a dead replica is noticed.
#pragma once

#include "plimsoll/faults_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Checks begin at the multiples of the interval and fail one timeout later: a replica that died at
/// `died` is noticed when the last of `check_failures` checks in a row, the first not before
/// `died`, has failed.
SimTime noticed_at(const FaultsConfig& faults, SimTime died);

}  // namespace plimsoll
