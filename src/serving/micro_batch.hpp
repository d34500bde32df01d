// A running set of a replica: what one pipeline stage works on at a time.
#pragma once

#include <cstdint>

#include "serving/request_table.hpp"

namespace plimsoll {

/// A running set, and the prompt of it that is computed in part.
struct MicroBatch {
  std::int64_t decoding = 0;
  std::int64_t kv_tokens = 0;  // of the decoding sequences
  std::int64_t prefilling = 0;
  std::int64_t budget_left = 0;  // in the step being planned
  RequestSlot partial = no_slot;
  std::int64_t partial_done = 0;
};

/// A sequence that leaves the decoding ones, at its end or preempted.
struct LeavingSequence {
  RequestSlot slot = no_slot;
  std::uint32_t joined = 0;  // its number in the order of joining
  std::int64_t blocks = 0;   // of KV that it held
  std::int64_t rest = 0;     // tokens that it still wants
};

}  // namespace plimsoll
