// Command line: `plimsoll rightsize`: the smallest fleet at which a scenario's thresholds still
// hold, found by playing it.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cli/child_processes.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/fleet_search.hpp"
#include "cli/interruption.hpp"
#include "cli/output_folder.hpp"
#include "cli/pool_use.hpp"
#include "cli/table.hpp"
#include "plimsoll/errors.hpp"
#include "reports/result_digest.hpp"

namespace plimsoll::cli {
namespace {

constexpr int most_times = 8;

/// Ends the search: a Ctrl-C, or a run that ended without a result.
struct SearchStopped {
  int exit_code = ok;
};

[[noreturn]] void refuse(std::string place, std::string message, std::string hint) {
  Diagnostic finding;
  finding.key_path = std::move(place);
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  throw ConfigError{{finding}};
}

bool resizable(const PoolConfig& pool) {
  return !pool.autoscale && !pool.procurement;
}

double rent_of_one(const Config& config, const PoolConfig& pool) {
  const double hourly =
      pool.price ? price_of(config.prices[*pool.price], pool.contract).count() : 0.0;
  return hourly * pool.tp * pool.pp;
}

/// Pools that are asked for and can be resized, the dearest first.
std::vector<std::size_t> chosen_pools(const Config& config, const std::string& name) {
  std::vector<std::size_t> chosen;
  std::string names;
  for (std::size_t p = 0; p < config.pools.size(); ++p) {
    names += (p == 0 ? "" : ", ") + config.pools[p].name;
    const bool asked = name.empty() || config.pools[p].name == name;
    if (asked && resizable(config.pools[p])) {
      chosen.push_back(p);
    } else if (asked && !name.empty()) {
      refuse("--pool", "pool " + name + " grows and shrinks by itself, or is procured",
             "its size is no constant");
    }
  }
  if (chosen.empty()) {
    refuse("--pool",
           name.empty() ? "every pool grows and shrinks by itself or is procured"
                        : "there is none named " + name,
           "one of " + names);
  }
  std::stable_sort(chosen.begin(), chosen.end(), [&](std::size_t a, std::size_t b) {
    return rent_of_one(config, config.pools[a]) * config.pools[a].replicas >
           rent_of_one(config, config.pools[b]) * config.pools[b].replicas;
  });
  return chosen;
}

/// Plays fleets, each in a process of its own, and keeps what they came to.
class Player {
 public:
  Player(const RightsizeArguments& arguments, const Config& config, std::string folder)
      : arguments_{arguments}, config_{config}, folder_{std::move(folder)} {}

  const ResultDigest& play(const FleetSize& fleet) {
    const auto known = digests_.find(fleet);
    if (known != digests_.end()) {
      return known->second;
    }
    if (interruption() != 0) {
      throw SearchStopped{128 + interruption()};
    }
    const std::string name = fmt::format("{}", fmt::join(fleet, "-"));
    spdlog::info("playing {} replicas", name);
    ChildProcesses children{false};
    children.start(0, command(fleet, folder_ + "/" + name, digests_.empty()));
    const int code = children.wait_for_one().exit_code;
    if (code != ok && code != threshold_fails) {
      throw SearchStopped{code};
    }
    return digests_[fleet] = read_result_digest(folder_ + "/" + name + "/result.json");
  }

  /// Of the fleet that was played first.
  std::vector<PoolUse> use_of(const FleetSize& fleet) const {
    return pool_use(fmt::format("{}/{}/monitoring.csv", folder_, fmt::join(fleet, "-")), config_);
  }

  std::size_t runs() const { return digests_.size(); }

 private:
  std::vector<std::string> command(const FleetSize& fleet, const std::string& folder,
                                   bool tells_use) const {
    std::vector<std::string> words{"plimsoll", "run",    arguments_.scenario.path, "--out", folder,
                                   "--force",  "--quiet"};
    for (const std::string& set : arguments_.scenario.sets) {
      words.insert(words.end(), {"--set", set});
    }
    for (const std::string& set : tells_use ? settings_for_use(config_) : none_) {
      words.insert(words.end(), {"--set", set});
    }
    for (std::size_t p = 0; p < fleet.size(); ++p) {
      if (fleet[p] != config_.pools[p].replicas) {
        words.insert(words.end(), {"--set", fmt::format("pools.{}.replicas={}",
                                                        config_.pools[p].name, fleet[p])});
      }
    }
    return words;
  }

