// Router session_affinity: one replica per session, within bounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "unit/policies/router/router_harness.hpp"

namespace plimsoll {
namespace {

using testing::closed;
using testing::RouterHarness;
using testing::with_requests;

RequestView of_session(std::uint64_t session) {
  RequestView request;
  request.session = session;
  return request;
}

std::uint32_t pick(RouterHarness& harness, std::uint64_t session) {
  return harness.router().pick(of_session(session), harness.draws()).replica;
}

TEST(SessionAffinity, ASessionStaysWhereItIs) {
  RouterHarness harness{"session_affinity", 20};
  harness.tell_all(std::vector<ReplicaLoad>(20, with_requests(3)));
  for (std::uint64_t session = 1; session < 200; ++session) {
    const std::uint32_t first = pick(harness, session);
    EXPECT_EQ(pick(harness, session), first);
  }
}

TEST(SessionAffinity, ALeavingReplicaMovesItsOwnSessionsOnly) {
  constexpr std::uint32_t replicas = 20;
  RouterHarness harness{"session_affinity", replicas};
  harness.tell_all(std::vector<ReplicaLoad>(replicas));
  std::vector<std::uint32_t> before;
  for (std::uint64_t session = 1; session <= 4000; ++session) {
    before.push_back(pick(harness, session));
  }
  harness.tell(7, closed());
  int moved = 0;
  for (std::uint64_t session = 1; session <= 4000; ++session) {
    const std::uint32_t now = pick(harness, session);
    EXPECT_NE(now, 7U);
    if (before[session - 1] != 7) {
      ASSERT_EQ(now, before[session - 1]) << "session " << session;
    } else {
      ++moved;
    }
  }
  EXPECT_NEAR(moved, 4000 / 20, 100);
  harness.tell(7, with_requests(0));
  for (std::uint64_t session = 1; session <= 4000; ++session) {
    ASSERT_EQ(pick(harness, session), before[session - 1]) << "back where it was";
  }
}

TEST(SessionAffinity, KeepsTheBoundHoweverSkewedSessionsAre) {
  // No replica takes a request while it has its bound of the load, ceil(1.25 (m + 1) / n).
  constexpr std::uint32_t replicas = 10;
  RouterHarness harness{"session_affinity", replicas};
  std::vector<std::int64_t> placed(replicas, 0);
  harness.tell_all(std::vector<ReplicaLoad>(replicas));
  Draws draws = RandomStream{7, "skew"}.of(0);
  std::int64_t at_home = 0;
  std::vector<std::uint32_t> home(3, RouteDecision::none);
  for (int i = 0; i < 2000; ++i) {
    const std::uint32_t session = draws.below(3);  // three sessions send everything
    const std::uint32_t picked = pick(harness, session + 1);
    if (home[session] == RouteDecision::none) {
      home[session] = picked;
    }
    at_home += picked == home[session] ? 1 : 0;
    harness.tell(picked, with_requests(++placed[picked]));
    const double bound = std::ceil(1.25 * (i + 1) / replicas);
    ASSERT_LE(placed[picked], static_cast<std::int64_t>(std::max(1.0, bound)));
  }
  EXPECT_GT(at_home, 3 * 200 - 10) << "what fits the bound stays at home";
}

TEST(SessionAffinity, BoundsGoByCapacity) {
  RouterHarness harness{"session_affinity", 2};
  std::vector<std::int64_t> placed(2, 0);
  harness.tell_all({with_requests(0, 1.5), with_requests(0, 0.5)});
  for (int i = 0; i < 400; ++i) {
    const std::uint32_t picked = pick(harness, 5);
    harness.tell(picked, with_requests(++placed[picked], picked == 0 ? 1.5 : 0.5));
  }
  // One of them is full at 1.25 times its share, 0.75 or 0.25 of all; the other has the rest.
  const double full = static_cast<double>(std::min(placed[0], placed[1])) / 400;
  EXPECT_TRUE(std::abs(full - 1.25 * 0.25) < 0.01 || std::abs(full - (1 - 1.25 * 0.75)) < 0.01)
      << full;
}

}  // namespace
}  // namespace plimsoll
