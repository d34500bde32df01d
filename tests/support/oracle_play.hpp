// Test support: one replica played, held against itself step by step and against the oracle.
#pragma once

#include <gtest/gtest.h>

#include "support/replica_harness.hpp"

namespace plimsoll::testing {

inline PlayResult play_beside_oracle(const ReplicaCase& c) {
  const ContinuousResults results = play_continuous(c);
  EXPECT_EQ(difference(results.fast, results.slow), "");
  EXPECT_EQ(difference(results.fast, play_naive(c)), "");
  return results.fast;
}

}  // namespace plimsoll::testing
