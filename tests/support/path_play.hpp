// Test support: scenarios of a request path before a replica of known speed, played in a child.
//
// Replicas need 1 ms for a prompt and 10 ms for each further token, whatever their batch.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "support/child_process.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll::test {

/// All but the keys of a pool that differ.
inline const std::string plain_pool =
    "gpu: one, model: tiny, profile: steps, replicas: 1, max_num_seqs: 512, kv_blocks: 4000, "
    "max_num_batched_tokens: 1024";

/// `rest`: pools, duration, workload and path.
inline std::string scenario_with_pools(const std::string& rest) {
  return std::string{R"(
name: path
drain: 10h
catalog:)"} +
         plain_gpu() + R"(
  models:
    tiny: {parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
           max_context: 4096, source: a test}
  profiles:
    steps: {form: linear, linear_step: 10ms, source: a test}
)" + rest;
}

/// `rest`: duration, workload and path, before one replica.
inline std::string scenario_with(const std::string& rest) {
  return scenario_with_pools("pools:\n  main: {" + plain_pool +
                             "}\nmetrics: {window: 1000s, sample_requests: 0}\n" + rest);
}

/// The numbers of a text, NaN (which no expectation meets) for those that are missing of `least`.
inline std::vector<double> numbers_in(const std::string& text, std::size_t least) {
  std::istringstream stream{text};
  std::vector<double> numbers;
  double number = 0;
  while (stream >> number) {
    numbers.push_back(number);
  }
  EXPECT_TRUE(stream.eof()) << text;
  numbers.resize(std::max(numbers.size(), least), std::nan(""));
  return numbers;
}

/// Plays `text` in a child; `tell` makes a text of numbers of the result.
inline std::vector<double> numbers_of_text(
    const std::string& text, const std::function<std::string(const RunResult&)>& tell) {
  const std::string out = in_child([&] {
    const LoadedScenario loaded =
        load_scenario_text(text, "test.yaml", {}, policy_catalog(builtin_policies()));
    return tell(run_scenario(loaded.config, {}));
  });
  return numbers_in(out, 8);
}

inline std::vector<double> numbers_of(const std::string& rest,
                                      const std::function<std::string(const RunResult&)>& tell) {
  return numbers_of_text(scenario_with(rest), tell);
}

inline double share(const RunResult& result, Outcome outcome) {
  const SliceSummary& all = result.slices.front();
  return static_cast<double>(all.outcomes[static_cast<std::size_t>(outcome)]) /
         static_cast<double>(all.arrived);
}

inline const StageSummary& row(const RunResult& result, Stage stage) {
  for (const StageSummary& one : result.stages) {
    if (one.stage == stage) {
      return one;
    }
  }
  throw InternalError{"no such stage"};
}

inline const SliceSummary& slice(const RunResult& result, const std::string& kind,
                                 const std::string& name) {
  for (const SliceSummary& one : result.slices) {
    if (one.kind == kind && one.name == name) {
      return one;
    }
  }
  throw InternalError{"no such slice"};
}

/// Four standard deviations of a share among `count`.
inline double tolerance(double p, double count) {
  return 4 * std::sqrt(p * (1 - p) / count);
}

/// A Poisson stream of one-token answers.
inline std::string load(double rate, int seconds) {
  return fmt::format(R"(
duration: {}s
workload:
  arrivals: {{rate: {}/s}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 1}}}}
)",
                     seconds, rate);
}

}  // namespace plimsoll::test
