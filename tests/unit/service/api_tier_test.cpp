// The API tier by hand, one engine and hence one process a case: a request takes 10 ms of a worker.
#include "service/api_tier.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

class ApiTierTest : public testing::Test, public ApiTierListener {
 protected:
  ApiTierTest() {
    config.instances = 1;
    config.cpu.mean = 10ms;
    config.queue = 100;
  }
  void open() { tier = std::make_unique<ApiTier>(1, config, engine, *this); }
  void enter_at(Duration t, std::uint32_t flight) {
    engine.at(sim_start + t, EventPriority::arrival,
              [this, flight] { entries[flight] = tier->enter(flight, flight, 0); });
  }
  void on_api_done(std::uint32_t flight, std::uint64_t, Duration wait, Duration work) override {
    done[flight] = engine.now() - sim_start;
    waits[flight] = wait;
    EXPECT_EQ(work, 10ms);
  }
  bool still_there(std::uint32_t flight, std::uint64_t) const override {
    return gone.count(flight) == 0;
  }

  ApiTierConfig config;
  Engine engine{PlatformSpec{}};
  std::unique_ptr<ApiTier> tier;
  std::map<std::uint32_t, ApiTier::Entry> entries;
  std::map<std::uint32_t, Duration> done, waits;
  std::set<std::uint32_t> gone;
};

TEST_F(ApiTierTest, ServesInOrderAndTellsTheWait) {
  open();
  enter_at(0ms, 1);
  enter_at(1ms, 2);
  enter_at(2ms, 3);
  engine.run();
  EXPECT_EQ(done[1], 10ms);
  EXPECT_EQ(done[2], 20ms);
  EXPECT_EQ(done[3], 30ms);
  EXPECT_EQ(waits[3], 18ms);
  EXPECT_EQ(entries[1], ApiTier::Entry::began);
  EXPECT_EQ(entries[3], ApiTier::Entry::waits);
  EXPECT_DOUBLE_EQ(tier->worker_time().busy, 30e6);
  EXPECT_DOUBLE_EQ(tier->worker_time().all, 30e6);
}

TEST_F(ApiTierTest, AFullQueueRefuses) {
  config.queue = 1;
  config.workers = 2;
  open();
  for (std::uint32_t i = 1; i <= 4; ++i) {
    enter_at(0ms, i);
  }
  engine.run();
  EXPECT_EQ(entries[3], ApiTier::Entry::waits);
  EXPECT_EQ(entries[4], ApiTier::Entry::full);
  EXPECT_EQ(done.size(), 3U);
  EXPECT_EQ(done[3], 20ms);
}

TEST_F(ApiTierTest, NewInstancesTakeWhoWaits) {
  open();
  for (std::uint32_t i = 1; i <= 3; ++i) {
    enter_at(0ms, i);
  }
  engine.at(sim_start + 4ms, EventPriority::fleet, [this] { tier->set_instances(3); });
  engine.run();
  EXPECT_EQ(done[1], 10ms);
  EXPECT_EQ(done[2], 14ms);
  EXPECT_EQ(done[3], 14ms);
  EXPECT_DOUBLE_EQ(tier->worker_time().all, 4e6 * 1 + 10e6 * 3);
}

TEST_F(ApiTierTest, FewerInstancesFinishWhatTheyBegan) {
  config.instances = 2;
  open();
  for (std::uint32_t i = 1; i <= 4; ++i) {
    enter_at(0ms, i);
  }
  engine.at(sim_start + 5ms, EventPriority::fleet, [this] { tier->set_instances(1); });
  engine.run();
  EXPECT_EQ(done[2], 10ms);
  EXPECT_EQ(done[3], 20ms);
  EXPECT_EQ(done[4], 30ms);
}

TEST_F(ApiTierTest, AnOutageTakesItsShareOfTheInstances) {
  config.instances = 4;
  config.outages = {{1ms, 30ms, 0.5}};
  open();
  for (std::uint32_t i = 1; i <= 8; ++i) {
    enter_at(2ms, i);
  }
  engine.run();
  EXPECT_EQ(done[2], 12ms);
  EXPECT_EQ(done[4], 22ms);
  EXPECT_EQ(done[6], 32ms);
  // At 31 ms the lost two are back.
  EXPECT_EQ(done[7], 41ms);
  EXPECT_EQ(done[8], 41ms);
}

TEST_F(ApiTierTest, TheEndOfAnOutageDoesNotEndAnother) {
  config.instances = 4;
  config.outages = {{1ms, 40ms, 0.5}, {3ms, 10ms, 0.5}};
  open();
  for (std::uint32_t i = 1; i <= 8; ++i) {
    enter_at(4ms, i);
  }
  engine.run();
  // A half of a half: one is left until 13 ms, then two until 41 ms.
  EXPECT_EQ(done[1], 14ms);
  EXPECT_EQ(done[2], 23ms);
  EXPECT_EQ(done[3], 24ms);
  EXPECT_EQ(done[4], 33ms);
  EXPECT_EQ(done[6], 43ms);
  EXPECT_EQ(done[7], 44ms);
  EXPECT_EQ(done[8], 51ms) << "all four are back";
  EXPECT_DOUBLE_EQ(tier->worker_time().all, 1e6 * 4 + 2e6 * 2 + 10e6 * 1 + 28e6 * 2 + 10e6 * 4);
}

TEST_F(ApiTierTest, WhoLeftIsWorkedOnAllTheSame) {
  open();
  enter_at(0ms, 1);
  enter_at(0ms, 2);
  enter_at(0ms, 3);
  engine.at(sim_start + 1ms, EventPriority::fleet, [this] { gone.insert(2); });
  engine.run();
  EXPECT_EQ(done[3], 30ms);
}

TEST_F(ApiTierTest, WhoLeftIsDroppedWhenTheTierLooks) {
  config.drops_leavers = true;
  open();
  enter_at(0ms, 1);
  enter_at(0ms, 2);
  enter_at(0ms, 3);
  engine.at(sim_start + 1ms, EventPriority::fleet, [this] { gone.insert(2); });
  engine.run();
  EXPECT_EQ(done[3], 20ms);
  EXPECT_EQ(done.count(2), 0U);
}

}  // namespace
}  // namespace plimsoll
