// Command line: the note that a signal handler leaves.
#include "cli/interruption.hpp"

#include <csignal>

namespace plimsoll::cli {
namespace {

volatile std::sig_atomic_t noted_signal = 0;

void note_signal(int signal) {
  noted_signal = signal;
}

}  // namespace

void watch_for_interruption() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one kills
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interruption() {
  return noted_signal;
}

}  // namespace plimsoll::cli
