// A replica that takes requests before its last layer is there.
#pragma once

#include "operations/weight_source.hpp"
#include "serving/replica.hpp"

namespace plimsoll {

/// Of a slot that is about to become ready: when weights still stream in (`weights` may be null),
/// its replica's first pass waits for the last of them.
inline void stream_rest(WeightSource* weights, std::size_t slot, Replica& replica) {
  if (weights != nullptr && weights->streams(slot, [&replica] { replica.weights_complete(); })) {
    replica.begin_streaming();
  }
}

}  // namespace plimsoll
