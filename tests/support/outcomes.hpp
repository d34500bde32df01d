// Sums over the outcomes of requests.
#pragma once

#include <cstdint>
#include <numeric>

#include "plimsoll/metrics.hpp"

namespace plimsoll::test {

/// Requests of a slice that have an outcome.
inline std::int64_t ended(const SliceSummary& slice) {
  return std::accumulate(slice.outcomes.begin(), slice.outcomes.end(), std::int64_t{0});
}

}  // namespace plimsoll::test
