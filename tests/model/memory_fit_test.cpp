// Memory of a replica against the sum done by hand.
#include "fleet/memory_fit.hpp"

#include <gtest/gtest.h>

#include "support/hardware.hpp"

namespace plimsoll {
namespace {

MemoryFit fit_of(const GpuSpec& gpu, const ModelSpec& model, int tp, int pp) {
  const Config config = test::one_pool(gpu, model, test::eager_2023(), tp, pp);
  return memory_fit(config, config.pools[0]);
}

TEST(MemoryArithmetic, Gpt3WeighsAbout350GB) {
  const MemoryFit fit = fit_of(test::a100_80gb(), test::gpt3_175b(), 8, 1);
  EXPECT_EQ(fit.total_weights.count(), 349'200'000'000);  // 174.6e9 x 2 bytes
  EXPECT_EQ(fit.weights.count(), 43'650'000'000);         // over 8 GPUs
}

TEST(MemoryArithmetic, Gpt3FitsEightA100With80GBOnly) {
  const ModelSpec gpt3 = test::gpt3_175b();
  // Budget 81,251 MiB x 0.9 = 76.7 GB > 43.65; 40,536 MiB x 0.9 = 38.3; 32,510 MiB x 0.9 = 30.7.
  EXPECT_TRUE(fit_of(test::a100_80gb(), gpt3, 8, 1).fits);
  EXPECT_TRUE(fit_of(test::h100_80gb(), gpt3, 8, 1).fits);
  EXPECT_FALSE(fit_of(test::a100_40gb(), gpt3, 8, 1).fits);
  EXPECT_FALSE(fit_of(test::v100_32gb(), gpt3, 8, 1).fits);
  EXPECT_LT(fit_of(test::v100_32gb(), gpt3, 8, 1).kv_space.count(), 0);
}

TEST(MemoryArithmetic, Gpt3FitsSixteenOfEitherInTwoStages) {
  const ModelSpec gpt3 = test::gpt3_175b();
  EXPECT_TRUE(fit_of(test::a100_40gb(), gpt3, 8, 2).fits);
  const MemoryFit v100 = fit_of(test::v100_32gb(), gpt3, 8, 2);
  EXPECT_TRUE(v100.fits);
  // A stage: 48 layers = (174.6e9 - 50,257 x 12,288) / 2 = 86.991e9, + one copy of the embedding
  // 0.618e9 = 87.609e9 parameters x 2 B / 8 = 21.902 GB.
  EXPECT_NEAR(static_cast<double>(v100.weights.count()), 21.902e9, 0.001e9);
}

TEST(MemoryArithmetic, KvTokensOfLlama70bOnFourA100) {
  const MemoryFit fit = fit_of(test::a100_80gb(), test::llama2_70b(), 4, 1);
  // 80 layers x K and V x 2 heads x 128 x 2 B = 81,920 B per token and GPU.
  EXPECT_EQ(fit.kv_bytes_per_token, 81'920);
  // Activations: 2,048 tokens x 2 B x (4 x 8,192 + 3 x 28,672 / 4) + 256 x 4 B x 32,000 / 4.
  const double activations = 2048 * 2.0 * (4 * 8192 + 3 * 28672 / 4.0) + 256 * 4.0 * 32000 / 4.0;
  EXPECT_EQ(fit.activations.count(), static_cast<std::int64_t>(activations));
  const double budget = 81251.0 * 1024 * 1024 * 0.9;
  const double space = budget - 68976648192.0 * 2 / 4 - activations;
  EXPECT_EQ(fit.kv_blocks, static_cast<std::int64_t>(space / (16 * 81920)));
  EXPECT_EQ(fit.kv_tokens, fit.kv_blocks * 16);
  EXPECT_NEAR(static_cast<double>(fit.kv_space.count()), space, 2.0);
}

TEST(MemoryArithmetic, MaterializedAttentionKeepsTheScoresOfOneLayer) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), 4, 1);
  PoolConfig& pool = config.pools[0];
  pool.attention = Attention::flash;
  const MemoryFit flash = memory_fit(config, pool);
  pool.attention = Attention::materialized;
  const MemoryFit materialized = memory_fit(config, pool);
  // Before and after the softmax: 2 x 2,048 tokens x 16 heads x 4,096 keys x 2 B = 0.54 GB.
  EXPECT_EQ(materialized.activations.count() - flash.activations.count(),
            2LL * 2048 * 16 * 4096 * 2);
  EXPECT_LT(materialized.kv_blocks, flash.kv_blocks);
  // They grow with the context; those of flash attention do not.
  pool.max_context = 2048;
  EXPECT_EQ(memory_fit(config, pool).activations.count() - flash.activations.count(),
            2LL * 2048 * 16 * 2048 * 2);
  // The engine's way when the pool says nothing.
  pool.max_context = 4096;
  pool.attention.reset();
  EXPECT_EQ(memory_fit(config, pool).activations, flash.activations);
  config.profiles[0].attention = Attention::materialized;
  EXPECT_EQ(memory_fit(config, pool).activations, materialized.activations);
}

TEST(MemoryArithmetic, HalfThePrecisionHalvesWeightsAndKv) {
  Config config = test::one_pool(test::h100_80gb(), test::llama2_70b(), test::eager_2023(), 4, 1);
  const MemoryFit wide = memory_fit(config, config.pools[0]);
  config.pools[0].weight_precision = Precision::fp8;
  config.pools[0].kv_precision = Precision::fp8;
  const MemoryFit narrow = memory_fit(config, config.pools[0]);
  EXPECT_EQ(narrow.weights.count() * 2, wide.weights.count());
  EXPECT_EQ(narrow.kv_bytes_per_token * 2, wide.kv_bytes_per_token);
  EXPECT_GT(narrow.kv_tokens, 2 * wide.kv_tokens);
}

TEST(MemoryArithmetic, TheTightestStageLimitsTheReplica) {
  // 80 layers in 3 stages: 27 + 27 + 26. A token's KV in a stage of 27 layers: 27 x 1,024 B.
  const MemoryFit fit = fit_of(test::a100_80gb(), test::llama2_70b(), 4, 3);
  EXPECT_EQ(fit.kv_bytes_per_token, 27 * 1024);
  const std::int64_t space_of_fit = fit.kv_space.count();
  EXPECT_EQ(fit.kv_blocks, space_of_fit / (16 * 27 * 1024));
}

}  // namespace
}  // namespace plimsoll
