// What require_memory_fit refuses and how it says so; the arithmetic is in tests/model.
#include "fleet/memory_fit.hpp"

#include <gtest/gtest.h>

#include "plimsoll/errors.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

TEST(MemoryFit, EveryPoolThatDoesNotFitIsNamedWithWhatWould) {
  Config config = test::one_pool(test::a100_40gb(), test::gpt3_175b(), test::eager_2023(), 8, 1);
  config.pools.push_back(config.pools[0]);
  config.pools[0].name = "small";
  config.pools[1].name = "also_small";
  try {
    require_memory_fit(config);
    FAIL() << "175 B parameters in fp16 were accepted on 8 x 40 GB";
  } catch (const ConfigError& error) {
    ASSERT_EQ(error.diagnostics().size(), 2U);
    EXPECT_EQ(error.diagnostics()[0].key_path, "pools.small");
    EXPECT_EQ(error.diagnostics()[1].key_path, "pools.also_small");
    EXPECT_NE(error.diagnostics()[0].hint.find("tp 8 x pp 2 on 16 x a100-40gb"), std::string::npos)
        << error.diagnostics()[0].hint;
  }
}

TEST(MemoryFit, ALongContextIsRefusedWithTheLengthThatFits) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), test::eager_2023(), 1, 1);
  config.pools[0].max_context = 1'000'000;
  const MemoryFit fit = memory_fit(config, config.pools[0]);
  EXPECT_FALSE(fit.fits);
  EXPECT_GT(fit.kv_tokens, 50'000);
  try {
    require_memory_fit(config);
    FAIL() << "a context of a million tokens was accepted";
  } catch (const ConfigError& error) {
    EXPECT_NE(error.diagnostics().at(0).hint.find(std::to_string(fit.kv_tokens)),
              std::string::npos);
  }
  config.pools[0].max_context = static_cast<int>(fit.kv_tokens);
  EXPECT_NO_THROW(require_memory_fit(config));
  config.pools[0].max_context = static_cast<int>(fit.kv_tokens) + 1;
  EXPECT_THROW(require_memory_fit(config), ConfigError);
}

TEST(MemoryFit, BlocksSetByHandReplaceTheComputedOnes) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), test::eager_2023(), 1, 1);
  config.pools[0].kv_blocks = 256;  // 256 x 16 = 4,096 tokens = one request
  MemoryFit fit = memory_fit(config, config.pools[0]);
  EXPECT_EQ(fit.kv_blocks, 256);
  EXPECT_EQ(fit.kv_tokens, 4096);
  EXPECT_TRUE(fit.fits);
  config.pools[0].kv_blocks = 255;
  EXPECT_FALSE(memory_fit(config, config.pools[0]).fits);
  // No setting makes room that the device does not have: 10^6 blocks x 16 x 524,288 B = 8.4 TB.
  config.pools[0].kv_blocks = 1'000'000;
  fit = memory_fit(config, config.pools[0]);
  EXPECT_FALSE(fit.fits);
  try {
    require_memory_fit(config);
    FAIL() << "blocks of 8.4 TB were accepted on 80 GB";
  } catch (const ConfigError& error) {
    EXPECT_NE(error.diagnostics().at(0).message.find("kv_blocks: 1000000 exceed the memory"),
              std::string::npos);
  }
  // The count that the finding names is the largest that fits.
  config.pools[0].kv_blocks = fit.most_kv_blocks;
  EXPECT_TRUE(memory_fit(config, config.pools[0]).fits);
  config.pools[0].kv_blocks = fit.most_kv_blocks + 1;
  EXPECT_FALSE(memory_fit(config, config.pools[0]).fits);
}

TEST(MemoryFit, ContiguousKvTellsHowManySequencesFit) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), test::eager_2023(), 1, 1);
  PoolConfig& pool = config.pools[0];
  pool.max_context = 4000;  // 250 blocks of 16
  pool.kv_blocks = 999;
  EXPECT_EQ(memory_fit(config, pool).reserved_sequences, 0);
  pool.kv_layout = KvLayout::contiguous;
  const MemoryFit fit = memory_fit(config, pool);
  EXPECT_EQ(fit.reserved_sequences, 3);
  EXPECT_NE(fit.arithmetic.find("contiguous: 250 blocks reserved per sequence, 3 sequences fit"),
            std::string::npos)
      << fit.arithmetic;
}

TEST(MemoryFit, WhatTheRuntimeHoldsIsNoKv) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), test::eager_2023(), 1, 1);
  PoolConfig& pool = config.pools[0];
  const MemoryFit free = memory_fit(config, pool);
  EXPECT_EQ(free.arithmetic.find("runtime"), std::string::npos) << free.arithmetic;
  pool.runtime_memory = Bytes::of(2'000'000'000);
  const MemoryFit fit = memory_fit(config, pool);
  EXPECT_EQ((free.kv_space - fit.kv_space).count(), 2'000'000'000);
  // 2 GB are 238.4 blocks of 16 x 524,288 B.
  EXPECT_NEAR(static_cast<double>(free.kv_blocks - fit.kv_blocks), 238.4, 1);
  EXPECT_NE(fit.arithmetic.find("- runtime 2.0 ="), std::string::npos) << fit.arithmetic;
}

TEST(MemoryFit, ActivationsAreThoseOfOnePass) {
  Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), test::eager_2023(), 1, 1);
  PoolConfig& pool = config.pools[0];
  pool.max_num_batched_tokens = 2048;
  const Bytes small = memory_fit(config, pool).activations;
  pool.max_num_batched_tokens = 65536;
  EXPECT_GT(memory_fit(config, pool).activations, small);
  pool.prompt_pass_tokens = 2048;
  EXPECT_EQ(memory_fit(config, pool).activations, small);
}

TEST(MemoryFit, TheArithmeticNamesModelGpusAndNumbers) {
  const Config config =
      test::one_pool(test::a100_80gb(), test::gpt3_175b(), test::eager_2023(), 8, 1);
  const std::string text = memory_fit(config, config.pools[0]).arithmetic;
  for (const char* part : {"gpt3-175b", "349.2 GB", "8 x a100-80gb", "weights 43.7", "tokens"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in: " << text;
  }
}

}  // namespace
}  // namespace plimsoll
