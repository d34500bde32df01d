// Reports room: the few figures of a result.json by which variants are compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll {

/// One rollout; times are -1 for what did not happen.
struct RolloutDigest {
  std::string name;
  std::string strategy;
  std::string outcome;
  double detection_s = -1;
  double began_s = -1;
  double ended_s = -1;
  std::int64_t loads = 0;
  std::int64_t corrupt_loads = 0;
};

struct ThresholdDigest {
  std::string text;
  bool holds = false;
  bool measured = false;
  double value = 0;
};

/// How much of a pool was used.
struct PoolDigest {
  std::string name;
  double gpu_utilization = 0;
};

/// When users of a tier saw their first tokens.
struct TierDigest {
  std::string name;
  std::int64_t first_tokens = 0;  // that were measured
  double p99_ttft_ms = 0;
};

struct ResultDigest {
  std::string verdict;
  std::string first_reason{};      // of the verdict; empty: it has none
  std::string overload_unknown{};  // why no overload could be found; empty: it was looked for
  std::int64_t arrived = 0;
  std::int64_t completed = 0;
  double unfinished_share = 0;
  double median_ttft_ms = 0;
  double p99_ttft_ms = 0;
  double median_tpot_ms = 0;
  double p99_e2el_ms = 0;
  double request_goodput = 0;
  double gpu_hours = 0;
  double dollars = 0;
  std::int64_t degraded = 0;
  std::int64_t failed = 0;
  std::vector<RolloutDigest> rollouts{};
  std::vector<ThresholdDigest> thresholds{};
  std::vector<PoolDigest> pools{};
  std::vector<TierDigest> tiers{};
};

/// Reads a file that write_result_json wrote. IoError when it cannot be read, ConfigError when it
/// is not a result.
ResultDigest read_result_digest(const std::string& path);

}  // namespace plimsoll
