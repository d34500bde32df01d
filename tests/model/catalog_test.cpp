// The shipped catalogs and scenarios are what they claim: shapes explain parameters, GPUs and
// precisions go together, the fleets fit their memory, and the profiles equal those under test.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "fleet/memory_fit.hpp"
#include "fleet/model_shape.hpp"
#include "fleet/placement.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/scenario.hpp"
#include "support/hardware.hpp"

namespace plimsoll {
namespace {

Config load(const std::string& name) {
  ScenarioRequest request;
  request.path = std::string{PLIMSOLL_SOURCE_DIR} + "/scenarios/" + name;
  return load_scenario(request, policy_catalog(builtin_policies())).config;
}

/// A scenario of one pool of the catalogs' entries: a Config holds only what its pools use.
Config load_entries(const std::string& gpu, const std::string& model, const std::string& profile,
                    const std::string& price = "") {
  std::string text =
      "include: [catalog/gpus.yaml, catalog/models.yaml, catalog/profiles.yaml, "
      "catalog/prices.yaml]\n"
      "duration: 1s\n"
      "pools:\n"
      "  pool:\n"
      "    gpu: " +
      gpu + "\n    model: " + model + "\n    profile: " + profile + "\n";
  if (!price.empty()) {
    text += "    price: " + price + "\n";
  }
  text +=
      "workload:\n"
      "  arrivals: {rate: 1/s}\n"
      "  lengths:\n"
      "    prompt: {kind: fixed, mean: 100}\n"
      "    output: {kind: fixed, mean: 100}\n";
  const std::string file = std::string{PLIMSOLL_SOURCE_DIR} + "/scenarios/test.yaml";
  return load_scenario_text(text, file, ScenarioRequest{}, policy_catalog(builtin_policies()))
      .config;
}

const std::vector<std::string> all_gpus = {"v100-16gb", "v100-32gb",  "a100-40gb",  "a100-80gb",
                                           "h100-80gb", "h200-141gb", "b200-180gb", "l40s-48gb"};
const std::vector<std::string> all_models = {
    "bloom-176b", "falcon-180b",  "gpt-20b",     "gpt-6.7b",     "gpt-89b",   "gpt-neox-20b",
    "gpt3-175b",  "gpt4-class",   "gptj-6b",     "internlm-20b", "llama-65b", "llama2-13b",
    "llama2-70b", "llama2-7b",    "llama3-405b", "llama3-70b",   "llama3-8b", "megatron-530b",
    "mistral-7b", "mixtral-8x7b", "opt-13b",     "opt-175b",     "opt-30b",   "opt-6.7b",
    "opt-66b",    "qwen2-72b",    "qwen2-7b",    "qwen3-32b",    "qwen3-8b"};
const std::vector<std::string> all_profiles = {"eager-2023", "eager-2023-h100", "fastertransformer",
                                               "tensorrt-llm", "vllm-modern"};
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
    }
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

TEST(Catalog, TheAzureFleetFitsAndItsProfileIsTheOneUnderTest) {
  const Config config = load("azure_conversation.yaml");
  EXPECT_NO_THROW(require_memory_fit(config));
  ASSERT_EQ(config.pools.size(), 1U);
  const EngineProfile& shipped = config.profiles.at(config.pools[0].profile);
  const EngineProfile tested = test::eager_2023();
  EXPECT_EQ(shipped.name, tested.name);
  EXPECT_EQ(shipped.gemm_efficiency, tested.gemm_efficiency);
  EXPECT_EQ(shipped.gemm_half_tokens, tested.gemm_half_tokens);
  EXPECT_EQ(shipped.weight_read_efficiency, tested.weight_read_efficiency);
  EXPECT_EQ(shipped.kv_read_efficiency, tested.kv_read_efficiency);
  EXPECT_EQ(shipped.attention_efficiency, tested.attention_efficiency);
  EXPECT_EQ(shipped.collective_efficiency, tested.collective_efficiency);
  EXPECT_EQ(shipped.collective_latency, tested.collective_latency);
  EXPECT_EQ(shipped.host_per_layer, tested.host_per_layer);
  EXPECT_EQ(shipped.host_per_step, tested.host_per_step);
  EXPECT_EQ(shipped.host_per_sequence, tested.host_per_sequence);
}

}  // namespace
}  // namespace plimsoll
