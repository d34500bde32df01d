// The operators of a step, each against its formula with round figures.
#include "perf/operator_model.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "perf/static_batch.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

constexpr double us = 1e-6;

/// 100 TFLOPS, 200 in 8 bits, 1 TB/s of memory, 100 GB/s of NVLink.
GpuSpec round_gpu() {
  GpuSpec gpu = test::h100_80gb();
  gpu.name = "round";
  gpu.fp16 = FlopRate::of(100e12);
  gpu.fp8 = FlopRate::of(200e12);
  gpu.int8 = FlopRate::of(200e12);
  gpu.memory_bandwidth = BytesPerSecond::of(1e12);
  gpu.nvlink = BytesPerSecond::of(100e9);
  gpu.node_hop_bandwidth = BytesPerSecond::of(10e9);
  gpu.node_hop_latency = Duration{20'000};
  return gpu;
}

constexpr double layers = 10;
constexpr double hidden = 8000;
constexpr double ffn = 32'000;
constexpr double vocab = 40'000;
constexpr double layer = 4 * hidden * hidden + 2 * hidden * ffn;  // 768 M parameters
constexpr double head = vocab * hidden;                           // 320 M

/// 10 layers of 64 heads of 125, and an LM head of its own: matrices only.
ModelSpec round_model() {
  return test::dense("round", layers * layer + 2 * head, 10, 8000, 64, 32'000, 40'000);
}

/// One pool of it, with ideal kernels and engine, of which a test changes what it is about.
Config round_pool(int tp = 1, int pp = 1) {
  Config config = test::ideal_pool(round_gpu(), round_model(), tp, pp);
  config.pools[0].max_context = 4000;
  return config;
}

std::unique_ptr<StepTimeModel> model_of(const Config& config) {
  return make_step_time_model(config, config.pools[0]);
}

StepBreakdown parts_of(const Config& config, const StepWork& work) {
  return model_of(config)->breakdown(work);
}

/// Bytes of activations into and out of the products of one layer and the head, per token and
/// sample: m k + m n numbers each.
double layer_activations(double tp) {
  const double qkv = hidden + 3 * hidden / tp;
  const double output = hidden / tp + hidden;
  const double up = hidden + ffn / tp;
  const double down = ffn / tp + hidden;
  return 2 * (qkv + output + up + down);
}
double head_activations(double tp) {
  return 2 * (hidden + vocab / tp);
}

// ---- products ----

TEST(OperatorModel, ADecodeStepByHand) {
  for (const int tp : {1, 4}) {
    const StepWork work{16, 16, 16 * 600, 0};
    const StepBreakdown parts = parts_of(round_pool(tp), work);
    const double weights = (layers * layer + head) / tp;
    const double activations = 16 * (layers * layer_activations(tp) + head_activations(tp));
    EXPECT_NEAR(parts.weights, (2 * weights + activations) / 1e12, 1e-12) << tp;
    EXPECT_NEAR(parts.gemm, 2 * 16 * weights / 100e12, 1e-12) << tp;
    // K and V of 9,600 tokens, 10 layers, 64 heads of 125, 2 B.
    EXPECT_NEAR(parts.kv, 9600 * 10 * 2 * 8000.0 * 2 / tp / 1e12, 1e-12) << tp;
    EXPECT_EQ(parts.attention, 0);
    EXPECT_EQ(parts.latency, 0);
    EXPECT_EQ(parts.host + parts.serial + parts.hops + parts.elementwise, 0);
  }
}

TEST(OperatorModel, AMixedStepReadsTheWeightsOnce) {
  const Config config = round_pool();
  const double decode = parts_of(config, {16, 16, 9600, 0}).weights;
  const double mixed = parts_of(config, {16 + 512, 16, 9600, 512 * 512}).weights;
  // Only activations are more: 512 tokens through 10 layers.
  EXPECT_NEAR(mixed - decode, 512 * layers * layer_activations(1) / 1e12, 1e-12);
}

TEST(OperatorModel, EachKernelHasItsLatency) {
  Config config = round_pool();
  config.kernels[0].gemm.latency = Duration{10'000};
  config.kernels[0].gemm_8bit.latency = Duration{30'000};
  config.kernels[0].attention_latency = Duration{7'000};
  config.kernels[0].kv_read_latency = Duration{5'000};
  config.profiles[0].layer_overhead = Duration{3'000};
  // 4 products and the overhead per layer; the head when something is sampled.
  EXPECT_NEAR(parts_of(config, {100, 0, 0, 0}).latency, 10 * 43 * us, 1e-12);
  EXPECT_NEAR(parts_of(config, {100, 1, 0, 0}).latency, 10 * 43 * us + 10 * us, 1e-12);
  EXPECT_NEAR(parts_of(config, {100, 0, 1, 0}).latency, 10 * 48 * us, 1e-12);
  EXPECT_NEAR(parts_of(config, {100, 0, 0, 1}).latency, 10 * 50 * us, 1e-12);
  EXPECT_NEAR(parts_of(config, {100, 0, 9, 9}).latency, 10 * 55 * us, 1e-12);

  config.profiles[0].kernel_latency_factor = 2;   // products, prefill attention
  config.profiles[0].kv_read_latency_factor = 4;  // decode attention
  config.profiles[0].quantize_latency_factor = 0.5;
  EXPECT_NEAR(parts_of(config, {100, 0, 9, 9}).latency, 10 * (80 + 3 + 14 + 20) * us, 1e-12);
  // 8-bit products have a factor of their own; the head stays at 16 bits.
  config.pools[0].weight_precision = Precision::fp8;
  EXPECT_NEAR(parts_of(config, {100, 1, 9, 9}).latency, (10 * (60 + 3 + 14 + 20) + 20) * us, 1e-12);
}

TEST(OperatorModel, WeightsOf8BitsHalveTheReadAndTheOperations) {
  Config config = round_pool();
  const StepWork work{1, 1, 0, 0};
  config.pools[0].weight_precision = Precision::fp8;
  const StepBreakdown parts = parts_of(config, work);
  // Inputs of 1 B, results of 2 B; the LM head in 16 bits.
  const double inputs = hidden + hidden + hidden + ffn;
  const double results = 2 * (3 * hidden + hidden + ffn + hidden);
  EXPECT_NEAR(parts.weights,
              (layers * (layer + inputs + results) + 2 * head + head_activations(1)) / 1e12, 1e-12);
  EXPECT_NEAR(parts.gemm, 2 * layers * layer / 200e12 + 2 * head / 100e12, 1e-12);
}

TEST(OperatorModel, TheHeadIsComputedForSamplesInTheLastStageOnly) {
  const auto model = model_of(round_pool(4, 2));
  EXPECT_EQ(model->head_seconds(0, 64), 0);
  EXPECT_EQ(model->head_seconds(1, 0), 0);
  const double read = (2 * head / 4 + 64 * head_activations(4)) / 1e12;
  EXPECT_NEAR(model->head_seconds(1, 64), read + 2 * 64 * head / 4 / 100e12, 1e-12);
}

TEST(OperatorModel, ExpertsAreReadAsTokensMeetThem) {
  const auto weights = [](std::int64_t tokens) {
    Config config = test::ideal_pool(round_gpu(), test::mixtral_8x7b());
    return parts_of(config, {tokens, 0, 0, 0});
  };
  const double expert = 3 * 4096.0 * 14336;
  const double embeddings = 2 * 32000.0 * 4096;
  const double dense = (46702792704.0 - embeddings) / 32 - 8 * expert;
  for (const std::int64_t tokens : {1, 2, 256}) {
    double missed = 1;
    for (std::int64_t i = 0; i < tokens; ++i) {
      missed *= 6.0 / 8;
    }
    const double read = 32 * (dense + 8 * (1 - missed) * expert) * 2 / 1e12;
    const StepBreakdown parts = weights(tokens);
    // Activations beside the weights: less than 0.3 MB a token and layer.
    EXPECT_GE(parts.weights, read);
    EXPECT_LE(parts.weights, read + static_cast<double>(tokens) * 32 * 0.3e6 / 1e12);
    // Grouped products compute at three quarters of the rate.
    EXPECT_NEAR(parts.gemm,
                2.0 * static_cast<double>(tokens) * 32 * (dense + 2 * expert / 0.75) / 100e12,
                1e-12);
  }
}

TEST(OperatorModel, ElementwiseKernelsPassTheHiddenActivations) {
  Config config = round_pool();
  config.kernels[0].gemm.read_efficiency = 0.5;
  config.profiles[0].activation_passes = 12;
  // 12 passes x 100 tokens x 8,000 x 2 B x 10 layers at half of 1 TB/s.
  EXPECT_NEAR(parts_of(config, {100, 0, 0, 0}).elementwise, 12 * 100 * 16'000.0 * 10 / 0.5e12,
              1e-12);
}

// ---- attention and KV ----

TEST(OperatorModel, AttentionCountsFourOperationsPerHeadAndPair) {
  Config config = round_pool();
  // A prompt of 1,000 in one chunk: 1000^2 / 2 pairs x 4 x 8,000 x 10 layers.
  const StepWork prompt{1000, 1, 0, 1'000'000};
  const double pairs = 1e6 / 2 * 4 * 8000 * 10 / 100e12;
  EXPECT_NEAR(parts_of(config, prompt).attention, pairs, 1e-12);
  // 500 keys more for every token, at half of the peak, of which the engine gets 0.8.
  config.kernels[0].attention_extra_keys = 500;
  config.kernels[0].attention_efficiency = 0.5;
  config.profiles[0].attention_share = 0.8;
  EXPECT_NEAR(parts_of(config, prompt).attention, pairs * 1.5 / 0.4, 1e-12);
}

TEST(OperatorModel, MaterializedScoresPassThroughMemory) {
  Config config = round_pool(4);
  config.kernels[0].gemm.efficiency = 0.8;
  config.kernels[0].gemm.read_efficiency = 0.5;
  config.pools[0].attention = Attention::materialized;
  // All 1000^2 pairs, masked ones too: 4 x 2,000 operations (16 heads of 125) at 0.8 of the peak,
  // and four passes of 2 B for each of 16 scores at half of the bandwidth.
  const double layer_seconds = 1e6 * 4 * 2000 / 80e12 + 1e6 * 16 * 8 / 0.5e12;
  EXPECT_NEAR(parts_of(config, {1000, 1, 0, 1'000'000}).attention, 10 * layer_seconds, 1e-12);
}

TEST(OperatorModel, FlashIsNeverSlowerAtEqualShares) {
  for (const int tp : {1, 2, 8}) {
    for (const std::int64_t extra : {0, 600}) {
      Config flash = test::one_pool(test::a100_80gb(), test::llama2_70b(), test::eager_2023(), tp);
      flash.kernels[0].attention_efficiency = flash.kernels[0].gemm.efficiency;
      flash.kernels[0].attention_extra_keys = static_cast<double>(extra);
      flash.profiles[0].attention_share = flash.profiles[0].gemm_share;
      Config materialized = flash;
      flash.pools[0].attention = Attention::flash;
      materialized.pools[0].attention = Attention::materialized;
      const auto fused = model_of(flash);
      const auto written = model_of(materialized);
      for (std::int64_t chunk = 1; chunk <= 4096; chunk *= 2) {
        for (const std::int64_t before : {0, 1, 1000, 100'000}) {
          const StepWork work{chunk, 1, before, chunk * (2 * before + chunk)};
          EXPECT_LT(stage_device_seconds(*fused, 0, work), stage_device_seconds(*written, 0, work));
        }
        // A step that only decodes computes no scores of prompts.
        const StepWork decode{chunk, chunk, chunk * 500, 0};
        EXPECT_EQ(stage_device_seconds(*fused, 0, decode),
                  stage_device_seconds(*written, 0, decode));
      }
    }
  }
}

TEST(OperatorModel, ThePoolsAttentionGoesBeforeTheEngines) {
  Config config = round_pool();
  const StepWork prompt{1000, 1, 0, 1'000'000};
  const double flash = parts_of(config, prompt).attention;
  config.profiles[0].attention = Attention::materialized;
  const double materialized = parts_of(config, prompt).attention;
  EXPECT_GT(materialized, flash);
  config.pools[0].attention = Attention::flash;
  EXPECT_EQ(parts_of(config, prompt).attention, flash);
}

TEST(OperatorModel, GroupedKvIsReadByGroupsAndReplicatedBeyondThem) {
  const auto kv_token = [](int tp) {
    return model_of(test::ideal_pool(round_gpu(), test::llama2_70b(), tp))->kv_token_seconds(0);
  };
  // 80 layers x K and V x 8 heads / tp x 128 x 2 B.
  EXPECT_NEAR(kv_token(4), 80 * 1024.0 / 1e12, 1e-18);
  EXPECT_NEAR(kv_token(8), 80 * 512.0 / 1e12, 1e-18);
  EXPECT_EQ(kv_token(16), kv_token(8));
}

TEST(OperatorModel, KvIsReadInItsPrecisionAtTheKernelsAndTheEnginesRate) {
  Config config = round_pool();
  const double wide = model_of(config)->kv_token_seconds(0);
  config.pools[0].kv_precision = Precision::int8;
  EXPECT_DOUBLE_EQ(model_of(config)->kv_token_seconds(0), wide / 2);
  config.kernels[0].kv_read_efficiency = 0.5;
  config.profiles[0].kv_share = 0.8;
  EXPECT_DOUBLE_EQ(model_of(config)->kv_token_seconds(0), wide / 2 / 0.4);
}

// ---- between GPUs ----

/// Rings of 10 us, shots of 4 us; both at half of NVLink, 50 GB/s.
Config reducing_pool(int tp, int pp = 1) {
  Config config = round_pool(tp, pp);
  config.kernels[0].nccl_efficiency = 0.5;
  config.kernels[0].nccl_latency = Duration{10'000};
  config.kernels[0].custom_efficiency = 0.5;
  config.kernels[0].custom_latency = Duration{4'000};
  return config;
}

TEST(OperatorModel, TwoAllReducesPerLayerMoveTwoShares) {
  // 20 x (10 us + 100 tokens x 8,000 x 2 B x 2 x 3/4 / 50 GB/s).
  const double expected = 20 * (10 * us + 100 * 16'000.0 * 1.5 / 50e9);
  EXPECT_NEAR(parts_of(reducing_pool(4), {100, 100, 0, 0}).collectives, expected, 1e-12);
  EXPECT_EQ(parts_of(reducing_pool(1), {100, 100, 0, 0}).collectives, 0);
  // Stages share the layers.
  EXPECT_NEAR(parts_of(reducing_pool(4, 2), {100, 100, 0, 0}).collectives, expected, 1e-12);
}

TEST(OperatorModel, ThePoolsAllReduceGoesBeforeTheEngines) {
  Config config = reducing_pool(4);
  const StepWork one{1, 1, 0, 0};
  // One token: a ring of 10 us + 16 kB x 1.5 / 50 GB/s, a shot of 4 us + 16 kB x 3 / 50 GB/s.
  const double ring = 20 * (10 * us + 16'000 * 1.5 / 50e9);
  const double shot = 20 * (4 * us + 16'000 * 3 / 50e9);
  ASSERT_EQ(config.profiles[0].all_reduce, AllReduce::nccl);
  EXPECT_NEAR(parts_of(config, one).collectives, ring, 1e-12);
  config.pools[0].collectives.all_reduce = AllReduce::custom;
  EXPECT_NEAR(parts_of(config, one).collectives, shot, 1e-12);
  config.profiles[0].all_reduce = AllReduce::custom;
  config.pools[0].collectives.all_reduce.reset();
  EXPECT_NEAR(parts_of(config, one).collectives, shot, 1e-12);
  config.pools[0].collectives.all_reduce = AllReduce::nccl;
  EXPECT_NEAR(parts_of(config, one).collectives, ring, 1e-12);
}

TEST(OperatorModel, CompressedAllReducesHalveTheBytesAndPayForQuantizing) {
  Config config = reducing_pool(4);
  config.kernels[0].gemm.read_efficiency = 0.8;
  config.pools[0].collectives.precision = Precision::int8;
  // 8,000 B a token on the way, and 2 x 3 B of 8,000 numbers through memory at 0.8 TB/s.
  const double one = 10 * us + 100 * (8'000 * 1.5 / 50e9 + 2 * 3 * 8'000 / 0.8e12);
  EXPECT_NEAR(parts_of(config, {100, 0, 0, 0}).collectives, 20 * one, 1e-12);
  // Alone, a GPU quantizes nothing.
  config.pools[0].tp = 1;
  EXPECT_EQ(parts_of(config, {100, 0, 0, 0}).collectives, 0);
}

TEST(OperatorModel, CommunicationHidesUnderProductsAsFarAsTheyLast) {
  const StepWork work{100, 0, 0, 0};
  Config config = reducing_pool(4);
  const StepBreakdown open = parts_of(config, work);
  const double products = open.weights + open.gemm;
  ASSERT_LT(open.collectives, products);
  const double share = 0.5 * open.collectives / products;
  config.pools[0].collectives.overlap = share;
  const StepBreakdown half = parts_of(config, work);
  EXPECT_NEAR(half.collectives, open.collectives - share * products, 1e-12);
  EXPECT_EQ(half.weights, open.weights);
  EXPECT_EQ(half.gemm, open.gemm);
  // No more than there is.
  config.pools[0].collectives.overlap = 1;
  EXPECT_EQ(parts_of(config, work).collectives, 0);
  // A slow network is hidden in part only.
  config.gpus[0].nvlink = BytesPerSecond::of(1e9);
  const double slow = 20 * (10 * us + 100 * 16'000.0 * 1.5 / 0.5e9);
  EXPECT_NEAR(parts_of(config, work).collectives, slow - products, 1e-12);
}

TEST(OperatorModel, LargePassesLoseBandwidthBeyondTwoGpusOfTheMachine) {
  const auto collectives = [](int tp, std::int64_t tokens, const std::string& machine) {
    Config config = reducing_pool(tp);
    config.profiles[0].large_pass_tokens = 1000;
    MachineSpec spec;
    spec.name = machine;
    spec.large_pass_bandwidth = BytesPerSecond::of(10e9);
    config.profiles[0].machines = {spec};
    return parts_of(config, {tokens, 0, 0, 0}).collectives;
  };
  const auto plain = [](int tp, double tokens) {
    return 20 * (10 * us + tokens * 16'000 * 2 * (tp - 1) / tp / 50e9);
  };
  EXPECT_NEAR(collectives(4, 1000, "ideal"), plain(4, 1000), 1e-12);
  // 500 tokens beyond: 2 per layer of 500 x 16 kB x (1 - 2/4) / 10 GB/s.
  EXPECT_NEAR(collectives(4, 1500, "ideal"),
              plain(4, 1500) + 20 * 500 * 16'000.0 * (1 - 2.0 / 4) / 10e9, 1e-12);
  EXPECT_NEAR(collectives(8, 1500, "ideal"),
              plain(8, 1500) + 20 * 500 * 16'000.0 * (1 - 2.0 / 8) / 10e9, 1e-12);
  EXPECT_NEAR(collectives(2, 1500, "ideal"), plain(2, 1500), 1e-12);
  EXPECT_NEAR(collectives(4, 1500, "another"), plain(4, 1500), 1e-12);
}

TEST(OperatorModel, HopsUseNvlinkWithinANodeAndTheNetworkBetween) {
  const auto hop = [](int tp, int pp) {
    Config config = round_pool(tp, pp);
    config.kernels[0].send_latency = Duration{5'000};
    config.kernels[0].send_efficiency = 0.5;
    return model_of(config)->hop_seconds(100);
  };
  EXPECT_NEAR(hop(4, 2), 5 * us + 100 * 16'000.0 / 50e9, 1e-12);
  EXPECT_NEAR(hop(8, 2), 20 * us + 100 * 16'000.0 / 10e9, 1e-12);
  EXPECT_EQ(hop(8, 1), 0);
}

// ---- the host ----

TEST(OperatorModel, TheHostOverlapsWithTheDeviceOrAddsToIt) {
  const StepWork one{1, 1, 0, 0};
  Config config = round_pool();
  const double device = latency_seconds(*model_of(config), one);
  config.profiles[0].host_per_step = Duration{300'000};
  config.profiles[0].host_per_sequence = Duration{20'000};
  // 16 ms of reading against 10 layers of 1 ms, then of 2 ms.
  ASSERT_GT(device, 15e-3);
  ASSERT_LT(device, 17e-3);
  config.profiles[0].host_per_layer = Duration{1'000'000};
  EXPECT_NEAR(latency_seconds(*model_of(config), one), device + 320 * us, 1e-12);
  config.profiles[0].host_per_layer = Duration{2'000'000};
  EXPECT_NEAR(latency_seconds(*model_of(config), one), 20e-3 + 320 * us, 1e-12);
  EXPECT_NEAR(parts_of(config, one).host, 20e-3, 1e-12);
  config.profiles[0].host = HostLaunch::adds;
  EXPECT_NEAR(latency_seconds(*model_of(config), one), device + 20e-3 + 320 * us, 1e-12);
  EXPECT_EQ(parts_of(config, one).host, 0);
  EXPECT_NEAR(parts_of(config, one).serial, 20e-3 + 320 * us, 1e-12);
}

TEST(OperatorModel, AMachinesHostMayBeFaster) {
  const auto parts = [](const std::string& machine) {
    Config config = round_pool();
    config.profiles[0].host_per_layer = Duration{2'000'000};
    config.profiles[0].host_per_step = Duration{300'000};
    config.profiles[0].host_per_sequence = Duration{20'000};
    MachineSpec spec;
    spec.name = machine;
    spec.host_factor = 0.5;
    config.profiles[0].machines = {spec};
    return parts_of(config, {3, 3, 0, 0});
  };
  EXPECT_NEAR(parts("ideal").host, 10e-3, 1e-12);
  EXPECT_NEAR(parts("ideal").serial, (300 + 3 * 20) / 2 * us, 1e-12);
  EXPECT_NEAR(parts("another").host, 20e-3, 1e-12);
  EXPECT_NEAR(parts("another").serial, (300 + 3 * 20) * us, 1e-12);
}

TEST(OperatorModel, EveryStageLaunchesItsOwnLayers) {
  Config config = round_pool(1, 4);  // 3, 3, 2, 2 layers
  config.profiles[0].host_per_layer = Duration{2'000'000};
  EXPECT_NEAR(model_of(config)->host_seconds(0), 6e-3, 1e-12);
  EXPECT_NEAR(model_of(config)->host_seconds(3), 4e-3, 1e-12);
  EXPECT_NEAR(parts_of(config, {1, 1, 0, 0}).host, 20e-3, 1e-12);
}

TEST(OperatorModel, LaunchingAPromptsPassMayTakeLonger) {
  const StepWork decode{1, 1, 0, 0};
  const StepWork prompt{1, 1, 0, 1};
  Config config = round_pool();
  const double device = latency_seconds(*model_of(config), prompt);
  config.profiles[0].host_per_layer = Duration{2'000'000};
  config.profiles[0].host_per_prompt_layer = Duration{3'000'000};
  ASSERT_LT(device, 20e-3);
  EXPECT_NEAR(latency_seconds(*model_of(config), decode), 20e-3, 1e-12);
  EXPECT_NEAR(latency_seconds(*model_of(config), prompt), 30e-3, 1e-12);
  EXPECT_NEAR(parts_of(config, prompt).host, 30e-3, 1e-12);
  config.profiles[0].host = HostLaunch::adds;
  EXPECT_NEAR(latency_seconds(*model_of(config), prompt), device + 30e-3, 1e-12);
  // A shorter time is none: prompts launch what decodes launch, at least.
  config.profiles[0].host_per_prompt_layer = Duration{1'000'000};
  EXPECT_NEAR(latency_seconds(*model_of(config), prompt), device + 20e-3, 1e-12);
}

// ---- passes of their own for prompts ----

TEST(OperatorModel, PromptsWithPassesOfTheirOwnPayForEachOfThemAndForTheDecodes) {
  Config config = round_pool();
  const auto together = model_of(config);
  config.pools[0].prompt_pass_tokens = 100;
  const auto apart = model_of(config);
  const auto device = [&](std::int64_t tokens) { return together->device_seconds(0, tokens); };
  // 3 sequences emit a token; the other 297 - 3 tokens are prompts: 100 + 100 + 94.
  const StepWork mixed{297, 3, 640, 9000};
  EXPECT_NEAR(stage_device_seconds(*apart, 0, mixed) - stage_device_seconds(*together, 0, mixed),
              2 * device(100) + device(94) + device(3) - device(297), 1e-12);
  EXPECT_GT(latency_seconds(*apart, mixed), latency_seconds(*together, mixed));
  EXPECT_NEAR(apart->breakdown(mixed).device(), stage_device_seconds(*apart, 0, mixed), 1e-12);
  // A chunk that ends no prompt needs no pass of decodes; decodes alone are one pass.
  const StepWork chunk{80, 0, 0, 6400};
  const StepWork decodes{250, 250, 64'000, 0};
  for (const StepWork& work : {chunk, decodes}) {
    EXPECT_EQ(latency_seconds(*apart, work), latency_seconds(*together, work));
  }
}

}  // namespace
}  // namespace plimsoll
