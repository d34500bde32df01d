// Command line: how a process ends. The numbers are part of the interface (scripts and CI read
// them).
#pragma once

namespace plimsoll::cli {

enum ExitCode : int {
  ok = 0,
  usage_or_scenario = 2,   // what the user wrote is wrong
  internal_bug = 70,       // an invariant of ours broke
  input_output = 74,       // the machine refused a read or a write
  threshold_fails = 99,    // played; a threshold does not hold, or nobody was answered
  interrupted_int = 130,   // 128 + SIGINT
  interrupted_term = 143,  // 128 + SIGTERM
};

/// The exit code of several runs together: the worst, by interrupted > 70 > 74 > 2 > 99 > 0.
/// A code that is none of ours counts as a bug.
int worst_exit(int a, int b);

}  // namespace plimsoll::cli
