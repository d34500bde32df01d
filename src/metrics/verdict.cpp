// Metrics room: from figures to a verdict.
#include "metrics/verdict.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "metrics/request_counts.hpp"
#include "metrics/thresholds.hpp"

namespace plimsoll {
namespace {

constexpr double busy_enough = 0.95;
constexpr double tight = 0.8;
constexpr double far_off = 0.5;  // what is used less is not near its limit
constexpr std::int64_t enough_slots = 32;
constexpr double many_without_answer = 0.05;
constexpr double many_down = 0.1;  // of the rented time: a tenth of what is paid for

std::int64_t rented_ns(const PoolSummary& pool) {
  return pool.busy_ns + pool.idle_ns + pool.draining_ns + pool.down_ns;
}

double share_down(const PoolSummary& pool) {
  const std::int64_t rented = rented_ns(pool);
  return rented == 0 ? 0 : static_cast<double>(pool.down_ns) / static_cast<double>(rented);
}

/// Down for another reason than that the pool grows.
bool are_many_down(const PoolSummary& pool) {
  const std::int64_t rented = rented_ns(pool);
  const std::int64_t loading = pool.down_by_cause[static_cast<std::size_t>(DownCause::loading)];
  return rented > 0 &&
         static_cast<double>(pool.down_ns - loading) >= many_down * static_cast<double>(rented);
}

/// How near one thing is to its limit, which is 1.
struct Nearness {
  double share = 0;
  std::string text;
};

/// Share of a pool's serving time that the prompts of completed requests needed, in full chunks.
/// Larger batches do not make it less, unlike the time of decoding. Negative: not known: prompts of
/// disaggregated pools were computed elsewhere, those of windows stand for more than was played.
double prompt_share(const RunResult& result, std::size_t p) {
  const PoolSummary& pool = result.pools[p];
  const std::int64_t serving_ns = pool.busy_ns + pool.idle_ns;
  if (pool.kv_transfer || result.horizon || serving_ns == 0 || pool.token_times.prompt_ps == 0) {
    return -1;
  }
  std::int64_t tokens = 0;
  for (const TokenCell& cell : result.token_cells) {
    tokens += cell.pool == p ? cell.prompt_tokens : 0;
  }
  if (pool.prefix) {
    tokens = std::min(tokens, pool.prefix->computed_tokens);
  }
  return static_cast<double>(tokens) * static_cast<double>(pool.token_times.prompt_ps) /
         (1e3 * static_cast<double>(serving_ns));
}

/// At the fullest end of a window; on average where a reading of so few says nothing of the load.
Nearness slots_of(const PoolSummary& pool) {
  const std::int64_t slots = pool.usable_slots;
  const double mean = slots == 0 ? 0 : pool.running_mean / static_cast<double>(slots);
  const char* const what =
      slots < pool.sequence_slots ? "places that max_outstanding gives" : "sequence slots of";
  if (slots < enough_slots || pool.slot_use_max <= mean) {
    return {mean, fmt::format("{} pool {} ({:.1f} % of {} in use on average)", what, pool.name,
                              100 * mean, slots)};
  }
  return {pool.slot_use_max,
          fmt::format("{} pool {} (at most {:.1f} % in use, {:.1f} % of {} on average)", what,
                      pool.name, 100 * pool.slot_use_max, 100 * mean, slots)};
}

void add_pool(const RunResult& result, std::size_t p, std::vector<Nearness>& found) {
  const PoolSummary& pool = result.pools[p];
  found.push_back({pool.kv_cache_usage_max,
                   fmt::format("KV memory of pool {} (at most {:.1f} % used, {} "
                               "preemptions)",
                               pool.name, 100 * pool.kv_cache_usage_max, pool.preemptions)});
  found.push_back(slots_of(pool));
  if (const double share = prompt_share(result, p); share >= 0) {
    found.push_back({share, fmt::format("prompt work of pool {} ({:.1f} % of its GPU time)",
                                        pool.name, 100 * share)});
  }
  if (pool.kv_transfer && pool.mean_batch == 0) {  // it decodes nothing: all its time is prompts'
    found.push_back({pool.gpu_utilization, fmt::format("GPU time of pool {} ({:.1f} % busy)",
                                                       pool.name, 100 * pool.gpu_utilization)});
  }
}

/// ", 99.0 % in the busiest window", where that tells more.
std::string busiest_text(const StageSummary& stage) {
  return stage.busiest_window > stage.utilization
             ? fmt::format(", {:.1f} % in the busiest window", 100 * stage.busiest_window)
             : std::string{};
}

/// What has a capacity, pools first.
std::vector<Nearness> resources(const RunResult& result) {
  std::vector<Nearness> found;
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    add_pool(result, p, found);
  }
  for (const StageSummary& stage : result.stages) {
    // Pools, which are that of `serving`, speak for themselves.
    if (stage.stage != Stage::serving && stage.utilization >= 0) {
      const double fullest = std::max(stage.utilization, stage.busiest_window);
      found.push_back({fullest, fmt::format("{} ({:.1f} % used{})", stage.resource,
                                            100 * stage.utilization, busiest_text(stage))});
    }
  }
  return found;
}

/// Whether more load brings a figure nearer to its upper bound: what is rented and drawn is no
/// limit of what can be served.
bool is_brought_nearer(const ThresholdConfig& threshold) {
  const auto begins = [&threshold](const char* with) {
    return threshold.metric.rfind(with, 0) == 0;
  };
  return !begins("energy") && !begins("gpu_hours") && !begins("mean_power");
}

/// Those that a growing load brings nearer: upper bounds, and what an availability lets fail.
std::vector<Nearness> bounds(const RunResult& result) {
  std::vector<Nearness> found;
  for (const ThresholdVerdict& verdict : result.thresholds) {
    const ThresholdConfig& threshold = verdict.threshold;
    const double value = threshold.every_window ? verdict.worst_window_value : verdict.value;
    if (!verdict.measured) {
      continue;
    }
    if (threshold.comparison[0] == '<' && threshold.bound > 0 && is_brought_nearer(threshold)) {
      const double share = value / threshold.bound;
      found.push_back({share, fmt::format("{} ({:.4g}: {:.1f} % of its bound)",
                                          threshold_text(threshold), value, 100 * share)});
    } else if (threshold.metric == "availability" && threshold.bound < 1) {
      const double share = (1 - value) / (1 - threshold.bound);
      found.push_back({share, fmt::format("{} ({:.6g}: {:.1f} % of what may fail)",
                                          threshold_text(threshold), value, 100 * share)});
    }
  }
  return found;
}

/// The first of those with the largest share; null when there is none.
const Nearness* nearest(const std::vector<Nearness>& found) {
  const auto most =
      std::max_element(found.begin(), found.end(),
                       [](const Nearness& a, const Nearness& b) { return a.share < b.share; });
  return most == found.end() ? nullptr : &*most;
}

/// The pool that was busy most; null when none was nearly all the time.
const PoolSummary* busy_pool(const RunResult& result) {
  const PoolSummary* busiest = nullptr;
  for (const PoolSummary& pool : result.pools) {
    if (pool.gpu_utilization >= busy_enough &&
        (busiest == nullptr || pool.gpu_utilization > busiest->gpu_utilization)) {
      busiest = &pool;
    }
  }
  return busiest;
}

/// As asked for, or otherwise.
bool is_answer(Outcome outcome) {
  return answered_by_model(outcome) || outcome == Outcome::cached;
}

std::int64_t answered(const VerdictBasis& basis) {
  std::int64_t sum = 0;
  for (int i = 0; i < outcome_count; ++i) {
    sum += is_answer(static_cast<Outcome>(i)) ? basis.outcomes[static_cast<std::size_t>(i)] : 0;
  }
  return sum;
}

/// Why a run shows nothing that could hold; empty: it shows something.
std::string nothing_served(const VerdictBasis& basis) {
  if (basis.arrived == 0) {
    return "nothing was measured: no request arrived";
  }
  if (basis.measured == 0) {
    return fmt::format(
        "nothing was measured: all {} requests arrived before the end of the warm-up or "
        "outside the windows",
        basis.arrived);
  }
  if (basis.users_measured > 0 && answered(basis) == 0) {
    return fmt::format("none of the {} measured requests was answered", basis.users_measured);
  }
  return {};
}

/// That many measured requests ended without an answer, by outcome; empty: few did.
std::string many_unanswered(const VerdictBasis& basis) {
  std::int64_t unanswered = 0;
  std::string by;
  for (int i = 0; i < outcome_count; ++i) {
    const std::int64_t count = basis.outcomes[static_cast<std::size_t>(i)];
    if (count > 0 && !is_answer(static_cast<Outcome>(i))) {
      unanswered += count;
      by += fmt::format("{}{} {}", by.empty() ? "" : ", ", outcome_name(static_cast<Outcome>(i)),
                        count);
    }
  }
  if (static_cast<double>(unanswered) <=
      many_without_answer * static_cast<double>(basis.users_measured)) {
    return {};
  }
  return fmt::format("{} of {} measured requests ended without an answer: {}", unanswered,
                     basis.users_measured, by);
}

}  // namespace

