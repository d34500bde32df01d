// Speculative decoding on whole machines: what it gains where bandwidth binds, and loses where
// arithmetic does. Expected figures come from the step time model by the formula of Leviathan et
// al.: a token takes (k draft steps + one target step of k + 1 tokens) / mean tokens per step.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "simulation/fleet_builder.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

constexpr int prompt_tokens = 100;
constexpr int output_tokens = 900;

/// tiny/speculation.yaml with users who ask for fixed lengths, one after the other.
test::Overrides closed_loop(int users) {
  return {{"workload.arrivals.process", "closed_loop"},
          {"workload.arrivals.rate", "null"},
          {"workload.arrivals.concurrency", std::to_string(users)},
          {"workload.lengths.prompt", fmt::format("{{kind: fixed, mean: {}}}", prompt_tokens)},
          {"workload.lengths.output", fmt::format("{{kind: fixed, mean: {}}}", output_tokens)},
          {"pools.main.max_num_seqs", std::to_string(users)},
          {"pools.main.kv_blocks", std::to_string(users * 70 + 100)},
          {"pools.main.max_num_batched_tokens", "2048"},
          {"pools.main.max_context", "1024"},
          {"duration", "400s"},
          {"warm_up", "60s"}};
}

Config config_of(const test::Overrides& overrides) {
  return test::load_shipped("tiny/speculation.yaml", overrides).config;
}

/// Mean milliseconds per output token.
double measure(const Config& config) {
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(config, {});
    return fmt::format("{:.17g}", result.slices.front().tpot.mean);
  });
  return std::stod(text);
}

TEST(SpeculationModel, NothingIsGainedWhereArithmeticBinds) {
  const auto tpot = [](int users, bool speculates) {
    test::Overrides overrides = closed_loop(users);
    if (!speculates) {
      overrides.emplace_back("pools.main.speculation", "null");
    }
    return measure(config_of(overrides));
  };
  // 128 sequences verify 640 tokens a step, far beyond what weight reads hide.
  EXPECT_LT(tpot(1, true), 0.8 * tpot(1, false));
  EXPECT_GT(tpot(128, true), tpot(128, false));
}

TEST(SpeculationModel, DraftAndItsKvTakeMemory) {
  const Config config = config_of({});
  Config plain = config;
  plain.pools[0].speculation.reset();
  const MemoryFit with_draft = memory_fit(config, config.pools[0]);
  const MemoryFit without = memory_fit(plain, plain.pools[0]);
  // llama2-7b in fp16 on 4 GPUs: 6,738,415,616 x 2 / 4 B; 32 layers x 8 heads x 128 x 2 x 2 B.
  EXPECT_EQ(with_draft.weights.count() - without.weights.count(), 6'738'415'616 * 2 / 4);
  EXPECT_EQ(with_draft.kv_bytes_per_token - without.kv_bytes_per_token, 32 * 8 * 128 * 2 * 2);
  EXPECT_NE(with_draft.arithmetic.find("draft llama2-7b: 3.4 GB"), std::string::npos)
      << with_draft.arithmetic;
}

}  // namespace
}  // namespace plimsoll
