// The affine form says what its coefficients say, and never less than the hardware allows.
#include <gtest/gtest.h>

#include "perf/step_time_model.hpp"
#include "plimsoll/errors.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

EngineProfile linear_profile() {
  EngineProfile profile;
  profile.name = "measured";
  profile.form = StepForm::linear;
  profile.linear_step = milliseconds{20};
  profile.linear_token = microseconds{100};
  profile.linear_sequence = microseconds{50};
  profile.linear_kv_token = Duration{400};
  return profile;
}

TEST(LinearModel, AddsItsCoefficients) {
  const Config config =
      test::one_pool(test::a100_80gb(), test::llama2_7b(), linear_profile(), 1, 1);
  const auto model = make_step_time_model(config, config.pools[0]);
  const StepCostTable table = tabulate(*model, 2048);
  // 20 ms + 10 x 100 us + 4 x 50 us + 1,000 x 400 ns = 21.6 ms; no pairs.
  const Femtoseconds cost = table.latency(StepWork{10, 4, 1000, 77});
  EXPECT_NEAR(static_cast<double>(cost), 21.6e12, 2e3);
}

TEST(LinearModel, StagesShareTheReplicasTime) {
  const Config config =
      test::one_pool(test::a100_80gb(), test::llama2_7b(), linear_profile(), 1, 4);
  const auto model = make_step_time_model(config, config.pools[0]);
  const StepCostTable table = tabulate(*model, 2048);
  const StepWork work{10, 4, 1000, 0};
  EXPECT_NEAR(static_cast<double>(table.latency(work)), 21.6e12, 1e4);
  EXPECT_NEAR(static_cast<double>(table.bottleneck(work)), 5.4e12, 1e4);
}

TEST(LinearModel, RefusesToBeatTheHardware) {
  EngineProfile profile = linear_profile();
  profile.linear_step = milliseconds{2};  // reading 13.2 GB at 2.039 TB/s alone takes 6.5 ms
  const Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), profile, 1, 1);
  try {
    make_step_time_model(config, config.pools[0]);
    FAIL() << "a step below the weight read was accepted";
  } catch (const ConfigError& error) {
    const Diagnostic& finding = error.diagnostics().at(0);
    EXPECT_EQ(finding.key_path, "pools.pool.profile");
    EXPECT_NE(finding.message.find("faster than the hardware"), std::string::npos);
    EXPECT_NE(finding.message.find("2.15"), std::string::npos) << finding.message;
  }
}

TEST(LinearModel, ConstantStepsAreFineWhereTheHardwareAllowsThem) {
  EngineProfile profile;
  profile.name = "constant";
  profile.form = StepForm::linear;
  profile.linear_step = milliseconds{100};
  Config config = test::one_pool(test::a100_80gb(), test::llama2_7b(), profile, 1, 1);
  config.pools[0].max_num_batched_tokens = 1024;
  config.pools[0].max_num_seqs = 1;
  EXPECT_NO_THROW(make_step_time_model(config, config.pools[0]));
}

}  // namespace
}  // namespace plimsoll
