// What a policy may know of a request. The true output length is not here, on purpose: a control
// plane cannot see it, so no policy can.
#pragma once

#include <cstdint>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A guess of the output length from what is known beforehand (the class's mean), in tokens.
struct PredictedLength {
  double tokens = 0;
};

struct RequestView {
  RequestId id = 0;
  std::uint64_t session = 0;  // requests of one session share a prefix; 0: of none, or nobody asks
  std::uint32_t tenant = 0;   // whose API key it carries; 0 where nobody asks
  TierIndex tier = 0;
  ClassIndex request_class = 0;
  ModelIndex model = 0;
  int priority = 0;          // its tier's; larger is more urgent
  double tier_standing = 0;  // 0: its tier has the lowest priority .. 1: the highest
  std::int32_t prompt_tokens = 0;
  PredictedLength predicted_output;
  SimTime arrived{};      // at the service
  Duration on_the_way{};  // from its client's first attempt until then; 0 where nobody asks
  Duration ttft_objective = Duration::max();  // its tier's; max: none
  Duration longest_wait = Duration::max();    // before it is scheduled or times out; max: none
};

}  // namespace plimsoll
