// Prometheus' alert states on timelines by hand.
#include "metrics/alert.hpp"

#include <gtest/gtest.h>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

SimTime at(int seconds) {
  return sim_start + std::chrono::seconds{seconds};
}

AlertSummary told(const Alert& alert, int end) {
  AlertSummary summary;
  alert.summarize(at(end), summary);
  return summary;
}

TEST(Alert, FiresWhenTheConditionHasHeldForSoLong) {
  Alert alert{std::chrono::seconds{30}};
  alert.evaluate(at(15), at(15), false);
  EXPECT_EQ(alert.state(), AlertState::inactive);
  alert.evaluate(at(30), at(30), true);
  EXPECT_EQ(alert.state(), AlertState::pending);
  alert.evaluate(at(45), at(45), true);
  EXPECT_EQ(alert.state(), AlertState::pending);
  alert.evaluate(at(60), at(60), true);  // 30 s after the first
  EXPECT_EQ(alert.state(), AlertState::firing);
  alert.evaluate(at(75), at(75), true);
  alert.evaluate(at(90), at(90), false);
  EXPECT_EQ(alert.state(), AlertState::inactive);
  const AlertSummary summary = told(alert, 100);
  EXPECT_EQ(summary.state, "inactive");
  EXPECT_EQ(summary.evaluations, 6);
  EXPECT_EQ(summary.pendings, 1);
  EXPECT_EQ(summary.firings, 1);
  EXPECT_EQ(summary.firing, std::chrono::seconds{30});
  ASSERT_EQ(summary.episodes.size(), 1U);
  EXPECT_EQ(summary.episodes[0].clear, at(15));
  EXPECT_EQ(summary.episodes[0].since, at(30));
  EXPECT_EQ(summary.episodes[0].fired, at(60));
  EXPECT_EQ(summary.episodes[0].resolved, at(90));
}

TEST(Alert, APendingOneThatClearsBeginsAnew) {
  Alert alert{std::chrono::seconds{30}};
  for (const int second : {15, 30}) {
    alert.evaluate(at(second), at(second), true);
  }
  alert.evaluate(at(44), at(44), false);  // 29 s: it never fired
  EXPECT_EQ(alert.state(), AlertState::inactive);
  for (const int second : {60, 75}) {
    alert.evaluate(at(second), at(second), true);
    EXPECT_EQ(alert.state(), AlertState::pending) << second;
  }
  alert.evaluate(at(90), at(90), true);
  EXPECT_EQ(alert.state(), AlertState::firing);
  const AlertSummary summary = told(alert, 100);
  EXPECT_EQ(summary.state, "firing");
  EXPECT_EQ(summary.pendings, 2);
  EXPECT_EQ(summary.firings, 1);
  EXPECT_EQ(summary.firing, std::chrono::seconds{10});  // until the end
  ASSERT_EQ(summary.episodes.size(), 1U);
  EXPECT_EQ(summary.episodes[0].since, at(60));
  EXPECT_EQ(summary.episodes[0].resolved, never);
}

TEST(Alert, WithoutADurationItFiresAtOnceEvenAtTheFirstScrape) {
  Alert alert{Duration::zero()};
  alert.evaluate(at(15), at(15), true);
  EXPECT_EQ(alert.state(), AlertState::firing);
  const AlertSummary summary = told(alert, 15);
  ASSERT_EQ(summary.episodes.size(), 1U);
  EXPECT_EQ(summary.episodes[0].clear, never);
  EXPECT_EQ(summary.episodes[0].fired, at(15));
}

TEST(Alert, ALaggingDatabaseDelaysIt) {
  // Samples can be queried 40 s late: it is pending at 55 s and fires at 85 s, for what was
  // scraped at 15 s.
  Alert alert{std::chrono::seconds{30}};
  for (const int second : {15, 30, 45}) {
    alert.evaluate(at(second), at(second + 40), true);
  }
  const AlertSummary summary = told(alert, 85);
  ASSERT_EQ(summary.episodes.size(), 1U);
  EXPECT_EQ(summary.episodes[0].fired - summary.episodes[0].since, std::chrono::seconds{70});
  EXPECT_THROW(alert.evaluate(at(60), at(59), true), InternalError);
}

TEST(Alert, EpisodesAreHeldInBoundedNumberAndAllCounted) {
  Alert alert{Duration::zero()};
  for (int i = 0; i < 100; ++i) {
    alert.evaluate(at(2 * i), at(2 * i), true);
    alert.evaluate(at(2 * i + 1), at(2 * i + 1), false);
  }
  const AlertSummary summary = told(alert, 200);
  EXPECT_EQ(summary.firings, 100);
  EXPECT_EQ(summary.firing, std::chrono::seconds{100});
  EXPECT_EQ(summary.episodes.size(), Alert::most_episodes);
}

}  // namespace
}  // namespace plimsoll
