// The loop around an autoscaler: when it looks, what it shows, what it does. One engine a case.
#include "operations/scaling_loop.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

/// Counts seconds: the signal at t is t in seconds, and nothing before `silent_until`.
class FakeTarget final : public ScalableTarget {
 public:
  explicit FakeTarget(Engine& engine) : engine_{engine} {}
  InstanceCounts instances() const override { return counts; }
  std::int64_t minimum() const override { return 2; }
  std::int64_t maximum() const override { return 9; }
  double dollars_per_hour() const override { return 3.5; }
  std::optional<double> scrape(ScalingSignal signal, Duration interval) override {
    EXPECT_EQ(signal, ScalingSignal::queue_depth);
    EXPECT_EQ(interval, 10s);
    const Duration now = engine_.now().time_since_epoch();
    return now < silent_until ? std::nullopt
                              : std::optional{static_cast<double>(now.count()) / 1e9};
  }
  void scale_to(std::int64_t instances) override {
    asked.push_back(instances);
    counts.ready = instances - counts.loading;
  }

  InstanceCounts counts{4, 0, 0};
  Duration silent_until{};
  std::vector<std::int64_t> asked;

 private:
  Engine& engine_;
};

/// Wants what it is told to, and keeps what it is shown.
class FakePolicy final : public Autoscaler {
 public:
  ScalingSignal signal() const override { return ScalingSignal::queue_depth; }
  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    shown.push_back(snapshot);
    return {wanted.empty() ? snapshot.current() : wanted[shown.size() - 1], ScalingReason::above};
  }
  std::vector<ScalingSnapshot> shown;
  std::vector<std::int64_t> wanted;
};

class ScalingLoopTest : public ::testing::Test {
 protected:
  void play(Duration delay, Duration end) {
    auto owned = std::make_unique<FakePolicy>();
    policy = owned.get();
    policy->wanted = wanted;
    loop = std::make_unique<ScalingLoop>(engine, target, std::move(owned), 10s, delay);
    if (provisioning) {
      loop->tell(provisioning, sim_start + warm_up);
    }
    loop->set_observer([this](const ScalingStep& step) { steps.push_back(step); });
    loop->start();
    engine.run_until(sim_start + end);
  }

  Engine engine{PlatformSpec{}};
  FakeTarget target{engine};
  std::optional<Duration> provisioning;
  Duration warm_up{};
  std::vector<std::int64_t> wanted;
  FakePolicy* policy = nullptr;
  std::unique_ptr<ScalingLoop> loop;
  std::vector<ScalingStep> steps;
};

TEST_F(ScalingLoopTest, LooksEveryIntervalAndShowsWhatThereIs) {
  target.counts = {4, 1, 2};
  play(0s, 35s);
  ASSERT_EQ(policy->shown.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const ScalingSnapshot& shown = policy->shown[i];
    EXPECT_EQ(shown.now - sim_start, (i + 1) * 10s);
    EXPECT_EQ(shown.signal, 10.0 * static_cast<double>(i + 1));
    EXPECT_EQ(shown.interval, 10s);
    EXPECT_EQ(shown.ready, 4);
    EXPECT_EQ(shown.loading, 1);
    EXPECT_EQ(shown.draining, 2);
    EXPECT_EQ(shown.minimum, 2);
    EXPECT_EQ(shown.maximum, 9);
    EXPECT_EQ(shown.dollars_per_hour, 3.5);
  }
  EXPECT_TRUE(target.asked.empty()) << "who stays where it is is not bothered";
  EXPECT_EQ(loop->totals().evaluations, 3);
}

TEST_F(ScalingLoopTest, SignalsAreAsOldAsTheScenarioSays) {
  play(25s, 65s);
  ASSERT_EQ(policy->shown.size(), 6U);
  // 25 s ago or earlier: at 10 .. 30 s nothing had been scraped by then.
  EXPECT_EQ(policy->shown[0].signal, std::nullopt);
  EXPECT_EQ(policy->shown[1].signal, std::nullopt);
  EXPECT_EQ(policy->shown[2].signal, std::nullopt);
  EXPECT_EQ(policy->shown[3].signal, 10.0);
  EXPECT_EQ(policy->shown[4].signal, 20.0);
  EXPECT_EQ(policy->shown[5].signal, 30.0);
}

TEST_F(ScalingLoopTest, ADelayOfWholeIntervalsShowsTheScrapeOfThatMoment) {
  play(20s, 45s);
  ASSERT_EQ(policy->shown.size(), 4U);
  EXPECT_EQ(policy->shown[1].signal, std::nullopt);
  EXPECT_EQ(policy->shown[2].signal, 10.0);
  EXPECT_EQ(policy->shown[3].signal, 20.0);
}

TEST_F(ScalingLoopTest, ThePolicyKnowsHowFarItHasToLookAheadAndWhatIsMeasured) {
  provisioning = 90s;
  warm_up = 25s;
  play(10s, 75s);
  ASSERT_GE(policy->shown.size(), 6U);
  for (const ScalingSnapshot& shown : policy->shown) {
    EXPECT_EQ(shown.lead, 90s + 10s + 10s) << "provisioning, age of the signal, an interval";
    // The signal is of the interval that ended 10 s ago.
    EXPECT_EQ(shown.measured, shown.now - 20s >= sim_start + 25s);
  }
}

TEST_F(ScalingLoopTest, NobodyKnowsHowLongAColdStartTakes) {
  play(20s, 15s);
  ASSERT_EQ(policy->shown.size(), 1U);
  EXPECT_EQ(policy->shown[0].lead, std::nullopt);
  EXPECT_FALSE(policy->shown[0].measured) << "what is 20 s old came before t = 0";
}

TEST_F(ScalingLoopTest, DecisionsAreKeptWithinTheBoundsAndTold) {
  wanted = {6, 12, 0, 2};
  play(0s, 45s);
  EXPECT_EQ(target.asked, (std::vector<std::int64_t>{6, 9, 2}));
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[0].reason, ScalingReason::above);
  EXPECT_EQ(steps[0].before.current(), 4);
  EXPECT_EQ(steps[1].reason, ScalingReason::at_maximum);
  EXPECT_EQ(steps[2].reason, ScalingReason::at_minimum);
  EXPECT_EQ(steps[2].decided, 2);
  EXPECT_EQ(loop->totals().scale_ups, 2);
  EXPECT_EQ(loop->totals().scale_downs, 1);
  EXPECT_EQ(loop->totals().least, 2);
  EXPECT_EQ(loop->totals().most, 9);
}

TEST_F(ScalingLoopTest, WithoutASignalThePolicyIsAskedAllTheSame) {
  target.silent_until = 15s;
  play(0s, 25s);
  ASSERT_EQ(policy->shown.size(), 2U);
  EXPECT_EQ(policy->shown[0].signal, std::nullopt);
  EXPECT_EQ(policy->shown[1].signal, 20.0);
}

}  // namespace
}  // namespace plimsoll
