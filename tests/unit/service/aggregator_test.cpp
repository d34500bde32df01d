// Messages by hand, one engine and hence one process a case: three requests, or 10 ms.
#include "service/aggregator.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

class AggregatorTest : public testing::Test, public MessageListener {
 protected:
  AggregatorTest() {
    config.size = 3;
    config.window = 10ms;
  }
  void open() { aggregator = std::make_unique<Aggregator>(1, config, 2, engine, *this); }
  void enter_at(Duration t, std::uint32_t place, std::size_t kind = 0) {
    engine.at(sim_start + t, EventPriority::arrival, [this, place, kind] {
      aggregator->enter({place, place}, kind, Phase::before_steps);
    });
  }
  void on_message(const std::vector<Gathered>& requests, Duration latency, Phase) override {
    Sent message;
    message.at = engine.now() - sim_start;
    message.latency = latency;
    for (const Gathered& request : requests) {
      message.places.push_back(request.place);
    }
    sent.push_back(message);
  }
  void on_message_failed(const std::vector<Gathered>&) override {
    FAIL() << "there is no outage here";
  }

  struct Sent {
    Duration at{};
    Duration latency{};
    std::vector<std::uint32_t> places;
  };
  AggregationConfig config;
  Engine engine{PlatformSpec{}};
  std::unique_ptr<Aggregator> aggregator;
  std::vector<Sent> sent;
};

TEST_F(AggregatorTest, AMessageGoesWhenItIsFullOrItsWindowIsOver) {
  open();
  enter_at(0ms, 1);
  enter_at(4ms, 2);
  enter_at(6ms, 3);
  enter_at(7ms, 4);
  enter_at(16ms, 5);
  engine.run();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].at, 6ms);
  EXPECT_EQ(sent[0].places, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(sent[1].at, 17ms) << "10 ms after its first request";
  EXPECT_EQ(sent[1].places, (std::vector<std::uint32_t>{4, 5}));
}

TEST_F(AggregatorTest, KindsAreGatheredApart) {
  open();
  enter_at(0ms, 1, 0);
  enter_at(1ms, 2, 1);
  enter_at(2ms, 3, 0);
  engine.run();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].places, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(sent[1].at, 11ms);
}

TEST_F(AggregatorTest, FullMessagesWaitForTheirTurnsWhileOthersGather) {
  config.size = 2;
  config.capacity = Frequency::of(100);
  config.latency.mean = 1ms;
  open();
  for (std::uint32_t place = 0; place < 6; ++place) {
    enter_at(Duration{place * 1ms}, place);
  }
  engine.run();
  ASSERT_EQ(sent.size(), 3U);
  // Full at 1, 3 and 5 ms; turns at 1, 11 and 21 ms.
  EXPECT_EQ(sent[0].at, 2ms);
  EXPECT_EQ(sent[1].at, 12ms);
  EXPECT_EQ(sent[2].at, 22ms);
  EXPECT_EQ(sent[2].latency, 1ms);
}

}  // namespace
}  // namespace plimsoll
