// Command line: `plimsoll tune`: which layout of a pool serves its objectives with the fewest GPUs.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "cli/child_processes.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/interruption.hpp"
#include "cli/output_folder.hpp"
#include "cli/table.hpp"
#include "fleet/memory_fit.hpp"
#include "perf/tuning.hpp"
#include "plimsoll/errors.hpp"
#include "reports/result_digest.hpp"
#include "service/capacity_weight.hpp"

namespace plimsoll::cli {
namespace {

[[noreturn]] void refuse(std::string option, std::string message, std::string hint) {
  Diagnostic finding;
  finding.key_path = std::move(option);
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  throw ConfigError{{finding}};
}

template <class T>
const T& named(const std::vector<T>& list, const std::string& name, const char* option) {
  std::string names;
  for (const T& item : list) {
    if (item.name == name || (name.empty() && list.size() == 1)) {
      return item;
    }
    names += (names.empty() ? "" : ", ") + item.name;
  }
  refuse(option, name.empty() ? "missing: there are several" : "there is none named " + name,
         "one of " + names);
}

void require_tunable(const Config& config, const PoolConfig& pool) {
  if (config.profiles[pool.profile].form != StepForm::operators) {
    refuse("--pool",
           "the coefficients of profile " + config.profiles[pool.profile].name +
               " are of one layout and say nothing of others",
           "tune a pool whose profile has form: operators");
  }
  if (pool.role != PoolRole::both) {
    refuse("--pool", "pool " + pool.name + " does one half of the work: it has a role",
           "layouts are ranked for replicas that prefill and decode; tune a pool without role, and "
           "play a pair of pools with run");
  }
  if (pool.speculation || pool.batching == Batching::static_batch) {
    refuse("--pool", "pool " + pool.name + " speculates or batches statically",
           "only continuous batching without speculation has a closed form here");
  }
}

TuningRequest request_of(const TuneArguments& arguments, const Config& config,
                         const PoolConfig& pool) {
  const MeanLengths lengths = expected_lengths(config, pool.model);
  TuningRequest request;
  request.prompt = arguments.prompt > 0 ? arguments.prompt : std::llround(lengths.prompt);
  request.output = arguments.output > 0 ? arguments.output : std::llround(lengths.output);
  request.prompt = std::max<std::int64_t>(request.prompt, 1);
  request.output = std::max<std::int64_t>(request.output, 1);
  request.most_seqs = most_sequences(config, pool);
  request.slo = named(config.tiers, arguments.tier, "--tier").slo;
  request.most_gpus =
      arguments.most_gpus > 0 ? arguments.most_gpus : pool.replicas * pool.tp * pool.pp;
  return request;
}

std::string objectives(const SloConfig& slo) {
  std::string text;
  const auto add = [&](const char* name, const std::optional<Duration>& bound) {
    if (bound) {
      text +=
          fmt::format("{}{} <= {:g} ms", text.empty() ? "" : ", ", name, to_milliseconds(*bound));
    }
  };
  add("TTFT", slo.ttft);
  add("TPOT", slo.tpot);
  add("E2E", slo.e2e);
  return text.empty() ? "no objectives" : text;
}

/// $ per 10^6 output tokens of a full replica; nothing without a price.
std::string token_price(const Config& config, const PoolConfig& pool, const TunedLayout& layout,
                        std::int64_t output) {
  if (!pool.price) {
    return "-";
  }
  const double hourly = price_of(config.prices[*pool.price], pool.contract).count();
  const double tokens = layout.times.requests_per_s * static_cast<double>(output) * 3600;
  return fmt::format("{:.4g}", hourly * layout.gpus() / tokens * 1e6);
}

void print_feasible(const Config& config, const PoolConfig& pool,
                    const std::vector<TunedLayout>& layouts, std::int64_t output) {
  std::vector<std::vector<std::string>> rows{{"TP", "PP", "PRECISION", "SEQS", "TTFT ms", "TPOT ms",
                                              "REQ/S", "GPUS PER REQ/S", "$ PER 1M TOKENS"}};
  for (const TunedLayout& layout : layouts) {
    if (layout.feasible()) {
      rows.push_back({std::to_string(layout.tp), std::to_string(layout.pp),
                      precision_name(layout.precision), std::to_string(layout.max_num_seqs),
                      fmt::format("{:.1f}", layout.times.ttft * 1e3),
                      fmt::format("{:.2f}", layout.times.tpot * 1e3),
                      fmt::format("{:.3f}", layout.times.requests_per_s),
                      fmt::format("{:.4f}", layout.gpus_per_rate()),
                      token_price(config, pool, layout, output)});
    }
  }
  if (rows.size() > 1) {
    fmt::print("{}", aligned(rows));
  } else {
    fmt::print("No layout serves these objectives.\n");
  }
}

/// Layouts that share a reason stand in one row.
void print_infeasible(const std::vector<TunedLayout>& layouts) {
  std::vector<std::vector<std::string>> rows{{"PRECISION", "TP x PP", "WHY NOT"}};
  for (const TunedLayout& layout : layouts) {
    if (layout.feasible()) {
      continue;
    }
    const std::string precision = precision_name(layout.precision);
    const std::string groups = fmt::format("{}x{}", layout.tp, layout.pp);
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const auto& row) {
      return row[0] == precision && row[2] == layout.reason;
    });
    if (same != rows.end()) {
      (*same)[1] += " " + groups;
    } else {
      rows.push_back({precision, groups, layout.reason});
    }
  }
  if (rows.size() > 1) {
    fmt::print("\n{}", aligned(rows));
  }
}

