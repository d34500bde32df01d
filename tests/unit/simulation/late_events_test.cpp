// What a scenario puts after the end of its run.
#include "simulation/late_events.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

TEST(LateEvents, WhatComesAtTheEndOrLaterIsNamedAndWhatComesBeforeIsNot) {
  Config config;
  RateShape spike;
  spike.kind = RateShape::Kind::spike;
  spike.at = 100s;
  config.workload.arrivals.shapes = {spike};
  EXPECT_EQ(late_events_note(config, SimTime{101s}, SimTime{500s}), "");
  EXPECT_EQ(late_events_note(config, SimTime{100s}, SimTime{500s}),
            "After the end of the arrivals at 100 s or of the run at 500 s, and so never: spike of "
            "workload.arrivals.shapes at "
            "100 s")
      << "nobody comes in the drain";
  config.workload.arrivals.shapes[0].ramp = 1s;
  EXPECT_EQ(late_events_note(config, SimTime{100s}, SimTime{500s}), "") << "it had begun";
}

TEST(LateEvents, OfEveryKindThatHasATime) {
  Config config;
  EdgeConfig& edge = config.path.emplace().edge.emplace();
  edge.datacenters.emplace_back();
  edge.datacenters[0].name = "east";
  edge.datacenters[0].outages = {{10s, 5s}, {30s, 5s}};
  config.path->load_balancer.emplace().outages = {{40s, 1s}};
  RolloutConfig rollout;
  rollout.name = "v2";
  rollout.at = 50s;
  config.rollouts = {rollout};
  PoolConfig pool;
  pool.name = "a";
  pool.procurement.emplace().orders = {{Duration::zero(), 1}, {60s, 2}};
  config.pools = {pool};
  FaultProcess fault;
  fault.name = "x";
  fault.law = FaultLaw::timeline;
  fault.at = 70s;
  FaultProcess trace = fault;
  trace.law = FaultLaw::trace;
  config.faults.emplace().processes = {fault, trace};
  EXPECT_EQ(
      late_events(config, SimTime{20s}, SimTime{20s}),
      (std::vector<std::string>{
          "outage of datacenter east at 30 s", "outage of load_balancer at 40 s",
          "fault of faults.processes.x at 70 s", "rollout v2 at 50 s", "order of pool a at 60 s"}));
  EXPECT_TRUE(late_events(config, SimTime{71s}, SimTime{71s}).empty());
}

}  // namespace
}  // namespace plimsoll
