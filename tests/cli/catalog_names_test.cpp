// Command line: spellings of GPUs, models and engines in public tables find their catalog entry.
#include "cli/catalog_names.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "cli/row_points.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

TEST(CatalogNames, KnowsUsualSpellings) {
  const CatalogNames names{{}};
  EXPECT_EQ(names.gpu("a100-80gb"), "a100-80gb");
  EXPECT_EQ(names.gpu("A100-80G-SXM"), "a100-80gb");
  EXPECT_EQ(names.gpu("NVIDIA_A100-SXM4-80GB"), "a100-80gb");
  EXPECT_EQ(names.gpu("A100-SXM(Argonne node of 4; memory size not stated in repo)"), "a100-40gb");
  EXPECT_EQ(names.gpu("h100_sxm"), "h100-80gb");
  EXPECT_EQ(names.gpu("L40S"), "l40s-48gb");
  EXPECT_EQ(names.gpu("V100-32G-SXM2"), "v100-32gb");
  EXPECT_EQ(names.gpu("A100"), "") << "which memory?";
  EXPECT_EQ(names.model("meta-llama/Llama-3.1-70B"), "llama3-70b");
  EXPECT_EQ(names.model("Meta-Llama-3-70B"), "llama3-70b");
  EXPECT_EQ(names.model("meta-llama/Llama-3.1-8B-Instruct"), "llama3-8b");
  EXPECT_EQ(names.model("Llama-2-70b-hf"), "llama2-70b");
  EXPECT_EQ(names.model("Llama 2 7B"), "llama2-7b");
  EXPECT_EQ(names.model("Qwen2-72B"), "qwen2-72b");
  EXPECT_EQ(names.model("llama2-700b"), "");
  EXPECT_NE(names.model_hint("llama2-700b").find("did you mean llama2-70b?"), std::string::npos);
}

TEST(CatalogNames, MapsEnginesByTheLongestBeginning) {
  const CatalogNames names{{}};
  const auto profile = [&](const char* engine) {
    const KnownEngine* const known = names.engine(engine);
    return known == nullptr ? std::string{} : known->profile;
  };
  EXPECT_EQ(profile("splitwise(vLLM-era,DGX)"), "eager-2023");
  EXPECT_EQ(profile("HF/accelerate"), "eager-2023");
  EXPECT_EQ(profile("DeepSpeed-Inference"), "eager-2023");
  EXPECT_EQ(profile("FasterTransformer-5"), "fastertransformer");
  EXPECT_EQ(profile("lmdeploy-TurboMind-0.1.0a1"), "fastertransformer");
  EXPECT_EQ(profile("TensorRT-LLM v0.9"), "tensorrt-llm");
  EXPECT_EQ(profile("sglang-0.5.1.post1"), "vllm-modern");
  EXPECT_EQ(profile("vllm-"), "vllm-modern");
  EXPECT_EQ(profile("llama.cpp"), "");
  EXPECT_EQ(names.engine("trtllm-1.0.0rc3")->closed_loop_profile, "vllm-modern");
  EXPECT_EQ(names.engine("lmdeploy")->tpot, TpotMeaning::median_itl);
}

TEST(CatalogNames, KnowsTheEngineThatAProfileStandsFor) {
  const CatalogNames names{{}};
  EXPECT_EQ(names.engine_of_profile("eager-2023")->name, "splitwise") << "it was fitted to it";
  EXPECT_EQ(names.engine_of_profile("vllm-modern")->name, "vllm");
  EXPECT_EQ(names.engine_of_profile("tensorrt-llm")->name, "tensorrt-llm") << "by its name";
  EXPECT_EQ(names.engine_of_profile("mine"), nullptr);
}

TEST(CatalogNames, ReadsPrecisionsAsTablesSpellThem) {
  for (const auto& [text, name] : {std::pair{"FP16", "fp16"},
                                   {"bfloat16", "bf16"},
                                   {"fp8_e4m3", "fp8"},
                                   {"FP8-static", "fp8"},
                                   {"W8A8", "int8"},
                                   {"Auto", "unstated"},
                                   {"nf4", ""}}) {
    EXPECT_EQ(CatalogNames::precision(text), name) << text;
  }
}

TEST(CatalogNames, TakesFromAnEngineWhatAPointDoesNotSay) {
  const CatalogNames names{{}};
  Point point;
  point.batch = 4;
  point.prompt = 1000;
  Point own = point;
  own.profile = "eager-2023";
  own.max_num_batched_tokens = 77;
  take_from(*names.engine("vllm"), true, point);
  EXPECT_EQ(point.profile, "vllm-modern");
  EXPECT_EQ(point.max_num_batched_tokens, 1000 + 4 + 1500);
  EXPECT_EQ(point.front_end, std::chrono::milliseconds{25});
  EXPECT_DOUBLE_EQ(point.output_spread, 0.05);
  take_from(*names.engine("vllm"), true, own);
  EXPECT_EQ(own.profile, "eager-2023");
  EXPECT_EQ(own.max_num_batched_tokens, 77);
  Point batch;
  take_from(*names.engine("vllm"), false, batch);
  EXPECT_EQ(batch.max_num_batched_tokens, 8192) << "a whole batch has no client";
  EXPECT_EQ(batch.front_end, Duration::zero());
}

TEST(CatalogNames, ComputesInBf16WhereTheGpuCan) {
  const CatalogNames names{{}};
  EXPECT_EQ(names.usual_precision("h100-80gb"), "bf16");
  EXPECT_EQ(names.usual_precision("v100-32gb"), "fp16");
}

TEST(CatalogNames, TakesMoreFilesAndRefusesWhatIsNoCatalog) {
  const std::string mine = testing::TempDir() + "catalog_names_mine.yaml";
  std::ofstream{mine} << "catalog: {gpus: {a800: {extends: a100-80gb, aliases: [A800-SXM]}}}\n";
  const CatalogNames names{{mine}};
  EXPECT_EQ(names.gpu("a800_sxm"), "a800");
  EXPECT_EQ(names.gpu("A100-80G-SXM"), "a100-80gb");
  std::ofstream{mine} << "pools: {a: {}}\n";
  EXPECT_THROW(CatalogNames{{mine}}, ConfigError);
  EXPECT_THROW(CatalogNames{{"/nowhere.yaml"}}, ConfigError);
}

}  // namespace
}  // namespace plimsoll::cli
