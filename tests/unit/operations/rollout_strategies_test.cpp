// The plans of the strategies: which slots change when, there and back.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "operations/rollout/rollout_strategy.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

RolloutSlots slots_of(std::size_t serving, std::size_t spare) {
  RolloutSlots slots;
  for (std::size_t i = 0; i < serving; ++i) {
    slots.serving.push_back(i);
  }
  for (std::size_t i = 0; i < spare; ++i) {
    slots.spare.push_back(serving + i);
  }
  return slots;
}

/// "0n 1n | 0o": slots by batch, to the new or old version; s: standby, x: off.
std::string text_of(const std::vector<RolloutBatch>& batches) {
  std::string text;
  for (const RolloutBatch& batch : batches) {
    text += text.empty() ? "" : "| ";
    for (const SlotChange& change : batch.changes) {
      text += std::to_string(change.slot) + (change.to_new ? "n" : "o") +
              (change.use == SlotUse::standby ? "s"
               : change.use == SlotUse::off   ? "x"
                                              : "") +
              " ";
    }
  }
  return text;
}

std::vector<SlotChange> made_of(const std::vector<RolloutBatch>& batches, std::size_t count) {
  std::vector<SlotChange> made;
  for (std::size_t i = 0; i < count; ++i) {
    made.insert(made.end(), batches[i].changes.begin(), batches[i].changes.end());
  }
  return made;
}

TEST(RolloutStrategies, RollingReplacesSomeAtATime) {
  RolloutConfig config;
  config.strategy = RolloutKind::rolling;
  config.max_unavailable = 2;
  const auto strategy = make_strategy(config);
  const RolloutSlots slots = slots_of(5, 0);
  const auto forward = strategy->forward(slots);
  EXPECT_EQ(text_of(forward), "0n 1n | 2n 3n | 4n ");
  EXPECT_EQ(text_of(strategy->back(slots, made_of(forward, 2))), "0o 1o | 2o 3o ");
}

TEST(RolloutStrategies, RollingWithSurgeAddsReplicasFirstAndDropsThemLast) {
  RolloutConfig config;
  config.strategy = RolloutKind::rolling;
  config.max_unavailable = 0;
  config.max_surge = 2;
  const auto strategy = make_strategy(config);
  const RolloutSlots slots = slots_of(3, 5);
  const auto forward = strategy->forward(slots);
  EXPECT_EQ(text_of(forward), "3n 4n | 0n 1n | 2n | 3nx 4nx ");
  EXPECT_EQ(text_of(strategy->back(slots, made_of(forward, 2))), "0o 1o | 3ox 4ox ");
}

TEST(RolloutStrategies, BlueGreenSwitchesAtOnceAndBack) {
  RolloutConfig config;
  config.strategy = RolloutKind::blue_green;
  config.bake = 5min;
  const auto strategy = make_strategy(config);
  const RolloutSlots slots = slots_of(2, 2);
  const auto forward = strategy->forward(slots);
  EXPECT_EQ(text_of(forward), "2ns 3ns | 2n 3n 0os 1os | 0ox 1ox ");
  EXPECT_EQ(forward[1].bake, 5min);
  EXPECT_EQ(text_of(strategy->back(slots, made_of(forward, 2))), "0o 1o 2ns 3ns | 2nx 3nx ");
}

TEST(RolloutStrategies, CanaryStepsByShares) {
  RolloutConfig config;
  config.strategy = RolloutKind::canary;
  config.steps = {{0.05, 10min}, {0.5, 20min}};
  const auto strategy = make_strategy(config);
  const RolloutSlots slots = slots_of(4, 0);
  const auto forward = strategy->forward(slots);
  EXPECT_EQ(text_of(forward), "0n | 1n | 2n 3n ");
  EXPECT_EQ(forward[0].bake, 10min);
  EXPECT_EQ(forward[1].bake, 20min);
  EXPECT_EQ(text_of(strategy->back(slots, made_of(forward, 1))), "0o ");
}

TEST(RolloutStrategies, AllAtOnceIsOneBatch) {
  RolloutConfig config;
  config.strategy = RolloutKind::all_at_once;
  const auto strategy = make_strategy(config);
  const RolloutSlots slots = slots_of(3, 0);
  EXPECT_EQ(text_of(strategy->forward(slots)), "0n 1n 2n ");
  EXPECT_EQ(text_of(strategy->back(slots, {})), "0o 1o 2o ");
}

TEST(RolloutStrategies, EveryStrategyBringsTheVersionToAsManyAsServed) {
  for (int kind = 0; kind < rollout_kind_count; ++kind) {
    RolloutConfig config;
    config.strategy = static_cast<RolloutKind>(kind);
    config.max_surge = 1;
    config.steps = {{0.2, 1min}};
    const RolloutSlots slots = slots_of(4, 4);
    std::set<std::size_t> with_new;
    for (const RolloutBatch& batch : make_strategy(config)->forward(slots)) {
      for (const SlotChange& change : batch.changes) {
        with_new.erase(change.slot);
        if (change.to_new && change.use == SlotUse::serving) {
          with_new.insert(change.slot);
        }
      }
    }
    EXPECT_EQ(with_new.size(), 4U) << rollout_kind_name(config.strategy);
  }
}

}  // namespace
}  // namespace plimsoll
