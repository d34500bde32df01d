// Command line: this program, started again: a process plays one simulation.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::cli {

/// How a child ended.
struct EndedChild {
  std::size_t id = 0;  // as it was started
  int exit_code = 0;   // 128 + signal for SIGINT and SIGTERM, internal_bug for other signals
  std::string output;  // what it printed, when that was asked for
  std::string errors;
};

/// Children that run. Each leads a process group of its own: a Ctrl-C at the terminal reaches it
/// once, through this process.
class ChildProcesses {
 public:
  /// `keep_output`: what a child prints is kept for its end; otherwise its stdout goes nowhere and
  /// its stderr is this process's.
  explicit ChildProcesses(bool keep_output) : keep_output_{keep_output} {}
  ~ChildProcesses();
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  /// Starts this program with `words`, the first being its name. Throws IoError when it cannot.
  void start(std::size_t id, std::vector<std::string> words);

  /// Waits for one of them; passes an interruption on to all.
  EndedChild wait_for_one();

  std::size_t running() const { return running_.size(); }

 private:
  struct Child {
    std::size_t id = 0;
    int output = -1;  // file descriptors
    int errors = -1;
  };

  void pass_interruption_on();

  bool keep_output_;
  bool passed_on_ = false;
  std::map<pid_t, Child> running_;
};

}  // namespace plimsoll::cli
