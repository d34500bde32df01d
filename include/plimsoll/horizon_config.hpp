// What a validated scenario says of playing less than everything: windows of a long horizon, and
// one N-th of the fleet and of the demand.
#pragma once

#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// A span of the horizon that is played and measured: [from, to).
struct PlayedWindow {
  Duration from{};
  Duration to{};
};

struct HorizonConfig {
  std::vector<PlayedWindow> windows;  // in order, apart from each other; empty: everything
  Duration lead_in{};                 // played before each window and not measured
  int sample = 1;                     // one `sample`-th of replicas and demand is played
};

}  // namespace plimsoll
