// What a validated scenario says of pools that share the work on a request: prefill and decode.
#pragma once

#include <cstdint>

namespace plimsoll {

/// What a pool does for the requests of its model.
enum class PoolRole : std::uint8_t {
  both,     // everything, from the prompt to the last token
  prefill,  // prompts up to the first token; then the KV goes to a decode replica
  decode,   // all further tokens
};

}  // namespace plimsoll
