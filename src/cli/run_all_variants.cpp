// Command line: `plimsoll run --variant all`: each variant is a process of its own, since a process
// plays one simulation.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <utility>

#include "cli/child_processes.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/interruption.hpp"
#include "cli/output_folder.hpp"
#include "cli/stdout_style.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/report.hpp"

namespace plimsoll::cli {
namespace {

std::vector<std::string> child_command(const RunArguments& arguments, const std::string& variant,
                                       const std::string& folder) {
  std::vector<std::string> words{"plimsoll",  "run",     arguments.scenario.path,
                                 "--variant", variant,   "--out",
                                 folder,      "--force", "--quiet"};
  for (const auto& set : arguments.scenario.sets) {
    words.insert(words.end(), {"--set", set});
  }
  if (arguments.scenario.seed) {
    words.insert(words.end(), {"--seed", *arguments.scenario.seed});
  }
  if (arguments.skip_bad_rows) {
    words.emplace_back("--skip-bad-rows");
  }
  return words;
}

/// Exit codes by variant.
std::map<std::string, int> play(const RunArguments& arguments, const std::string& folder,
                                const std::vector<std::string>& variants) {
  ChildProcesses children{false};
  std::map<std::string, int> codes;
  const auto wait = [&] {
    const EndedChild ended = children.wait_for_one();
    codes[variants[ended.id]] = ended.exit_code;
  };
  for (std::size_t i = 0; i < variants.size(); ++i) {
    while (children.running() >= static_cast<std::size_t>(arguments.jobs)) {
      wait();
    }
    if (interruption() != 0) {
      break;
    }
    spdlog::info("playing {}", variants[i]);
    children.start(i, child_command(arguments, variants[i], folder + "/" + variants[i]));
  }
  while (children.running() > 0) {
    wait();
  }
  return codes;
}

}  // namespace

int run_all_variants(const RunArguments& arguments) {
  if (arguments.no_files || arguments.format == OutputFormat::json) {
    Diagnostic finding;
    finding.key_path = "--variant all";
    finding.message = "variants are compared through their files, as text";
    finding.hint = "leave out --no-files and --format json";
    throw ConfigError{{finding}};
  }
  ScenarioArguments base = arguments.scenario;
  base.variant = "base";
  const LoadedScenario loaded = load_checked_with_variants(base);
  const std::string folder =
      arguments.out.empty() ? "results/" + loaded.config.name : arguments.out;
  prepare_output_folder(folder, arguments.force);
  std::vector<std::string> variants{"base"};
  variants.insert(variants.end(), loaded.variants.begin(), loaded.variants.end());

  watch_for_interruption();
  int worst = ok;
  std::vector<std::pair<std::string, std::string>> complete;  // variant, its result.json
  const auto codes = play(arguments, folder, variants);
  for (const auto& variant : variants) {
    const auto code = codes.find(variant);
    if (code == codes.end()) {
      continue;
    }
    worst = worst_exit(worst, code->second);
    if (code->second == ok || code->second == threshold_fails) {
      complete.emplace_back(variant, folder + "/" + variant + "/result.json");
    } else {
      spdlog::warn("variant {} ended with exit code {}", variant, code->second);
    }
  }
  if (interruption() != 0) {
    spdlog::warn("interrupted: not every variant is complete");
    return 128 + interruption();
  }
  if (!arguments.quiet) {
    fmt::print("{}", compare_summary(complete, stdout_style()));
  }
  return worst;
}

}  // namespace plimsoll::cli
