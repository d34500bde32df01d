// A waiting room by hand: positions under ranks, the wait that is shown, who leaves for it.
#include "service/waiting_room.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

WaitingRoomConfig config_of(ShownInLine shows) {
  WaitingRoomConfig config;
  config.capacity = 100;
  config.shows = shows;
  config.averaging = 10s;
  return config;
}

/// Joins at the next slot and tells the position that was shown.
class Line {
 public:
  explicit Line(WaitingRoom& room) : room_{room} {}
  std::int64_t join(QueueRank rank, RequestId id) {
    const WaitingRoomVisit shown = room_.show(rank, id, sim_start, 1.0);
    room_.join(shown, rank, id, static_cast<RequestSlot>(id));
    return shown.position;
  }

 private:
  WaitingRoom& room_;
};

TEST(WaitingRoom, APositionIsTheNumberOfThoseWhoGoFirst) {
  WaitingRoom room{config_of(ShownInLine::position), nullptr, 0};
  Line line{room};
  EXPECT_EQ(line.join(0, 1), 0);
  EXPECT_EQ(line.join(0, 2), 1) << "first come, first served within a rank";
  EXPECT_EQ(line.join(5, 3), 2);
  EXPECT_EQ(line.join(-1, 4), 0) << "a better rank goes before all";
  EXPECT_EQ(line.join(0, 5), 3) << "behind 4, 1 and 2, before 3";
  EXPECT_EQ(room.leave(0, 1, 1, true, sim_start).position, 0);
  EXPECT_EQ(line.join(0, 6), 3) << "one has left";
}

TEST(WaitingRoom, OnlyThePositionIsShownUnlessTheWaitIsAskedFor) {
  WaitingRoom room{config_of(ShownInLine::position), nullptr, 0};
  EXPECT_FALSE(room.show(0, 1, sim_start, 1.0).told.has_value());
}

TEST(WaitingRoom, TheFirstWaitShownRestsOnWhatReplicasSustain) {
  WaitingRoom room{config_of(ShownInLine::wait), nullptr, 0};
  EXPECT_FALSE(room.show(0, 1, sim_start, 0.0).told.has_value()) << "nobody serves: nobody knows";
  EXPECT_EQ(room.show(0, 1, sim_start, 4.0).told, 250ms);
}

TEST(WaitingRoom, ThePaceBecomesThatOfTheLine) {
  // Replicas were estimated to do 1/s and take 5/s.
  WaitingRoom room{config_of(ShownInLine::wait), nullptr, 0};
  RequestId next = 0;
  RequestId first = 0;
  const auto join = [&](SimTime t) {
    const WaitingRoomVisit shown = room.show(0, next, t, 1.0);
    room.join(shown, 0, next, static_cast<RequestSlot>(next));
    ++next;
    return shown;
  };
  for (int i = 0; i < 20; ++i) {
    join(sim_start);
  }
  WaitingRoomVisit last;
  for (int i = 1; i <= 500; ++i) {
    const SimTime t = sim_start + i * 200ms;
    room.leave(0, first, static_cast<RequestSlot>(first), true, t);
    ++first;
    last = join(t);
  }
  EXPECT_EQ(last.position, 19);
  // A mean over the last 10 s: 1/s, forgotten after ten of them, and steps of 1/10 s.
  EXPECT_NEAR(to_seconds(*last.told), 20 / 5.0, 0.06);
}

TEST(WaitingRoom, WhileNobodyWaitsThePaceStaysAsItWas) {
  WaitingRoom room{config_of(ShownInLine::wait), nullptr, 0};
  EXPECT_EQ(room.show(0, 1, sim_start, 4.0).told, 250ms);
  EXPECT_EQ(room.show(0, 2, sim_start + 1h, 8.0).told, 250ms);
}

TEST(WaitingRoom, ClientsLeaveForMoreThanTheyTake) {
  ClientConfig clients;
  clients.leaves_beyond_position = 3;
  clients.leaves_beyond_wait = 2s;
  const WaitingRoom room{config_of(ShownInLine::wait), &clients, 0};
  WaitingRoomVisit shown;
  shown.position = 3;
  shown.told = 2s;
  EXPECT_FALSE(room.is_too_much(shown));
  shown.position = 4;
  EXPECT_TRUE(room.is_too_much(shown));
  shown.position = 0;
  shown.told = 2s + 1ns;
  EXPECT_TRUE(room.is_too_much(shown));
  shown.told.reset();
  EXPECT_FALSE(room.is_too_much(shown)) << "a wait that nobody knows keeps nobody away";
}

}  // namespace
}  // namespace plimsoll