/// A layout with as many replicas as the pool's GPUs allow.
struct Candidate {
  const TunedLayout* layout = nullptr;
  int replicas = 1;

  int gpus() const { return replicas * layout->gpus(); }
  double predicted() const { return replicas * layout->times.requests_per_s; }
};

/// What is set besides the layout.
using Settings = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> child_command(const TuneArguments& arguments, const PoolConfig& pool,
                                       const Candidate& candidate, const Settings& settings,
                                       const std::string& folder) {
  std::vector<std::string> words{"plimsoll", "run",    arguments.scenario.path, "--out", folder,
                                 "--force",  "--quiet"};
  for (const std::string& set : arguments.scenario.sets) {
    words.insert(words.end(), {"--set", set});
  }
  const auto set = [&](const std::string& key, const std::string& value) {
    words.insert(words.end(), {"--set", fmt::format("{}={}", key, value)});
  };
  const TunedLayout& layout = *candidate.layout;
  const std::string of_pool = fmt::format("pools.{}.", pool.name);
  set(of_pool + "tp", std::to_string(layout.tp));
  set(of_pool + "pp", std::to_string(layout.pp));
  set(of_pool + "precision", precision_name(layout.precision));
  set(of_pool + "max_num_seqs", std::to_string(layout.max_num_seqs));
  set(of_pool + "max_num_batched_tokens",
      std::to_string(std::max(pool.max_num_batched_tokens, layout.max_num_seqs)));
  set(of_pool + "replicas", std::to_string(candidate.replicas));
  for (const auto& [key, value] : settings) {
    set(key, value);
  }
  return words;
}

/// Thresholds for a scenario that has none: the share of requests that a rate is held by.
std::string thresholds_of(const SloConfig& slo) {
  std::string text;
  const auto add = [&](const char* metric, const std::optional<Duration>& bound) {
    if (bound) {
      text += fmt::format("{}{}: [\"p(95)<={:g}\"]", text.empty() ? "" : ", ", metric,
                          to_milliseconds(*bound));
    }
  };
  add("ttft_ms", slo.ttft);
  add("tpot_ms", slo.tpot);
  add("e2el_ms", slo.e2e);
  return "{" + text + "}";
}

