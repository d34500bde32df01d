// Workload: which parts of a horizon have arrivals.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// Windows with what is played before and after each, in order; those that touch are one. Empty
/// when everything is played.
std::vector<PlayedWindow> played_spans(const HorizonConfig& horizon);

}  // namespace plimsoll
