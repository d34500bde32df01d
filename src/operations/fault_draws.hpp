// How long a unit stays up, and how long its repair takes.
#pragma once

#include "plimsoll/faults_config.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A time up of the process' law (exponential or Weibull), with mean `mtbf`; at least 1 ns.
/// Weibull: scale = mtbf / Gamma(1 + 1 / shape).
Duration draw_time_up(const FaultProcess& process, Draws& draws);

/// A repair: its class (a position in FaultProcess::repair) by the shares, its length uniformly.
struct RepairDraw {
  std::size_t repair_class = 0;
  Duration length{};
};
RepairDraw draw_repair(const FaultProcess& process, Draws& draws);

/// The mean repair of a process.
Duration mean_repair(const FaultProcess& process);

}  // namespace plimsoll
