// How the machines of a run fared, and its rollouts, as they go into result.json.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// Why a replica that is wanted does not serve.
enum class DownCause : std::uint8_t {
  loading,     // it was asked for, and starts
  deployment,  // it changes its version
  gpu,         // faults, by what broke
  node,
  rack,
  zone,
  reclaim,     // its spot machines were taken back
  preemption,  // others got its shared GPUs
  outage,      // its offer is gone with its nodes
  stock_out,   // there are no machines to be had, or no shared GPUs free
};
inline constexpr std::size_t down_cause_count = 10;
inline constexpr std::size_t first_loss_cause = 2;    // from here on the pool lacks what it wants
inline constexpr std::size_t first_market_cause = 6;  // from here on no machine is broken

constexpr std::string_view down_cause_name(DownCause cause) {
  constexpr std::string_view names[down_cause_count] = {
      "loading", "deployment", "gpu",        "node",   "rack",
      "zone",    "reclaim",    "preemption", "outage", "stock_out"};
  return names[static_cast<int>(cause)];
}

/// Replica-ns by what a machine knows of: `loading` is every start that no fault has caused.
using DownTimes = std::array<std::int64_t, first_market_cause>;
/// Replica-ns, by DownCause.
using LackTimes = std::array<std::int64_t, down_cause_count>;

/// What a pool lacked, in replica-ns by cause.
struct PoolLacks {
  /// Nothing was rented: orders and claims that wait in place of what was lost, or in a stock-out.
  LackTimes absent{};
  /// Rented and starting in place of what was taken away: causes from first_market_cause on.
  LackTimes starting{};
  std::int64_t taken_away = 0;  // replicas that were reclaimed, preempted or went with their offer
};

/// How often and how long the replicas of a pool were out: broken, taken away, or not to be had.
struct OutageSummary {
  std::string pool;
  std::int64_t outages = 0;   // of replicas; a rack takes several at once
  PoolLacks lacks;            // outages count those taken away, too
  LackTimes down_by_cause{};  // parts of the time rented and down, starts by what they replace
  std::int64_t down_ns = 0;   // replica-ns, rented, from a loss to serving again
  std::int64_t up_ns = 0;     // replica-ns of serving: busy, idle and draining
  // On shared GPUs: replica-ns without any, from a fault that was noticed to the next grant. They
  // are down, too, in what follows.
  std::optional<std::int64_t> waited_ns;
  double availability = 1;       // up / (up + down + absent)
  double wanted_served = 1;      // likewise, with loading and deployment: of all that was wanted
  double mtbf_seconds = 0;       // up / outages; 0 without any
  double mttr_seconds = 0;       // down / outages, of what is not over yet too
  double detection_seconds = 0;  // mean, from the fault until the router knows
};

/// What faults did to requests. One request may be lost several times.
struct LossSummary {
  std::int64_t lost = 0;     // attempts that died with a replica
  std::int64_t retried = 0;  // of these, begun anew
  std::int64_t failed = 0;   // of these, given up: lost = retried + failed
};

inline void add_to(LossSummary& sum, const LossSummary& losses) {
  sum.lost += losses.lost;
  sum.retried += losses.retried;
  sum.failed += losses.failed;
}

/// One rollout. Times are -1 for what did not happen.
struct RolloutSummary {
  std::string name;
  std::string pool;
  std::string version;
  std::string strategy;
  std::string outcome;      // "waiting", "under_way", "completed", "rolling_back", "rolled_back"
  double began_s = -1;      // the first replica was touched
  double first_bad_s = -1;  // the first bad answer of the version
  double fired_s = -1;      // the gate
  double detection_s = -1;  // from the first bad answer of the version until the gate fired;
                            // -1 when it did not
  double ended_s = -1;      // completed or rolled back
  std::int64_t loads = 0;   // of the version
  std::int64_t corrupt_loads = 0;
  std::int64_t answers = 0;   // of replicas with the version
  std::int64_t degraded = 0;  // of these
  std::int64_t failed = 0;
  bool on_shared_gpus = false;
  double gave_up_s = -1;    // the way there, for want of shared GPUs
  std::int64_t lacked = 0;  // replicas that waited for GPUs then
  std::int64_t lacks = 0;   // at the end of the run, while it is not over
};

/// A row of incidents.csv.
struct IncidentRow {
  SimTime at{};
  std::string what;     // as docs/metrics.md lists them
  std::string subject;  // the fault process, pool or rollout
  std::string detail;
};

struct OperationsSummary {
  bool faults = false;                 // the scenario has some
  std::vector<OutageSummary> outages;  // by pool, with faults
  LossSummary losses;
  std::vector<RolloutSummary> rollouts;
  std::int64_t incidents = 0;  // rows of the timeline
};

}  // namespace plimsoll
