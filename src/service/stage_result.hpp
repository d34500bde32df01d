// What a stage does with a request.
#pragma once

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

struct StageResult {
  Outcome outcome = Outcome::completed;  // completed: it passes on
  bool hit = false;                      // of a cache
  bool refused = false;                  // at the door: it was not let in to wait for anything
  Duration wait{};                       // for its turn
  Duration latency{};                    // beside the wait: what the stage's row tells
  Duration ahead{};                      // until it comes to the next stage, the wait included

  bool passes() const { return outcome == Outcome::completed; }
};

/// What was used of a stage's capacity since t = 0, and all there was to use, both in the same unit
/// and integrated over time: the difference of two readings is the use between them.
struct CapacityUse {
  double used = 0;
  double all = 0;  // 0: the stage has no capacity
};

/// It passes on after `wait` and `latency`.
inline StageResult passes_after(Duration wait, Duration latency) {
  StageResult result;
  result.wait = wait;
  result.latency = latency;
  result.ahead = wait + latency;
  return result;
}

/// It ends here, at the door.
inline StageResult ends_as(Outcome outcome) {
  StageResult result;
  result.outcome = outcome;
  result.refused = true;
  return result;
}

}  // namespace plimsoll
