// The shipped catalogs and scenarios are what they claim: shapes explain parameters, GPUs and
// precisions go together, kernels and engines keep within peaks, and the fleets fit their memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fleet/memory_fit.hpp"
#include "fleet/model_shape.hpp"
#include "fleet/placement.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/scenario.hpp"
#include "support/catalog.hpp"

namespace plimsoll {
namespace {

Config load(const std::string& name) {
  ScenarioRequest request;
  request.path = std::string{PLIMSOLL_SOURCE_DIR} + "/scenarios/" + name;
  return load_scenario(request, policy_catalog(builtin_policies())).config;
}

using test::load_entries;

const std::vector<std::string> all_gpus = {"v100-16gb", "v100-32gb",  "a100-40gb",  "a100-80gb",
                                           "h100-80gb", "h200-141gb", "b200-180gb", "l40s-48gb"};
const std::vector<std::string> all_models = {
    "bloom-176b", "falcon-180b",  "gpt-20b",     "gpt-6.7b",     "gpt-89b",   "gpt-neox-20b",
    "gpt3-175b",  "gpt4-class",   "gptj-6b",     "internlm-20b", "llama-65b", "llama2-13b",
    "llama2-70b", "llama2-7b",    "llama3-405b", "llama3-70b",   "llama3-8b", "megatron-530b",
    "mistral-7b", "mixtral-8x7b", "opt-13b",     "opt-175b",     "opt-30b",   "opt-6.7b",
    "opt-66b",    "qwen2-72b",    "qwen2-7b",    "qwen3-32b",    "qwen3-8b"};
const std::vector<std::string> all_profiles = {"eager-2023", "fastertransformer", "tensorrt-llm",
                                               "vllm-modern"};
const std::vector<std::pair<std::string, std::string>> all_prices = {
    {"a100-40gb", "aws-a100-40gb-2023"},       {"a100-40gb", "aws-a100-40gb-2025"},
    {"a100-80gb", "aws-a100-80gb-2023"},       {"a100-80gb", "aws-a100-80gb-2025"},
    {"h100-80gb", "aws-h100-80gb-2023"},       {"h100-80gb", "aws-h100-80gb-2025"},
    {"h200-141gb", "aws-h200-141gb-2025"},     {"v100-16gb", "aws-v100-16gb-2025"},
    {"v100-32gb", "aws-v100-32gb-2026"},       {"a100-80gb", "coreweave-a100-80gb-2023"},
    {"h100-80gb", "coreweave-h100-80gb-2023"}, {"a100-40gb", "lambda-a100-40gb-2024"},
    {"h100-80gb", "lambda-h100-80gb-2024"},    {"v100-16gb", "lambda-v100-16gb-2024"}};

TEST(Catalog, EveryGpuRunsUnderEveryProfileAndHasASource) {
  for (const std::string& name : all_gpus) {
    for (const std::string& profile : all_profiles) {
      const Config config = load_entries(name, "llama2-7b", profile);
      EXPECT_NO_THROW(make_step_time_model(config, config.pools[0])) << name << ", " << profile;
      EXPECT_FALSE(config.profiles.at(config.pools[0].profile).source.empty()) << profile;
      const GpuSpec& gpu = config.gpus.at(config.pools[0].gpu);
      EXPECT_FALSE(gpu.source.empty()) << name;
      const bool measured = name.rfind("a100", 0) == 0 || name.rfind("h", 0) == 0;
      EXPECT_EQ(gpu.decode_extrapolated, !measured) << name;
      EXPECT_EQ(gpu.bf16, name.rfind("v100", 0) != 0) << name;
      // What kernels reach was measured on A100 and H100; others are derived and say so.
      const KernelSpec& kernels = config.kernels.at(gpu.kernels);
      const bool own =
          kernels.provenance == Provenance::calibrated && name.rfind(kernels.name + "-", 0) == 0;
      const bool said = kernels.provenance == Provenance::assumed ||
                        std::any_of(gpu.figures.begin(), gpu.figures.end(), [](const auto& f) {
                          return f.name == "kernels" && f.provenance == Provenance::assumed;
                        });
      EXPECT_NE(own, said) << name;
    }
  }
}

/// Shares of peaks, named.
void expect_shares(const std::vector<std::pair<std::string, double>>& shares,
                   const std::string& entry) {
  for (const auto& share : shares) {
    EXPECT_GT(share.second, 0) << entry << ": " << share.first;
    EXPECT_LE(share.second, 1) << entry << ": " << share.first;
  }
}

TEST(Catalog, KernelsKeepWithinTheirGpusAndHaveASource) {
  for (const std::string& name : all_gpus) {
    const Config config = load_entries(name, "llama2-7b", "vllm-modern");
    const GpuSpec& gpu = config.gpus.at(config.pools[0].gpu);
    const KernelSpec& kernels = config.kernels.at(gpu.kernels);
    EXPECT_FALSE(kernels.source.empty()) << kernels.name;
    expect_shares({{"gemm", kernels.gemm.efficiency},
                   {"gemm reads", kernels.gemm.read_efficiency},
                   {"8-bit gemm", kernels.gemm_8bit.efficiency},
                   {"8-bit gemm reads", kernels.gemm_8bit.read_efficiency},
                   {"attention", kernels.attention_efficiency},
                   {"KV reads", kernels.kv_read_efficiency},
                   {"nccl", kernels.nccl_efficiency},
                   {"custom", kernels.custom_efficiency},
                   {"send", kernels.send_efficiency}},
                  kernels.name);
    EXPECT_GE(kernels.gemm.overlap, 1) << kernels.name;
    EXPECT_GE(kernels.gemm_8bit.overlap, 1) << kernels.name;
    // What nobody measured is said to be assumed.
    const bool measured = kernels.name == "a100" || kernels.name == "h100";
    EXPECT_EQ(kernels.provenance == Provenance::assumed, !measured) << kernels.name;
  }
}

TEST(Catalog, EnginesGetNoMoreThanTheirKernelsReach) {
  for (const std::string& name : all_profiles) {
    const Config config = load_entries("a100-80gb", "llama2-7b", name);
    const EngineProfile& profile = config.profiles.at(config.pools[0].profile);
    expect_shares({{"gemm_share", profile.gemm_share},
                   {"read_share", profile.read_share},
                   {"attention_share", profile.attention_share},
                   {"kv_share", profile.kv_share},
                   {"collective_share", profile.collective_share}},
                  name);
  }
}

TEST(Catalog, ShapesExplainTheParameters) {
  for (const std::string& name : all_models) {
    const Config config = load_entries("a100-80gb", name, "vllm-modern");
    const ModelSpec& model = config.models.at(config.pools[0].model);
    const double attention = 2.0 * model.hidden * model.head_dim * (model.heads + model.kv_heads);
    const double mlp = (model.gated_mlp ? 3.0 : 2.0) * model.hidden * model.ffn * model.experts;
    const double embedding = static_cast<double>(model.vocab) * model.hidden;
    const double matrices =
        model.layers * (attention + mlp) + embedding * (model_shape(model).tied ? 1 : 2);
    EXPECT_NEAR(matrices / static_cast<double>(model.parameters), 1.0, 0.004) << name;
  }
}

TEST(Catalog, TheGpt4ClassIsEightTimesGpt3) {
  const auto parameters = [](const std::string& name) {
    const Config config = load_entries("a100-80gb", name, "vllm-modern");
    return static_cast<double>(config.models.at(config.pools[0].model).parameters);
  };
  EXPECT_NEAR(parameters("gpt4-class") / parameters("gpt3-175b"), 8.0, 0.01);
}

MemoryFit fit_of(const std::string& gpu, const std::string& model, int tp, int pp) {
  Config config = load_entries(gpu, model, "vllm-modern");
  config.pools[0].tp = tp;
  config.pools[0].pp = pp;
  return memory_fit(config, config.pools[0]);
}

TEST(Catalog, Gpt3WeighsAbout350GBAndNeedsEightGpusOf80OrSixteenSmallerOnes) {
  const double weights =
      static_cast<double>(fit_of("a100-80gb", "gpt3-175b", 8, 1).total_weights.count());
  EXPECT_GE(weights, 345e9);
  EXPECT_LE(weights, 360e9);
  EXPECT_TRUE(fit_of("a100-80gb", "gpt3-175b", 8, 1).fits);
  EXPECT_TRUE(fit_of("h100-80gb", "gpt3-175b", 8, 1).fits);
  for (const std::string& gpu : {std::string{"a100-40gb"}, std::string{"v100-32gb"}}) {
    EXPECT_FALSE(fit_of(gpu, "gpt3-175b", 8, 1).fits) << gpu;
    EXPECT_TRUE(fit_of(gpu, "gpt3-175b", 8, 2).fits) << gpu;
  }
}

TEST(Catalog, TheGpt4ClassNeedsEightTimesTheWeightsAndFiveTimesTheGpus) {
  // 8 x 349.2 GB = 2,793.6 GB, not 5 x.
  const MemoryFit fit = fit_of("a100-80gb", "gpt4-class", 8, 5);
  EXPECT_NEAR(static_cast<double>(fit.total_weights.count()), 2793.6e9, 0.1e9);
  // GPUs have more memory than GPT-3 fills: 8 x 76.7 GB for its 349.2. So 40 x 76.7 GB = 3,067 GB
  // hold the eightfold weights, and 32 x 76.7 GB = 2,454 GB do not.
  EXPECT_TRUE(fit.fits);
  EXPECT_FALSE(fit_of("a100-80gb", "gpt4-class", 8, 4).fits);
  // What is left for KV: 76.7 - 69.9 GB a GPU and less than 1 GB of activations.
  EXPECT_NEAR(static_cast<double>(fit.kv_space.count()), 6.5e9, 0.5e9);
}

TEST(Catalog, PricesHaveADateAndFallFromOnDemandToSpot) {
  for (const auto& entry : all_prices) {
    const Config config = load_entries(entry.first, "llama2-7b", "vllm-modern", entry.second);
    const PriceSpec& price = config.prices.at(config.pools[0].price.value());
    EXPECT_FALSE(price.source.empty()) << price.name;
    EXPECT_FALSE(price.as_of.empty()) << price.name;
    EXPECT_GT(price.on_demand.count(), 0) << price.name;
    EXPECT_LT(price.reserved, price.on_demand) << price.name;
    EXPECT_LT(price.spot, price.on_demand) << price.name;
  }
}

TEST(Catalog, TheFleetOf14000GpusIs1500ReplicasThatFit) {
  const Config config = load("fleet_14k.yaml");
  EXPECT_NO_THROW(require_memory_fit(config));
  int gpus = 0;
  int replicas = 0;
  for (const PoolConfig& pool : config.pools) {
    const Placement placement = place(config, pool);
    gpus += placement.gpus_used;
    replicas += pool.replicas;
    EXPECT_EQ(placement.gpus_stranded, 0) << pool.name;
    EXPECT_NO_THROW(make_step_time_model(config, pool)) << pool.name;
  }
  EXPECT_EQ(gpus, 14'000);
  EXPECT_EQ(replicas, 1'500);
}

TEST(Catalog, TheAzureFleetFitsAndIsServedByTheEngineThatSplitwiseMeasured) {
  const Config config = load("azure_conversation.yaml");
  EXPECT_NO_THROW(require_memory_fit(config));
  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.profiles.at(config.pools[0].profile).name, "eager-2023");
}

}  // namespace
}  // namespace plimsoll
