// Metrics room: from figures to a verdict.
#include "metrics/verdict.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "metrics/thresholds.hpp"

namespace plimsoll {
namespace {

// A replica is busy whenever one sequence runs in it: GPU time alone says little below this.
constexpr double busy_enough = 0.95;
constexpr double tight = 0.8;
constexpr double many_down = 0.1;  // of the rented time: a tenth of what is paid for

std::int64_t rented_ns(const PoolSummary& pool) {
  return pool.busy_ns + pool.idle_ns + pool.draining_ns + pool.down_ns;
}

double share_down(const PoolSummary& pool) {
  const std::int64_t rented = rented_ns(pool);
  return rented == 0 ? 0 : static_cast<double>(pool.down_ns) / static_cast<double>(rented);
}

/// The stage of which the largest share was used; null when none has a capacity. Pools, which are
/// that of `serving`, speak for themselves.
const StageSummary* most_used(const RunResult& result) {
  const StageSummary* most = nullptr;
  for (const StageSummary& stage : result.stages) {
    const bool counts = stage.stage != Stage::serving && stage.utilization >= 0;
    if (counts && (most == nullptr || stage.utilization > most->utilization)) {
      most = &stage;
    }
  }
  return most;
}

}  // namespace

std::string replicas_down(const RunResult& result) {
  const PoolSummary* worst = nullptr;
  for (const PoolSummary& pool : result.pools) {
    if (share_down(pool) >= many_down &&
        (worst == nullptr || share_down(pool) > share_down(*worst))) {
      worst = &pool;
    }
  }
  if (worst == nullptr) {
    return {};
  }
  std::vector<std::size_t> causes(worst->down_by_cause.size());
  std::iota(causes.begin(), causes.end(), 0);
  std::stable_sort(causes.begin(), causes.end(), [&](std::size_t a, std::size_t b) {
    return worst->down_by_cause[a] > worst->down_by_cause[b];
  });
  std::string by;
  for (const std::size_t cause : causes) {
    const double share =
        static_cast<double>(worst->down_by_cause[cause]) / static_cast<double>(rented_ns(*worst));
    if (share >= 0.001) {
      by += fmt::format("{}{} {:.1f} %", by.empty() ? "" : ", ",
                        down_cause_name(static_cast<DownCause>(cause)), 100 * share);
    }
  }
  return fmt::format("replicas of pool {} that are down ({:.1f} % of their rented time: {})",
                     worst->name, 100 * share_down(*worst), by);
}

std::string bottleneck(const RunResult& result) {
  if (std::string down = replicas_down(result); !down.empty()) {
    return down;
  }
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
