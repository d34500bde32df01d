// Which precisions run on which GPU.
#include <gtest/gtest.h>

#include "perf/step_time_model.hpp"
#include "plimsoll/errors.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

bool runs(const GpuSpec& gpu, Precision weights, Precision kv) {
  Config config = test::one_pool(gpu, test::llama2_7b(), test::eager_2023(), 1, 1);
  config.pools[0].weight_precision = weights;
  config.pools[0].kv_precision = kv;
  try {
    make_step_time_model(config, config.pools[0]);
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

TEST(Precision, WeightsNeedTensorCoresOfTheirKind) {
  struct Row {
    GpuSpec gpu;
    bool fp16, bf16, fp8, int8;
  };
  for (const Row& row : {Row{test::v100_32gb(), true, false, false, false},
                         Row{test::a100_80gb(), true, true, false, true},
                         Row{test::h100_80gb(), true, true, true, true}}) {
    EXPECT_EQ(runs(row.gpu, Precision::fp16, Precision::fp16), row.fp16) << row.gpu.name;
    EXPECT_EQ(runs(row.gpu, Precision::bf16, Precision::fp16), row.bf16) << row.gpu.name;
    EXPECT_EQ(runs(row.gpu, Precision::fp8, Precision::fp16), row.fp8) << row.gpu.name;
    EXPECT_EQ(runs(row.gpu, Precision::int8, Precision::fp16), row.int8) << row.gpu.name;
  }
}

TEST(Precision, KvIsOnlyStoredSoItNeedsTheNumberFormatAlone) {
  EXPECT_FALSE(runs(test::v100_32gb(), Precision::fp16, Precision::bf16));
  EXPECT_FALSE(runs(test::v100_32gb(), Precision::fp16, Precision::fp8));
  EXPECT_TRUE(runs(test::v100_32gb(), Precision::fp16, Precision::int8));
  EXPECT_TRUE(runs(test::a100_80gb(), Precision::fp16, Precision::fp8));
}

TEST(Precision, AllFindingsComeAtOnceWithTheirPlaces) {
  Config config = test::one_pool(test::v100_32gb(), test::llama2_70b(), test::eager_2023(), 3, 81);
  config.pools[0].weight_precision = Precision::fp8;
  config.pools[0].kv_precision = Precision::bf16;
  try {
    make_step_time_model(config, config.pools[0]);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    ASSERT_EQ(error.diagnostics().size(), 4U);
    EXPECT_EQ(error.diagnostics()[0].key_path, "pools.pool.precision");
    EXPECT_EQ(error.diagnostics()[1].key_path, "pools.pool.kv_precision");
    EXPECT_EQ(error.diagnostics()[2].key_path, "pools.pool.tp");
    EXPECT_EQ(error.diagnostics()[3].key_path, "pools.pool.pp");
  }
}

}  // namespace
}  // namespace plimsoll
