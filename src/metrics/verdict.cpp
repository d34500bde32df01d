// Metrics room: from figures to a verdict.
#include "metrics/verdict.hpp"

#include <fmt/core.h>

#include "metrics/thresholds.hpp"

namespace plimsoll {
namespace {

// A replica is busy whenever one sequence runs in it: GPU time alone says little below this.
constexpr double busy_enough = 0.95;
constexpr double tight = 0.8;

/// The stage of which the largest share was used; null when none has a capacity.
const StageSummary* most_used(const RunResult& result) {
  const StageSummary* most = nullptr;
  for (const StageSummary& stage : result.stages) {
    if (stage.utilization >= 0 && (most == nullptr || stage.utilization > most->utilization)) {
      most = &stage;
    }
  }
  return most;
}

}  // namespace

std::string bottleneck(const RunResult& result) {
  const PoolSummary* worst = nullptr;
  double pressure = -1;
  bool by_kv = false;
  for (const PoolSummary& pool : result.pools) {
    const double slots =
        pool.sequence_slots == 0 ? 0 : pool.running_mean / static_cast<double>(pool.sequence_slots);
    const double kv = pool.kv_cache_usage_max;
    if (kv > pressure || slots > pressure) {
      worst = &pool;
      by_kv = kv >= slots;
      pressure = by_kv ? kv : slots;
    }
  }
  const StageSummary* const stage = most_used(result);
  const bool by_stage = stage != nullptr && stage->utilization > pressure;
  const double highest = by_stage ? stage->utilization : pressure;
  if (worst != nullptr && highest < tight && worst->gpu_utilization >= busy_enough) {
    return fmt::format("GPU time of pool {} ({:.1f} % busy)", worst->name,
                       100 * worst->gpu_utilization);
  }
  if (by_stage) {
    return fmt::format("{} ({:.1f} % used)", stage->resource, 100 * stage->utilization);
  }
  if (worst == nullptr) {
    return "no pool was observed";
  }
  if (by_kv) {
    return fmt::format("KV memory of pool {} (at most {:.1f} % used, {} preemptions)", worst->name,
                       100 * pressure, worst->preemptions);
  }
  return fmt::format("sequence slots of pool {} ({:.1f} % of {} in use on average)", worst->name,
                     100 * pressure, worst->sequence_slots);
}

Verdict judge(const RunResult& result, const std::string& overload) {
  Verdict verdict;
  for (const ThresholdVerdict& threshold : result.thresholds) {
    if (!threshold.holds) {
      verdict.kind = VerdictKind::fails;
      verdict.reasons.push_back(failure_reason(threshold));
    }
  }
  if (!overload.empty()) {
    verdict.kind = VerdictKind::overloaded;
    verdict.reasons.insert(verdict.reasons.begin(), overload);
  }
  if (verdict.kind != VerdictKind::holds) {
    verdict.reasons.push_back("Nearest to its limit: " + bottleneck(result));
  }
  return verdict;
}

}  // namespace plimsoll
