// Usage by key: what is an anomaly and when it is told; one engine and hence one process a case.
#include "service/metering.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

class MeteringTest : public testing::Test {
 protected:
  MeteringTest() {
    config.interval = 10s;
    config.z = 5;
    config.learning = 3;
  }
  struct Told {
    Duration at{};
    Metering::Alarm alarm;
  };
  /// Uses `tokens` of `key` in the middle of interval `number`.
  void use(int number, std::uint32_t key, std::int64_t tokens) {
    engine.at(sim_start + config.interval * number + 5s, EventPriority::arrival,
              [this, key, tokens] { metering->add(key, tokens); });
  }
  void play() {
    metering =
        std::make_unique<Metering>(config, 4000, engine, [this](const Metering::Alarm& alarm) {
          told.push_back({engine.now() - sim_start, alarm});
        });
    engine.run();
  }

  MeteringConfig config;
  Engine engine{PlatformSpec{}};
  std::unique_ptr<Metering> metering;
  std::vector<Told> told;
};

TEST_F(MeteringTest, ASteadyKeyIsNeverAnomalous) {
  for (int i = 0; i < 50; ++i) {
    use(i, 1, 1000 + (i % 3) * 20);
  }
  play();
  EXPECT_TRUE(told.empty());
}

TEST_F(MeteringTest, AJumpIsToldAtTheEndOfItsInterval) {
  for (int i = 0; i < 20; ++i) {
    use(i, 1, 1000);
    use(i, 2, i < 12 ? 1000 : 9000);
  }
  play();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front().at, 130s);
  EXPECT_EQ(told.front().alarm.key, 2U);
  EXPECT_EQ(told.front().alarm.tokens, 9000);
  EXPECT_NEAR(told.front().alarm.expected, 1000, 1000 * 0.1) << "the mean of a steady key";
  EXPECT_EQ(told.size(), 1U) << "the same excess is one alarm";
}

TEST_F(MeteringTest, NothingIsToldWhileItLearns) {
  config.learning = 5;
  use(0, 0, 100);
  use(2, 3, 100'000);
  use(6, 3, 5'000'000);
  play();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].at, 70s);
}

/// Half of the keys come once and never again, most others seldom: that is no anomaly, though none
/// of them has a mean. One of the seldom keys that uses twenty times as much as anybody is one.
TEST_F(MeteringTest, KeysWithoutAHistoryAreJudgedByWhatKeysUse) {
  const RandomStream stream{7, "keys"};
  Draws draws = stream.of(0);
  for (int i = 0; i < 60; ++i) {
    for (int one = 0; one < 30; ++one) {
      const std::uint32_t fresh = draws.below(2);
      const std::uint32_t tokens = draws.below(1000);
      const auto number = static_cast<std::uint32_t>(i * 30 + one);
      const std::uint32_t which = number * 37 % 1000;  // none twice in an interval
      use(i, fresh == 1 ? 1000 + number : which, 500 + tokens);
    }
  }
  use(50, 3, 30'000);
  play();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].alarm.key, 3U);
}

TEST_F(MeteringTest, StatedTokensReplaceTheMeanOfAll) {
  config.least_tokens = 200;
  for (int i = 0; i < 10; ++i) {
    use(i, 0, 1'000'000 + 100'000 * (i % 2));
  }
  use(8, 1, 300);
  play();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].alarm.key, 1U) << "far below what others use, and new";
}

TEST_F(MeteringTest, SmallUseIsNoAnomaly) {
  config.least_tokens = 500;
  for (int i = 0; i < 10; ++i) {
    use(i, 0, 1);
  }
  use(10, 0, 400);
  use(11, 0, 6000);
  play();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].alarm.tokens, 6000);
}

TEST_F(MeteringTest, SeveralInARow) {
  config.in_a_row = 3;
  for (int i = 0; i < 30; ++i) {
    use(i, 0, i == 10 || i > 20 ? 50'000 : 1000);
  }
  play();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].at, 240s) << "intervals 21, 22 and 23";
}

}  // namespace
}  // namespace plimsoll
