// Command line: `plimsoll run`: one scenario, one run.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/interruption.hpp"
#include "cli/output_folder.hpp"
#include "cli/progress_bar.hpp"
#include "cli/stdout_style.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/report.hpp"
#include "plimsoll/run_scenario.hpp"

namespace plimsoll::cli {
namespace {

RunOptions run_options(const RunArguments& arguments, const std::string& folder,
                       ProgressBar& progress) {
  RunOptions options;
  options.skip_bad_rows = arguments.skip_bad_rows;
  options.out_folder = folder;
  options.on_progress = [&progress](double done, std::int64_t arrivals) {
    progress.update(done, arrivals);
  };
  options.interrupted = [] { return interruption() != 0; };
  return options;
}

int exit_of_interruption(const std::string& folder) {
  if (!folder.empty()) {
    mark_results_partial(folder);
  }
  spdlog::warn("interrupted: the run is not complete and no verdict is given");
  return 128 + interruption();
}

bool all_thresholds_hold(const RunResult& result) {
  for (const auto& verdict : result.thresholds) {
    if (!verdict.holds) {
      return false;
    }
  }
  return true;
}

void print_result(const RunArguments& arguments, const Config& config, const RunResult& result) {
  if (arguments.format == OutputFormat::json) {
    fmt::print("{}", result_json(result, config));
  } else if (!arguments.quiet) {
    fmt::print("{}", terminal_summary(result, config, stdout_style()));
  }
}

}  // namespace

int run_command(const RunArguments& arguments) {
  const LoadedScenario loaded =
      load_scenario(scenario_request(arguments.scenario), policy_catalog(builtin_policies()));
  std::string folder;
  if (!arguments.no_files) {
    folder = arguments.out.empty() ? "results/" + loaded.config.name : arguments.out;
    prepare_output_folder(folder, arguments.force);
    write_resolved_scenario(folder + "/scenario.resolved.yaml", loaded.resolved_yaml);
  }
  watch_for_interruption();
  RunResult result;
  {
    ProgressBar progress{!arguments.quiet};
    result = run_scenario(loaded.config, run_options(arguments, folder, progress));
  }
  if (interruption() != 0) {
    return exit_of_interruption(folder);
  }
  print_result(arguments, loaded.config, result);
  if (!folder.empty()) {
    spdlog::info("results are in {}", folder);
  }
  const bool served = result.verdict.kind != VerdictKind::fails;
  return served && all_thresholds_hold(result) ? ok : threshold_fails;
}

}  // namespace plimsoll::cli
