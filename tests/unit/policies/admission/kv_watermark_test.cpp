// Admission kv_watermark: refuses while every accepting replica is above the mark.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

std::unique_ptr<AdmissionPolicy> watermark(double mark, std::uint32_t replicas) {
  PolicyConfig config;
  config.policy = "kv_watermark";
  config.params.set_number("mark", mark);
  auto policy = builtin_policies().admissions.make(config);
  policy->reset(replicas);
  return policy;
}

ReplicaLoad committed(std::int64_t tokens, bool accepting = true) {
  ReplicaLoad load;
  load.committed_kv_tokens = tokens;
  load.kv_capacity_tokens = 1000;
  load.accepting = accepting;
  return load;
}

AdmitResult ask(AdmissionPolicy& policy) {
  return policy.admit(RequestView{}, ServiceLoad{}, sim_start);
}

TEST(KvWatermark, RefusesOnlyWhenAllAcceptingReplicasAreAboveTheMark) {
  const auto policy = watermark(0.8, 3);
  policy->update(0, committed(801));
  policy->update(1, committed(800));
  EXPECT_EQ(ask(*policy), AdmitResult::admitted) << "the second is at the mark, not above";
  policy->update(1, committed(900));
  EXPECT_EQ(ask(*policy), AdmitResult::shed);
  policy->update(2, committed(10, false));
  EXPECT_EQ(ask(*policy), AdmitResult::shed) << "who does not accept has no room to offer";
  policy->update(2, committed(10));
  EXPECT_EQ(ask(*policy), AdmitResult::admitted);
}

TEST(KvWatermark, WithNobodyAcceptingTheQueueDecides) {
  const auto policy = watermark(0.8, 2);
  EXPECT_EQ(ask(*policy), AdmitResult::admitted);
  policy->update(0, committed(2000, false));
  EXPECT_EQ(ask(*policy), AdmitResult::admitted);
}

TEST(KvWatermark, AgreesWithASearchOverAll) {
  constexpr std::uint32_t replicas = 5;
  const auto policy = watermark(0.6, replicas);
  std::vector<ReplicaLoad> loads(replicas, committed(0, false));
  Draws draws = RandomStream{8, "marks"}.of(0);
  int shed = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::uint32_t replica = draws.below(replicas);
    const std::uint32_t tokens = draws.below(1800);
    const bool accepting = draws.below(3) != 0;
    loads[replica] = committed(tokens, accepting);
    policy->update(replica, loads[replica]);
    bool somebody = false;
    bool room = false;
    for (const ReplicaLoad& load : loads) {
      somebody = somebody || load.accepting;
      room = room || (load.accepting && load.committed_kv_tokens <= 600);
    }
    const AdmitResult expected = somebody && !room ? AdmitResult::shed : AdmitResult::admitted;
    ASSERT_EQ(ask(*policy), expected) << "step " << i;
    shed += expected == AdmitResult::shed ? 1 : 0;
  }
  EXPECT_GT(shed, 300);
}

}  // namespace
}  // namespace plimsoll