  const RightsizeArguments& arguments_;
  const Config& config_;
  std::string folder_;
  std::vector<std::string> none_;
  std::map<FleetSize, ResultDigest> digests_;
};

/// What a fleet fails by, in one phrase.
std::string failure_of(const ResultDigest& digest) {
  for (const ThresholdDigest& threshold : digest.thresholds) {
    if (!threshold.holds) {
      return threshold.measured ? fmt::format("{}: {:.4g}", threshold.text, threshold.value)
                                : threshold.text + ": nothing measured";
    }
  }
  return digest.verdict == "fails" ? digest.first_reason : digest.verdict;
}

std::string percent(double share) {
  return fmt::format("{:.1f}", 100 * share);
}

const PoolDigest& pool_in(const ResultDigest& digest, const std::string& name) {
  for (const PoolDigest& pool : digest.pools) {
    if (pool.name == name) {
      return pool;
    }
  }
  throw InternalError{"a result has all pools of its scenario"};
}

/// Replicas that would hold the most KV and sequences of today, packed to the full.
int estimate_of(const PoolUse& use, const PoolConfig& pool) {
  const double slots = static_cast<double>(pool.replicas) * pool.max_num_seqs;
  const double used = std::max(use.kv.most, use.running.most / slots);
  return std::max(1, static_cast<int>(std::ceil(used * pool.replicas)));
}

std::string spread_text(const Spread& spread, double scale) {
  return fmt::format("{:.3g}/{:.3g}/{:.3g}", spread.median * scale, spread.p95 * scale,
                     spread.most * scale);
}

void print_use(const Config& config, const std::vector<std::size_t>& pools,
               const ResultDigest& today, const std::vector<PoolUse>& uses) {
  std::vector<std::vector<std::string>> rows{{"POOL", "GPUS OF ONE", "REPLICAS", "TIME BUSY %",
                                              "REPLICAS BUSY", "SEQUENCES", "OF SLOTS", "KV %",
                                              "ESTIMATE"}};
  for (const std::size_t p : pools) {
    const PoolConfig& pool = config.pools[p];
    rows.push_back({pool.name, std::to_string(pool.tp * pool.pp), std::to_string(pool.replicas),
                    percent(pool_in(today, pool.name).gpu_utilization),
                    spread_text(uses[p].busy, 1), spread_text(uses[p].running, 1),
                    std::to_string(std::int64_t{pool.replicas} * pool.max_num_seqs),
                    spread_text(uses[p].kv, 100), std::to_string(estimate_of(uses[p], pool))});
  }
  fmt::print("Used today (verdict: {}), as p50/p95/most over scrapes:\n{}", today.verdict,
             aligned(rows));
  fmt::print(
      "An estimate packs the most KV and sequences of today into full replicas: it says nothing of "
      "latency.\n");
}

std::string money_text(double dollars) {
  return fmt::format("{}${}", dollars < 0 ? "-" : "",
                     fmt::group_digits(std::llround(std::abs(dollars))));
}

void print_fleet(const Config& config, const std::vector<std::size_t>& pools,
                 const FleetSize& smallest, Player& player) {
  std::vector<std::vector<std::string>> rows{
      {"POOL", "TODAY", "SMALLEST", "GPUS SAVED", "$/MONTH SAVED", "WITH ONE LESS"}};
  int gpus = 0;
  double dollars = 0;
  bool priced = false;
  for (const std::size_t p : pools) {
    const PoolConfig& pool = config.pools[p];
    const int replicas = pool.replicas - smallest[p];
    const double hours = std::chrono::duration<double, std::ratio<3600>>{price_month}.count();
    const double saved = rent_of_one(config, pool) * replicas * hours;
    FleetSize fewer = smallest;
    --fewer[p];
    rows.push_back({pool.name, std::to_string(pool.replicas), std::to_string(smallest[p]),
                    std::to_string(replicas * pool.tp * pool.pp),
                    pool.price ? money_text(saved) : "-",
                    fewer[p] < 1 ? "no replica" : failure_of(player.play(fewer))});
    gpus += replicas * pool.tp * pool.pp;
    dollars += saved;
    priced = priced || pool.price;
  }
  rows.push_back({"all", "", "", std::to_string(gpus), priced ? money_text(dollars) : "-", ""});
  fmt::print("\nSmallest fleet that holds:\n{}", aligned(rows));
  fmt::print(
      "Fleets played: {}. This one holds; with one replica less in any pool that has two or "
      "more "
      "it fails.\nThat more replicas never hurt is assumed in between.\n",
      player.runs());
}

int search(const RightsizeArguments& arguments, const Config& config,
           const std::vector<std::size_t>& pools, Player& player) {
  FleetSize today;
  for (const PoolConfig& pool : config.pools) {
    today.push_back(pool.replicas);
  }
  const ResultDigest& base = player.play(today);
  print_use(config, pools, base, player.use_of(today));
  if (arguments.estimate) {
    return ok;
  }
  const auto holds = [&](const FleetSize& fleet) { return player.play(fleet).verdict == "holds"; };
  const SmallestFleet smallest = smallest_fleet(today, pools, most_times, holds);
  if (!smallest.found) {
    fmt::print("\nNo fleet up to {} times these pools holds: {}\n", most_times,
               failure_of(player.play(smallest.replicas)));
    return threshold_fails;
  }
  print_fleet(config, pools, smallest.replicas, player);
  if (const std::string& unknown = player.play(smallest.replicas).overload_unknown;
      !unknown.empty()) {
    fmt::print("This fleet is smallest by its thresholds alone: {}.\n", unknown);
  }
  return ok;
}

}  // namespace

int rightsize_command(const RightsizeArguments& arguments) {
  const Config config = load_checked(arguments.scenario).config;
  const std::vector<std::size_t> pools = chosen_pools(config, arguments.pool);
  if (config.horizon.sample > 1) {
    refuse("sample", "replicas of a sample are counts of the whole fleet and cannot be watched",
           "play it in full: sample: 1");
  }
  if (config.thresholds.empty() && !arguments.estimate) {
    refuse("thresholds", "missing key: nothing says when a fleet is too small",
           "e.g. {ttft_ms: [\"p(99)<500\"], unfinished: [\"value<0.001\"]}, or --estimate");
  }
  const std::string folder =
      arguments.out.empty() ? "results/" + config.name + ".rightsize" : arguments.out;
  prepare_output_folder(folder, arguments.force);
  watch_for_interruption();
  Player player{arguments, config, folder};
  try {
    return search(arguments, config, pools, player);
  } catch (const SearchStopped& stopped) {
    spdlog::warn("a run ended with exit code {}: no answer", stopped.exit_code);
    return stopped.exit_code;
  }
}

}  // namespace plimsoll::cli
