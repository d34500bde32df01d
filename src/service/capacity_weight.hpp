// How much a replica can serve, as its operator would estimate it: what routers weigh load by.
#pragma once

#include "serving/replica.hpp"

namespace plimsoll {

/// Mean lengths of the requests that a replica is to serve, tokens.
struct MeanLengths {
  double prompt = 0;
  double output = 0;
};

/// Requests/s that one replica of `shape` sustains when full: each request needs its prompt
/// computed once and `output` steps of a batch as large as sequences and KV memory allow.
double capacity_estimate(const ReplicaShape& shape, const MeanLengths& lengths);

/// The mean that a length law states (quantiles: of the linear interpolation).
double mean_of(const LengthLaw& law);

}  // namespace plimsoll
