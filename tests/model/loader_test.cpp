// What the shipped loaders' rates say of measured loads: those that they come from, and those that
// they do not.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/scenario.hpp"

namespace plimsoll {
namespace {

LoaderSpec load(const std::string& name) {
  const std::string text =
      "include: [catalog/gpus.yaml, catalog/models.yaml, catalog/profiles.yaml, "
      "catalog/loaders.yaml]\n"
      "duration: 1s\n"
      "stores: {store: {uplink: 1 GB/s}}\n"
      "pools:\n"
      "  pool: {gpu: h100-80gb, model: llama2-7b, profile: vllm-modern, start: cold, store: "
      "store,\n"
      "         weights: {loader: " +
      name +
      "}}\n"
      "workload:\n"
      "  arrivals: {rate: 1/s}\n"
      "  lengths: {prompt: {kind: fixed, mean: 1}, output: {kind: fixed, mean: 1}}\n";
  const std::string file = std::string{PLIMSOLL_SOURCE_DIR} + "/scenarios/test.yaml";
  const Config config =
      load_scenario_text(text, file, ScenarioRequest{}, policy_catalog(builtin_policies())).config;
  EXPECT_EQ(config.loaders.size(), 1U) << "unused ones are dropped";
  return config.loaders.at(0);
}

/// A load of gigabytes into one GPU, alone on its node.
double from_memory(const LoaderSpec& loader, double gigabytes) {
  return gigabytes * 1e9 / loader.to_gpu.count();
}
double from_ssd(const LoaderSpec& loader, double gigabytes, double ssd_gigabytes_per_second) {
  const double read =
      gigabytes * 1e9 / std::min(loader.read.count(), ssd_gigabytes_per_second * 1e9);
  const double copy = from_memory(loader, gigabytes);
  return loader.overlaps ? std::max(read, copy) : read + copy;
}

// ServerlessLLM/ServerlessLLM, benchmarks/results/h100_2025: means, NVMe of 29.4 GB/s.
constexpr double nvme = 29.4;

TEST(Loaders, GiveBackTheLoadsThatTheyComeFrom) {
  const LoaderSpec safetensors = load("safetensors");
  EXPECT_NEAR(from_memory(safetensors, 65.5), (12.466 + 10.165) / 2, 0.05);
  EXPECT_NEAR(from_ssd(safetensors, 65.5, nvme), (20.592 + 19.090) / 2, 0.05);
  const LoaderSpec optimized = load("optimized");
  EXPECT_NEAR(from_memory(optimized, 65.5), (1.253 + 1.184) / 2, 0.01);
  EXPECT_NEAR(from_ssd(optimized, 65.5, nvme), (3.216 + 3.220) / 2, 0.02);
}

TEST(Loaders, SayOfAModelThatTheyDoNotComeFromWhatWasMeasuredWithin20Percent) {
  // Llama-3.1-8B, 16.1 GB from NVMe: 4.437 s and 0.678 s.
  EXPECT_NEAR(from_ssd(load("safetensors"), 16.1, nvme) / 4.437, 1, 0.2);
  EXPECT_NEAR(from_ssd(load("optimized"), 16.1, nvme) / 0.678, 1, 0.2);
}

TEST(Loaders, TorchIsNoFasterThanSafetensors) {
  EXPECT_GT(from_ssd(load("torch"), 65.5, nvme), from_ssd(load("safetensors"), 65.5, nvme));
  EXPECT_EQ(load("torch").provenance, Provenance::assumed);
}

}  // namespace
}  // namespace plimsoll
