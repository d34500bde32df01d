// Laws of parameter counts over layers, experts and stages.
#include "fleet/model_shape.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/hardware.hpp"

namespace plimsoll {
namespace {

TEST(ModelShape, LayersAndEmbeddingsAddUpToAllParameters) {
  for (const ModelSpec& model :
       {test::llama2_70b(), test::gpt3_175b(), test::mixtral_8x7b(), test::llama2_7b()}) {
    const ModelShape shape = model_shape(model);
    const double sum = model.layers * shape.layer() + shape.embedding * (shape.tied ? 1 : 2);
    EXPECT_NEAR(sum, static_cast<double>(model.parameters), 1.0) << model.name;
  }
}

TEST(ModelShape, KnowsATiedHeadByTheCount) {
  EXPECT_TRUE(model_shape(test::gpt3_175b()).tied);
  EXPECT_FALSE(model_shape(test::llama2_70b()).tied);
}

TEST(ModelShape, ActiveParametersOfMixtralAreThePublishedOnes) {
  const ModelSpec model = test::mixtral_8x7b();
  const ModelShape shape = model_shape(model);
  const double active = model.layers * shape.active_layer() + 2 * shape.embedding;
  EXPECT_NEAR(active, static_cast<double>(model.active_parameters), 0.001 * active);
}

TEST(ModelShape, ExpertsReadFollowTheCouponFormula) {
  const ModelShape shape = model_shape(test::mixtral_8x7b());
  // One token reads 2 of 8 experts, two tokens 8 (1 - (6/8)^2) = 3.5, many tokens all 8.
  EXPECT_NEAR(shape.read_layer(1), shape.dense_per_layer + 2 * shape.expert, 1);
  EXPECT_NEAR(shape.read_layer(2), shape.dense_per_layer + 3.5 * shape.expert, 1);
  EXPECT_NEAR(shape.read_layer(1000), shape.layer(), 1);
}

TEST(ModelShape, StagesShareTheLayersEvenlyAndTheFirstGetOneMore) {
  EXPECT_EQ(stage_layers(105, 4, 0), 27);
  EXPECT_EQ(stage_layers(105, 4, 1), 26);
  EXPECT_EQ(stage_layers(105, 4, 3), 26);
  for (int stages = 1; stages <= 16; ++stages) {
    int sum = 0;
    for (int stage = 0; stage < stages; ++stage) {
      sum += stage_layers(105, stages, stage);
    }
    EXPECT_EQ(sum, 105) << stages;
  }
}

TEST(ModelShape, StagesHoldAllParametersAndATiedHeadTwice) {
  const ModelSpec untied = test::llama2_70b();
  EXPECT_NEAR(stage_parameters(untied, 2, 0) + stage_parameters(untied, 2, 1),
              static_cast<double>(untied.parameters), 1);
  const ModelSpec tied = test::gpt3_175b();
  EXPECT_NEAR(stage_parameters(tied, 1, 0), 174.6e9, 1);
  EXPECT_NEAR(stage_parameters(tied, 2, 0) + stage_parameters(tied, 2, 1),
              174.6e9 + 50257.0 * 12288, 1);
}

TEST(ModelShape, KvHeadsAreReplicatedBeyondTheirNumber) {
  const ModelSpec model = test::llama2_70b();
  EXPECT_EQ(kv_heads_per_gpu(model, 4), 2);
  EXPECT_EQ(kv_heads_per_gpu(model, 8), 1);
  EXPECT_EQ(kv_heads_per_gpu(model, 16), 1);
  // K and V of 2 heads of 128 numbers in 2 bytes.
  EXPECT_DOUBLE_EQ(kv_bytes_per_layer(model, 4, Precision::fp16), 2.0 * 2 * 128 * 2);
  EXPECT_DOUBLE_EQ(kv_bytes_per_layer(model, 4, Precision::fp8), 2.0 * 2 * 128);
}

}  // namespace
}  // namespace plimsoll
