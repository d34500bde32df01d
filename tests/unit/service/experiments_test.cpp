// Dealing requests to arms.
#include "service/experiments.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace plimsoll {
namespace {

constexpr int count = 50'000;

Config two_classes(AssignBy by) {
  Config config;
  config.tiers.resize(2);
  config.workload.classes.resize(2);
  config.workload.classes[1].tier = 1;
  ExperimentConfig experiment;
  experiment.name = "size";
  experiment.tier = TierIndex{1};
  experiment.by = by;
  experiment.arms = {{"a", 0.2, {}}, {"b", 0.3, ModelIndex{4}}};
  config.experiments.push_back(experiment);
  return config;
}

Sender sender(RequestId request, ClassIndex request_class = 1) {
  Sender one;
  one.request = request;
  one.request_class = request_class;
  return one;
}

TEST(Experiments, ArmsGetTheirSharesAndTheRestTakesNoPart) {
  const Experiments experiments{two_classes(AssignBy::session), 3};
  int found[3] = {0, 0, 0};
  for (RequestId id = 0; id < count; ++id) {
    const ArmIndex arm = experiments.assign(sender(id));
    ++found[arm == no_arm ? 2 : arm];
    EXPECT_EQ(experiments.assign(sender(id, 0)), no_arm) << "another tier";
  }
  const double shares[3] = {0.2, 0.3, 0.5};
  for (int arm = 0; arm < 3; ++arm) {
    const double p = shares[arm];
    EXPECT_NEAR(found[arm] / static_cast<double>(count), p, 4 * std::sqrt(p * (1 - p) / count));
  }
  EXPECT_EQ(experiments.model_of(0), std::nullopt);
  EXPECT_EQ(experiments.model_of(1), ModelIndex{4});
  EXPECT_EQ(experiments.model_of(no_arm), std::nullopt);
}

TEST(Experiments, TurnsStayWithTheirSession) {
  const Experiments experiments{two_classes(AssignBy::session), 3};
  int moved = 0;
  for (RequestId id = 0; id < 1000; ++id) {
    Sender turn = sender(1'000'000 + id);
    const ArmIndex alone = experiments.assign(turn);
    turn.session_began = id;
    EXPECT_EQ(experiments.assign(turn), experiments.assign(sender(id)));
    moved += experiments.assign(turn) != alone ? 1 : 0;
  }
  EXPECT_GT(moved, 300) << "by itself it would be elsewhere";
}

TEST(Experiments, KeysStayInOneArmAndRequestsDoNot) {
  const Experiments by_key{two_classes(AssignBy::key), 3};
  const Experiments by_request{two_classes(AssignBy::request), 3};
  Sender first = sender(0);
  first.key = 17;
  first.session_began = 9;
  int others = 0;
  for (RequestId id = 1; id < 100; ++id) {
    Sender next = first;
    next.request = id;
    EXPECT_EQ(by_key.assign(next), by_key.assign(first));
    others += by_request.assign(next) != by_request.assign(first) ? 1 : 0;
  }
  EXPECT_GT(others, 20);
}

TEST(Experiments, EachHasItsOwnDraws) {
  Config config = two_classes(AssignBy::session);
  const Experiments before{config, 3};
  config.experiments[0].name = "other";
  const Experiments renamed{config, 3};
  const Experiments reseeded{two_classes(AssignBy::session), 4};
  int same_name = 0;
  int same_seed = 0;
  for (RequestId id = 0; id < 1000; ++id) {
    same_name += before.assign(sender(id)) == renamed.assign(sender(id)) ? 1 : 0;
    same_seed += before.assign(sender(id)) == reseeded.assign(sender(id)) ? 1 : 0;
  }
  // Independent ones agree in 0.2^2 + 0.3^2 + 0.5^2 = 0.38 of the cases.
  EXPECT_NEAR(same_name, 380, 65);
  EXPECT_NEAR(same_seed, 380, 65);
}

}  // namespace
}  // namespace plimsoll
