// Command line: predictions in closed form against the simulator on the same replica. Each case
// plays one simulation, hence one process per case (ctest does that).
#include "cli/prediction.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "plimsoll/errors.hpp"
#include "plimsoll/run_scenario.hpp"

namespace plimsoll::cli {
namespace {

std::vector<std::string> catalogs() {
  const std::string folder = std::string{PLIMSOLL_SOURCE_DIR} + "/scenarios/catalog/";
  return {folder + "gpus.yaml", folder + "models.yaml", folder + "profiles.yaml"};
}

Point point(std::int64_t batch, int tp, int pp) {
  Point point;
  point.model = "llama2-13b";
  point.gpu = "a100-80gb";
  point.profile = "vllm-modern";
  point.tp = tp;
  point.pp = pp;
  point.batch = batch;
  point.prompt = 700;
  point.output = 100;
  return point;
}

Prediction in_closed_form(const Point& point) {
  const Config config = config_of(point, catalogs(), 0);
  return predict_static(config, *make_step_time_model(config, config.pools.front()), point);
}

void expect_near(const Prediction& played, const Prediction& closed, double relative) {
  EXPECT_NEAR(played.ttft_ms, closed.ttft_ms, relative * closed.ttft_ms);
  EXPECT_NEAR(played.tpot_ms, closed.tpot_ms, relative * closed.tpot_ms);
  EXPECT_NEAR(played.e2e_ms, closed.e2e_ms, relative * closed.e2e_ms);
  EXPECT_NEAR(played.throughput, closed.throughput, relative * closed.throughput);
}

// Step times are tabulated (the table may be 0.5 % off) and times are means of the metrics.
constexpr double table_error = 0.005;

void expect_loop_of_one_is_a_batch_of_one(const Point& alone, double error) {
  const Prediction played = play_closed_loop(config_of(alone, catalogs(), 10), alone);
  EXPECT_EQ(played.requests, 10);
  EXPECT_EQ(played.preemptions, 0);
  expect_near(played, in_closed_form(alone), error);
}

TEST(Prediction, ALoopOfOneIsABatchOfOne) {
  expect_loop_of_one_is_a_batch_of_one(point(1, 2, 1), table_error);
}

TEST(Prediction, ALoopOfOneIsABatchOfOneWhenPromptsAreCut) {
  Point alone = point(1, 2, 1);
  alone.max_num_batched_tokens = 256;
  expect_loop_of_one_is_a_batch_of_one(alone, table_error);
}

TEST(Prediction, ALoopOfOneIsABatchOfOneOverPipelineStages) {
  expect_loop_of_one_is_a_batch_of_one(point(1, 1, 2), table_error);
}

/// A replica under static batching that gets the whole batch at once, from a trace.
void expect_static_replica_agrees(const Point& batch, double error) {
  Config config = config_of(batch, catalogs(), batch.batch);
  config.pools.front().batching = Batching::static_batch;
  config.pools.front().kv_layout = KvLayout::contiguous;
  config.workload.trace =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".csv";
  config.workload.arrivals.process = ArrivalProcess::poisson;
  std::ofstream trace{config.workload.trace};
  trace << "arrival_s,prompt_tokens,output_tokens\n";
  for (std::int64_t i = 0; i < batch.batch; ++i) {
    trace << "0," << batch.prompt << "," << batch.output << "\n";
  }
  trace.close();
  const RunResult result = run_scenario(config, RunOptions{});
  const SliceSummary& all = result.slices.front();
  const Prediction closed = in_closed_form(batch);
  EXPECT_EQ(all.measured, batch.batch);
  EXPECT_NEAR(all.ttft.min, closed.ttft_ms, 2 * error * closed.ttft_ms);
  EXPECT_NEAR(all.ttft.mean, closed.ttft_ms, error * closed.ttft_ms);
  EXPECT_NEAR(all.e2el.mean, closed.e2e_ms, error * closed.e2e_ms);
}

TEST(Prediction, AStaticReplicaTakesAsLongAsTheClosedForm) {
  expect_static_replica_agrees(point(5, 2, 1), table_error);
}

TEST(Prediction, AStaticReplicaOverPipelineStagesTakesAsLongAsTheClosedForm) {
  expect_static_replica_agrees(point(5, 2, 2), table_error);
}

TEST(Prediction, FindingsNameTheOptions) {
  Point uneven = point(1, 3, 1);
  try {
    config_of(uneven, catalogs(), 0);
    FAIL() << "13B's 40 heads cannot be shared by 3 GPUs";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.diagnostics().front().key_path, "--tp");
    EXPECT_TRUE(error.diagnostics().front().file.empty());
  }
}

TEST(Prediction, ABatchThatMemoryDoesNotHoldIsRefusedWithWhatWouldHoldIt) {
  Point many = point(64, 1, 1);
  many.prompt = 2000;
  const Config config = config_of(many, catalogs(), 0);
  EXPECT_NO_THROW(require_fit(config));
  ASSERT_FALSE(batch_fits(config, many));
  try {
    require_batch_fit(config, many);
    FAIL() << "64 x 2,100 tokens of 0.82 MB exceed 80 GB";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string{error.what()}.find("would hold them all"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace plimsoll::cli
