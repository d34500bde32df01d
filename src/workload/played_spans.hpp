// Workload: which parts of a horizon have arrivals.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// Windows with their lead-ins, in order; lead-ins are cut at t = 0 and at the window before. Empty
/// when everything is played.
std::vector<PlayedWindow> played_spans(const HorizonConfig& horizon);

}  // namespace plimsoll
