// What of a stage can be used up.
#pragma once

#include <functional>
#include <string>

#include "plimsoll/stages.hpp"
#include "service/stage_result.hpp"

namespace plimsoll {

/// One resource of a stage, which may have several: entrances, say, or turns beside memory.
struct StageCapacity {
  Stage stage = Stage::edge;
  std::string resource;                     // as sentences name it: "workers of api_tier"
  std::function<CapacityUse(SimTime)> use;  // until now; asked once a window
  bool is_level = false;  // what fills up, as a cache: `use` is no integral but how full it is
};

}  // namespace plimsoll
