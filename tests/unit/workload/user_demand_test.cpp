// Users compiled into rates: closed forms, shapes that integrate to 1, tiers that add up, and
// arrivals that come as often as the intensity says.
#include "workload/user_demand.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include "support/workload_builders.hpp"
#include "workload/class_mix.hpp"

namespace plimsoll {
namespace {

constexpr Duration hour = std::chrono::hours{1};
constexpr Duration day = std::chrono::hours{24};

/// 1,000 users throughout: free and plus (10 %), one region, a day that swings and a week that
/// does not. 2022-11-28 is a Monday.
Config config_of_users() {
  Config config = testing::open_loop_config(1);
  config.duration = 14 * day;
  config.tiers.resize(2);
  config.tiers[0].name = "free";
  config.tiers[1].name = "plus";
  config.workload.classes.resize(2);
  config.workload.classes[1].name = "paid";
  config.workload.classes[1].tier = 1;
  UsersConfig users;
  users.start = "2022-11-28";
  users.start_s = 1669593600;
  users.growth.points = {{Duration{}, 1000}};
  UserTierConfig habits;
  habits.name = "free";
  habits.daily_active = 0.5;
  habits.sessions_per_day = 2;
  habits.requests_per_session = 3;
  habits.session_length = std::chrono::minutes{12};
  users.tiers.push_back(habits);
  habits.name = "plus";
  habits.tier = 1;
  habits.share = 0.1;
  users.tiers.push_back(habits);
  users.regions.push_back(UserRegion{"here", 1, {}, 0});
  LoadShapeSpec shape;
  for (int h = 0; h < 24; ++h) {
    shape.hours.push_back(h < 12 ? 1 : 3);
  }
  shape.days.assign(7, 2);
  config.load_shapes.push_back(shape);
  config.workload.users = users;
  return config;
}

double requests_of(const Config& config, Duration from, Duration to) {
  return expected_arrivals(compiled_arrivals(config), SimTime{from}, SimTime{to});
}

TEST(UserDemand, ADayHasUsersTimesHabitsRequests) {
  const Config config = config_of_users();
  // 1,000 x 0.5 x 2 x 3 = 3,000, of every day, since the shape of a day has the mean 1.
  for (int d = 0; d < 14; ++d) {
    EXPECT_NEAR(requests_of(config, d * day, (d + 1) * day), 3000, 1e-6) << "day " << d;
  }
}

TEST(UserDemand, TheShapeOfADayIsLinearBetweenMiddlesOfHours) {
  const Config config = config_of_users();
  const UserDemand demand{config};
  // Mean of 12 ones and 12 threes: 2. So 0.5 amid the night, 1.5 in the afternoon, 1 at noon.
  EXPECT_DOUBLE_EQ(demand.shape_after(6 * hour), 0.5);
  EXPECT_DOUBLE_EQ(demand.shape_after(18 * hour), 1.5);
  EXPECT_DOUBLE_EQ(demand.shape_after(12 * hour), 1.0);
  EXPECT_DOUBLE_EQ(demand.shape_after(11 * hour + hour / 2), 0.5);
}

TEST(UserDemand, AWeekOfAnyRegionsAndShapesIntegratesToSevenDays) {
  Config config = config_of_users();
  config.load_shapes[0].days = {1, 2, 3, 4, 5, 6, 7};
  config.load_shapes[0].hours[5] = 40;
  config.workload.users->regions = {UserRegion{"west", 3, -8 * hour, 0},
                                    UserRegion{"east", 1, 5 * hour + 3 * hour / 4, 0}};
  // Whole weeks: both regions see each of their days once.
  EXPECT_NEAR(requests_of(config, Duration{}, 7 * day), 7 * 3000, 1e-5);
  EXPECT_NEAR(requests_of(config, 3 * day, 10 * day), 7 * 3000, 1e-5);
}

TEST(UserDemand, DaysOfTheWeekChangeAtLocalMidnight) {
  Config config = config_of_users();
  config.load_shapes[0].hours.assign(24, 1);
  config.load_shapes[0].days = {0, 7, 0, 0, 0, 0, 0};  // Tuesdays only
  config.workload.users->regions[0].utc_offset = -8 * hour;
  // Tuesday in the west is from 08:00 UTC of Tuesday to 08:00 of Wednesday.
  EXPECT_NEAR(requests_of(config, day + 8 * hour, 2 * day + 8 * hour), 7 * 3000, 1e-6);
  EXPECT_NEAR(requests_of(config, Duration{}, day + 8 * hour), 0, 1e-9);
  EXPECT_NEAR(requests_of(config, 2 * day + 8 * hour, 8 * day + 8 * hour), 0, 1e-9);
}

TEST(UserDemand, EventsMultiply) {
  Config config = config_of_users();
  config.load_shapes[0].hours.assign(24, 1);
  config.workload.users->events = {DemandEvent{"spike", 2 * day, day, day / 2, 5}};
  // Ramps: on the mean half of the rise over half a day on both sides.
  const double daily = 3000;
  EXPECT_NEAR(requests_of(config, 2 * day, 3 * day), 5 * daily, 1e-6);
  EXPECT_NEAR(requests_of(config, day, 2 * day), daily * (1 + 4 * 0.5 * 0.5), 1e-6);
  EXPECT_NEAR(requests_of(config, 3 * day, 4 * day), daily * 2, 1e-6);
  EXPECT_NEAR(requests_of(config, 4 * day, 5 * day), daily, 1e-6);
}

TEST(UserDemand, TiersAddUpToAllUsersAtAnyTime) {
  Config config = config_of_users();
  auto& users = *config.workload.users;
  users.growth.points = {{Duration{}, 0}, {day, 1e5}, {5 * day, 1e6}};
  users.tiers[1].from = 2 * day;
  users.tiers[1].over = 4 * day;
  users.tiers[1].share = 0.085;
  const UserDemand demand{config};
  for (Duration t{}; t < 14 * day; t += 5 * hour) {
    const double sum = demand.users_of(0, t) + demand.users_of(1, t);
    EXPECT_NEAR(sum, demand.registered(t), 1e-6);
  }
  EXPECT_EQ(demand.users_of(1, 2 * day), 0);
  EXPECT_NEAR(demand.users_of(1, 4 * day), 0.0425 * demand.registered(4 * day), 1e-6);
  EXPECT_NEAR(demand.users_of(1, 7 * day), 0.085 * 1e6, 1e-6);
}

TEST(UserDemand, AccountsStandBesideTheUsers) {
  Config config = config_of_users();
  config.workload.users->tiers[1].share.reset();
  config.workload.users->tiers[1].accounts = 500;
  const UserDemand demand{config};
  EXPECT_DOUBLE_EQ(demand.users_of(0, day), 1000);
  EXPECT_DOUBLE_EQ(demand.users_of(1, day), 500);
  EXPECT_NEAR(requests_of(config, Duration{}, day), 1500 * 3, 1e-6);
}

TEST(UserDemand, DaysTellWhatAPlannerChecks) {
  Config config = config_of_users();
  config.load_shapes[0].hours.assign(24, 1);
  config.workload.users->growth.points = {{Duration{}, 0}, {10 * day, 1000}};
  const std::vector<DemandDay> days = demand_by_day(config);
  ASSERT_EQ(days.size(), 14U);
  EXPECT_EQ(days[0].date, "2022-11-28");
  EXPECT_EQ(days[3].date, "2022-12-01");
  EXPECT_NEAR(days[4].users, 500, 1e-9);
  EXPECT_NEAR(days[4].new_users, 100, 1e-9);
  EXPECT_NEAR(days[4].active_users, 450 * 0.5, 1e-6);
  EXPECT_NEAR(days[4].sessions, 450 * 0.5 * 2, 1e-6);
  EXPECT_NEAR(days[4].requests, 450 * 3, 1e-6);
  EXPECT_NEAR(days[12].requests, 3000, 1e-6);
  // 1,000 sessions of 12 minutes a day, evenly: Little's law.
  EXPECT_NEAR(days[12].peak_concurrent, 1000 * 720.0 / 86400, 1e-6);
  const double sum = std::accumulate(days.begin(), days.end(), 0.0,
                                     [](double s, const DemandDay& d) { return s + d.requests; });
  EXPECT_NEAR(sum, requests_of(config, Duration{}, 14 * day), 1e-6 * sum);
}

TEST(UserDemand, ArrivalsPerDayAreWithinPoissonsBounds) {
  Config config = config_of_users();
  config.workload.users->growth.points = {{Duration{}, 1e4}, {14 * day, 4e4}};
  config.load_shapes[0].days = {1, 1, 1, 1, 1, 2, 2};
  const std::vector<DemandDay> days = demand_by_day(config);
  std::vector<double> arrived(days.size());
  std::vector<double> of_class(2);
  const auto source = make_request_source(config, {});
  Arrival arrival;
  SimTime before{};
  while (source->next(arrival)) {
    ASSERT_GE(arrival.at, before);
    before = arrival.at;
    arrived[static_cast<std::size_t>(arrival.at.time_since_epoch() / day)] += 1;
    of_class[arrival.request_class] += 1;
  }
  double all = 0;
  for (std::size_t d = 0; d < days.size(); ++d) {
    EXPECT_NEAR(arrived[d], days[d].requests, 4.5 * std::sqrt(days[d].requests)) << "day " << d;
    all += days[d].requests;
  }
  // Both tiers do the same, and plus is a tenth.
  EXPECT_NEAR(of_class[1], 0.1 * all, 4.5 * std::sqrt(0.1 * all));
}

TEST(ClassMix, FollowsTiersThatGrowApart) {
  Config config = config_of_users();
  config.workload.users->tiers[1].from = day;
  const ClassMix mix{config};
  const double* const early = mix.at(SimTime{hour});
  EXPECT_EQ(early[0], early[1]) << "nobody has plus yet";
  const double* const late = mix.at(SimTime{2 * day});
  EXPECT_NEAR(late[0] / late[1], 0.9, 1e-12);
}

TEST(UserDemand, ASampleHasItsPartOfTheRequests) {
  Config config = config_of_users();
  config.horizon.sample = 8;
  EXPECT_NEAR(requests_of(config, Duration{}, day), 3000 / 8.0, 1e-6);
}

TEST(PlayedWindows, NothingArrivesOutsideAndAsMuchAsBeforeInside) {
  Config config = testing::open_loop_config(50);
  config.duration = 10 * hour;
  config.horizon.windows = {{2 * hour, 3 * hour}, {7 * hour, 8 * hour}};
  config.horizon.lead_in = hour / 2;
  const auto source = make_request_source(config, {});
  Arrival arrival;
  double first = 0, second = 0;
  while (source->next(arrival)) {
    const Duration at = arrival.at.time_since_epoch();
    const bool in_first = at >= 3 * hour / 2 && at < 7 * hour / 2;
    const bool in_second = at >= 13 * hour / 2 && at < 17 * hour / 2;
    ASSERT_TRUE(in_first || in_second) << to_seconds(at);
    first += in_first ? 1 : 0;
    second += in_second ? 1 : 0;
  }
  const double expected = 50 * 2.0 * 3600;
  EXPECT_NEAR(first, expected, 4.5 * std::sqrt(expected));
  EXPECT_NEAR(second, expected, 4.5 * std::sqrt(expected));
}

}  // namespace
}  // namespace plimsoll
