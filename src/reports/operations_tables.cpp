// Reports room: how the machines fared, and what became of rollouts.
#include "reports/operations_tables.hpp"

#include <fmt/format.h>

#include "reports/text_table.hpp"

namespace plimsoll {
namespace {

std::string count(std::int64_t number) {
  return fmt::format("{}", fmt::group_digits(number));
}

/// Seconds as people read them; "-" for what did not happen.
std::string span(double seconds) {
  if (seconds < 0) {
    return "-";
  }
  if (seconds < 120) {
    return fmt::format("{:.1f} s", seconds);
  }
  return seconds < 7200 ? fmt::format("{:.1f} min", seconds / 60)
                        : fmt::format("{:.1f} h", seconds / 3600);
}

std::string share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? "-"
                    : fmt::format("{:.2f}",
                                  100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

/// "node 1.2 h, rack 3.0 min": the times that there were.
std::string causes(const LackTimes& down) {
  std::string text;
  for (std::size_t cause = 0; cause < down.size(); ++cause) {
    if (down[cause] > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                          down_cause_name(static_cast<DownCause>(cause)),
                          span(static_cast<double>(down[cause]) / 1e9));
    }
  }
  return text.empty() ? "-" : text;
}

std::string outages_table(const RunResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const OutageSummary& outages : result.operations.outages) {
    const bool some = outages.outages > 0;
    rows.push_back(
        {outages.pool, count(outages.outages), fmt::format("{:.4f}", 100 * outages.availability),
         fmt::format("{:.4f}", 100 * outages.wanted_served),
         some ? span(outages.mtbf_seconds) : "-", some ? span(outages.mttr_seconds) : "-",
         some ? span(outages.detection_seconds) : "-", causes(outages.down_by_cause),
         causes(outages.lacks.absent)});
  }
  const LossSummary& losses = result.operations.losses;
  return "\n" +
         text_table({{"pool", false},
                     {"outages"},
                     {"available %"},
                     {"of wanted %"},
                     {"MTBF"},
                     {"MTTR"},
                     {"noticed after"},
                     {"replica time down", false},
                     {"without machines", false}},
                    rows) +
         fmt::format("{} attempts lost with a replica: {} begun anew, {} failed\n",
                     count(losses.lost), count(losses.retried), count(losses.failed));
}

std::string rollouts_table(const RunResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const RolloutSummary& rollout : result.operations.rollouts) {
    const bool ended = rollout.ended_s >= 0 && rollout.began_s >= 0;
    rows.push_back({rollout.name, rollout.strategy, rollout.outcome, span(rollout.began_s),
                    ended ? span(rollout.ended_s - rollout.began_s) : "-",
                    fmt::format("{} of {}", rollout.corrupt_loads, rollout.loads),
                    count(rollout.answers), count(rollout.degraded), count(rollout.failed),
                    span(rollout.detection_s)});
  }
  return "\n" + text_table({{"rollout", false},
                            {"strategy", false},
                            {"outcome", false},
                            {"began"},
                            {"took"},
                            {"corrupt copies"},
                            {"answers"},
                            {"degraded"},
                            {"failed"},
                            {"detected after"}},
                           rows);
}

/// Who had shared GPUs, and who waited for some.
std::string allocation_table(const SharedGpusSummary& shared, const RunResult& result) {
  const auto part = [&](std::int64_t gpu_ns) { return share(gpu_ns, shared.total_ns); };
  std::vector<std::vector<std::string>> rows;
  for (const PoolShare& pool : shared.pools) {
    const PoolSummary& time = result.pools[pool.pool];
    const ClaimSummary& claims = pool.claims;
    const std::int64_t gpus = time.gpus_per_replica;
    const auto wait = [](std::int64_t ns) { return span(static_cast<double>(ns) / 1e9); };
    rows.push_back({time.name, count(pool.priority), count(claims.granted), count(claims.waited),
                    count(claims.waiting + claims.withdrawn), wait(claims.longest_wait_ns),
                    count(claims.preempted), count(claims.preempted_busy), part(pool.gpu_ns),
                    part(time.busy_ns * gpus), part(time.idle_ns * gpus),
                    part(time.down_ns * gpus)});
  }
  const auto add_rest = [&](const char* name, std::int64_t gpu_ns) {
    rows.push_back({name, "", "", "", "", "", "", "", part(gpu_ns), "", "", ""});
  };
  add_rest("unallocated", shared.unallocated_ns);
  if (result.operations.faults) {
    add_rest("broken", shared.down_ns);
  }
  return "\n" +
         text_table({{shared.name, false},
                     {"priority"},
                     {"granted"},
                     {"late"},
                     {"never"},
                     {"longest wait"},
                     {"preempted"},
                     {"busy then"},
                     {"GPU time %"},
                     {"busy"},
                     {"idle"},
                     {"loading"}},
                    rows) +
         fmt::format(
             "{} of {} GPUs at most; of those free, {:.1f} % while a claim waited that "
             "could not use them\n",
             count(shared.most_allocated), count(shared.gpus), 100 * shared.fragmentation);
}

}  // namespace

std::string operations_tables(const RunResult& result) {
  std::string out;
  if (!result.operations.outages.empty()) {
    out += outages_table(result);
  }
  if (!result.operations.rollouts.empty()) {
    out += rollouts_table(result);
  }
  if (result.allocation) {
    for (const SharedGpusSummary& shared : result.allocation->shared) {
      out += allocation_table(shared, result);
    }
  }
  return out;
}

std::string rollouts_compared(const std::vector<std::pair<std::string, ResultDigest>>& variants) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, digest] : variants) {
    for (const RolloutDigest& rollout : digest.rollouts) {
      const bool ended = rollout.ended_s >= 0 && rollout.began_s >= 0;
      rows.push_back({name, rollout.name, rollout.strategy, rollout.outcome,
                      fmt::format("{} of {}", rollout.corrupt_loads, rollout.loads),
                      span(rollout.detection_s),
                      ended ? span(rollout.ended_s - rollout.began_s) : "-", count(digest.degraded),
                      share(digest.degraded, digest.arrived), count(digest.failed),
                      share(digest.failed, digest.arrived)});
    }
  }
  if (rows.empty()) {
    return {};
  }
  return "\n" + text_table({{"variant", false},
                            {"rollout", false},
                            {"strategy", false},
                            {"outcome", false},
                            {"corrupt copies"},
                            {"detected after"},
                            {"took"},
                            {"degraded"},
                            {"%"},
                            {"failed"},
                            {"%"}},
                           rows);
}

}  // namespace plimsoll
