// Prefix caching on whole machines: the time that a system prompt saves, and a published trace's
// own count of what an infinite cache would find.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "simulation/fleet_builder.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t prompt_tokens = 700;
constexpr std::int64_t system_prompt = 512;  // 32 blocks of 16

/// llama2-70b on 4 x A100 with one user, who asks 700 tokens again and again.
test::Overrides one_user(bool cached) {
  return {{"workload.arrivals.process", "closed_loop"},
          {"workload.arrivals.rate", "null"},
          {"workload.arrivals.concurrency", "1"},
          {"workload.lengths.prompt", fmt::format("{{kind: fixed, mean: {}}}", prompt_tokens)},
          {"workload.lengths.output", "{kind: fixed, mean: 20}"},
          {"workload.lengths.prefix", fmt::format("{{tokens: {}}}", system_prompt)},
          {"pools.main.speculation", "null"},
          {"pools.main.prefix_cache", cached ? "true" : "false"},
          {"duration", "60s"},
          {"warm_up", "20s"}};
}

struct Ttft {
  double min = 0;  // ms
  double max = 0;
};

Ttft ttft_of(const Config& config) {
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(config, {});
    const LatencySummary& ttft = result.slices.front().ttft;
    return fmt::format("{:.17g} {:.17g}", ttft.min, ttft.max);
  });
  const std::size_t blank = text.find(' ');
  return {std::stod(text), std::stod(text.substr(blank))};
}

/// ms of a step that computes the last tokens of the prompt after `context`.
double prefill_ms(const Config& config, std::int64_t context) {
  const std::int64_t chunk = prompt_tokens - context;
  const StepWork work{chunk, 1, context, chunk * (2 * context + chunk)};
  return static_cast<double>(plan_pools(config, false)[0]->costs.latency(work)) * 1e-12;
}

TEST(PrefixCacheModel, ASystemPromptSavesItsPrefillAndNothingElse) {
  const Config with = test::load_shipped("tiny/speculation.yaml", one_user(true)).config;
  const Config without = test::load_shipped("tiny/speculation.yaml", one_user(false)).config;
  constexpr double rounding = 2e-6;  // arrivals and tokens are published in whole nanoseconds
  for (const double ttft : {ttft_of(with).min, ttft_of(with).max}) {
    EXPECT_NEAR(ttft, prefill_ms(with, system_prompt), rounding);
  }
  EXPECT_NEAR(ttft_of(without).max, prefill_ms(without, 0), rounding);
  EXPECT_LT(prefill_ms(with, system_prompt), 0.6 * prefill_ms(with, 0));
}

/// The folder of published data that may lie beside the checkout.
std::string mooncake() {
  const char* const shared = std::getenv("PLIMSOLL_SHARED");
  const std::filesystem::path folder =
      shared != nullptr ? shared : std::string{PLIMSOLL_SOURCE_DIR} + "/../shared";
  return folder / "data/traces/mooncake_conversation.csv.gz";
}

/// Tokens found by one replica, alone with the trace at a twentieth of its speed. No machine has
/// such memory; `blocks` limit it.
std::int64_t found(const std::string& blocks) {
  const test::Overrides overrides = {
      {"workload.trace", mooncake()},
      {"workload.trace_prefix", "{common_tokens: 512, granularity: 512}"},
      {"workload.trace_speed", "0.05"},
      {"catalog.gpus.a100-80gb.memory", "100 TB"},
      {"pools.main.kv_blocks", blocks},
      {"pools.main.max_context", "131072"},
      {"pools.main.speculation", "null"},
      {"pools.main.prefix_cache", "true"},
      {"metrics.window", "1h"},
      {"duration", "30h"},
      {"drain", "10h"}};
  const Config config = test::load_shipped("tiny/speculation.yaml", overrides).config;
  return std::stol(test::in_child([&] {
    const RunResult result = run_scenario(config, {});
    const PrefixSummary& prefix = *result.pools[0].prefix;
    return std::to_string(result.slices.front().in_flight == 0 ? prefix.hit_tokens : -1);
  }));
}

TEST(PrefixCacheModel, NeverFindsMoreOfATraceThanAnInfiniteCacheAndNearlyAllWithOne) {
  if (!std::filesystem::exists(mooncake())) {
    GTEST_SKIP() << "no mooncake_conversation.csv.gz: set PLIMSOLL_SHARED to the folder that has "
                    "data/traces";
  }
  constexpr double reusable = 54'098'411;  // the sum of the trace's column
  const auto infinite = static_cast<double>(found("null"));
  EXPECT_LE(infinite, reusable);
  EXPECT_GT(infinite, 0.9 * reusable);
  const auto real = static_cast<double>(found("20000"));
  EXPECT_LT(real, 0.6 * infinite) << "finite memory forgets";
  EXPECT_GT(real, 12'000 * 512 * 0.9) << "but not what every prompt begins with";
}

}  // namespace
}  // namespace plimsoll
