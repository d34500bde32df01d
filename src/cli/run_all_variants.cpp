// Command line: `plimsoll run --variant all`: each variant is a process of its own, since a process
// plays one simulation.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

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
    words.insert(words.end(), {"--seed", fmt::format("{}", *arguments.scenario.seed)});
  }
  if (arguments.skip_bad_rows) {
    words.emplace_back("--skip-bad-rows");
  }
  return words;
}

/// Starts this program again with `words`, its stdout closed to the world. It leads a process group
/// of its own: a Ctrl-C at the terminal reaches it once, through this process.
pid_t spawn_self(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw IoError{fmt::format("cannot start a process: {}", std::strerror(error))};
  }
  return pid;
}

int exit_code_of(int status) {
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status);
  }
  const int signal = WTERMSIG(status);
  return signal == SIGINT || signal == SIGTERM ? 128 + signal : static_cast<int>(internal_bug);
}

/// Variants that run and how those that ended did.
class Children {
 public:
  void start(const std::string& variant, std::vector<std::string> words) {
    running_.emplace(spawn_self(std::move(words)), variant);
  }

  /// Waits for one of them; passes an interruption on to all.
  void wait_for_one() {
    int status = 0;
    pid_t pid = -1;
    // Looks again and again instead of blocking: a signal just before a blocking wait would be
    // noticed only after the wait.
    while ((pid = waitpid(-1, &status, WNOHANG)) == 0) {
      pass_interruption_on();
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    const auto ended = running_.find(pid);
    PLIMSOLL_CHECK(ended != running_.end(), "only variants are waited for");
    codes_[ended->second] = exit_code_of(status);
    running_.erase(ended);
  }

  std::size_t running() const { return running_.size(); }
  const std::map<std::string, int>& codes() const { return codes_; }

 private:
  void pass_interruption_on() {
    if (interruption() == 0 || passed_on_) {
      return;
    }
    passed_on_ = true;
    for (const auto& [child, variant] : running_) {
      kill(child, interruption());
    }
  }

  bool passed_on_ = false;
  std::map<pid_t, std::string> running_;
  std::map<std::string, int> codes_;
};

std::map<std::string, int> play(const RunArguments& arguments, const std::string& folder,
                                const std::vector<std::string>& variants) {
  Children children;
  for (const auto& variant : variants) {
    while (children.running() >= static_cast<std::size_t>(arguments.jobs)) {
      children.wait_for_one();
    }
    if (interruption() != 0) {
      break;
    }
    spdlog::info("playing {}", variant);
    children.start(variant, child_command(arguments, variant, folder + "/" + variant));
  }
  while (children.running() > 0) {
    children.wait_for_one();
  }
  return children.codes();
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