std::string replicas_down(const RunResult& result) {
  const PoolSummary* worst = nullptr;
  for (const PoolSummary& pool : result.pools) {
    if (are_many_down(pool) && (worst == nullptr || share_down(pool) > share_down(*worst))) {
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
  const std::vector<Nearness> all = resources(result);
  const Nearness* const resource = nearest(all);
  if (resource == nullptr) {
    return "no pool was observed";
  }
  // Lines that grow say that the steps are too slow, whatever room is left in them.
  if (result.verdict.kind == VerdictKind::overloaded && resource->share < tight) {
    if (const PoolSummary* const busy = busy_pool(result); busy != nullptr) {
      return fmt::format("GPU time of pool {} ({:.1f} % busy, {:.1f} sequences in a step)",
                         busy->name, 100 * busy->gpu_utilization, busy->mean_batch);
    }
  }
  // A threshold that fails is told by itself; what is asked then is which resource is behind it.
  const bool holds = result.verdict.kind == VerdictKind::holds;
  const std::vector<Nearness> limits = holds ? bounds(result) : std::vector<Nearness>{};
  const Nearness* const bound = nearest(limits);
  if (bound != nullptr && bound->share > resource->share) {
    return bound->text + (bound->share < far_off ? "; nothing is near its limit" : "") +
           "; of resources: " + resource->text;
  }
  if (resource->share >= far_off) {
    return resource->text;
  }
  return resource->text +
         (holds ? "; nothing is near its limit" : "; no resource is near its limit");
}

Verdict judge(const RunResult& result, const VerdictBasis& basis) {
  Verdict verdict;
  if (std::string nothing = nothing_served(basis); !nothing.empty()) {
    verdict.kind = VerdictKind::fails;
    verdict.reasons.push_back(std::move(nothing));
  }
  if (std::string many = many_unanswered(basis); !many.empty()) {
    verdict.reasons.push_back(std::move(many));
  }
  for (const ThresholdVerdict& threshold : result.thresholds) {
    if (!threshold.holds) {
      verdict.kind = VerdictKind::fails;
      verdict.reasons.push_back(failure_reason(threshold));
    }
  }
  verdict.overload_unknown = basis.overload_unknown;
  if (!basis.overload.empty()) {
    verdict.kind = VerdictKind::overloaded;
    verdict.reasons.insert(verdict.reasons.begin(), basis.overload);
  }
  return verdict;
}

void tell_bottleneck(RunResult& result) {
  if (result.verdict.kind != VerdictKind::holds) {
    result.verdict.reasons.push_back("Nearest to its limit: " + bottleneck(result));
  }
}

}  // namespace plimsoll
