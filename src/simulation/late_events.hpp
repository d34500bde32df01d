// What a scenario says is to happen after its run.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// What the scenario puts at or after the end of the run, or, where it adds arrivals, of the
/// arrivals, and what therefore never happened: spikes and attacks, outages, faults of a timeline,
/// rollouts and orders, each as "spike of workload.arrivals.shapes at 7200 s". Rows of a fault
/// trace are left out: a file may hold more than one run plays.
std::vector<std::string> late_events(const Config& config, SimTime arrivals_end, SimTime end);

/// The note of a result that names them, the first few; empty: there are none.
std::string late_events_note(const Config& config, SimTime arrivals_end, SimTime end);

}  // namespace plimsoll
