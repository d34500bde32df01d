// Command line: this program, started again.
#include "cli/child_processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "cli/exit_codes.hpp"
#include "cli/interruption.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

int memory_file() {
  const int file = memfd_create("plimsoll", MFD_CLOEXEC);
  if (file < 0) {
    throw IoError{fmt::format("cannot keep the output of a process: {}", std::strerror(errno))};
  }
  return file;
}

std::string content_of(int file) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = pread(file, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (got <= 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Starts this program; stdout and stderr go to the files unless these are negative.
pid_t spawn_self(std::vector<std::string>& words, int output, int errors) {
  std::vector<char*> argv;
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (output >= 0) {
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  }
  if (errors >= 0) {
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  }
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

}  // namespace

ChildProcesses::~ChildProcesses() {
  // Only after an exception: nobody will ask for their results.
  for (const auto& [pid, child] : running_) {
    kill(pid, SIGTERM);
  }
}

void ChildProcesses::start(std::size_t id, std::vector<std::string> words) {
  Child child;
  child.id = id;
  if (keep_output_) {
    child.output = memory_file();
    child.errors = memory_file();
  }
  running_.emplace(spawn_self(words, child.output, child.errors), child);
}

EndedChild ChildProcesses::wait_for_one() {
  int status = 0;
  pid_t pid = -1;
  // Looks again and again instead of blocking: a signal just before a blocking wait would be
  // noticed only after the wait.
  while ((pid = waitpid(-1, &status, WNOHANG)) == 0) {
    pass_interruption_on();
    std::this_thread::sleep_for(std::chrono::milliseconds{keep_output_ ? 1 : 10});
  }
  const auto found = running_.find(pid);
  PLIMSOLL_CHECK(found != running_.end(), "only these children are waited for");
  const Child child = found->second;
  running_.erase(found);
  EndedChild ended;
  ended.id = child.id;
  ended.exit_code = exit_code_of(status);
  if (keep_output_) {
    ended.output = content_of(child.output);
    ended.errors = content_of(child.errors);
    close(child.output);
    close(child.errors);
  }
  return ended;
}

void ChildProcesses::pass_interruption_on() {
  if (interruption() == 0 || passed_on_) {
    return;
  }
  passed_on_ = true;
  for (const auto& [pid, child] : running_) {
    kill(pid, interruption());
  }
}

}  // namespace plimsoll::cli
