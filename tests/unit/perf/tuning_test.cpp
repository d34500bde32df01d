// Layouts in closed form: against the closed loop's, by hand and by the laws of a ranking.
#include "perf/tuning.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "perf/closed_loop.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

Config config_of(const GpuSpec& gpu, const ModelSpec& model, int tp = 1, int pp = 1) {
  return test::one_pool(gpu, model, test::eager_2023(), tp, pp);
}

TuningRequest chat(int milliseconds_per_token) {
  TuningRequest request;
  request.prompt = 500;
  request.output = 200;
  request.slo.tpot = std::chrono::milliseconds{milliseconds_per_token};
  return request;
}

const TunedLayout* find(const std::vector<TunedLayout>& layouts, int tp, int pp,
                        Precision precision) {
  const auto found = std::find_if(layouts.begin(), layouts.end(), [&](const TunedLayout& l) {
    return l.tp == tp && l.pp == pp && l.precision == precision;
  });
  return found == layouts.end() ? nullptr : &*found;
}

TEST(FullReplica, WithOneStageIsTheClosedLoop) {
  const Config config = config_of(test::a100_80gb(), test::llama2_7b());
  const auto model = make_step_time_model(config, config.pools[0]);
  for (const StaticLoad& load : {StaticLoad{1, 100, 50}, StaticLoad{16, 3000, 200},
                                 StaticLoad{64, 512, 2}, StaticLoad{200, 1000, 700}}) {
    const FullReplica times = full_replica(*model, config.pools[0], load);
    const double tpot = closed_loop_tpot(*model, config.pools[0], load);
    EXPECT_NEAR(times.tpot, tpot, 1e-12);
    EXPECT_NEAR(times.e2e, times.ttft + static_cast<double>(load.output - 1) * tpot, 1e-9);
    EXPECT_NEAR(times.requests_per_s * times.e2e, static_cast<double>(load.batch), 1e-9);
  }
}

TEST(FullReplica, OfTwoStagesRoundsAreStaysOrPassages) {
  // Two micro-batches of 8: a round of decodes lasts a passage or two stays in the slower stage.
  const Config config = config_of(test::a100_80gb(), test::llama2_70b(), 4, 2);
  const auto model = make_step_time_model(config, config.pools[0]);
  const StepWork decode{8, 8, 8 * (100 + 50), 0};
  const StepWork prompt{108, 8, 8 * (100 + 50), 100 * 100};
  const double alone =
      std::max(latency_seconds(*model, decode), 2 * bottleneck_seconds(*model, decode));
  const double mixed =
      std::max(latency_seconds(*model, prompt),
               bottleneck_seconds(*model, prompt) + bottleneck_seconds(*model, decode));
  const FullReplica times = full_replica(*model, config.pools[0], {16, 100, 100});
  EXPECT_NEAR(times.ttft, alone / 2 + mixed, 1e-12);
  EXPECT_NEAR(times.tpot, alone + 15.0 / 99 * (mixed - alone), 1e-12);
}

TEST(Tuning, RanksFeasibleLayoutsByGpusPerRate) {
  const Config config = config_of(test::a100_80gb(), test::llama2_70b(), 4);
  const std::vector<TunedLayout> layouts = tune_layouts(config, config.pools[0], chat(120));
  // tp 1, 2, 4, 8 x pp up to 8 GPUs: 4 + 3 + 2 + 1, at four precisions.
  EXPECT_EQ(layouts.size(), 40U);
  ASSERT_TRUE(layouts.front().feasible());
  for (std::size_t i = 1; i < layouts.size(); ++i) {
    EXPECT_GE(layouts[i - 1].feasible(), layouts[i].feasible());
    if (layouts[i].feasible()) {
      EXPECT_LE(layouts[i - 1].gpus_per_rate(), layouts[i].gpus_per_rate());
      EXPECT_LE(layouts[i].times.tpot, 0.120);
    }
  }
}

TEST(Tuning, SaysWhyALayoutCannotServe) {
  const Config config = config_of(test::a100_80gb(), test::llama2_70b(), 4);
  const auto layouts = tune_layouts(config, config.pools[0], chat(1));
  EXPECT_FALSE(layouts.front().feasible());
  // 138 GB of weights do not fit one GPU, no A100 computes in fp8, and 1 ms is too short for all.
  EXPECT_NE(find(layouts, 1, 1, Precision::fp16)->reason.find("memory: weights 138"),
            std::string::npos);
  EXPECT_NE(find(layouts, 8, 1, Precision::fp8)->reason.find("fp8"), std::string::npos);
  EXPECT_NE(find(layouts, 8, 1, Precision::fp16)->reason.find("TPOT"), std::string::npos);
  EXPECT_EQ(find(layouts, 16, 1, Precision::fp16), nullptr);
}

TEST(Tuning, TighterObjectivesNeverTakeFewerGpus) {
  const Config config = config_of(test::a100_80gb(), test::llama2_7b());
  double cheapest = 0;
  for (const int tpot_ms : {400, 200, 100, 60, 45}) {
    const auto layouts = tune_layouts(config, config.pools[0], chat(tpot_ms));
    if (!layouts.front().feasible()) {
      break;
    }
    EXPECT_GE(layouts.front().gpus_per_rate(), cheapest);
    cheapest = layouts.front().gpus_per_rate();
  }
  EXPECT_GT(cheapest, 0);
}

TEST(Tuning, ChoosesTheBestOfAllBatches) {
  const Config config = config_of(test::a100_80gb(), test::llama2_7b());
  const auto model = make_step_time_model(config, config.pools[0]);
  const TuningRequest request = chat(100);
  const auto layouts = tune_layouts(config, config.pools[0], request);
  const TunedLayout& layout = *find(layouts, 1, 1, Precision::fp16);
  ASSERT_TRUE(layout.feasible());
  EXPECT_GT(layout.max_num_seqs, 1);
  for (int batch = 1; batch <= request.most_seqs; batch *= 2) {
    const FullReplica times = full_replica(*model, config.pools[0], {batch, 500, 200});
    if (times.tpot <= 0.1 && batch <= layout.max_num_seqs) {
      EXPECT_LE(times.requests_per_s, layout.times.requests_per_s);
    }
  }
}

TEST(Tuning, TriesNoBatchThatTheScenarioLetsNoReplicaHave) {
  Config config = config_of(test::a100_80gb(), test::llama2_7b());
  EXPECT_EQ(most_sequences(config, config.pools[0]), 512) << "nothing is said";
  config.service.max_outstanding = 1000;
  EXPECT_EQ(most_sequences(config, config.pools[0]), 512);
  config.service.max_outstanding = 12;
  EXPECT_EQ(most_sequences(config, config.pools[0]), 12);
  TuningRequest request = chat(400);
  EXPECT_GT(
      find(tune_layouts(config, config.pools[0], request), 1, 1, Precision::fp16)->max_num_seqs, 8);
  request.most_seqs = 12;
  EXPECT_EQ(
      find(tune_layouts(config, config.pools[0], request), 1, 1, Precision::fp16)->max_num_seqs, 8)
      << "the largest power of two";
}

}  // namespace
}  // namespace plimsoll