/// Plays a candidate at one rate after the other, each in a process of its own.
class LoadSearch {
 public:
  LoadSearch(const TuneArguments& arguments, const Config& config, const PoolConfig& pool,
             const SloConfig& slo, Candidate candidate, std::string folder)
      : arguments_{arguments},
        config_{config},
        pool_{pool},
        slo_{slo},
        candidate_{candidate},
        folder_{std::move(folder)} {}

  /// The largest rate found, in requests/s, at which the verdict is still "holds", in a run four
  /// times as long, too: a queue that grows shows by its length. 0: none was.
  double run() {
    search();
    for (int i = 0; i < most_confirmations && best_ > 0 && code_ == ok; ++i) {
      if (holds(best_, 4)) {
        return best_;
      }
      best_ /= close_enough;
    }
    best_ = 0;
    return best_;
  }
  /// Of the run at that rate.
  const ResultDigest& digest() const { return digest_; }
  int exit_code() const { return code_; }

 private:
  static constexpr double close_enough = 1.04;
  static constexpr int most_confirmations = 10;

  /// By short runs.
  void search() {
    constexpr int most_runs = 10;
    double above = 0;  // the smallest rate that failed; 0: none yet
    double rate = candidate_.predicted();
    for (int i = 0; i < most_runs && code_ == ok; ++i) {
      if (holds(rate, 1)) {
        best_ = rate;
      } else {
        above = rate;
      }
      if (above > 0 && best_ > 0 && above / best_ < close_enough) {
        break;
      }
      rate = above == 0 ? best_ * 1.5 : best_ == 0 ? above / 2 : std::sqrt(best_ * above);
    }
  }

  bool holds(double rate, int times) {
    if (interruption() != 0) {
      code_ = 128 + interruption();
      return false;
    }
    spdlog::info("playing tp {} pp {} {} at {:.4g} requests/s", candidate_.layout->tp,
                 candidate_.layout->pp, precision_name(candidate_.layout->precision), rate);
    ChildProcesses children{false};
    children.start(0, child_command(arguments_, pool_, candidate_, settings(rate, times), folder_));
    const int code = children.wait_for_one().exit_code;
    if (code != ok && code != threshold_fails) {
      code_ = code;
      return false;
    }
    const ResultDigest digest = read_result_digest(folder_ + "/result.json");
    if (digest.verdict == "holds") {
      digest_ = digest;
    }
    return digest.verdict == "holds";
  }

  /// A constant rate for so many times the time of eight requests at least, and of a thousand
  /// arrivals; the first fifth, in which batches fill, is warm-up.
  Settings settings(double rate, int times) const {
    const double seconds =
        times * std::ceil(std::max(8 * candidate_.layout->times.e2e, 1000 / rate));
    Settings settings{{"workload.arrivals", fmt::format("{{rate: {:.6g}/s}}", rate)},
                      {"duration", fmt::format("{:g}s", 1.25 * seconds)},
                      {"warm_up", fmt::format("{:g}s", 0.25 * seconds)},
                      {"drain", fmt::format("{:g}s", seconds)},
                      {"metrics.window", fmt::format("{:g}s", seconds / 20)}};
    if (config_.thresholds.empty()) {
      settings.emplace_back("thresholds", thresholds_of(slo_));
    }
    return settings;
  }

  const TuneArguments& arguments_;
  const Config& config_;
  const PoolConfig& pool_;
  SloConfig slo_;
  Candidate candidate_;
  std::string folder_;
  double best_ = 0;
  ResultDigest digest_;
  int code_ = ok;
};

std::vector<std::string> layout_cells(const Candidate& candidate) {
  const TunedLayout& layout = *candidate.layout;
  return {std::to_string(layout.tp), std::to_string(layout.pp), precision_name(layout.precision),
          std::to_string(layout.max_num_seqs), std::to_string(candidate.replicas)};
}

