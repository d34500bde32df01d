// What experiments came to: arms, and treatments against the control. Definitions:
// docs/experiments.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Completed requests of an arm in one pool, warm-up included: what its share of the rent follows.
struct ArmTokens {
  std::int64_t completed = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
};

/// A latency of an arm over its measured requests, in milliseconds.
struct ArmLatency {
  std::int64_t count = 0;
  double mean = 0;
  double p50 = 0;
  double p99 = 0;
};

struct ArmSummary {
  std::string name;
  std::string model;  // that answers; empty: the one that is asked for
  double share = 0;   // as the scenario says it
  std::int64_t arrived = 0;
  std::int64_t in_flight = 0;
  std::array<std::int64_t, outcome_count> outcomes{};  // of all its requests
  std::int64_t measured_arrivals = 0;                  // after the warm-up
  std::int64_t answered = 0;                           // of these, completed or cached
  std::int64_t good = 0;                               // of these, within all their SLOs
  ArmLatency ttft, tpot, e2el;
  std::vector<ArmTokens> by_pool;
  MicroUsd gpu_cost;               // its share of the pools' rent: docs/money.md
  bool priced = false;             // some of these pools has a price
  double dollars_per_request = 0;  // gpu_cost over its completed requests
};

enum class ArmVerdict : std::uint8_t { better, worse, undecided };

/// One metric of a treatment against the control's.
struct DifferenceSummary {
  std::string arm;
  std::string metric;  // "mean_ttft_ms", ...
  double control = 0;
  double treatment = 0;
  double difference = 0;  // treatment - control
  bool has_interval = false;
  double low = 0;  // the interval of the difference
  double high = 0;
  double effective_windows = 0;  // independent ones, as far as the interval goes
  double autocorrelation = 0;    // of neighbouring windows
  ArmVerdict verdict = ArmVerdict::undecided;
  std::string reason;  // why nothing is decided; empty otherwise
};

struct ExperimentSummary {
  std::string name;
  std::string control;
  double confidence = 0.95;
  Duration window{};
  std::int64_t windows = 0;
  std::int64_t concerned = 0;  // requests that its filter lets in
  std::int64_t outside = 0;    // of these, in no arm
  std::vector<ArmSummary> arms;
  std::vector<DifferenceSummary> differences;  // by treatment, then metric
};

/// "better", "worse", "undecided".
constexpr const char* verdict_word(ArmVerdict verdict) {
  constexpr const char* words[] = {"better", "worse", "undecided"};
  return words[static_cast<int>(verdict)];
}

}  // namespace plimsoll
