// Rows of stages from visits by hand.
#include "metrics/stage_accounts.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

StageVisit visit(Stage stage, Outcome result, Duration wait, Duration latency, Duration arrived) {
  StageVisit visit;
  visit.stage = stage;
  visit.result = result;
  visit.wait = wait;
  visit.latency = latency;
  visit.arrived = sim_start + arrived;
  return visit;
}

TEST(StageAccounts, CountsByOutcomeAndAddsUp) {
  StageAccounts accounts{sim_start, CoveredSpans{HorizonConfig{}}};
  StageVisit hit = visit(Stage::response_cache, Outcome::cached, 0ms, 2ms, 1s);
  hit.hit = true;
  accounts.add(hit);
  accounts.add(visit(Stage::response_cache, Outcome::completed, 0ms, 4ms, 1s));
  accounts.add(visit(Stage::load_balancer, Outcome::shed, 0ms, 0ms, 1s));
  accounts.add(visit(Stage::load_balancer, Outcome::completed, 10ms, 11ms, 1s));
  const std::vector<StageSummary> rows = accounts.summarize();
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(stage_count));
  const StageSummary& cache = rows[static_cast<std::size_t>(Stage::response_cache)];
  EXPECT_EQ(cache.offered, 2);
  EXPECT_EQ(cache.served, 2);
  EXPECT_EQ(cache.hits, 1);
  EXPECT_DOUBLE_EQ(cache.latency.mean, 3.0);
  const StageSummary& balancer = rows[static_cast<std::size_t>(Stage::load_balancer)];
  EXPECT_EQ(balancer.offered, 2);
  EXPECT_EQ(balancer.served, 1);
  EXPECT_EQ(balancer.outcomes[static_cast<std::size_t>(Outcome::shed)], 1);
  EXPECT_DOUBLE_EQ(balancer.wait.max, 10.0);
  EXPECT_EQ(rows[static_cast<std::size_t>(Stage::auth)].offered, 0);
}

TEST(StageAccounts, RefusalsAreNoQuickVisits) {
  StageAccounts accounts{sim_start, CoveredSpans{HorizonConfig{}}};
  StageVisit refused = visit(Stage::load_balancer, Outcome::shed, 0ms, 0ms, 1s);
  refused.refused = true;
  for (int i = 0; i < 8; ++i) {
    accounts.add(refused);
  }
  accounts.add(visit(Stage::load_balancer, Outcome::completed, 10ms, 12ms, 1s));
  accounts.add(visit(Stage::load_balancer, Outcome::abandoned, 30ms, 30ms, 1s));
  const StageSummary row = accounts.summarize()[static_cast<std::size_t>(Stage::load_balancer)];
  EXPECT_EQ(row.offered, 10);
  EXPECT_EQ(row.wait.count, 2) << "whoever left had waited";
  EXPECT_DOUBLE_EQ(row.wait.mean, 20.0);
  EXPECT_EQ(row.latency.count, 1);
  EXPECT_DOUBLE_EQ(row.latency.mean, 12.0);
}

TEST(StageAccounts, LeavesTheWarmUpOut) {
  StageAccounts accounts{sim_start + 10s, CoveredSpans{HorizonConfig{}}};
  accounts.add(visit(Stage::auth, Outcome::completed, 0ms, 1ms, 9999ms));
  accounts.add(visit(Stage::auth, Outcome::completed, 0ms, 1ms, 10s));
  EXPECT_EQ(accounts.summarize()[static_cast<std::size_t>(Stage::auth)].offered, 1);
}

TEST(StageAccounts, WhoDidNotComeIsNotOffered) {
  StageAccounts accounts{sim_start + 10s, CoveredSpans{HorizonConfig{}}};
  StageVisit one = visit(Stage::auth, Outcome::completed, 0ms, 1ms, 20s);
  for (const VisitEnd end : {VisitEnd::known, VisitEnd::left_on_the_way, VisitEnd::under_way}) {
    one.end = end;
    accounts.add(one);
  }
  one.arrived = sim_start + 9s;
  accounts.add(one);
  const StageSummary auth = accounts.summarize()[static_cast<std::size_t>(Stage::auth)];
  EXPECT_EQ(auth.offered, 1);
  EXPECT_EQ(auth.left_on_the_way, 1);
  EXPECT_EQ(auth.under_way, 1);
  EXPECT_EQ(auth.latency.count, 1);
  accounts.begin(sim_start + 9s, false);
  accounts.begin(sim_start + 10s, false);
  accounts.begin(sim_start + 10s, true);
  EXPECT_EQ(accounts.attempts().all, 2);
  EXPECT_EQ(accounts.attempts().retries, 1);
}

TEST(StageAccounts, LeavesOutWhatLiesBetweenWindows) {
  HorizonConfig horizon;
  horizon.windows = {{10s, 20s}};
  StageAccounts accounts{sim_start, CoveredSpans{horizon}};
  for (const auto at : {9s, 10s, 19s, 20s}) {
    accounts.add(visit(Stage::auth, Outcome::completed, 0ms, 1ms, at));
  }
  EXPECT_EQ(accounts.summarize()[static_cast<std::size_t>(Stage::auth)].offered, 2);
}

}  // namespace
}  // namespace plimsoll
