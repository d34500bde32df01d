// Groups stay within a node, stages follow each other over nodes, nothing is lost.
#include "fleet/placement.hpp"

#include <gtest/gtest.h>

#include "plimsoll/errors.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

Placement place_replicas(int replicas, int tp, int pp) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), tp, pp);
  config.pools[0].replicas = replicas;
  return place(config, config.pools[0]);
}

TEST(Placement, TwoGroupsOfFourShareANode) {
  const Placement placement = place_replicas(3, 4, 1);
  EXPECT_EQ(placement.nodes, 2);
  EXPECT_EQ(placement.gpus_used, 12);
  EXPECT_EQ(placement.gpus_stranded, 4);
  EXPECT_FALSE(placement.stages_cross_nodes);
  EXPECT_EQ(placement.first_node, (std::vector<std::int32_t>{0, 0, 1}));
}

TEST(Placement, StagesThatFitANodeStayInIt) {
  const Placement placement = place_replicas(3, 2, 3);  // 4 groups a node, one is left over
  EXPECT_FALSE(placement.stages_cross_nodes);
  EXPECT_EQ(placement.nodes, 3);
  EXPECT_EQ(placement.gpus_stranded, 6);
  EXPECT_EQ(placement.first_node, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(Placement, LargeReplicasTakeWholeNodes) {
  const Placement placement = place_replicas(250, 8, 2);
  EXPECT_TRUE(placement.stages_cross_nodes);
  EXPECT_EQ(placement.nodes, 500);
  EXPECT_EQ(placement.gpus_used, 4000);
  EXPECT_EQ(placement.gpus_stranded, 0);
  EXPECT_EQ(placement.first_node[249], 498);
}

TEST(Placement, StagesOfNeighboursMayShareANode) {
  const Placement placement = place_replicas(2, 4, 3);  // 6 groups on 3 nodes
  EXPECT_TRUE(placement.stages_cross_nodes);
  EXPECT_EQ(placement.nodes, 3);
  EXPECT_EQ(placement.gpus_stranded, 0);
  EXPECT_EQ(placement.first_node, (std::vector<std::int32_t>{0, 1}));
}

TEST(Placement, GpusAreNeverLost) {
  for (int tp = 1; tp <= 8; ++tp) {
    for (int pp = 1; pp <= 5; ++pp) {
      for (int replicas = 1; replicas <= 7; ++replicas) {
        const Placement placement = place_replicas(replicas, tp, pp);
        EXPECT_EQ(placement.gpus_used, replicas * tp * pp);
        EXPECT_EQ(placement.gpus_used + placement.gpus_stranded, placement.nodes * 8);
        EXPECT_GE(placement.gpus_stranded, 0);
        EXPECT_LT(placement.first_node.back(), placement.nodes);
      }
    }
  }
}

TEST(Placement, RefusesAGroupLargerThanANode) {
  try {
    place_replicas(1, 16, 1);
    FAIL() << "tp 16 on nodes of 8 GPUs was accepted";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.diagnostics().at(0).key_path, "pools.pool.tp");
    EXPECT_NE(error.diagnostics().at(0).hint.find("at most 8"), std::string::npos);
  }
}

}  // namespace
}  // namespace plimsoll
