// The cost of an arrival of a workload of users: its time by inversion, its class, its lengths.
#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>

#include "plimsoll/workload.hpp"

namespace {

plimsoll::Config config_of_users() {
  using namespace std::chrono_literals;
  plimsoll::Config config;
  config.duration = 24h * 365;
  config.tiers.resize(2);
  config.load_shapes.resize(1);
  for (int hour = 0; hour < 24; ++hour) {
    config.load_shapes[0].hours.push_back(1 + hour % 12);
  }
  config.load_shapes[0].days.assign(7, 1);
  config.load_shapes[0].days[5] = 0.5;
  config.workload.prompt.kind = plimsoll::LengthLaw::Kind::lognormal;
  config.workload.prompt.mean = 400;
  config.workload.output = config.workload.prompt;
  config.workload.classes.resize(2);
  config.workload.classes[1].tier = 1;
  plimsoll::UsersConfig users;
  users.growth.points = {{{}, 1e7}, {24h * 365, 1e8}};
  users.tiers.resize(2);
  users.tiers[0].daily_active = 0.5;
  users.tiers[1] = users.tiers[0];
  users.tiers[1].tier = 1;
  users.tiers[1].share = 0.085;
  users.regions.resize(3);
  users.regions[1].utc_offset = -8h;
  users.regions[2].utc_offset = 8h;
  config.workload.users = users;
  return config;
}

void an_arrival_of_users(benchmark::State& state) {
  const plimsoll::Config config = config_of_users();
  const auto source = plimsoll::make_request_source(config, {});
  plimsoll::Arrival arrival;
  for (auto _ : state) {
    benchmark::DoNotOptimize(source->next(arrival));
  }
}
BENCHMARK(an_arrival_of_users);

}  // namespace
