// What a router sees of loads that are scraped.
#include "service/scraped_loads.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

/// Keeps what it is told.
class Listener final : public Router {
 public:
  void reset(std::uint32_t replicas) override { seen.assign(replicas, ReplicaLoad{}); }
  void update(std::uint32_t replica, const ReplicaLoad& load, Draws&) override {
    seen[replica] = load;
    ++updates;
  }
  RouteDecision pick(const RequestView&, Draws&) override { return {}; }

  std::vector<ReplicaLoad> seen;
  int updates = 0;
};

class ScrapedLoadsTest : public ::testing::Test {
 protected:
  ScrapedLoadsTest() {
    router.reset(3);
    loads.resize(3);
    for (ReplicaLoad& load : loads) {
      load.accepting = false;
    }
  }
  ScrapedLoads scraped(Duration interval, bool own_count) {
    return {router, loads, interval, own_count, RandomStream{1, "scrape"}};
  }
  void change(ScrapedLoads& scraped, Duration at, std::uint32_t replica, int requests) {
    scraped.refresh(sim_start + at);
    loads[replica].accepting = true;
    loads[replica].outstanding += requests;
    loads[replica].committed_kv_tokens += requests * 100;
    scraped.changed(replica, requests > 0, requests * 100, draws);
  }

  Listener router;
  std::vector<ReplicaLoad> loads;
  Draws draws = RandomStream{2, "ties"}.of(0);
};

TEST_F(ScrapedLoadsTest, WithoutAnIntervalEverythingIsSeenAtOnce) {
  ScrapedLoads fresh = scraped(0s, true);
  change(fresh, 1s, 0, 3);
  EXPECT_EQ(router.seen[0].outstanding, 3);
  change(fresh, 2s, 0, -1);
  EXPECT_EQ(router.seen[0].outstanding, 2);
}

TEST_F(ScrapedLoadsTest, AloneItIsTheLoadOfTheLastScrape) {
  ScrapedLoads stale = scraped(10s, false);
  change(stale, 1s, 0, 1);
  change(stale, 2s, 0, 1);
  EXPECT_TRUE(router.seen[0].accepting) << "that it accepts is known at once";
  EXPECT_EQ(router.seen[0].outstanding, 0);
  stale.refresh(sim_start + 10s);
  EXPECT_EQ(router.seen[0].outstanding, 2);
  EXPECT_EQ(router.seen[0].committed_kv_tokens, 200);
  change(stale, 12s, 0, -1);
  EXPECT_EQ(router.seen[0].outstanding, 2);
  stale.refresh(sim_start + 47s);
  EXPECT_EQ(router.seen[0].outstanding, 1);
}

TEST_F(ScrapedLoadsTest, WithItsOwnCountTheRouterAddsWhatItSent) {
  ScrapedLoads stale = scraped(10s, true);
  change(stale, 1s, 0, 1);
  change(stale, 2s, 0, 1);
  EXPECT_EQ(router.seen[0].outstanding, 2);
  EXPECT_EQ(router.seen[0].committed_kv_tokens, 200);
  change(stale, 3s, 0, -1);
  EXPECT_EQ(router.seen[0].outstanding, 2) << "an end is seen at the next scrape";
  stale.refresh(sim_start + 10s);
  EXPECT_EQ(router.seen[0].outstanding, 1);
}

TEST_F(ScrapedLoadsTest, AScrapeAtTheMomentOfAChangeIsBeforeIt) {
  ScrapedLoads stale = scraped(10s, false);
  change(stale, 1s, 0, 1);
  change(stale, 10s, 0, 5);
  EXPECT_EQ(router.seen[0].outstanding, 1);
}

TEST_F(ScrapedLoadsTest, AScrapeCostsTheReplicasThatChanged) {
  ScrapedLoads stale = scraped(10s, false);
  for (std::uint32_t replica = 0; replica < 3; ++replica) {
    change(stale, 1s, replica, 1);
  }
  stale.refresh(sim_start + 10s);
  const int before = router.updates;
  change(stale, 11s, 1, 1);
  stale.refresh(sim_start + 20s);
  stale.refresh(sim_start + 30s);
  EXPECT_EQ(router.updates, before + 1);
}

TEST_F(ScrapedLoadsTest, WhoStopsAcceptingIsKnownAtOnce) {
  ScrapedLoads stale = scraped(10s, false);
  change(stale, 1s, 2, 1);
  loads[2].accepting = false;
  stale.changed(2, false, 0, draws);
  EXPECT_FALSE(router.seen[2].accepting);
}

}  // namespace
}  // namespace plimsoll
