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

std::vector<std::string> child_command(const TuneArguments& arguments, const PoolConfig& pool,
                                       const TunedLayout& layout, int replicas,
                                       const std::string& folder) {
  std::vector<std::string> words{"plimsoll", "run",    arguments.scenario.path, "--out", folder,
                                 "--force",  "--quiet"};
  for (const std::string& set : arguments.scenario.sets) {
    words.insert(words.end(), {"--set", set});
  }
  const auto set = [&](const char* key, const std::string& value) {
    words.insert(words.end(), {"--set", fmt::format("pools.{}.{}={}", pool.name, key, value)});
  };
  set("tp", std::to_string(layout.tp));
  set("pp", std::to_string(layout.pp));
  set("precision", precision_name(layout.precision));
  set("max_num_seqs", std::to_string(layout.max_num_seqs));
  set("max_num_batched_tokens",
      std::to_string(std::max(pool.max_num_batched_tokens, layout.max_num_seqs)));
  set("replicas", std::to_string(replicas));
  return words;
}

std::vector<std::string> row_of(const TunedLayout& layout, int replicas, int exit_code,
                                const std::string& folder) {
  std::vector<std::string> row{std::to_string(layout.tp), std::to_string(layout.pp),
                               precision_name(layout.precision),
                               std::to_string(layout.max_num_seqs), std::to_string(replicas)};
  if (exit_code != ok && exit_code != threshold_fails) {
    row.insert(row.end(), {fmt::format("exit {}", exit_code), "-", "-", "-"});
    return row;
  }
  const ResultDigest digest = read_result_digest(folder + "/result.json");
  row.insert(row.end(), {fmt::format("{:.3f}", digest.request_goodput),
                         fmt::format("{:.4f}", digest.request_goodput / (replicas * layout.gpus())),
                         fmt::format("{:.1f}", digest.p99_ttft_ms),
                         fmt::format("{:.2f}", digest.median_tpot_ms)});
  return row;
}

/// Plays the scenario with the first feasible layouts, each with as many replicas as the pool's
/// GPUs allow, each in a process of its own. Returns the worst exit code that is no verdict.
int verify(const TuneArguments& arguments, const Config& config, const PoolConfig& pool,
           const std::vector<TunedLayout>& layouts) {
  const std::string out =
      arguments.out.empty() ? "results/" + config.name + ".tune" : arguments.out;
  prepare_output_folder(out, arguments.force);
  watch_for_interruption();
  std::vector<std::vector<std::string>> rows{{"TP", "PP", "PRECISION", "SEQS", "REPLICAS",
                                              "GOODPUT/S", "PER GPU", "P99 TTFT ms",
                                              "P50 TPOT ms"}};
  int worst = ok;
  for (int i = 0; i < arguments.verify && static_cast<std::size_t>(i) < layouts.size(); ++i) {
    const TunedLayout& layout = layouts[static_cast<std::size_t>(i)];
    const int replicas = pool.replicas * pool.tp * pool.pp / layout.gpus();
    if (!layout.feasible() || replicas < 1 || interruption() != 0) {
      break;
    }
    const std::string folder = fmt::format("{}/{}", out, i + 1);
    ChildProcesses children{false};
    spdlog::info("playing tp {} pp {} {}", layout.tp, layout.pp, precision_name(layout.precision));
    children.start(0, child_command(arguments, pool, layout, replicas, folder));
    const int code = children.wait_for_one().exit_code;
    worst = code == threshold_fails ? worst : std::max(worst, code);
    rows.push_back(row_of(layout, replicas, code, folder));
  }
  fmt::print("\nPlayed with the pool's GPUs:\n{}", aligned(rows));
  return interruption() != 0 ? 128 + interruption() : worst;
}

}  // namespace

int tune_command(const TuneArguments& arguments) {
  const Config config = load_checked(arguments.scenario).config;
  const PoolConfig& pool = named(config.pools, arguments.pool, "--pool");
  require_tunable(config, pool);
  const TuningRequest request = request_of(arguments, config, pool);
  const std::vector<TunedLayout> layouts = tune_layouts(config, pool, request);
  fmt::print(
      "pool {}: {} on {}, {} prompt and {} output tokens, {} at the means of a full "
      "replica, {} GPUs at most\n\n",
      pool.name, config.models[pool.model].name, config.gpus[pool.gpu].name, request.prompt,
      request.output, objectives(request.slo), request.most_gpus);
  print_feasible(config, pool, layouts, request.output);
  print_infeasible(layouts);
  return arguments.verify > 0 ? verify(arguments, config, pool, layouts) : static_cast<int>(ok);
}

}  // namespace plimsoll::cli