/// Only of rates that are numbers of the scenario, and of a pool that gets all of it.
void require_loadable(const Config& config) {
  const WorkloadConfig& workload = config.workload;
  const bool open = workload.trace.empty() && !workload.users &&
                    workload.arrivals.process != ArrivalProcess::closed_loop;
  if (config.pools.size() > 1 || !open || !config.horizon.windows.empty()) {
    refuse(
        "--verify", "the load is raised by workload.arrivals.rate, and one pool gets all of it",
        "verify with a scenario of one pool and open arrivals, without users, trace and windows");
  }
}

/// Raises the load of the first feasible layouts until they hold no longer. Returns the worst exit
/// code that is no verdict.
int verify(const TuneArguments& arguments, const Config& config, const PoolConfig& pool,
           const SloConfig& slo, const std::vector<TunedLayout>& layouts) {
  const std::string out =
      arguments.out.empty() ? "results/" + config.name + ".tune" : arguments.out;
  prepare_output_folder(out, arguments.force);
  watch_for_interruption();
  std::vector<std::vector<std::string>> rows{{"TP", "PP", "PRECISION", "SEQS", "REPLICAS",
                                              "PREDICTED REQ/S", "HELD REQ/S", "PER GPU",
                                              "OF PREDICTED %", "P99 TTFT ms", "P50 TPOT ms"}};
  int worst = ok;
  bool unknown = false;
  for (int i = 0; i < arguments.verify && static_cast<std::size_t>(i) < layouts.size(); ++i) {
    const TunedLayout& layout = layouts[static_cast<std::size_t>(i)];
    const Candidate candidate{&layout, pool.replicas * pool.tp * pool.pp / layout.gpus()};
    if (!layout.feasible() || candidate.replicas < 1 || interruption() != 0) {
      break;
    }
    LoadSearch search{arguments, config, pool, slo, candidate, fmt::format("{}/{}", out, i + 1)};
    const double held = search.run();
    worst = std::max(worst, search.exit_code());
    std::vector<std::string> row = layout_cells(candidate);
    row.push_back(fmt::format("{:.3f}", candidate.predicted()));
    if (held > 0) {
      row.insert(row.end(),
                 {fmt::format("{:.3f}", held), fmt::format("{:.4f}", held / candidate.gpus()),
                  fmt::format("{:.1f}", 100 * held / candidate.predicted()),
                  fmt::format("{:.1f}", search.digest().p99_ttft_ms),
                  fmt::format("{:.2f}", search.digest().median_tpot_ms)});
    } else {
      row.insert(row.end(), {"none", "-", "-", "-", "-"});
    }
    rows.push_back(std::move(row));
    unknown = unknown || !search.digest().overload_unknown.empty();
  }
  fmt::print("\nPlayed with the pool's GPUs, the load raised until it holds no longer:\n{}",
             aligned(rows));
  if (unknown) {
    fmt::print(
        "Not in every one of these runs could overload be looked for: see its result.json.\n");
  }
  return interruption() != 0 ? 128 + interruption() : worst;
}

}  // namespace

int tune_command(const TuneArguments& arguments) {
  const Config config = load_checked(arguments.scenario).config;
  const PoolConfig& pool = named(config.pools, arguments.pool, "--pool");
  require_tunable(config, pool);
  if (arguments.verify > 0) {
    require_loadable(config);
  }
  const TuningRequest request = request_of(arguments, config, pool);
  const std::vector<TunedLayout> layouts = tune_layouts(config, pool, request);
  fmt::print(
      "pool {}: {} on {}, {} prompt and {} output tokens, {} at the means of a full "
      "replica, {} GPUs at most\n\n",
      pool.name, config.models[pool.model].name, config.gpus[pool.gpu].name, request.prompt,
      request.output, objectives(request.slo), request.most_gpus);
  if (request.most_seqs < TuningRequest{}.most_seqs) {
    fmt::print("SEQS is {} at most: the scenario's max_outstanding lets a replica have no more\n\n",
               request.most_seqs);
  }
  print_feasible(config, pool, layouts, request.output);
  print_infeasible(layouts);
  return arguments.verify > 0 ? verify(arguments, config, pool, request.slo, layouts)
                              : static_cast<int>(ok);
}

}  // namespace plimsoll::cli
